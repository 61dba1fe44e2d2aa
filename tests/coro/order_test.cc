// "Orders to print" of docs/semantics.md: each order as a trace, compared as text. From coroutines
// and from callbacks where both can be in the place.
#include <atomic>

#include <eddy/coro/event.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class order : public every_runtime {
 protected:
  template <class A>
  task<> log_after(A awaitable, std::string what) {
    co_await awaitable;
    log(what);
  }
};
EDDY_TEST_ON_EVERY_BACKEND(order);

TEST_P(order, InAReadsCompletionSyncThenNextTickThenImmediateThenZeroSleep) {
  stream_pair pair(rt());
  pair.say("x");
  run([&]() -> task<> {
    EXPECT_EQ(co_await pair.read(), 1);
    spawn(log_after(sleep_for(0ns), "sleep 0"));
    spawn(log_after(immediate(), "immediate"));
    spawn(log_after(next_tick(), "next_tick"));
    log("sync");
  });
  EXPECT_EQ(log.text(), "sync > next_tick > immediate > sleep 0");
}

TEST_P(order, InAReadsCompletionTheSameForCallbacks) {
  stream_pair pair(rt());
  pair.say("x");
  run([&]() -> task<> {
    EXPECT_EQ(co_await pair.read(), 1);
    rt().set_timeout(0ns, [&] { log("sleep 0"); });
    rt().set_immediate([&] { log("immediate"); });
    rt().next_tick([&] { log("next_tick"); });
    log("sync");
  });
  EXPECT_EQ(log.text(), "sync > next_tick > immediate > sleep 0");
}

TEST_P(order, BetweenTwoTimersTheMicrotasksOfTheFirst) {
  run([&]() -> task<> {
    const time_point due = now();
    spawn([&, due]() -> task<> {
      co_await sleep_until(due);
      log("t1");
      co_await next_tick();
      log("t1.next_tick");
    });
    spawn(log_after(sleep_until(due), "t2"));
    co_return;
  });
  EXPECT_EQ(log.text(), "t1 > t1.next_tick > t2");
}

TEST_P(order, BetweenTwoCallbackTimersTheMicrotasksOfTheFirst) {
  rt().set_timeout(0ns, [&] {
    log("t1");
    rt().next_tick([&] { log("t1.next_tick"); });
  });
  rt().set_timeout(0ns, [&] { log("t2"); });
  rt().run();
  EXPECT_EQ(log.text(), "t1 > t1.next_tick > t2");
}

TEST_P(order, BetweenTwoImmediatesTheMicrotasksOfTheFirst) {
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      co_await immediate();
      const auto here = tick();
      log("i1");
      spawn([&, here]() -> task<> {
        co_await immediate();
        log(tick() == here + 1 ? "(next tick) i3" : "i3 in a wrong tick");
      });
      co_await next_tick();
      log("i1.next_tick");
    });
    spawn(log_after(immediate(), "i2"));
    co_return;
  });
  EXPECT_EQ(log.text(), "i1 > i1.next_tick > i2 > (next tick) i3");
}

TEST_P(order, BetweenTwoCallbackImmediatesTheMicrotasksOfTheFirst) {
  rt().set_immediate([&] {
    const auto here = tick();
    log("i1");
    rt().set_immediate(
        [&, here] { log(tick() == here + 1 ? "(next tick) i3" : "i3 in a wrong tick"); });
    rt().next_tick([&] { log("i1.next_tick"); });
  });
  rt().set_immediate([&] { log("i2"); });
  rt().run();
  EXPECT_EQ(log.text(), "i1 > i1.next_tick > i2 > (next tick) i3");
}

TEST_P(order, ATimerInsideATimerComesAfterTheImmediates) {
  run([&]() -> task<> {
    co_await sleep_for(0ns);
    log("t1");
    spawn(log_after(sleep_for(0ns), "t1.child"));
    spawn(log_after(immediate(), "immediate"));
  });
  EXPECT_EQ(log.text(), "t1 > immediate > t1.child");
}

TEST_P(order, NestedNextTicksInTheOrderAskedFor) {
  run([&]() -> task<> {
    rt().next_tick([&] {
      log("1");
      rt().next_tick([&] { log("3"); });
    });
    spawn([&]() -> task<> {
      log("2");
      rt().next_tick([&] { log("4"); });
      co_return;
    });
    co_return;
  });
  EXPECT_EQ(log.text(), "1 > 2 > 3 > 4");
}

TEST_P(order, EqualDeadlinesInTheOrderStarted) {
  run([&]() -> task<> {
    const time_point due = now() + 1ms;
    spawn(log_after(sleep_until(due), "a"));
    spawn(log_after(sleep_until(due), "b"));
    co_return;
  });
  EXPECT_EQ(log.text(), "a > b");
}

TEST_P(order, TwoCoroutinesYieldingTakeTurns) {
  const auto twice = [&](std::string name) -> task<> {
    log(name + "1");
    co_await yield();
    log(name + "2");
  };
  run([&]() -> task<> {
    spawn(twice, "A");
    spawn(twice, "B");
    co_return;
  });
  EXPECT_EQ(log.text(), "A1 > B1 > A2 > B2");
}

TEST_P(order, TwoCoroutinesWithNextTickTakeTurnsInOnePhase) {
  const auto twice = [&](std::string name) -> task<> {
    log(name + "1 in tick", tick());
    co_await next_tick();
    log(name + "2 in tick", tick());
  };
  run([&]() -> task<> {
    co_await sleep_for(0ns);
    spawn(twice, "A");
    spawn(twice, "B");
    spawn(log_after(immediate(), "the next phase"));
  });
  EXPECT_EQ(log.text(),
            "A1 in tick 1 > B1 in tick 1 > A2 in tick 1 > B2 in tick 1 > the next phase");
}

TEST_P(order, FromMainZeroSleepThenImmediate) {
  run([&]() -> task<> {
    spawn(log_after(immediate(), "immediate"));
    spawn(log_after(sleep_for(0ns), "sleep 0"));
    co_return;
  });
  EXPECT_EQ(log.text(), "sleep 0 > immediate");
}

TEST_P(order, PollWithAllThreeReadyKernelThenPoolThenPost) {
  runtime_options one_thread;
  one_thread.pool_threads = 1;
  make(one_thread);
  stream_pair pair(rt());
  std::atomic<bool> first_may_end{is_virtual()};
  std::atomic<bool> second_began{is_virtual()};
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      co_await pair.read();
      log("kernel");
    });
    spawn([&]() -> task<> {
      auto job = [&] { first_may_end.wait(false); };
      co_await offload(job);
      log("pool");
    });
    // The pool's thread begins this one when it has sent the first one home.
    if (!is_virtual()) {
      spawn([&]() -> task<> {
        auto job = [&] {
          second_began = true;
          second_began.notify_one();
        };
        co_await offload(job);
      });
    }
    hook when_all_began;
    event done;
    when_all_began = rt().add_hook(phase::idle, [&] {
      if (rt().ticks() != 2) return;
      rt().post([&] { log("post"); });
      first_may_end = true;
      first_may_end.notify_one();
      second_began.wait(false);
      pair.say("x");
      done.set();
    });
    co_await immediate();  // holds the loop until the hook has had its tick
    co_await immediate();
    co_await done.wait();
  });
  EXPECT_EQ(log.text(), "kernel > pool > post");
}

}  // namespace
}  // namespace eddy::test
