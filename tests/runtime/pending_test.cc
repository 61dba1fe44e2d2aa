// docs/semantics.md, rules 12 to 14 and the host's half of 17: what is pending, when the loop ends,
// how long poll waits, and a host that turns the loop itself.
#include <poll.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <eddy/coro/event.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class pending : public every_runtime {
 protected:
  /// What is pending, as text: "timers 1 ready 2"; "" for nothing.
  std::string counts() {
    const pending_counts n = rt().pending();
    std::string text;
    std::size_t sum = 0;
    const auto add = [&](const char* name, std::size_t count) {
      sum += count;
      if (count)
        text += (text.empty() ? "" : " ") + std::string(name) + " " + std::to_string(count);
    };
    add("timers", n.timers);
    add("operations", n.operations);
    add("pool", n.pool_work);
    add("immediates", n.immediates);
    add("ready", n.ready);
    add("closing", n.closing);
    add("guards", n.guards);
    EXPECT_EQ(n.total(), sum);
    return text;
  }
};
EDDY_TEST_ON_EVERY_BACKEND(pending);

class pending_for_a_host : public real_runtime {
 protected:
  /// What poll(2) says of the native handle.
  bool is_readable(int wait_ms) {
    pollfd entry{rt().native_handle(), POLLIN, 0};
    return ::poll(&entry, 1, wait_ms) == 1;
  }
};
EDDY_TEST_ON_REAL_BACKENDS(pending_for_a_host);

// ---- Counted once, from start to end ----

TEST_P(pending, Rule12ATimerIsPendingFromItsStartToItsEnd) {
  EXPECT_EQ(counts(), "");
  run([&]() -> task<> {
    const auto sleeper = spawn([]() -> task<> { co_await sleep_for(1ms); });
    EXPECT_EQ(counts(), "ready 1");
    co_await next_tick();
    EXPECT_EQ(counts(), "timers 1");
    rt().set_timeout(0ns, [] {});
    EXPECT_EQ(counts(), "timers 2");
    co_await sleeper;
    EXPECT_EQ(counts(), "");
  });
}

TEST_P(pending, Rule12ATimerThatIsDueAndNotYetRunIsStillPending) {
  rt().set_timeout(0ns, [&] { EXPECT_EQ(counts(), "timers 1"); });
  rt().set_timeout(0ns, [&] { EXPECT_EQ(counts(), ""); });
  rt().run();
}

TEST_P(pending, Rule12AnOperationIsPendingFromItsStartToItsReport) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      co_await pair.read();
      EXPECT_EQ(counts(), "");
    });
    co_await next_tick();
    EXPECT_EQ(counts(), "operations 1") << "listed";
    co_await sleep_for(0ns);
    EXPECT_EQ(counts(), "operations 1") << "handed over";
    co_await immediate();
    co_await immediate();
    EXPECT_EQ(counts(), "operations 1");
    pair.say("x");
  });
}

TEST_P(pending, Rule12PoolWorkIsPendingFromItsStartToItsReport) {
  std::atomic<bool> may_end{is_virtual()};
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      auto job = [&] { may_end.wait(false); };
      co_await offload(job);
      EXPECT_EQ(counts(), "");
    });
    co_await next_tick();
    EXPECT_EQ(counts(), "pool 1");
    co_await immediate();
    EXPECT_EQ(counts(), "pool 1");
    may_end = true;
    may_end.notify_one();
  });
}

TEST_P(pending, Rule12ImmediatesPostponedWorkAndWhatIsReadyArePending) {
  run([&]() -> task<> {
    spawn([]() -> task<> { co_await immediate(); });
    spawn([]() -> task<> { co_await yield(); });
    co_await next_tick();
    rt().set_immediate([] {});
    rt().next_tick([] {});
    EXPECT_EQ(counts(), "immediates 2 ready 2");
    co_await sleep_for(0ns);
    EXPECT_EQ(counts(), "immediates 2 ready 1");
  });
  EXPECT_EQ(counts(), "");
}

TEST_P(pending, Rule12HooksAndPostsAreNotPending) {
  const hook h = rt().add_hook(phase::check, [] {});
  rt().post([] {});
  EXPECT_EQ(counts(), "");
}

TEST_P(pending, Rule12WhatBackgroundTasksWaitForIsNotPending) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    spawn_background([]() -> task<> { co_await sleep_for(1h); });
    spawn_background([&]() -> task<> { co_await pair.read(); });
    spawn_background([]() -> task<> {
      for (;;) co_await immediate();
    });
    spawn_background([]() -> task<> {
      for (;;) co_await yield();
    });
    co_await next_tick();
    EXPECT_EQ(counts(), "");
    co_await immediate();
    co_await immediate();
    EXPECT_EQ(counts(), "");
  });
}

TEST_P(pending, Rule12WhatWasCancelledIsNotPendingAnyMore) {
  run([&]() -> task<> {
    const auto sleeper = spawn([]() -> task<> { co_await sleep_for(1h); });
    co_await next_tick();
    EXPECT_EQ(counts(), "timers 1");
    sleeper.cancel();
    co_await next_tick();
    EXPECT_EQ(counts(), "");
    EXPECT_TRUE(sleeper.done());
  });
}

