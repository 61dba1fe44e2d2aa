// docs/semantics.md, rules 24 and 27: with_timeout and with_deadline.
#include <atomic>
#include <string>

#include <eddy/coro/offload.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class timeout : public coro_test {
 public:
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(timeout);

TEST_P(timeout, Rule27WhatEndsInTimeGivesItsResult) {
  run([&]() -> task<> {
    const result<int> r = co_await with_timeout(1h, value_after(1ms, 5));
    EXPECT_EQ(r.value(), 5);
    EXPECT_EQ(rt().pending().timers, 0u) << "the deadline's timer is gone";
    const result<void> nothing = co_await with_deadline(now() + 1h, sleep_for(1ms));
    EXPECT_TRUE(nothing);
  });
}

TEST_P(timeout, Rule27WhatIsStoppedByTheDeadlineGivesTimedOut) {
  run([&]() -> task<> {
    const time_point before = now();
    const result<int> r = co_await with_timeout(1ms, value_after(1h, 5));
    EXPECT_EQ(r.error(), errc::timed_out);
    EXPECT_EQ(r.error(), std::errc::timed_out);
    EXPECT_GE(now() - before, 1ms);
    if (is_virtual()) {
      EXPECT_EQ(now() - before, 1ms);
    }
    EXPECT_FALSE(stop_requested());
    co_await next_tick();
  });
}

TEST_P(timeout, Rule27WhatFinishedAfterAllGivesItsResult) {
  run([&]() -> task<> {
    const result<int> r = co_await with_timeout(1ms, shield(value_after(3ms, 5)));
    EXPECT_EQ(r.value(), 5);
  });
}

TEST_P(timeout, Rule27ExceptionsPassAlsoThoseOfAnUnwinding) {
  run([&]() -> task<> {
    log(co_await thrown_in(with_timeout(1h, failing_after(1ms, "boom"))));
    const auto failing_cleanup = []() -> task<> {
      throw std::runtime_error("cleanup");
      co_return;
    };
    log(co_await thrown_in(with_timeout(1ms, finally(never.wait(), failing_cleanup))));
  });
  EXPECT_EQ(log.text(), "boom > cleanup");
}

