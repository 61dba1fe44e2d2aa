// event: a flag that tasks of one loop wait for.
#include <string>
#include <vector>

#include <eddy/coro/event.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class events : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(events);

TEST_P(events, SetWakesAllWhoWaitInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    event e;
    for (int i = 1; i <= 3; ++i) {
      spawn([&, i]() -> task<> {
        co_await e.wait();
        log(std::to_string(i));
      });
    }
    co_await immediate();
    EXPECT_FALSE(e.is_set());
    e.set();
    EXPECT_TRUE(e.is_set());
    log("set");
    co_await immediate();
  });
  EXPECT_EQ(log.text(), "set > 1 > 2 > 3");
}

TEST_P(events, ItStaysSetUntilItIsReset) {
  run([&]() -> task<> {
    event e;
    e.set();
    e.set();
    co_await e.wait();
    co_await e.wait();
    e.reset();
    EXPECT_FALSE(e.is_set());
    const auto waiter = spawn([&]() -> task<> { co_await e.wait(); });
    co_await immediate();
    EXPECT_FALSE(waiter.done());
    e.set();
    co_await waiter;
  });
}

TEST_P(events, WhoWasWokenGoesOnThoughItIsResetAtOnce) {
  run([&]() -> task<> {
    event e;
    spawn([&]() -> task<> {
      co_await e.wait();
      log("woken");
    });
    co_await immediate();
    e.set();
    e.reset();
    co_await immediate();
  });
  EXPECT_EQ(log.text(), "woken");
}

TEST_P(events, AWaiterThatWaitsAgainAfterAResetIsNotWokenTwice) {
  run([&]() -> task<> {
    event e;
    const auto waiter = spawn([&]() -> task<> {
      for (int i = 1; i <= 2; ++i) {
        co_await e.wait();
        log(std::to_string(i));
        e.reset();
      }
    });
    co_await immediate();
    e.set();
    co_await immediate();
    EXPECT_EQ(log.text(), "1");
    e.set();
    co_await waiter;
  });
  EXPECT_EQ(log.text(), "1 > 2");
}

TEST_P(events, Rule21ACancelledWaiterEndsAndTheOthersAreWoken) {
  run([&]() -> task<> {
    event e;
    std::vector<join_handle<void>> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.push_back(spawn([&, i]() -> task<> {
        co_await e.wait();
        log(std::to_string(i));
      }));
    }
    co_await immediate();
    waiters[1].cancel();
    co_await next_tick();
    EXPECT_TRUE(waiters[1].done());
    e.set();
    co_await immediate();
  });
  EXPECT_EQ(log.text(), "0 > 2");
}

TEST_P(events, AWaiterCancelledBetweenTheSetAndItsTurnIsStopped) {
  run([&]() -> task<> {
    event e;
    const auto waiter = spawn([&]() -> task<> {
      co_await e.wait();
      log("went on");
    });
    co_await immediate();
    e.set();
    waiter.cancel();
    auto r = co_await waiter.join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(log.text(), "");
}

TEST_P(events, DestroyedWithWaitersAborts) {
  EXPECT_DEATH(
      eddy::run(*make_runtime(GetParam()),
                []() -> task<> {
                  {
                    event e;
                    spawn([&e]() -> task<> { co_await e.wait(); });
                    co_await immediate();
                  }
                }),
      "^eddy: an event is destroyed while tasks wait for it: event::wait at event_test.cc:");
}

}  // namespace
}  // namespace eddy::test