TEST_P(pending, Rule15WhoWaitsForAnotherCoroutineIsNotPending) {
  run([&]() -> task<> {
    event set_by_main;
    spawn([&]() -> task<> { co_await set_by_main.wait(); });
    co_await next_tick();
    EXPECT_EQ(counts(), "");
    co_await immediate();
    set_by_main.set();
    co_await immediate();
  });
}

// ---- The end ----

TEST_P(pending, Rule13ARunWithNothingToDoMakesNoTick) {
  make_counted();
  rt().run();
  EXPECT_EQ(run([]() -> task<int> { co_return 7; }), 7);
  run([]() -> task<> {
    for (int i = 0; i < 10; ++i) co_await next_tick();
  });
  EXPECT_EQ(tick(), 0u);
  EXPECT_EQ(used().runs, 0u);
}

TEST_P(pending, Rule13TheLoopEndsWithoutPollingAgain) {
  make_counted();
  stream_pair pair(rt());
  pair.say("x");
  const auto before = used();
  run([&]() -> task<> { co_await pair.read(); });
  const auto reported = used().runs - before.runs;
  EXPECT_LE(reported, 2u);
  EXPECT_EQ(tick(), reported) << "the tick that brought the report was the last";
  run([]() -> task<> { co_await immediate(); });
  EXPECT_EQ(used().runs - before.runs, reported);
}

TEST_P(pending, Rule13ATickThatHandsNothingOverAndDoesNotSleepMakesNoSystemCall) {
  make_counted();
  rt().backend();
  const auto before = used();
  run([]() -> task<> {
    for (int i = 0; i < 100; ++i) co_await yield();
    for (int i = 0; i < 100; ++i) co_await immediate();
  });
  EXPECT_GE(tick(), 199u);
  EXPECT_EQ(used().enters, before.enters);
}

// ---- Poll's wait ----

TEST_P(pending, Rule14AnIdleLoopDoesNotWakeUp) {
  // On a thread of its own: the kernel ends rings behind our back, and that interrupts the waits of
  // the thread that had them.
  std::thread([&] {
    make_counted();
    rt().backend();
    const auto before = used();
    run([]() -> task<> { co_await sleep_for(300ms); });
    EXPECT_EQ(tick(), 2u) << "one that slept, one that found the timer due";
    EXPECT_EQ(used().sleeps - before.sleeps, 1u);
    EXPECT_EQ(used().enters - before.enters, 1u);
    drop_runtime();
  }).join();
}

TEST_P(pending, Rule14WaitingForAnOperationAndATimerIsOneSleep) {
  make_counted();
  stream_pair pair(rt());
  run([&]() -> task<> {
    spawn_background([&]() -> task<> { co_await pair.read(); });
    co_await immediate();
    co_await immediate();
    const auto before = used();
    const auto first = tick();
    co_await sleep_for(50ms);
    EXPECT_EQ(tick() - first, 2u);
    EXPECT_LE(used().sleeps - before.sleeps, 2u);
  });
}

TEST_P(pending, Rule14PollDoesNotSleepWhereAnythingIsReadyOrImmediate) {
  make_counted();
  rt().set_timeout(1h, [] {});
  run([&]() -> task<> {
    for (int i = 0; i < 5; ++i) co_await immediate();
    for (int i = 0; i < 5; ++i) co_await yield();
    rt().request_stop();
  });
  EXPECT_EQ(used().sleeps, 0u);
}

// ---- A host's own loop ----

TEST_P(pending, Rule17RunOnceAndRunNowaitMakeOneTickAndSayWhetherAnythingIsPending) {
  EXPECT_FALSE(rt().run_once());
  EXPECT_FALSE(rt().run_nowait());
  EXPECT_EQ(tick(), 2u);
  rt().set_timeout(2ms, [&] { log("fired"); });
  EXPECT_TRUE(rt().run_nowait());
  EXPECT_TRUE(rt().run_once()) << "it slept until the timer was due, which fires in the next tick";
  EXPECT_EQ(log.text(), "");
  EXPECT_FALSE(rt().run_once());
  EXPECT_EQ(log.text(), "fired");
  EXPECT_EQ(tick(), 5u);
}

TEST_P(pending, Rule17RunNowaitNeverSleeps) {
  make_counted();
  rt().set_timeout(1h, [] {});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(rt().run_nowait());
  EXPECT_EQ(used().sleeps, 0u);
  EXPECT_EQ(tick(), 10u);
}

TEST_P(pending, Rule17RunOnceRethrowsWhatNobodyJoinedWhenNothingIsPending) {
  for (const bool waits : {false, true}) {
    rt().post([] {
      spawn([]() -> task<> {
        co_await immediate();
        throw std::domain_error("nobody joins");
      });
      spawn([]() -> task<> { co_await sleep_for(1h); });
    });
    const auto turn = [&] { return waits ? rt().run_once() : rt().run_nowait(); };
    EXPECT_THROW(
        {
          while (turn()) {
          }
        },
        std::domain_error);
    EXPECT_FALSE(turn());
  }
}

