// sleep_for, sleep_until and interval.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class sleeping : public every_runtime {
 protected:
  /// Milliseconds since `began`.
  static std::string since(time_point began, time_point t) {
    return std::to_string((t - began) / 1ms);
  }
};
EDDY_TEST_ON_EVERY_BACKEND(sleeping);

TEST_P(sleeping, NothingIsStartedAndNoClockIsReadBeforeItIsAwaited) {
  make_counted();
  run([&]() -> task<> {
    const auto before = used().clock_reads;
    const auto made = sleep_for(1h);
    static_cast<void>(made);
    EXPECT_EQ(used().clock_reads, before);
    EXPECT_EQ(rt().pending().timers, 0u);
    co_return;
  });
}

TEST_P(sleeping, SleepersGoOnInTheOrderOfTheirDeadlines) {
  run([&]() -> task<> {
    for (const int ms : {5, 1, 3, 2, 4}) {
      spawn([&, ms]() -> task<> {
        co_await sleep_for(ms * 1ms);
        log(std::to_string(ms));
      });
    }
    co_return;
  });
  EXPECT_EQ(log.text(), "1 > 2 > 3 > 4 > 5");
}

TEST_P(sleeping, SleepUntilGoesOnAtThatInstant) {
  run([&]() -> task<> {
    const time_point due = now() + 3ms;
    co_await sleep_until(due);
    EXPECT_GE(now(), due);
    if (is_virtual()) {
      EXPECT_EQ(now(), due);
    }
    co_await sleep_until(due);  // long past
    co_await sleep_until(time_point::min());
  });
}

TEST_P(sleeping, ASleepForEverIsNoSleepInThePast) {
  run([&]() -> task<> {
    const auto for_ever = spawn([]() -> task<> { co_await sleep_for(duration::max()); });
    co_await sleep_for(1ms);
    EXPECT_FALSE(for_ever.done());
    for_ever.cancel();
  });
}

/// Sleeps and intervals that are over after a while; else none is, and all are cancelled.
template <class... D>
task<int> how_many_end(D... durations) {
  int ended = 0;
  const auto sleeps = [&](auto d) -> task<> {
    co_await sleep_for(d);
    ++ended;
  };
  const auto ticks = [&](auto d) -> task<> {
    interval every(d);
    co_await every.tick();
    ++ended;
  };
  std::vector<join_handle<void>> all;
  (all.push_back(spawn(sleeps, durations)), ...);
  (all.push_back(spawn(ticks, durations)), ...);
  co_await sleep_for(3ms);
  for (auto& h : all) h.cancel();
  co_return ended;
}

TEST_P(sleeping, ForEverInAnyUnitIsForEver) {
  using namespace std::chrono;
  EXPECT_EQ(run([] {
              return how_many_end(hours::max(), minutes::max(), seconds::max(), milliseconds::max(),
                                  microseconds::max(), years::max(), hours(24 * 365 * 300),
                                  std::chrono::duration<double>(1e300),
                                  std::chrono::duration<std::uint64_t>::max());
            }),
            0);
}

TEST_P(sleeping, LongAgoInAnyUnitIsOverAtOnce) {
  using namespace std::chrono;
  EXPECT_EQ(run([] {
              return how_many_end(hours::min(), seconds::min(), duration::min(), -1ns,
                                  std::chrono::duration<double>(-1e300),
                                  std::chrono::duration<float, std::pico>(1.0F));
            }),
            12);
}

TEST_P(sleeping, SleepUntilTakesInstantsInAnyUnit) {
  using hours = std::chrono::hours;
  run([&]() -> task<> {
    co_await sleep_until(std::chrono::time_point<clock, hours>::min());
    const auto for_ever = spawn(
        []() -> task<> { co_await sleep_until(std::chrono::time_point<clock, hours>::max()); });
    co_await sleep_for(1ms);
    EXPECT_FALSE(for_ever.done());
    for_ever.cancel();
  });
}

// ---- By the wall clock ----

using wall = std::chrono::system_clock;

