// terminal on every backend: its size, and raw mode, which is undone however the process ends.
#include <eddy/io/terminal.h>

#include "tests/support/kinds.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <eddy/coro/when.h>

namespace eddy::test {
namespace {

class TerminalTest : public io_test {};
EDDY_ON_EVERY_BACKEND(TerminalTest);

using owner = eddy::terminal;

termios settings_of(int d) {
  termios now{};
  EXPECT_EQ(::tcgetattr(d, &now), 0);
  return now;
}
bool same(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag &&
         a.c_lflag == b.c_lflag && std::equal(std::begin(a.c_cc), std::end(a.c_cc), b.c_cc);
}
bool is_raw(int d) {
  const termios now = settings_of(d);
  return !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_oflag & OPOST);
}
/// As a shell leaves it.
void cook(int d) {
  termios now = settings_of(d);
  now.c_iflag |= ICRNL | IXON;
  now.c_oflag |= OPOST | ONLCR;
  now.c_lflag |= ICANON | ECHO | ISIG;
  EXPECT_EQ(::tcsetattr(d, TCSANOW, &now), 0);
}
void set_size(int d, int columns, int rows) {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  EXPECT_EQ(::ioctl(d, TIOCSWINSZ, &size), 0);
}

/// A shell, in a session of its own at a terminal, and a program that it has started in the
/// foreground; both processes are made by fork(). The shell has the terminal at 0, and says by its
/// exit code whether all was right.
class shell {
 public:
  explicit shell(const terminal& t) : name_(::ptsname(t.user)) { cook(t.line); }

