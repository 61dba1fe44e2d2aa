// docs/semantics.md, rules 21, 23 and 30: event, latch, mutex and semaphore.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/coro/latch.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/timeout.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class locks : public coro_test {
 public:
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(locks);

// ---- event and latch ----

TEST_P(locks, AnEventWakesAllItsWaitersInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    event e;
    const auto waits = [&](std::string name) -> task<> {
      co_await e.wait();
      log(name);
    };
    for (const char* name : {"a", "b", "c"}) spawn(waits, std::string(name));
    co_await settled();
    e.set();
    EXPECT_TRUE(e.is_set());
    log("set");
    co_await settled();
    co_await e.wait();
    e.reset();
    EXPECT_FALSE(e.is_set());
    EXPECT_EQ((co_await with_timeout(0ns, e.wait())).error(), errc::timed_out);
  });
  EXPECT_EQ(log.text(), "set > a > b > c");
}

TEST_P(locks, Rule21AnEventsWaiterThatWasWokenMayStillBeStopped) {
  run([&]() -> task<> {
    event e;
    const auto h = spawn([&]() -> task<> {
      co_await e.wait();
      log("not reached");
    });
    co_await settled();
    e.set();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(locks, AWakeThatIsFollowedByAResetIsNotLost) {
  run([&]() -> task<> {
    event e;
    const auto h = spawn([&]() -> task<> {
      co_await e.wait();
      log("woken");
    });
    co_await settled();
    e.set();
    e.reset();
    co_await h;
  });
  EXPECT_EQ(log.text(), "woken");
}

TEST_P(locks, ALatchOpensAtZero) {
  run([&]() -> task<> {
    latch open(0);
    co_await open.wait();
    latch three(3);
    const auto h = spawn([&]() -> task<> {
      co_await three.wait();
      log("open");
    });
    three.count_down();
    three.count_down();
    co_await settled();
    log("two");
    three.count_down();
    co_await h;
    co_await three.wait();
  });
  EXPECT_EQ(log.text(), "two > open");
}

TEST_P(locks, ALatchBelowZeroAborts) {
  latch one(1);
  one.count_down();
  EXPECT_DEATH(one.count_down(), "eddy: a latch");
}

// ---- mutex ----

TEST_P(locks, Rule30AMutexIsHandedOverInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    mutex m;
    const auto locks_it = [&](std::string name) -> task<> {
      const auto guard = co_await m.lock();
      log(name);
      co_await next_tick();
      log(name);
    };
    for (const char* name : {"a", "b", "c"}) spawn(locks_it, std::string(name));
    co_await sleep_for(0ns);
    EXPECT_TRUE(m.try_lock());
  });
  EXPECT_EQ(log.text(), "a > a > b > b > c > c");
}

TEST_P(locks, Rule30UnlockingHandsOverBeforeAnybodyElseCanTakeIt) {
  run([&]() -> task<> {
    mutex m;
    auto guard = m.try_lock();
    EXPECT_TRUE(guard);
    EXPECT_FALSE(m.try_lock());
    const auto h = spawn([&]() -> task<> {
      const auto mine = co_await m.lock();
      log("handed over");
    });
    co_await settled();
    guard.reset();
    EXPECT_FALSE(m.try_lock()) << "it has been handed over";
    co_await h;
    EXPECT_TRUE(m.try_lock());
  });
  EXPECT_EQ(log.text(), "handed over");
}

TEST_P(locks, Rule19AMutexHandedOverToAWaiterThatIsBeingCancelledIsDeliveredAndGivenBack) {
  run([&]() -> task<> {
    mutex m;
    auto guard = m.try_lock();
    const auto first = spawn([&]() -> task<> {
      const auto mine = co_await m.lock();
      log("first has it");
      EXPECT_TRUE(stop_requested());
      co_await next_tick();
      log("not reached");
    });
    const auto second = spawn([&]() -> task<> {
      const auto mine = co_await m.lock();
      log("second has it");
    });
    co_await settled();
    guard.reset();
    first.cancel();
    log(co_await end_of(first));
    log(co_await end_of(second));
    EXPECT_TRUE(m.try_lock());
  });
  EXPECT_EQ(log.text(), "first has it > second has it > stopped > value");
}

TEST_P(locks, Rule21AWaiterCancelledBeforeTheHandOverLosesItsPlace) {
  run([&]() -> task<> {
    mutex m;
    auto guard = m.try_lock();
    const auto locks_it = [&](std::string name) -> task<> {
      const auto mine = co_await m.lock();
      log(name);
    };
    const auto a = spawn(locks_it, "a");
    const auto b = spawn(locks_it, "b");
    co_await settled();
    a.cancel();
    guard.reset();
    log(co_await end_of(a));
    co_await b;
  });
  EXPECT_EQ(log.text(), "b > stopped");
}

TEST_P(locks, Rule30UnwindingTheOwnerUnlocksAndHandsOver) {
  run([&]() -> task<> {
    mutex m;
    const auto owner = spawn([&]() -> task<> {
      const auto mine = co_await m.lock();
      co_await never.wait();
    });
    const auto next = spawn([&]() -> task<> {
      const auto mine = co_await m.lock();
      log("next");
    });
    co_await settled();
    owner.cancel();
    co_await next;
    EXPECT_TRUE(m.try_lock());
  });
  EXPECT_EQ(log.text(), "next");
}

TEST_P(locks, AGuardIsMovedAndUnlocksOnce) {
  run([&]() -> task<> {
    mutex m;
    mutex other;
    auto a = co_await m.lock();
    auto b = co_await other.lock();
    b = std::move(a);
    a = mutex::guard(std::move(b));
    b = std::move(a);
    EXPECT_FALSE(m.try_lock());
    {
      const auto gone = std::move(b);
    }
    EXPECT_TRUE(m.try_lock());
  });
}

TEST_P(locks, WhatAGuardOrPermitHeldIsFreeOnceItIsAssignedTo) {
  run([&]() -> task<> {
    mutex m;
    mutex other;
    auto a = co_await m.lock();
    auto b = co_await other.lock();
    b = std::move(a);
    EXPECT_TRUE(other.try_lock());
    EXPECT_FALSE(m.try_lock());
    semaphore s(1);
    semaphore more(1);
    auto p = co_await s.acquire();
    auto q = co_await more.acquire();
    q = std::move(p);
    EXPECT_TRUE(more.try_acquire());
    EXPECT_FALSE(s.try_acquire());
  });
}

TEST_P(locks, Rule23AStoppingTaskTakesNoLockEvenAFreeOne) {
  run([&]() -> task<> {
    mutex m;
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      h->cancel();
      const auto mine = co_await m.lock();
      log("not reached");
    });
    log(co_await end_of(*h));
    EXPECT_TRUE(m.try_lock());
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(locks, Rule30DestroyedWithWaitersTheyAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto m = std::make_unique<mutex>();
                 auto guard = m->try_lock();
                 spawn(m->lock());
                 co_await settled();
                 m.reset();
               }),
               "eddy: a mutex is destroyed");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto e = std::make_unique<event>();
                 spawn(e->wait());
                 co_await settled();
                 e.reset();
               }),
               "eddy: an event is destroyed");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto l = std::make_unique<latch>(1);
                 spawn(l->wait());
                 co_await settled();
                 l.reset();
               }),
               "eddy: a latch is destroyed");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto s = std::make_unique<semaphore>(0);
                 spawn(s->acquire());
                 co_await settled();
                 s.reset();
               }),
               "eddy: a semaphore is destroyed");
}