TEST_P(sleeping, SleepUntilFollowsTheWallClock) {
  run([&]() -> task<> {
    if (is_virtual()) set_wall_clock(wall::now());
    const auto due = wall::now() + 3ms;
    const time_point began = now();
    co_await sleep_until(due);
    if (is_virtual()) {
      EXPECT_GE(now(), began);
    } else {
      EXPECT_GE(wall::now(), due);
    }
    co_await sleep_until(wall::now() - 1h);
    co_await sleep_until(wall::time_point::min());
    co_await sleep_until(std::chrono::sys_days());
    EXPECT_EQ(rt().pending().total(), 0u);
  });
}

TEST_P(sleeping, ASleepByTheWallClockIsAnOperationAndIsCancelled) {
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  run([&]() -> task<> {
    co_await sleep_until(wall::now());  // (the backend is made)
    const auto before = descriptors();
    const auto sleeps = [](auto until) -> task<> { co_await sleep_until(until); };
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 3; ++i) all.push_back(spawn(sleeps, wall::now() + 1h));
    all.push_back(spawn(sleeps, wall::time_point::max()));
    all.push_back(spawn(sleeps, std::chrono::sys_time<std::chrono::hours>::max()));
    all[0].cancel();  // never begins
    co_await next_tick();
    all[1].cancel();  // not yet handed over
    co_await next_tick();
    EXPECT_TRUE(all[1].done());
    co_await immediate();
    co_await immediate();
    EXPECT_EQ(rt().pending().operations, 3u);
    EXPECT_EQ(rt().pending().timers, 0u);
    for (const auto& h : all) {
      h.cancel();
      EXPECT_TRUE((co_await h.join()).stopped());
    }
    EXPECT_EQ(descriptors(), before);
  });
}

TEST_P(sleeping, WhereTheWallClockIsSetASleepComesRight) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    const auto noon = wall::time_point(std::chrono::hours(12));
    set_wall_clock(noon);
    const time_point began = now();
    const auto one = spawn([&]() -> task<> {
      co_await sleep_until(noon + 1h);
      log("an hour later, " + std::to_string((now() - began) / 1min));
    });
    const auto two = spawn([&]() -> task<> {
      co_await sleep_until(noon + 2h);
      log("two hours later, " + std::to_string((now() - began) / 1min));
    });
    co_await sleep_for(10min);
    set_wall_clock(noon + 1h);  // set forward by 50 minutes
    co_await sleep_for(10min);
    set_wall_clock(noon);  // and back by 70
    co_await one;
    co_await two;
  });
  EXPECT_EQ(log.text(), "an hour later, 10 > two hours later, 140");
}

TEST_P(sleeping, WithoutADescriptorItIsASleepOfTheTimeThatIsLeft) {
  if (is_virtual()) return;
  run([&]() -> task<> {
    co_await sleep_until(wall::now());
    rlimit before{};
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto due = wall::now() + 3ms;
    const auto for_ever =
        spawn([](auto until) -> task<> { co_await sleep_until(until); }, wall::time_point::max());
    co_await sleep_until(due);
    EXPECT_GE(wall::now(), due);
    EXPECT_EQ(rt().pending().timers, 1u);
    for_ever.cancel();
    EXPECT_TRUE((co_await for_ever.join()).stopped());
    co_await sleep_until(wall::now() - 1h);
    co_await sleep_until(wall::time_point::min());
    ::setrlimit(RLIMIT_NOFILE, &before);
  });
}

TEST_P(sleeping, AnIntervalGivesTheInstantsOfItsRhythm) {
  run([&]() -> task<> {
    const time_point began = now();
    interval beat(2ms);
    time_point before = began;
    for (int i = 1; i <= 4; ++i) {
      const time_point due = co_await beat.tick();
      if (i == 1) {
        EXPECT_GE(due - began, 2ms) << "one period after construction";
      } else {
        EXPECT_EQ(due - before, 2ms);
      }
      EXPECT_GE(now(), due);
      before = due;
    }
  });
}

TEST_P(sleeping, AnOverdueTickComesInTheNextTimersPhase) {
  run([&]() -> task<> {
    interval beat(1ns);
    co_await immediate();
    co_await beat.tick();
    const auto first = tick();
    co_await beat.tick();
    EXPECT_EQ(tick(), first + 1);
  });
}