TEST_P(pending, Rule15AHostMaySetAnEventBetweenItsTurns) {
  event set_by_host;
  rt().post([&] {
    spawn([&]() -> task<> {
      co_await set_by_host.wait();
      log("woken");
    });
  });
  EXPECT_FALSE(rt().run_nowait()) << "no deadlock: the host may still set it";
  rt().run();
  EXPECT_EQ(log.text(), "");
  set_by_host.set();
  EXPECT_EQ(counts(), "ready 1");
  EXPECT_FALSE(rt().run_nowait());
  EXPECT_EQ(log.text(), "woken");
}

TEST_P(pending, NextTimeoutIsTheTimeToTheNextDeadline) {
  EXPECT_EQ(rt().next_timeout(), std::nullopt);
  rt().set_timeout(1h, [] {});
  ASSERT_TRUE(rt().next_timeout());
  EXPECT_LE(*rt().next_timeout(), 1h);
  EXPECT_GT(*rt().next_timeout(), 59min);
  rt().set_immediate([] {});
  EXPECT_EQ(rt().next_timeout(), 0ns);
  EXPECT_TRUE(rt().run_nowait());
  EXPECT_GT(*rt().next_timeout(), 59min);
  rt().post([] {});
  EXPECT_EQ(rt().next_timeout(), 0ns);
  EXPECT_TRUE(rt().run_nowait());
  const timer_id due = rt().set_timeout(-1s, [] {});
  EXPECT_EQ(rt().next_timeout(), 0ns) << "never negative";
  rt().clear(due);
  EXPECT_GT(*rt().next_timeout(), 59min);
}

TEST_P(pending, NextTimeoutIsZeroWhileSomethingIsToBeHandedOver) {
  stream_pair pair(rt());
  rt().post([&] { spawn([&]() -> task<> { co_await pair.read(); }); });
  EXPECT_EQ(rt().next_timeout(), 0ns);
  EXPECT_TRUE(rt().run_nowait());
  EXPECT_EQ(rt().next_timeout(), 0ns) << "it was begun behind the hand-over of that tick";
  EXPECT_TRUE(rt().run_nowait());
  EXPECT_EQ(rt().next_timeout(), std::nullopt);
  pair.say("x");
  while (rt().run_nowait()) {
  }
}

TEST_P(pending_for_a_host, TheHandleOfAnIdleRuntimeIsNotReadable) {
  EXPECT_FALSE(is_readable(0));
  EXPECT_FALSE(rt().run_nowait());
  EXPECT_FALSE(is_readable(0));
  rt().set_timeout(1h, [] {});
  EXPECT_TRUE(rt().run_nowait());
  EXPECT_FALSE(is_readable(0));
}

TEST_P(pending_for_a_host, TheHandleWakesForAPostOfAnotherThreadEveryTime) {
  rt().run_nowait();
  for (int i = 1; i <= 50; ++i) {
    std::thread other([&] { rt().post([&] { log("", static_cast<unsigned>(i)); }); });
    ASSERT_TRUE(is_readable(10'000)) << i;
    other.join();
    log.clear();
    rt().run_nowait();
    EXPECT_EQ(log.text(), " " + std::to_string(i));
    EXPECT_FALSE(is_readable(0)) << "a host would spin: " << i;
  }
}

TEST_P(pending_for_a_host, TheHandleWakesForAPostBeforeTheFirstTurn) {
  rt().native_handle();
  std::thread other([&] { rt().post([&] { log("posted"); }); });
  EXPECT_TRUE(is_readable(10'000));
  other.join();
  rt().run_nowait();
  EXPECT_EQ(log.text(), "posted");
}

TEST_P(pending_for_a_host, TheHandleWakesForAnOperation) {
  stream_pair pair(rt());
  rt().post([&] {
    spawn([&]() -> task<> {
      for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(co_await pair.read(), 1);
        log("read");
      }
    });
  });
  for (int i = 0; i < 3; ++i) {
    while (rt().next_timeout() == 0ns) EXPECT_TRUE(rt().run_nowait());
    EXPECT_FALSE(is_readable(0)) << i;
    pair.say("x");
    ASSERT_TRUE(is_readable(10'000)) << i;
    while (is_readable(0) || rt().next_timeout() == 0ns) rt().run_nowait();
  }
  EXPECT_EQ(log.text(), "read > read > read");
  EXPECT_EQ(rt().pending().total(), 0u);
}

TEST_P(pending_for_a_host, TheHandleWakesForPoolWork) {
  rt().post([&] {
    spawn([&]() -> task<> {
      auto job = [] { return 7; };
      EXPECT_EQ(co_await offload(job), 7);
      log("done");
    });
  });
  while (rt().next_timeout() == 0ns) rt().run_nowait();
  while (rt().pending().total()) {
    ASSERT_TRUE(is_readable(10'000));
    rt().run_nowait();
  }
  EXPECT_EQ(log.text(), "done");
}

}  // namespace
}  // namespace eddy::test