TEST_P(timeout, Rule27AnOuterCancelStopsTheTask) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      static_cast<void>(co_await with_timeout(1h, never.wait()));
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
    EXPECT_EQ(rt().pending().timers, 0u);
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(timeout, Rule27WhereDeadlineAndOuterCancelBothCameTheTaskStops) {
  run([&]() -> task<> {
    event cleaned;
    const auto h = spawn([&]() -> task<> {
      const auto cleanup = [&]() -> task<> { co_await cleaned.wait(); };
      static_cast<void>(co_await with_timeout(1ms, finally(never.wait(), cleanup)));
      log("not reached");
    });
    co_await sleep_for(3ms);  // the deadline has come, the cleanup runs
    h.cancel();
    co_await settled();
    cleaned.set();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(timeout, Rule27AResultIsNotNested) {
  run([&]() -> task<> {
    const auto failing = []() -> task<result<int>> { co_return std::errc::io_error; };
    const result<int> r = co_await with_timeout(1h, failing());
    EXPECT_EQ(r.error(), std::errc::io_error);
    const result<int> nested = co_await with_timeout(2h, with_timeout(1h, value_after(1ms, 3)));
    EXPECT_EQ(nested.value(), 3);
  });
}

TEST_P(timeout, Rule24WhatDoesNotSuspendCostsNoTimer) {
  run([&]() -> task<> {
    const auto looks = [&]() -> task<int> {
      EXPECT_EQ(rt().pending().timers, 0u);
      co_return 1;
    };
    EXPECT_EQ((co_await with_timeout(-1h, looks())).value(), 1)
        << "a deadline in the past acts in the timers phase";
    EXPECT_EQ(tick(), 0u);
  });
}

TEST_P(timeout, Rule24ADeadlineInThePastActsInTheNextTicksTimersPhase) {
  run([&]() -> task<> {
    for (const duration after : {0ns, -1ns, -3'600'000'000'000ns}) {
      const auto here = tick();
      const auto r = co_await with_timeout(after, never.wait());
      EXPECT_EQ(r.error(), errc::timed_out);
      EXPECT_EQ(tick(), here + 1);
    }
    const auto r = co_await with_deadline(time_point::min(), never.wait());
    EXPECT_EQ(r.error(), errc::timed_out);
  });
}

TEST_P(timeout, Rule24ADeadlineAtTheEndOfTimeNeverComes) {
  run([&]() -> task<> {
    EXPECT_TRUE(co_await with_timeout(duration::max(), sleep_for(1ms)));
    EXPECT_TRUE(co_await with_timeout(std::chrono::hours::max(), sleep_for(1ms)));
    EXPECT_TRUE(co_await with_timeout(std::chrono::duration<double>(1e300), sleep_for(1ms)));
    EXPECT_FALSE(co_await with_timeout(std::chrono::hours::min(), sleep_for(1h)));
    EXPECT_TRUE(co_await with_deadline(std::chrono::time_point<clock, std::chrono::hours>::max(),
                                       sleep_for(1ms)));
    EXPECT_TRUE(co_await with_deadline(time_point::max(), sleep_for(1ms)));
  });
}

TEST_P(timeout, Rule24TheDeadlineCountsFromTheBodysFirstSuspension) {
  if (!is_virtual()) GTEST_SKIP() << "needs virtual time";
  run([&]() -> task<> {
    const time_point before = now();
    const auto late = [&]() -> task<> {
      advance_time(5ms);  // a body that computes
      co_await never.wait();
    };
    const auto r = co_await with_timeout(2ms, late());
    EXPECT_EQ(r.error(), errc::timed_out);
    EXPECT_EQ(now() - before, 7ms);
  });
}

TEST_P(timeout, Rule24NestedScopesTakeTheNearerDeadline) {
  run([&]() -> task<> {
    // The outer one is nearer: the inner one does not see its own.
    const auto inner = [&]() -> task<> {
      static_cast<void>(co_await with_timeout(1h, never.wait()));
      log("not reached");
    };
    EXPECT_EQ((co_await with_timeout(1ms, inner())).error(), errc::timed_out);
    // The inner one is nearer: the outer body goes on.
    const auto retried = [&]() -> task<int> {
      EXPECT_EQ((co_await with_timeout(1ms, never.wait())).error(), errc::timed_out);
      co_return 4;
    };
    EXPECT_EQ((co_await with_timeout(1h, retried())).value(), 4);
    EXPECT_EQ(rt().pending().timers, 0u);
  });
  EXPECT_EQ(log.text(), "");
}

TEST_P(timeout, Rule24OfEqualDeadlinesTheInnerOneStartedFirst) {
  if (!is_virtual()) GTEST_SKIP() << "needs virtual time";
  run([&]() -> task<> {
    const time_point due = now() + 1ms;
    const auto inner = [&]() -> task<int> {
      EXPECT_EQ((co_await with_deadline(due, never.wait())).error(), errc::timed_out);
      log("inner");
      co_return 4;
    };
    EXPECT_EQ((co_await with_deadline(due, inner())).value(), 4);
  });
  EXPECT_EQ(log.text(), "inner");
}

TEST_P(timeout, Rule27ATimeoutThatExpiresInTheTickInWhichItsBodyEndsDoesNotTouchIt) {
  if (!is_virtual()) GTEST_SKIP() << "needs virtual time";
  run([&]() -> task<> {
    // The body's sleep was started before the scope's timer: with equal deadlines it goes on first.
    const time_point due = now() + 1ms;
    EXPECT_TRUE(co_await with_deadline(due, sleep_until(due)));
    // What the body still awaits is found by the deadline, in its turn.
    const auto goes_on = [&]() -> task<int> {
      co_await sleep_until(now());
      log("woken");
      co_await never.wait();
      co_return 1;
    };
    const time_point zero = now();
    EXPECT_EQ((co_await with_deadline(zero, goes_on())).error(), errc::timed_out);
  });
  EXPECT_EQ(log.text(), "woken");
}

TEST_P(timeout, Rule27AReadThatIsReadyInTheTickOfTheDeadlineLosesNothing) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    for (int round = 0; round < 20; ++round) {
      const auto saying = spawn([&]() -> task<> {
        co_await sleep_for(100us);
        pair.say("x");
      });
      const auto r = co_await with_timeout(100us, pair.read());
      co_await saying;
      if (r) {
        EXPECT_EQ(*r, 1);
        EXPECT_EQ(pair.hear(), "");
      } else {
        EXPECT_EQ(r.error(), errc::timed_out);
        EXPECT_EQ(pair.hear(), "x");
      }
    }
  });
}

