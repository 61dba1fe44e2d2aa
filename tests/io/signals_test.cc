// Signals on every backend: noted, merged, passed on, given back.
#include "tests/support/io_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <thread>

#include <eddy/coro/offload.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/pipe.h>
#include <eddy/io/signals.h>

namespace eddy::test {
namespace {

class SignalsTest : public io_test {};
EDDY_ON_EVERY_BACKEND(SignalsTest);

struct sigaction disposition(int number) {
  struct sigaction now{};
  EXPECT_EQ(::sigaction(number, nullptr, &now), 0);
  return now;
}

TEST_P(SignalsTest, ASignalIsGivenToWhoWaits) {
  run([]() -> task<void> {
    signal_set set{SIGUSR1};
    auto next = spawn(set.next());
    co_await after_a_poll();
    EXPECT_FALSE(next.done());
    ::raise(SIGUSR1);
    const int number = co_await next;
    EXPECT_EQ(number, SIGUSR1);
  });
}

TEST_P(SignalsTest, Rule37WhatCameBeforeIsGivenWithoutSuspendingLowestFirstEqualOnesOnce) {
  run([]() -> task<void> {
    signal_set set{SIGUSR2, SIGUSR1};
    ::raise(SIGUSR2);
    ::raise(SIGUSR1);
    ::raise(SIGUSR2);
    const auto ticks = runtime::current().ticks();
    const int first = co_await set.next();
    const int second = co_await set.next();
    EXPECT_EQ(first, SIGUSR1);
    EXPECT_EQ(second, SIGUSR2);
    EXPECT_EQ(runtime::current().ticks(), ticks);
    // (Its bell has rung and nothing is left: the next one waits for a signal all the same.)
    auto third = spawn(set.next());
    for (int i = 0; i < 3; ++i) co_await after_a_poll();
    EXPECT_FALSE(third.done());
    ::raise(SIGUSR1);
    const int number = co_await third;
    EXPECT_EQ(number, SIGUSR1);
  });
}

TEST_P(SignalsTest, Rule37ASignalIsAReportOfPoll) {
  run([]() -> task<void> {
    signal_set set{SIGUSR1};
    auto next = spawn(set.next());
    co_await after_a_poll();
    co_await yield();
    ::raise(SIGUSR1);
    co_await next_tick();
    EXPECT_FALSE(next.done());
    co_await immediate();
    EXPECT_TRUE(next.done());
    co_await next;
  });
}

TEST_P(SignalsTest, SeveralThatCameTogetherAreGivenAlsoWhereTheBudgetIsSpent) {
  for (const unsigned budget : {1u, 2u, 3u, 4u, 8u}) {
    runtime_options some = options();
    some.callback_budget = budget;
    runtime rt(some);
    eddy::run(rt, []() -> task<void> {
      signal_set set{SIGUSR1, SIGUSR2, SIGALRM};
      int given = 0;
      auto all = spawn(
          [](signal_set& s, int& g) -> task<void> {
            for (;;) {
              co_await s.next();
              ++g;
            }
          },
          std::ref(set), std::ref(given));
      for (int i = 0; i < 10; ++i) co_await after_a_poll();
      ::raise(SIGUSR1);
      ::raise(SIGUSR2);
      ::raise(SIGALRM);
      for (int i = 0; i < 20; ++i) co_await after_a_poll();
      EXPECT_EQ(given, 3);
      all.cancel();
      static_cast<void>(co_await all.join());
    });
  }
}

TEST_P(SignalsTest, ACancelledNextLosesNothing) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      signal_set set{SIGUSR1};
      const bool stopped = co_await stops_when_cancelled(spawn(set.next()), at);
      EXPECT_TRUE(stopped);
      ::raise(SIGUSR1);
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
    });
  }
}

TEST_P(SignalsTest, ASignalAndACancelInOneMomentLoseNothing) {
  run([]() -> task<void> {
    signal_set set{SIGUSR1};
    auto next = spawn(set.next());
    co_await after_a_poll();
    ::raise(SIGUSR1);
    next.cancel();
    const auto r = co_await next.join();
    if (r.stopped()) {
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
    }
    auto another = spawn(set.next());
    co_await after_a_poll();
    EXPECT_FALSE(another.done());
    another.cancel();
    const auto ended = co_await another.join();
    EXPECT_TRUE(ended.stopped());
  });
}

TEST_P(SignalsTest, WhatIsNoLongerWatchedIsDropped) {
  run([]() -> task<void> {
    signal_set set{SIGUSR1, SIGUSR2};
    signal_set other{SIGUSR1};
    ::raise(SIGUSR1);
    EXPECT_TRUE(set.remove(SIGUSR1));
    EXPECT_TRUE(set.add(SIGUSR1));
    ::raise(SIGUSR2);
    const int number = co_await set.next();
    EXPECT_EQ(number, SIGUSR2);
    const int number_too = co_await other.next();
    EXPECT_EQ(number_too, SIGUSR1);
  });
}