TEST_P(sleeping, Rule05MissedTicksInABurstComeOneAfterTheOther) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    const time_point began = now();
    interval beat(10ms, missed_ticks::burst);
    co_await beat.tick();
    advance_time(35ms);
    for (int i = 0; i < 5; ++i) {
      const time_point due = co_await beat.tick();
      log(since(began, due) + " at " + since(began, now()));
    }
  });
  EXPECT_EQ(log.text(), "20 at 45 > 30 at 45 > 40 at 45 > 50 at 50 > 60 at 60");
}

TEST_P(sleeping, Rule05MissedTicksWithDelayShiftTheRhythm) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    const time_point began = now();
    interval beat(10ms, missed_ticks::delay);
    co_await beat.tick();
    advance_time(35ms);
    for (int i = 0; i < 3; ++i) {
      const time_point due = co_await beat.tick();
      log(since(began, due) + " at " + since(began, now()));
    }
  });
  EXPECT_EQ(log.text(), "20 at 45 > 55 at 55 > 65 at 65");
}

TEST_P(sleeping, Rule05MissedTicksThatAreSkippedKeepTheRhythm) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    const time_point began = now();
    interval beat(10ms, missed_ticks::skip);
    co_await beat.tick();
    advance_time(35ms);
    for (int i = 0; i < 3; ++i) {
      const time_point due = co_await beat.tick();
      log(since(began, due) + " at " + since(began, now()));
    }
  });
  EXPECT_EQ(log.text(), "20 at 45 > 50 at 50 > 60 at 60");
}

TEST_P(sleeping, WhoIsLateByLessThanAPeriodHasMissedNothing) {
  if (!is_virtual()) return;
  for (const missed_ticks how : {missed_ticks::burst, missed_ticks::delay, missed_ticks::skip}) {
    run([&]() -> task<> {
      const time_point began = now();
      interval beat(10ms, how);
      advance_time(13ms);
      for (int i = 0; i < 3; ++i) {
        const time_point due = co_await beat.tick();
        log(since(began, due) + " at " + since(began, now()));
      }
    });
    EXPECT_EQ(log.text(), "10 at 13 > 20 at 20 > 30 at 30");
    log.clear();
  }
}

TEST_P(sleeping, ACancelledTickIsNotUsedUp) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    const time_point began = now();
    interval beat(10ms);
    const auto waits = spawn([&]() -> task<> { static_cast<void>(co_await beat.tick()); });
    co_await sleep_for(1ms);
    waits.cancel();
    co_await next_tick();
    log(since(began, co_await beat.tick()));
  });
  EXPECT_EQ(log.text(), "10");
}

TEST_P(sleeping, Rule21ACancelledSleepFreesItsTimerInTheSameDrain) {
  run([&]() -> task<> {
    const auto sleeper = spawn([]() -> task<> { co_await sleep_for(1h); });
    co_await immediate();
    EXPECT_EQ(rt().pending().timers, 1u);
    sleeper.cancel();
    EXPECT_EQ(rt().pending().timers, 0u);
    co_await next_tick();
    EXPECT_TRUE(sleeper.done());
  });
}

TEST_P(sleeping, AHundredThousandSleepersOfAllLengthsGoOnInOrderAndNoneEarly) {
  time_point last = time_point::min();
  int ended = 0;
  int early = 0;
  int inexact = 0;
  int late_in_order = 0;
  run([&]() -> task<> {
    std::uint64_t random = 1;
    for (int i = 0; i < 100'000; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      // from nanoseconds to weeks, where time is virtual; else to 0.1 s
      const std::uint64_t length = (random >> 14) >> (random % 40);
      spawn([&, d = duration(is_virtual() ? length : length % 100'000'000)]() -> task<> {
        const time_point due = now() + d;
        co_await sleep_until(due);
        const time_point at = now();
        early += at < due;
        inexact += is_virtual() && at != due;
        late_in_order += due < last;
        last = due;
        ++ended;
      });
    }
    co_return;
  });
  EXPECT_EQ(ended, 100'000);
  EXPECT_EQ(early, 0);
  EXPECT_EQ(inexact, 0);
  EXPECT_EQ(late_in_order, 0);
}

}  // namespace
}  // namespace eddy::test
