// Child processes where the kernel is old or forbids much, where standard streams are closed, and
// beside threads that do what others do.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <eddy/coro/timeout.h>
#include <eddy/io/process.h>
#include <eddy/io/signals.h>

#include "tests/support/children.h"
#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class BadDaysOfChildrenTest : public io_test {
 protected:
  /// Runs it in a process of its own.
  static void run_apart(const std::function<void()>& what) {
    const pid_t apart = ::fork();
    ASSERT_GE(apart, 0);
    if (apart == 0) {
      what();
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(apart, &status, 0), apart);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
};
EDDY_ON_EVERY_BACKEND(BadDaysOfChildrenTest);

/// No pidfds, neither made with the child nor later, and no close_range().
void deny_what_is_new(int error) {
  const auto answer = static_cast<std::uint32_t>(SECCOMP_RET_ERRNO | error);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 434, 4, 0),  // pidfd_open
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 436, 3, 0),  // close_range
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_PIDFD, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, answer),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

process_options sleeper() {
  process_options options("sleep", {"100"});
  options.new_group = true;
  return options;
}

task<> use_children() {
  process p = process::spawn(sleeper()).value();
  const auto late = co_await with_timeout(5ms, p.wait());
  EXPECT_EQ(late.error(), errc::timed_out);
  EXPECT_TRUE(p.kill(0));
  EXPECT_TRUE(p.kill_group(SIGTERM));
  const auto status = co_await p.wait();
  EXPECT_EQ(status->signal, SIGTERM);
  EXPECT_EQ(p.kill().error(), std::errc::no_such_process);
  EXPECT_EQ(p.kill_group().error(), std::errc::no_such_process);
  const int stray = ::open("/dev/null", O_RDONLY);
  process_options lists("/bin/sh");
  lists.arguments = {
      "-c",
      "i=0; while [ $i -lt 100 ]; do [ -e /proc/$$/fd/$i ] && printf \"$i \"; i=$((i+1)); done"};
  lists.pass(stray, 40);
  const auto done = co_await run_process(lists);
  EXPECT_EQ(done.value().output, "0 1 2 40 ");
  ::close(stray);
  EXPECT_EQ(process::spawn("no_such_program_anywhere").error(),
            std::errc::no_such_file_or_directory);
  const process dropped = process::spawn(sleeper()).value();
}

TEST_P(BadDaysOfChildrenTest, AKernelWithoutPidfdsHasChildrenAllTheSame) {
  for (const int error : {EPERM, ENOSYS}) {
    run_apart([&] {
      deny_what_is_new(error);
      run(use_children);
      EXPECT_EQ(children(), 0u);
    });
  }
}

TEST_P(BadDaysOfChildrenTest, WhereStandardStreamsAreClosedNothingTakesTheirPlace) {
  for (int closed = 1; closed < 8; ++closed) {
    run_apart([&] {
      for (int d = 0; d < 3; ++d) {
        if (closed & (1 << d)) ::close(d);
      }
      run([]() -> task<void> {
        const auto done = co_await run_process({"cat", {"-", "/dev/null"}}, "input");
        EXPECT_EQ(done.value().output, "input");
        process_options options("/bin/sh");
        options.arguments = {"-c", "read x; echo \"$x\"; echo err >&2"};
        options.input = options.output = options.error_output = stdio::pipe;
        process p = process::spawn(options).value();
        for (const int d : {p.input().native_handle(), p.output().native_handle(),
                            p.error_output().native_handle()})
          EXPECT_GT(d, 2);
        const auto closed_input = co_await p.input().close();
        EXPECT_TRUE(closed_input);
        const auto status = co_await p.wait();
        EXPECT_TRUE(status->success());
        const auto err = co_await read_all(p.error_output(), 100);
        EXPECT_EQ(err.value_or("?"), "err\n");
      });
      // What is inherited and closed stays closed.
      run(
          [](int which) -> task<void> {
            process_options options("/bin/sh");
            options.arguments = {"-c", "[ -e /proc/$$/fd/0 ]; exit $?"};
            process p = process::spawn(options).value();
            const auto status = co_await p.wait();
            EXPECT_EQ(status->code, which & 1);
          },
          closed);
    });
  }
}

std::atomic<int> handled{0};

TEST_P(BadDaysOfChildrenTest, AStormOfSignalsReachesNoChildAndHandlersRunHereOnly) {
  run_apart([this] {
    struct sigaction own{};
    static pid_t self;
    self = ::getpid();
    own.sa_handler = [](int) {
      if (::getpid() != self) ::_exit(99);
      ++handled;
    };
    own.sa_flags = SA_RESTART;
    ASSERT_EQ(::sigaction(SIGUSR1, &own, nullptr), 0);
    std::atomic<bool> over{false};
    std::thread sender([&over] {
      while (!over) ::kill(::getpid(), SIGUSR1);
    });
    run([]() -> task<void> {
      const signal_set set{SIGUSR1};
      for (int i = 0; i < 100; ++i) {
        process p = process::spawn("true").value();
        const auto status = co_await p.wait();
        EXPECT_TRUE(status.value().success()) << status->to_string();
      }
    });
    over = true;
    sender.join();
    EXPECT_GT(handled, 0);
  });
}

TEST_P(BadDaysOfChildrenTest, AThreadMayChangeTheUserOfAllMeanwhile) {
  run_apart([this] {
    std::atomic<bool> over{false};
    std::thread changes([&over] {
      // (To what it is: each of them tells every thread of ours.)
      while (!over) EXPECT_EQ(::setgid(::getgid()), 0);
    });
    run([]() -> task<void> {
      for (int i = 0; i < 100; ++i) {
        process p = process::spawn("true").value();
        const auto status = co_await p.wait();
        EXPECT_TRUE(status.value().success()) << status->to_string();
      }
    });
    over = true;
    changes.join();
  });
}

TEST_P(BadDaysOfChildrenTest, SeveralThreadsStartChildrenBesideForks) {
  run_apart([this] {
    std::atomic<bool> over{false};
    std::thread forks([&over] {
      while (!over) {
        const pid_t theirs = ::fork();
        if (theirs == 0) ::_exit(0);
        EXPECT_EQ(::waitpid(theirs, nullptr, 0), theirs);
      }
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([this] {
        run([]() -> task<void> {
          for (int i = 0; i < 30; ++i) {
            const auto done = co_await run_process("cat", "x");
            EXPECT_EQ(done.value().output, "x");
          }
        });
      });
    }
    for (std::thread& t : threads) t.join();
    over = true;
    forks.join();
    EXPECT_EQ(children(), 0u);
  });
}

}  // namespace
}  // namespace eddy::test
