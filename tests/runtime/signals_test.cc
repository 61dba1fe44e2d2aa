// What signals have to do with a runtime: nothing. Code of the user's runs with the signal mask
// that it would have without us, and so do the programs that it starts; and a write to a pipe that
// nobody reads gives EPIPE.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <eddy/coro/offload.h>
#include <eddy/coro/ok.h>
#include <eddy/io/pipe.h>

#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

/// The signals that a program started here has blocked, as the kernel shows them.
std::string blocked_in_a_program() {
  std::FILE* f = ::popen("exec grep -h SigBlk /proc/self/status", "re");
  if (!f) return "no program could be started";
  std::array<char, 100> line{};
  const bool read = std::fgets(line.data(), line.size(), f);
  ::pclose(f);
  return read ? line.data() : "nothing was printed";
}

class signals : public io_test {
 protected:
  signals() { ::pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~signals() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  static void block(std::initializer_list<int> those) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int s : those) ::sigaddset(&set, s);
    ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
  }

 private:
  sigset_t before_;
};
EDDY_ON_EVERY_BACKEND(signals);

struct seen {
  std::string where;
  std::string blocked;
};

/// From everywhere where code of the user's runs.
std::vector<seen> from_everywhere(runtime& rt) {
  std::vector<seen> all;
  const auto look = [&](const char* where) { all.push_back({where, blocked_in_a_program()}); };
  bool once = true;
  const hook checks = rt.add_hook(phase::check, [&] {
    if (std::exchange(once, false)) look("a hook");
  });
  rt.set_timeout(std::chrono::microseconds(1), [&] { look("a callback"); });
  rt.post([&] { look("a post"); });
  eddy::run(rt, [&]() -> task<> {
    look("a task");
    const std::string before = co_await offload(blocked_in_a_program);
    all.push_back({"offload", before});
    look("a task that was resumed");
    auto [in, out] = make_pipe().value();
    look("beside an open pipe");
    const auto reading = [&]() -> task<> {
      char byte = 0;
      EXPECT_TRUE(co_await in.read(std::span(&byte, 1)));
      look("after a read");
    };
    auto reads = spawn(reading);
    co_await after_a_poll();
    look("while a read waits");
    EXPECT_TRUE(co_await out.write(std::string_view("x")));
    look("after a write");
    co_await reads;
    std::string much(1 << 20, 'x');
    const auto writing = [&]() -> task<> { std::ignore = co_await write_all(out, much); };
    auto writes = spawn(writing);
    co_await after_a_poll();
    look("while a write waits");
    writes.cancel();
    std::ignore = co_await writes.join();
    EXPECT_TRUE(co_await in.close());
    EXPECT_EQ((co_await out.write(std::string_view("x"))).error(), std::errc::broken_pipe);
    look("after a broken pipe");
    const std::string after = co_await offload(blocked_in_a_program);
    all.push_back({"offload after that", after});
  });
  return all;
}

TEST_P(signals, ProgramsAreStartedWithTheMaskThatTheyWouldHaveWithoutUs) {
  for (const auto& mask : {std::vector<int>{}, std::vector<int>{SIGUSR1, SIGTERM}, {SIGPIPE}}) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int s : mask) ::sigaddset(&set, s);
    ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
    const std::string expected = blocked_in_a_program();
    runtime rt(options());
    for (const seen& s : from_everywhere(rt)) EXPECT_EQ(s.blocked, expected) << s.where;
    EXPECT_EQ(blocked_in_a_program(), expected);
  }
}

TEST_P(signals, OffloadedCodeHasTheMaskOfTheRuntimesMaker) {
  block({SIGUSR1});
  const std::string expected = blocked_in_a_program();
  runtime rt(options());
  std::string offloaded;
  std::string in_a_task;
  std::string of_the_thread;
  std::thread([&] {
    block({SIGUSR2});
    of_the_thread = blocked_in_a_program();
    eddy::run(rt, [&]() -> task<> {
      offloaded = co_await offload(blocked_in_a_program);
      in_a_task = blocked_in_a_program();
    });
  }).join();
  EXPECT_EQ(offloaded, expected);
  EXPECT_EQ(in_a_task, of_the_thread);
}

// ---- A pipe that nobody reads

/// As a kernel that has no RWF_NOSIGNAL answers.
void deny_no_signal_flag() {
  constexpr std::uint32_t flag = 0x100;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[5])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

/// Writes that find no reader, at once and after they have waited; to a pipe and to a named one.
task<> write_in_vain(std::string fifo) {
  for (const bool waits : {false, true}) {
    for (const bool named : {false, true}) {
      auto [in, out] = make_pipe().value();
      if (named) {
        EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
        const int reads = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        const int writes = ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        ::unlink(fifo.c_str());
        in = pipe_reader(detail::descriptor(reads, detail::descriptor::kind::stream));
        out = pipe_writer(detail::descriptor(writes, detail::descriptor::kind::stream));
      }
      const std::string much(1 << 20, 'x');
      const auto writes_all = [&]() -> task<result<void>> {
        if (waits) co_return co_await write_all(out, much);
        while (in.native_handle() >= 0) co_await yield();
        co_return co_await write_all(out, much);
      };
      auto writing = spawn(writes_all);
      co_await after_a_poll();
      co_await ok(in.close());
      const result<void> end = co_await writing;
      EXPECT_EQ(end.error(), std::errc::broken_pipe) << waits << named;
    }
  }
}

/// Programs of their own, for what the library learns of the kernel once it keeps.
[[noreturn]] void write_in_vain_on(const runtime_options& options, const std::string& fifo) {
  ::signal(SIGPIPE, SIG_DFL);
  const std::string mask = blocked_in_a_program();
  runtime rt(options);
  eddy::run(rt, write_in_vain, fifo);
  for (const seen& s : from_everywhere(rt)) {
    if (s.where == "while a write waits") continue;
    EXPECT_EQ(s.blocked, mask) << s.where;
  }
  std::_Exit(testing::Test::HasFailure());
}

[[noreturn]] void hold_one_back_on(const runtime_options& options, const std::string& fifo) {
  sigset_t pipe, pending;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  for (const bool raised : {false, true}) {
    if (raised) ::raise(SIGPIPE);
    runtime rt(options);
    eddy::run(rt, write_in_vain, fifo);
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), raised);
  }
  std::_Exit(testing::Test::HasFailure());
}

TEST_P(signals, AWriteThatNobodyReadsRaisesNone) {
  EXPECT_EXIT(write_in_vain_on(options(), path("fifo")), testing::ExitedWithCode(0), "");
}

TEST_P(signals, AWriteThatNobodyReadsRaisesNoneWhereTheKernelHasNoFlagForThat) {
  EXPECT_EXIT(
      {
        deny_no_signal_flag();
        write_in_vain_on(options(), path("fifo"));
      },
      testing::ExitedWithCode(0), "");
}

TEST_P(signals, WhatTheProgramHoldsBackItselfStaysAsItIs) {
  EXPECT_EXIT(hold_one_back_on(options(), path("fifo")), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        deny_no_signal_flag();
        hold_one_back_on(options(), path("fifo"));
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace eddy::test