  /// `body` runs in the program; `watch` in the shell, once the program has said so.
  bool run(const std::function<void(shell&)>& body, const std::function<bool(shell&)>& watch) {
    const pid_t leader = ::fork();
    if (leader == 0) lead(body, watch);
    int status = 0;
    EXPECT_EQ(::waitpid(leader, &status, 0), leader);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  // In the program.
  void tell() const { EXPECT_EQ(::write(told_[1], "t", 1), 1); }
  // In the shell.
  void hear() const {
    char byte;
    if (::read(told_[0], &byte, 1) != 1) ::_exit(97);
  }
  int signalled() const {
    return end(0, [](int s) { return WIFSIGNALED(s) ? WTERMSIG(s) : -1; });
  }
  int exited() const {
    return end(0, [](int s) { return WIFEXITED(s) ? WEXITSTATUS(s) : -1; });
  }
  int stopped() const {
    return end(WUNTRACED, [](int s) { return WIFSTOPPED(s) ? WSTOPSIG(s) : -1; });
  }
  void to_foreground(pid_t group) const {
    if (::tcsetpgrp(0, group) != 0) ::_exit(98);
  }
  pid_t program = 0;

 private:
  template <class F>
  int end(int options, F of) const {
    int status = 0;
    return ::waitpid(program, &status, options) == program ? of(status) : -2;
  }
  [[noreturn]] void lead(const std::function<void(shell&)>& body,
                         const std::function<bool(shell&)>& watch) {
    ::alarm(60);
    ::setsid();
    ::dup2(::open(name_.c_str(), O_RDWR), 0);
    ::signal(SIGTTOU, SIG_IGN);
    if (::pipe(told_) != 0) ::_exit(96);
    program = ::fork();
    if (program == 0) {
      ::alarm(60);
      ::setpgid(0, 0);
      ::tcsetpgrp(0, ::getpgrp());
      // (Whoever has started the tests may have ignored some, and a sanitizer has handlers.)
      for (int number = 1; number <= SIGRTMAX; ++number) ::signal(number, SIG_DFL);
      body(*this);
      ::_exit(0);
    }
    ::setpgid(program, program);
    to_foreground(program);
    const bool right = watch(*this);
    ::kill(program, SIGKILL);
    ::_exit(right && !::testing::Test::HasFailure() ? 0 : 1);
  }
  std::string name_;
  int told_[2] = {-1, -1};
};

void wait_for_the_end() {
  for (;;) ::pause();
}

TEST_P(TerminalTest, KnowsItsSize) {
  const terminal t;
  set_size(t.user, 132, 43);
  const auto look = [&] {
    const owner o = owner::open(t.line).value();
    EXPECT_EQ(o.size().value(), (terminal_size{132, 43}));
    EXPECT_EQ(o.native_handle(), t.line);
  };
  look();
  run([&]() -> task<void> {
    look();
    owner o = owner::open(t.line).value();
    const result<terminal_size> never = co_await o.resized();
    EXPECT_EQ(never.error(), std::errc::inappropriate_io_control_operation) << "it is not ours";
  });
  EXPECT_NE(::fcntl(t.line, F_GETFD), -1) << "it is the caller's";
}

TEST_P(TerminalTest, WhatIsNoTerminalIsAnError) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  EXPECT_EQ(owner::open(pipe[0]).error(), std::errc::inappropriate_io_control_operation);
  ::close(pipe[0]);
  ::close(pipe[1]);
  EXPECT_EQ(owner::open(pipe[0]).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ(owner::open(-1).error(), std::errc::bad_file_descriptor);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    ::_exit(owner::controlling().error() == std::errc::no_such_device_or_address ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(TerminalTest, RawModeLastsAsLongAsItsObject) {
  const terminal t;
  cook(t.line);
  const termios before = settings_of(t.line);
  struct sigaction nothing{};
  ASSERT_EQ(::sigaction(SIGTERM, nullptr, &nothing), 0);
  for (int i = 0; i < 3; ++i) {
    std::optional<raw_mode> kept;
    {
      const int number = ::dup(t.line);
      const owner o = owner::open(number).value();
      raw_mode first = o.raw().value();
      EXPECT_TRUE(is_raw(t.line));
      {
        const raw_mode second = o.raw().value();
      }
      EXPECT_TRUE(is_raw(t.line)) << "the second one changes nothing";
      kept.emplace(std::move(first));
      ::close(number);
    }
    EXPECT_TRUE(is_raw(t.line)) << "it does not need the terminal object";
    kept.reset();
    EXPECT_TRUE(same(settings_of(t.line), before));
  }
  struct sigaction after{};
  ASSERT_EQ(::sigaction(SIGTERM, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, nothing.sa_handler) << "no handler is left";
}

struct way_out {
  const char* name;
  void (*leave)();
  int signal;  // that the shell sees; 0: an exit
};
constexpr way_out ways[] = {
    {"exit", [] { std::exit(0); }, 0},
    {"quick_exit", [] { std::quick_exit(0); }, 0},
    {"abort", [] { std::abort(); }, SIGABRT},
    {"an exception", [] { std::terminate(); }, SIGABRT},
    {"SIGTERM", [] { ::kill(::getpid(), SIGTERM); }, SIGTERM},
    {"SIGINT", [] { ::raise(SIGINT); }, SIGINT},
    {"SIGHUP", [] { ::raise(SIGHUP); }, SIGHUP},
    {"SIGQUIT", [] { ::raise(SIGQUIT); }, SIGQUIT},
    {"SIGUSR1", [] { ::raise(SIGUSR1); }, SIGUSR1},
    {"a real-time signal", [] { ::raise(SIGRTMIN + 1); }, -1},
    {"a fault", [] { ::raise(SIGSEGV); }, SIGSEGV},
};

TEST_P(TerminalTest, EveryEndOfTheProcessUndoesRawMode) {
  for (const way_out& way : ways) {
    SCOPED_TRACE(way.name);
    const terminal t;
    shell s(t);
    termios before = settings_of(t.line);
    EXPECT_TRUE(s.run(
        [&](shell& in) {
          ::close(2);  // what is said there is on purpose
          const rlimit no_core{0, 0};
          ::setrlimit(RLIMIT_CORE, &no_core);
          const raw_mode raw = owner::open(0).value().raw().value();
          in.tell();
          char go;
          if (::read(0, &go, 1) == 1) way.leave();
          wait_for_the_end();
        },
        [&](shell& in) {
          in.hear();
          if (!is_raw(0)) return false;
          if (::write(t.user, "g", 1) != 1) return false;
          const int expected = way.signal < 0 ? SIGRTMIN + 1 : way.signal;
          const bool ended = expected ? in.signalled() == expected : in.exited() == 0;
          return ended && same(settings_of(0), before);
        }));
  }
}

TEST_P(TerminalTest, WhatTheProgramHasInstalledItselfIsCalledAndEndsNothing) {
  const terminal t;
  shell s(t);
  EXPECT_TRUE(s.run(
      [&](shell& in) {
        static std::atomic<int> called{0};
        ::signal(SIGTERM, [](int) { ++called; });
        runtime rt(options());
        eddy::run(rt, [&]() -> task<void> {
          std::optional<raw_mode> raw(owner::controlling().value().raw().value());
          ::raise(SIGTERM);
          {
            signal_set set{SIGTERM, SIGUSR1};  // over the guard's, and over the program's
            ::raise(SIGUSR1);
            ::raise(SIGTERM);
            EXPECT_EQ(co_await set.next(), SIGUSR1);
            EXPECT_EQ(co_await set.next(), SIGTERM);
          }
          EXPECT_EQ(called, 2);
          EXPECT_TRUE(is_raw(0));
          {
            signal_set before{SIGUSR2};
            raw.reset();
            raw.emplace(owner::open(0).value().raw().value());  // over a set's
            ::raise(SIGUSR2);
            EXPECT_EQ(co_await before.next(), SIGUSR2);
          }
          in.tell();
          ::raise(SIGUSR2);  // nobody hears it now: it ends the program
        });
      },
      [](shell& in) {
        in.hear();
        return in.signalled() == SIGUSR2 && !is_raw(0);
      }));
}

TEST_P(TerminalTest, TheSecondInterruptEndsTheProgramAndUndoesRawMode) {
  const terminal t;
  shell s(t);
  EXPECT_TRUE(s.run(
      [&](shell& in) {
        runtime rt(options());
        const raw_mode raw = owner::open(0).value().raw().value();
        eddy::run(rt, [&]() -> task<void> {
          auto asked = spawn(interrupted());
          co_await a_while();
          in.tell();
          EXPECT_EQ(co_await asked, SIGTERM);
          in.tell();
          wait_for_the_end();
        });
      },
      [](shell& in) {
        in.hear();
        ::kill(in.program, SIGTERM);
        in.hear();
        if (!is_raw(0)) return false;
        ::kill(in.program, SIGINT);
        return in.signalled() == SIGINT && !is_raw(0);
      }));
}

TEST_P(TerminalTest, WhileTheProgramIsStoppedTheTerminalIsAsItWas) {
  const terminal t;
  shell s(t);
  termios before = settings_of(t.line);
  EXPECT_TRUE(s.run(
      [&](shell& in) {
        const raw_mode raw = owner::open(0).value().raw().value();
        in.tell();
        wait_for_the_end();
      },
      [&](shell& in) {
        in.hear();
        for (int i = 0; i < 3; ++i) {
          ::kill(in.program, SIGTSTP);
          if (in.stopped() != SIGTSTP || !same(settings_of(0), before)) return false;
          in.to_foreground(::getpgrp());
          in.to_foreground(in.program);
          ::kill(in.program, SIGCONT);
          while (!is_raw(0)) ::poll(nullptr, 0, 1);  // (an alarm ends it)
        }
        ::kill(in.program, SIGTERM);
        return in.signalled() == SIGTERM && same(settings_of(0), before);
      }));
}

TEST_P(TerminalTest, InTheBackgroundTheTerminalIsLeftAlone) {
  const terminal t;
  shell s(t);
  EXPECT_TRUE(s.run(
      [&](shell& in) {
        const raw_mode raw = owner::open(0).value().raw().value();
        in.tell();
        wait_for_the_end();
      },
      [](shell& in) {
        in.hear();
        in.to_foreground(::getpgrp());
        termios mine = settings_of(0);
        mine.c_cc[VKILL] = 7;
        ::tcsetattr(0, TCSANOW, &mine);
        ::kill(in.program, SIGTERM);
        return in.signalled() == SIGTERM && same(settings_of(0), mine);
      }));
  shell other(t);
  EXPECT_TRUE(other.run(
      [&](shell& in) {
        in.tell();
        while (::tcgetpgrp(0) == ::getpgrp()) ::poll(nullptr, 0, 1);
        const auto refused = owner::open(0).value().raw();
        ::_exit(refused.error() == std::errc::resource_unavailable_try_again ? 7 : 8);
      },
      [](shell& in) {
        in.hear();
        in.to_foreground(::getpgrp());
        return in.exited() == 7 && !is_raw(0);
      }));
}

TEST_P(TerminalTest, TheEndOfAForkedChildUndoesNothing) {
  const terminal t;
  shell s(t);
  EXPECT_TRUE(s.run(
      [&](shell& in) {
        const raw_mode raw = owner::open(0).value().raw().value();
        const pid_t child = ::fork();
        if (child == 0) std::exit(0);
        ::waitpid(child, nullptr, 0);
        EXPECT_TRUE(is_raw(0));
        in.tell();
        std::exit(::testing::Test::HasFailure() ? 1 : 0);
      },
      [](shell& in) {
        in.hear();
        return in.exited() == 0 && !is_raw(0);
      }));
}

TEST_P(TerminalTest, TellsOfEachNewSize) {
  const terminal t;
  set_size(t.user, 80, 24);
  shell s(t);
  EXPECT_TRUE(s.run(
      [&](shell& in) {
        runtime rt(options());
        const bool right = eddy::run(rt, [&]() -> task<bool> {
          owner o = owner::controlling().value();
          // One that came before, and one that is waited for.
          set_size(0, 81, 25);
          result<terminal_size> size = co_await o.resized();
          EXPECT_EQ(size.value(), (terminal_size{81, 25}));
          co_await waits_and_is_stopped(spawn(o.resized()));
          set_size(0, 82, 26);
          size = co_await o.resized();
          EXPECT_EQ(size.value(), (terminal_size{82, 26}));
          auto waiting = spawn(o.resized());
          co_await a_while();
          EXPECT_FALSE(waiting.done());
          ::raise(SIGWINCH);  // and nothing is new
          co_await a_while();
          EXPECT_FALSE(waiting.done());
          in.tell();
          size = co_await waiting;
          EXPECT_EQ(size.value(), (terminal_size{100, 30}));
          owner moved = std::move(o);
          EXPECT_EQ(moved.size().value(), (terminal_size{100, 30}));
          co_return !::testing::Test::HasFailure();
        });
        ::_exit(right ? 7 : 8);
      },
      [&](shell& in) {
        in.hear();
        set_size(t.user, 100, 30);
        return in.exited() == 7;
      }));
}

}  // namespace
}  // namespace eddy::test