TEST_P(SignalsTest, EverySetHearsEverySignal) {
  run([]() -> task<void> {
    signal_set one{SIGUSR1};
    signal_set other{SIGUSR1, SIGUSR2};
    auto next = spawn(one.next());
    auto next_too = spawn(other.next());
    co_await after_a_poll();
    ::raise(SIGUSR1);
    const int number = co_await next;
    const int number_too = co_await next_too;
    EXPECT_EQ(number, SIGUSR1);
    EXPECT_EQ(number_too, SIGUSR1);
  });
}

std::atomic<int> host_heard{0};
std::atomic<int> host_errno{0};

TEST_P(SignalsTest, TheProgramsOwnHandlerIsCalledAndComesBack) {
  for (const bool with_information : {false, true}) {
    struct sigaction own{};
    own.sa_flags = with_information ? SA_SIGINFO : 0;
    if (with_information) {
      own.sa_sigaction = [](int, siginfo_t* i, void*) { host_heard += i->si_signo; };
    } else {
      own.sa_handler = [](int number) { host_heard += number; };
    }
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGUSR1, &own, &before), 0);
    host_heard = 0;
    run([]() -> task<void> {
      signal_set set{SIGUSR1};
      errno = 77;
      ::raise(SIGUSR1);
      host_errno = errno;
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
      EXPECT_EQ(host_heard.load(), SIGUSR1);
      EXPECT_EQ(host_errno.load(), 77);
    });
    const struct sigaction now = disposition(SIGUSR1);
    EXPECT_EQ(now.sa_flags & SA_SIGINFO, own.sa_flags);
    EXPECT_EQ(now.sa_handler, own.sa_handler);
    ::sigaction(SIGUSR1, &before, nullptr);
  }
}

void host_counts(int) {
  ++host_heard;
}

TEST_P(SignalsTest, WhileSetsComeAndGoInAStormTheProgramsHandlerMissesNothing) {
  constexpr int storm = 20'000;
  const auto before = ::signal(SIGUSR1, host_counts);
  host_heard = 0;
  std::atomic<bool> over{false};
  const auto come_and_go = [this, &over] {
    run(
        [](std::atomic<bool>& o) -> task<void> {
          while (!o) {
            signal_set set{SIGUSR1};
            const auto given = co_await with_timeout(std::chrono::microseconds(50), set.next());
            EXPECT_TRUE(!given || *given == SIGUSR1);
          }
        },
        std::ref(over));
  };
  std::thread one(come_and_go);
  std::thread other(come_and_go);
  const pid_t self = ::getpid();
  for (int i = 0; i < storm; ++i) {
    ::kill(self, SIGUSR1);
    while (host_heard <= i) std::this_thread::yield();
  }
  over = true;
  one.join();
  other.join();
  EXPECT_EQ(host_heard, storm);
  EXPECT_EQ(disposition(SIGUSR1).sa_handler, host_counts);
  ::signal(SIGUSR1, before);
}

struct sigaction covered_by_host;
void host_passes_on(int number, siginfo_t* information, void* context) {
  ++host_heard;
  if ((covered_by_host.sa_flags & SA_SIGINFO) && covered_by_host.sa_sigaction)
    covered_by_host.sa_sigaction(number, information, context);
}

TEST_P(SignalsTest, AHandlerThatIsInstalledOverOursMayPassOnToIt) {
  run([]() -> task<void> {
    struct sigaction own{};
    own.sa_flags = SA_SIGINFO;
    own.sa_sigaction = &host_passes_on;
    {
      signal_set set{SIGUSR1};
      ::sigaction(SIGUSR1, &own, &covered_by_host);
      host_heard = 0;
      ::raise(SIGUSR1);
      EXPECT_EQ(host_heard, 1);
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
    }
    EXPECT_EQ(disposition(SIGUSR1).sa_sigaction, &host_passes_on);
    for (int i = 0; i < 10; ++i) {
      signal_set set{SIGUSR1};
      host_heard = 0;
      ::raise(SIGUSR1);
      EXPECT_EQ(host_heard, 1);
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
      auto another = spawn(set.next());
      co_await after_a_poll();
      EXPECT_FALSE(another.done());
      another.cancel();
      const auto ended = co_await another.join();
      EXPECT_TRUE(ended.stopped());
    }
    EXPECT_EQ(disposition(SIGUSR1).sa_sigaction, &host_passes_on);
    ::sigaction(SIGUSR1, &covered_by_host, nullptr);
    // It is ours again, and of no use to anybody: the next set takes it over, and leaves it.
    {
      signal_set set{SIGUSR1};
      ::raise(SIGUSR1);
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
    }
    EXPECT_EQ(disposition(SIGUSR1).sa_handler, SIG_DFL);
  });
}