TEST_P(timeout, Rule21RunningPoolWorkIsWaitedForByATimeoutToo) {
  if (is_virtual()) GTEST_SKIP() << "a simulated pool has a thread for each";
  std::atomic<bool> began{false};
  std::atomic<bool> go{false};
  run([&]() -> task<> {
    const auto job = [&] {
      began = true;
      began.notify_one();
      go.wait(false);
      return 6;
    };
    const auto late = spawn([&]() -> task<> {
      const result<int> r = co_await with_timeout(1ms, offload(job));
      EXPECT_TRUE(go) << "it was waited for";
      EXPECT_EQ(r.value(), 6);
    });
    co_await immediate();
    began.wait(false);
    co_await sleep_for(5ms);  // the deadline has come
    EXPECT_FALSE(late.done());
    go = true;
    go.notify_one();
    co_await late;
  });
}

TEST_P(timeout, Rule16TheScopesOfABackgroundTaskDoNotHoldTheLoop) {
  const auto late = [&]() -> task<> {
    const counted frame;
    static_cast<void>(co_await with_timeout(1h, never.wait()));
  };
  const auto group = [&]() -> task<> {
    const counted frame;
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn(sleep_for(1h));
      static_cast<void>(co_await when_any(sleep_for(1h), never.wait()));
    });
  };
  const time_point before = now();
  run([&]() -> task<> {
    spawn_background(late);
    spawn_background(group);
    co_await settled();
    EXPECT_EQ(rt().pending().total(), 0u);
    log("main ends");
  });
  EXPECT_LT(now() - before, 1h);
  EXPECT_EQ(counted::live, 0);
}

TEST_P(timeout, AHundredThousandNestedScopesEndAndAreCancelled) {
  struct nest {
    static task<int> in_timeouts(int depth, event& wait) {
      const counted frame;
      if (!depth) {
        co_await wait.wait();
        co_return 1;
      }
      const auto r = co_await with_timeout(1h, in_timeouts(depth - 1, wait));
      co_return r ? *r + 1 : 0;
    }
    static task<int> at_once(int depth) {
      const counted frame;
      if (!depth) co_return 1;
      co_return 1 + *(co_await with_timeout(1h, at_once(depth - 1)));
    }
  };
  run([&]() -> task<> {
    constexpr int deep = 100'000;
    EXPECT_EQ(co_await nest::at_once(deep), deep + 1);
    event go;
    const auto one = spawn(&nest::in_timeouts, deep, std::ref(go));
    co_await settled();
    EXPECT_EQ(rt().pending().timers, static_cast<std::size_t>(deep)) << "one timer a scope";
    go.set();
    EXPECT_EQ(co_await one, deep + 1);
    const auto other = spawn(&nest::in_timeouts, deep, std::ref(never));
    co_await settled();
    other.cancel();
    EXPECT_TRUE((co_await other.join()).stopped());
    EXPECT_EQ(counted::live, 0);
    EXPECT_EQ(rt().pending().timers, 0u);
    const auto late = co_await with_timeout(1ms, nest::in_timeouts(deep, never));
    EXPECT_EQ(late.error(), errc::timed_out);
    EXPECT_EQ(counted::live, 0);
  });
}

}  // namespace
}  // namespace eddy::test