TEST_P(locks, Rule30AMutexDestroyedWhileItIsLockedAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::optional<mutex::guard> guard;
        mutex m;
        guard = m.try_lock();
      },
      "eddy: a mutex is destroyed");
}

// ---- semaphore ----

TEST_P(locks, ASemaphoreLetsSoManyThroughInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    semaphore two(2);
    int inside = 0;
    int most = 0;
    const auto enters = [&](std::string name) -> task<> {
      const auto permit = co_await two.acquire();
      most = std::max(most, ++inside);
      log(name);
      co_await sleep_for(1ms);
      --inside;
    };
    std::vector<join_handle<void>> all;
    for (const char* name : {"a", "b", "c", "d", "e"})
      all.push_back(spawn(enters, std::string(name)));
    for (auto& h : all) co_await h;
    EXPECT_EQ(most, 2);
  });
  EXPECT_EQ(log.text(), "a > b > c > d > e");
}

TEST_P(locks, ReleaseGivesToThoseWhoHaveWaitedLongestAndKeepsTheRest) {
  run([&]() -> task<> {
    semaphore s(0);
    EXPECT_FALSE(s.try_acquire());
    const auto enters = [&](std::string name) -> task<> {
      auto permit = co_await s.acquire();
      permit.forget();
      log(name);
    };
    for (const char* name : {"a", "b", "c"}) spawn(enters, std::string(name));
    co_await settled();
    s.release(2);
    EXPECT_FALSE(s.try_acquire()) << "both were handed over";
    co_await settled();
    log("two");
    s.release(3);
    co_await settled();
    auto first = s.try_acquire();
    auto second = s.try_acquire();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(s.try_acquire());
    first.reset();
    EXPECT_TRUE(s.try_acquire());
    second->forget();
  });
  EXPECT_EQ(log.text(), "a > b > two > c");
}

TEST_P(locks, Rule19APermitHandedToAWaiterThatIsBeingCancelledIsDeliveredAndGivenBack) {
  run([&]() -> task<> {
    semaphore s(1);
    auto held = s.try_acquire();
    const auto h = spawn([&]() -> task<> {
      const auto permit = co_await s.acquire();
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    held.reset();
    h.cancel();
    log(co_await end_of(h));
    EXPECT_TRUE(s.try_acquire());
  });
  EXPECT_EQ(log.text(), "delivered > stopped");
}

TEST_P(locks, Rule21ASemaphoresWaiterCancelledBeforeTheHandOverLeavesItsPermit) {
  run([&]() -> task<> {
    semaphore s(0);
    const auto a = spawn(s.acquire());
    co_await settled();
    a.cancel();
    s.release();
    log(co_await end_of(a));
    EXPECT_TRUE(s.try_acquire());
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(locks, Rule11AWaiterThatNeedNotSuspendQueuesWithWhatItTookWhereTheBudgetIsSpent) {
  runtime_options options;
  options.callback_budget = 1;
  make(options);
  run([&]() -> task<> {
    mutex m;
    semaphore s(1);
    event e;
    e.set();
    for (int i = 0; i < 5; ++i) {
      {
        const auto guard = co_await m.lock();
        EXPECT_FALSE(m.try_lock());
      }
      {
        const auto permit = co_await s.acquire();
        EXPECT_FALSE(s.try_acquire());
      }
      co_await e.wait();
    }
    EXPECT_GE(tick(), 10u);
    EXPECT_TRUE(m.try_lock());
    EXPECT_TRUE(s.try_acquire());
  });
}

}  // namespace
}  // namespace eddy::test