TEST_P(SignalsTest, AHandlerThatIsInstalledOverOursAgainAndAgainIsCalled) {
  run([]() -> task<void> {
    for (int i = 0; i < 10; ++i) {
      signal_set set{SIGUSR1};
      host_heard = 0;
      ::raise(SIGUSR1);
      EXPECT_EQ(host_heard, i ? 1 : 0);
      const int number = co_await set.next();
      EXPECT_EQ(number, SIGUSR1);
      ::signal(SIGUSR1, host_counts);
    }
    ::signal(SIGUSR1, SIG_DFL);
  });
}

TEST_P(SignalsTest, AChildsStopIsHeardOfAndNotByAHandlerThatWantsNone) {
  struct sigaction own{};
  struct sigaction before{};
  own.sa_handler = host_counts;
  own.sa_flags = SA_NOCLDSTOP;
  ASSERT_EQ(::sigaction(SIGCHLD, &own, &before), 0);
  host_heard = 0;
  run([]() -> task<void> {
    signal_set set{SIGCHLD};
    const pid_t child = ::fork();
    if (child == 0) {
      ::raise(SIGSTOP);
      ::_exit(0);
    }
    const int stopped = co_await set.next();
    EXPECT_EQ(stopped, SIGCHLD);
    EXPECT_EQ(host_heard, 0);
    ::kill(child, SIGKILL);
    const int ended = co_await set.next();
    EXPECT_EQ(ended, SIGCHLD);
    EXPECT_EQ(host_heard, 1);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  });
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST_P(SignalsTest, WhatIsRaisedOnAThreadOfThePoolIsHeardToo) {
  run([]() -> task<void> {
    signal_set set{SIGUSR1};
    const int kept = co_await offload([] {
      errno = 77;
      ::raise(SIGUSR1);
      return errno;
    });
    EXPECT_EQ(kept, 77);
    const int number = co_await set.next();
    EXPECT_EQ(number, SIGUSR1);
  });
}

/// The signals that a program started here has blocked, ignores, and handles, as the kernel shows
/// them.
std::string signals_of_a_program() {
  std::FILE* f = ::popen("exec grep -h -E 'Sig(Blk|Ign|Cgt)' /proc/self/status", "re");
  if (!f) return "no program could be started";
  std::string all;
  std::array<char, 100> line{};
  while (std::fgets(line.data(), line.size(), f)) all += line.data();
  ::pclose(f);
  return all;
}

TEST_P(SignalsTest, ProgramsAreStartedAsIfThereWereNoSet) {
  const std::string without = signals_of_a_program();
  run(
      [](std::string expected) -> task<void> {
        signal_set set{SIGUSR1, SIGCHLD, SIGTERM};
        auto next = spawn(set.next());
        co_await after_a_poll();
        EXPECT_EQ(signals_of_a_program(), expected);
        const std::string from_the_pool = co_await offload(signals_of_a_program);
        EXPECT_EQ(from_the_pool, expected);
        const int number = co_await next;
        EXPECT_EQ(number, SIGCHLD);  // (theirs)
      },
      without);
}

TEST_P(SignalsTest, TheOldDispositionReturnsWithTheLastSet) {
  run([]() -> task<void> {
    ::signal(SIGUSR2, SIG_IGN);
    {
      signal_set one{SIGUSR2};
      {
        const signal_set two{SIGUSR2};
        EXPECT_NE(disposition(SIGUSR2).sa_handler, SIG_IGN);
      }
      EXPECT_NE(disposition(SIGUSR2).sa_handler, SIG_IGN);
      EXPECT_TRUE(one.remove(SIGUSR2));
      EXPECT_EQ(disposition(SIGUSR2).sa_handler, SIG_IGN);
      EXPECT_TRUE(one.add(SIGUSR2));
      EXPECT_NE(disposition(SIGUSR2).sa_handler, SIG_IGN);
    }
    EXPECT_EQ(disposition(SIGUSR2).sa_handler, SIG_IGN);
    ::signal(SIGUSR2, SIG_DFL);
    co_return;
  });
}

TEST_P(SignalsTest, WhatCannotBeWaitedForIsRefused) {
  for (const int number :
       {0, -1, 32, 33, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    try {
      const signal_set set{SIGUSR1, number};
      ADD_FAILURE() << number;
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::invalid_argument) << number;
    }
    EXPECT_EQ(disposition(SIGUSR1).sa_handler, SIG_DFL) << number;
    signal_set set{SIGUSR1};
    EXPECT_EQ(set.add(number).error(), std::errc::invalid_argument) << number;
  }
}

TEST_P(SignalsTest, AStormFromOtherThreadsLosesNoLastOne) {
  run([]() -> task<void> {
    constexpr int storm = 100'000;
    signal_set set{SIGUSR1, SIGUSR2};
    const pid_t self = ::getpid();
    std::thread sender([self] {
      for (int i = 0; i < storm; ++i) ::kill(self, SIGUSR1);
      ::kill(self, SIGUSR2);
    });
    int heard = 0;
    for (;;) {
      const int number = co_await set.next();
      if (number == SIGUSR2) break;
      ++heard;
    }
    EXPECT_GE(heard, 1);
    sender.join();
    // One that is raised behind all others is given, too.
    ::kill(self, SIGUSR2);
    for (;;) {
      const int number = co_await set.next();
      if (number == SIGUSR2) break;
    }
  });
}

TEST_P(SignalsTest, SeveralRuntimesAndThreadsHearTheSameSignal) {
  constexpr int threads = 4;
  std::atomic<int> ready{0};
  std::atomic<int> heard{0};
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([this, &ready, &heard] {
      run(
          [](std::atomic<int>& r, std::atomic<int>& h) -> task<void> {
            signal_set set{SIGUSR1};
            ++r;
            const int number = co_await set.next();
            h += number == SIGUSR1;
          },
          std::ref(ready), std::ref(heard));
    });
  }
  while (ready != threads) std::this_thread::yield();
  ::kill(::getpid(), SIGUSR1);
  for (std::thread& t : all) t.join();
  EXPECT_EQ(heard, threads);
}

