// Where programs live: containers that deny io_uring, few descriptors, half a processor. One
// program of everything runs in each of them, in a process of its own, and must do all of its work.
// (The whole suite under a denying kernel: `./dev test --denied=ERRNO`.)
#include "tests/support/backends.h"
#include "tests/support/counting.h"
#include "tests/support/deny.h"
#include "tests/support/echo.h"
#include "tests/support/temporary_directory.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

task<void> talk(socket_address to, int number, int& right) {
  tcp_stream s = co_await ok(tcp_stream::connect(to));
  for (int round = 0; round < 20; ++round) {
    const std::string sent = "message " + std::to_string(number) + "/" + std::to_string(round);
    std::string back(sent.size(), ' ');
    co_await ok(write_all(s, sent));
    co_await ok(read_exactly(s, back));
    right += back == sent;
  }
}

/// Connections, files, the pool, timers, timeouts and cancels; no more than some 30 descriptors at
/// a time.
task<void> a_program(std::string path) {
  int right = 0;
  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  auto serving = spawn(serve_echo, std::ref(listener));
  co_await with_task_group([&](task_group& group) -> task<> {
    for (int i = 0; i < 10; ++i) group.spawn(talk, listener.local_address(), i, std::ref(right));
    co_return;
  });
  EXPECT_EQ(right, 200);
  serving.cancel();
  static_cast<void>(co_await serving.join());

  const std::string text(100'000, 'e');
  {
    file f =
        co_await ok(file::open(path, open_mode::write | open_mode::create | open_mode::truncate));
    std::size_t written = 0;
    while (written < text.size()) {
      written += co_await ok(
          f.write_at(const_buffer(text.data() + written, text.size() - written), written));
    }
    co_await ok(f.close());
  }
  EXPECT_EQ(co_await ok(read_file(path)), text);
  co_await ok(remove_file(path));

  std::vector<join_handle<int>> jobs;
  for (int i = 0; i < 50; ++i) {
    jobs.push_back(
        spawn([](int n) -> task<int> { co_return co_await offload([n] { return n * n; }); }, i));
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(co_await jobs[static_cast<std::size_t>(i)], i * i);

  auto [near, far] = unix_stream::pair().value();
  char byte;
  const auto late = co_await with_timeout(2ms, near.read(mutable_buffer(&byte, 1)));
  EXPECT_EQ(late.error(), errc::timed_out);
  for (int i = 0; i < 20; ++i) {
    const time_point until = now() + 1ms;
    co_await sleep_until(until);
    EXPECT_GE(now(), until);
  }
}

class environments : public ::testing::Test {
 public:
  /// Runs it with the backend that is to be expected here.
  static void run_program(backend_kind expected, const runtime_options& options = {}) {
    const temporary_directory folder;
    runtime rt(options);
    eddy::run(rt, a_program, folder.file("file"));
    EXPECT_EQ(rt.backend(), expected) << rt.backend_reason();
    EXPECT_FALSE(rt.backend_reason().empty());
  }
  /// In each process on both backends, where this run is allowed both.
  static void run_on_both() {
    for (const std::string& name : backends({"io_uring", "epoll"})) {
      runtime_options options;
      options.backend = name == "epoll" ? backend_kind::epoll : backend_kind::io_uring;
      run_program(options.backend, options);
    }
  }

 private:
  temporary_directory outer_;  // those of the processes are in it
};

TEST_F(environments, AnOrdinaryOne) {
  EXPECT_EQ(run_apart(run_on_both), "");
}

void when_denied(int error) {
  // (This kernel may kill for what another would deny: ./dev test --denied=KILL.)
  if (::getenv("EDDY_BACKEND")) GTEST_SKIP() << "EDDY_BACKEND chooses, and nothing is automatic";
  EXPECT_EQ(run_apart([error] {
              ::unsetenv("EDDY_BACKEND");
              testing::deny_io_uring(error);
              environments::run_program(backend_kind::epoll);
            }),
            "");
}
TEST_F(environments, IoUringDeniedByEperm) {
  when_denied(EPERM);
}
TEST_F(environments, IoUringDeniedByEnosys) {
  when_denied(ENOSYS);
}
TEST_F(environments, IoUringDeniedByEnomem) {
  when_denied(ENOMEM);
}

TEST_F(environments, AKernelThatKillsForIoUringWithEpollForced) {
  EXPECT_EQ(run_apart([] {
              ::unsetenv("EDDY_BACKEND");
              testing::deny_io_uring(testing::kill_process);
              runtime_options options;
              options.backend = backend_kind::epoll;
              run_program(backend_kind::epoll, options);
            }),
            "");
  EXPECT_EQ(run_apart([] {
              ::setenv("EDDY_BACKEND", "epoll", 1);
              testing::deny_io_uring(testing::kill_process);
              run_program(backend_kind::epoll);
            }),
            "");
}

TEST_F(environments, SixtyFourDescriptors) {
  EXPECT_EQ(run_apart([] {
              const rlimit few{64, 64};
              ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
              run_on_both();
            }),
            "");
}

/// Bound to one processor, together with a process that never sleeps: the scheduler gives each a
/// half. Needs no rights.
TEST_F(environments, HalfAProcessor) {
  EXPECT_EQ(run_apart([] {
              cpu_set_t allowed;
              ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
              cpu_set_t one;
              CPU_ZERO(&one);
              for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
                if (CPU_ISSET(cpu, &allowed)) {
                  CPU_SET(cpu, &one);
                  break;
                }
              }
              ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
              const pid_t busy = ::fork();
              ASSERT_GE(busy, 0);
              if (busy == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) {
                  static volatile unsigned spins;  // a loop that the compiler keeps
                  spins = spins + 1;
                }
              }
              run_on_both();
              ::kill(busy, SIGKILL);
              ::waitpid(busy, nullptr, 0);
            }),
            "");
}

}  // namespace
}  // namespace eddy::test