TEST_P(SignalsTest, Rule37ASetThatNobodyAwaitsHoldsNothing) {
  runtime rt(options());
  signal_set set{SIGUSR1};
  eddy::run(
      rt,
      [](signal_set& s) -> task<void> {
        ::raise(SIGUSR1);
        EXPECT_EQ(runtime::current().pending().total(), 0u);
        static_cast<void>(s);
        co_return;
      },
      std::ref(set));
  const int number =
      eddy::run(rt, [](signal_set& s) -> task<int> { co_return co_await s.next(); }, std::ref(set));
  EXPECT_EQ(number, SIGUSR1);
}

TEST_P(SignalsTest, MovedItGoesOn) {
  run([]() -> task<void> {
    signal_set first{SIGUSR1};
    ::raise(SIGUSR1);
    signal_set second(std::move(first));
    signal_set third{SIGUSR2};
    third = std::move(second);
    EXPECT_EQ(disposition(SIGUSR2).sa_handler, SIG_DFL);
    const int number = co_await third.next();
    EXPECT_EQ(number, SIGUSR1);
  });
}

TEST_P(SignalsTest, ASecondNextAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 signal_set set{SIGUSR1};
                 spawn(set.next());
                 spawn(set.next());
                 co_await after_a_poll();
               }),
               "^eddy: .*signal_set::next");
}

// ---- interrupted ----

TEST_P(SignalsTest, InterruptedGivesTheFirstOne) {
  for (const int number : {SIGINT, SIGTERM}) {
    run(
        [](int n) -> task<void> {
          auto asked = spawn(interrupted());
          auto asked_too = spawn(interrupted());
          co_await after_a_poll();
          ::raise(n);
          const int given = co_await asked;
          const int given_too = co_await asked_too;
          EXPECT_EQ(given, n);
          EXPECT_EQ(given_too, n);
          EXPECT_EQ(disposition(SIGINT).sa_handler, SIG_DFL);
          EXPECT_EQ(disposition(SIGTERM).sa_handler, SIG_DFL);
        },
        number);
  }
}

TEST_P(SignalsTest, CancelledInterruptedGivesBackWhatWasInstalled) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      ::signal(SIGTERM, SIG_IGN);
      const bool stopped = co_await stops_when_cancelled(spawn(interrupted()), at);
      EXPECT_TRUE(stopped);
      EXPECT_EQ(disposition(SIGTERM).sa_handler, SIG_IGN);
      ::signal(SIGTERM, SIG_DFL);
    });
  }
}

TEST_P(SignalsTest, ASecondInterruptEndsTheProgram) {
  for (const int second : {SIGINT, SIGTERM}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      run(
          [](int n) -> task<void> {
            auto asked = spawn(interrupted());
            co_await after_a_poll();
            ::raise(SIGINT);
            co_await asked;
            ::raise(n);  // and nobody asked the program to go on
            ::_exit(3);
          },
          second);
      ::_exit(4);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == second) << status;
  }
}

}  // namespace
}  // namespace eddy::test
