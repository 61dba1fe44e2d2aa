// What a runtime offers to code that is no coroutine: timers, immediates, next ticks and hooks;
// what a callback throws.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class callbacks : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(callbacks);

// ---- Timers ----

TEST_P(callbacks, ATimeoutBeforeTheClocksBeginningIsDueNow) {
  // (A difference to such an instant is more than a duration can say.)
  rt().set_timeout(duration::min(), [&] { log("due"); });
  rt().run_nowait();
  EXPECT_EQ(log.text(), "due");
  rt().set_timeout(duration::min(), [&] { log("again"); });
  EXPECT_EQ(rt().next_timeout(), duration::zero());
  rt().run();
  EXPECT_EQ(log.text(), "due > again");
}

TEST_P(callbacks, ATimeoutRunsOnceAndNotEarly) {
  const time_point began = rt().now();
  int ran = 0;
  rt().set_timeout(3ms, [&] {
    ++ran;
    EXPECT_GE(rt().now() - began, 3ms);
  });
  rt().run();
  rt().run();
  EXPECT_EQ(ran, 1);
}

TEST_P(callbacks, TimeoutsRunInTheOrderOfTheirDeadlines) {
  rt().set_timeout(2ms, [&] { log("2"); });
  rt().set_timeout(0ns, [&] { log("0"); });
  rt().set_timeout(1ms, [&] { log("1"); });
  rt().run();
  EXPECT_EQ(log.text(), "0 > 1 > 2");
}

TEST_P(callbacks, AClearedTimeoutNeitherRunsNorHoldsTheLoop) {
  const timer_id id = rt().set_timeout(1h, [&] { log("never"); });
  EXPECT_EQ(rt().pending().timers, 1u);
  rt().clear(id);
  EXPECT_EQ(rt().pending().timers, 0u);
  rt().run();
  EXPECT_EQ(log.text(), "");
}

TEST_P(callbacks, ClearIsHarmlessForWhatHasFiredWasClearedOrNeverWas) {
  rt().clear(timer_id{});
  const timer_id first = rt().set_timeout(0ns, [&] { log("first"); });
  EXPECT_NE(first, timer_id{});
  rt().run();
  rt().clear(first);
  rt().clear(first);
  // The place of the first is used again; its name is not.
  const timer_id second = rt().set_timeout(0ns, [&] { log("second"); });
  EXPECT_NE(first, second);
  rt().clear(first);
  rt().run();
  EXPECT_EQ(log.text(), "first > second");
  rt().clear(second);
}

TEST_P(callbacks, AHookThatIsAssignedToDropsWhatItHad) {
  hook one = rt().add_hook(phase::prepare, [&] { log("one"); });
  hook two = rt().add_hook(phase::prepare, [&] { log("two"); });
  one = std::move(two);
  rt().set_timeout(0ns, [] {});
  rt().run();
  EXPECT_EQ(log.text().find("one"), std::string::npos) << log.text();
  EXPECT_NE(log.text().find("two"), std::string::npos) << log.text();
}

TEST_P(callbacks, ATimeoutMayClearItselfAndStartOthers) {
  timer_id id;
  id = rt().set_timeout(0ns, [&] {
    log("outer");
    rt().clear(id);
    rt().set_timeout(0ns, [&] { log("inner"); });
    rt().clear(id);
  });
  rt().run();
  EXPECT_EQ(log.text(), "outer > inner");
}

TEST_P(callbacks, AnIntervalRunsUntilItIsClearedFromInside) {
  int ran = 0;
  timer_id id;
  id = rt().set_interval(1ms, [&] {
    if (++ran == 4) rt().clear(id);
  });
  const time_point began = rt().now();
  rt().run();
  EXPECT_EQ(ran, 4);
  EXPECT_GE(rt().now() - began, 4ms);
  EXPECT_EQ(rt().pending().total(), 0u);
}

TEST_P(callbacks, AnIntervalIsClearedByAnother) {
  std::array<timer_id, 2> both;
  both[0] = rt().set_interval(1ms, [&] {
    log("first");
    for (timer_id t : both) rt().clear(t);
  });
  both[1] = rt().set_interval(1ms, [&] { log("second"); });
  rt().run();
  EXPECT_EQ(log.text(), "first");
}

TEST_P(callbacks, AnIntervalClearedFromInsideMayBeFollowedByANewOne) {
  timer_id id;
  int ran = 0;
  id = rt().set_interval(0ns, [&] {
    log("first");
    rt().clear(id);
    id = rt().set_interval(0ns, [&] {
      log("second");
      if (++ran == 2) rt().clear(id);
    });
  });
  rt().run();
  EXPECT_EQ(log.text(), "first > second > second");
}

TEST_P(callbacks, AnIntervalOfNothingRunsOnceInEveryTick) {
  for (const duration period : {duration(0), duration(-5)}) {
    log.clear();
    make({});
    timer_id id;
    id = rt().set_interval(period, [&] {
      log("tick", tick());
      if (tick() == 3) rt().clear(id);
    });
    rt().run();
    EXPECT_EQ(log.text(), "tick 1 > tick 2 > tick 3");
  }
}

TEST_P(callbacks, AnIntervalThatIsLateSkipsRoundsAndKeepsItsRhythm) {
  if (!is_virtual()) return;
  const time_point began = rt().now();
  timer_id id;
  int ran = 0;
  id = rt().set_interval(10ms, [&] {
    log("at", static_cast<unsigned long long>((rt().now() - began) / 1ms));
    if (++ran == 2) advance_time(35ms);
    if (ran == 4) rt().clear(id);
  });
  rt().run();
  EXPECT_EQ(log.text(), "at 10 > at 20 > at 60 > at 70");
}

TEST_P(callbacks, ATimeoutForEverIsNoTimeoutInThePast) {
  const auto late = [&] { log("for ever"); };
  const std::vector<timer_id> all = {
      rt().set_timeout(duration::max(), late),
      rt().set_timeout(std::chrono::hours::max(), late),
      rt().set_timeout(std::chrono::duration<double>(1e300), late),
      rt().set_interval(std::chrono::hours::max(), late),
      rt().set_interval(std::chrono::milliseconds::max(), late),
  };
  rt().set_timeout(1ms, [&] {
    for (const timer_id id : all) rt().clear(id);
  });
  rt().run();
  EXPECT_EQ(log.text(), "");
}

TEST_P(callbacks, ThousandsOfTimeoutsAreEachNamedOnce) {
  std::vector<timer_id> ids;
  int ran = 0;
  for (int i = 0; i < 20'000; ++i) ids.push_back(rt().set_timeout(duration(i), [&] { ++ran; }));
  for (std::size_t i = 0; i < ids.size(); i += 2) rt().clear(ids[i]);
  rt().run();
  EXPECT_EQ(ran, 10'000);
}

// ---- The callable ----

TEST_P(callbacks, AMoveOnlyCallableOfAnySizeRunsAndIsDestroyedOnce) {
  auto token = std::make_shared<int>(0);
  std::array<char, 200> large{};
  rt().next_tick([token, owned = std::make_unique<int>(1)] { *token += *owned; });
  rt().set_immediate([token, large] { *token += 10 + large[0]; });
  rt().set_timeout(0ns, [token, large] { *token += 100 + large[0]; });
  rt().post([token, large, owned = std::make_unique<int>(1000)] { *token += *owned + large[0]; });
  EXPECT_EQ(token.use_count(), 5);
  rt().run();
  EXPECT_EQ(*token, 1111);
  EXPECT_EQ(token.use_count(), 1);
}

TEST_P(callbacks, WhatNeverRunsIsDestroyedUnrun) {
  auto token = std::make_shared<int>(0);
  const auto count = [token] { ++*token; };
  rt().clear(rt().set_timeout(1h, count));
  EXPECT_EQ(token.use_count(), 2) << "a cleared callback is destroyed at once";
  rt().next_tick(count);
  rt().set_immediate(count);
  rt().set_timeout(0ns, count);
  rt().set_interval(0ns, count);
  rt().post(count);
  {
    const hook dropped = rt().add_hook(phase::idle, count);
  }
  const hook outlives = rt().add_hook(phase::check, count);
  drop_runtime();
  EXPECT_EQ(*token, 0);
  EXPECT_LE(token.use_count(), 3) << "ours, count's, and the hook's";
}

TEST_P(callbacks, AnEmptyCallbackDoesNothing) {
  rt().next_tick(callback());
  rt().set_timeout(0ns, callback());
  rt().run();
}

// ---- What throws ----

class thrower {
 public:
  explicit thrower(std::string what) : what_(std::move(what)) {}
  void operator()() const { throw std::runtime_error(what_); }

 private:
  std::string what_;
};

std::string what_run_throws(runtime& rt) {
  try {
    rt.run();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "nothing";
}

TEST_P(callbacks, Rule16WhatACallbackThrowsIsRethrownByRunWhateverTheCallback) {
  rt().set_timeout(0ns, thrower("timeout"));
  EXPECT_EQ(what_run_throws(rt()), "timeout");
  rt().set_interval(0ns, thrower("interval"));
  EXPECT_EQ(what_run_throws(rt()), "interval");
  make({});
  rt().set_immediate(thrower("immediate"));
  EXPECT_EQ(what_run_throws(rt()), "immediate");
  rt().next_tick(thrower("next_tick"));
  EXPECT_EQ(what_run_throws(rt()), "next_tick");
  rt().post(thrower("post"));
  EXPECT_EQ(what_run_throws(rt()), "post");
  for (phase p : {phase::idle, phase::prepare, phase::check}) {
    const hook h = rt().add_hook(p, thrower("hook"));
    rt().set_immediate([] {});
    EXPECT_EQ(what_run_throws(rt()), "hook");
  }
  EXPECT_EQ(what_run_throws(rt()), "nothing") << "it is over with the run";
}

TEST_P(callbacks, Rule16WhatACallbackThrowsStopsEverythingAndIsRethrownWhenThatHasEnded) {
  const auto victim = [&](std::string name) -> task<> {
    const noted going(log, name + " goes");
    co_await sleep_for(1h);
  };
  try {
    run([&]() -> task<> {
      spawn(victim, "a");
      spawn(victim, "b");
      rt().set_timeout(1ms, thrower("x"));
      const noted going(log, "main goes");
      co_await sleep_for(1h);
    });
    FAIL() << "run returned";
  } catch (const std::runtime_error& e) {
    log(e.what());
  }
  EXPECT_EQ(log.text(), "a goes > b goes > main goes > x");
}

TEST_P(callbacks, TheFirstExceptionCounts) {
  rt().next_tick(thrower("first"));
  rt().next_tick(thrower("second"));
  EXPECT_EQ(what_run_throws(rt()), "first");
  EXPECT_EQ(what_run_throws(rt()), "nothing");
}

// ---- Hooks ----

TEST_P(callbacks, HooksRunInTheirPhasesInTheOrderOfRegistration) {
  const auto say = [&](std::string what) { return [this, what] { log(what); }; };
  const hook check = rt().add_hook(phase::check, say("check"));
  const hook prepare_1 = rt().add_hook(phase::prepare, say("prepare 1"));
  const hook idle = rt().add_hook(phase::idle, say("idle"));
  const hook prepare_2 = rt().add_hook(phase::prepare, say("prepare 2"));
  rt().set_immediate(say("immediate"));
  rt().set_timeout(0ns, say("timer"));
  rt().post(say("post"));
  rt().run_nowait();
  EXPECT_EQ(log.text(), "timer > idle > prepare 1 > prepare 2 > post > immediate > check");
}

TEST_P(callbacks, AHookDoesNotHoldTheLoop) {
  const hook h = rt().add_hook(phase::idle, [&] { log("ran"); });
  rt().run();
  EXPECT_EQ(tick(), 0u);
  EXPECT_EQ(rt().pending().total(), 0u);
}

TEST_P(callbacks, AHookMayDropItself) {
  std::optional<hook> self;
  self = rt().add_hook(phase::prepare, [&, alive = std::make_unique<int>(5)] {
    log("ran");
    self.reset();
    EXPECT_EQ(*alive, 5) << "the callable lives until it returns";
  });
  const hook next = rt().add_hook(phase::prepare, [&] { log("next"); });
  for (int i = 0; i < 2; ++i) rt().run_nowait();
  EXPECT_EQ(log.text(), "ran > next > next");
}

TEST_P(callbacks, AHookMayDropThoseBeforeAndBehindIt) {
  std::vector<hook> hooks;
  const auto say = [&](std::string what) { return [this, what] { log(what); }; };
  hooks.push_back(rt().add_hook(phase::check, say("1")));
  hooks.push_back(rt().add_hook(phase::check, [&] {
    log("2");
    hooks[0] = hook();
    hooks[2] = hook();
  }));
  hooks.push_back(rt().add_hook(phase::check, say("3")));
  hooks.push_back(rt().add_hook(phase::check, say("4")));
  for (int i = 0; i < 2; ++i) rt().run_nowait();
  EXPECT_EQ(log.text(), "1 > 2 > 4 > 2 > 4");
}

TEST_P(callbacks, AHookMayDropAllHooksOfItsPhase) {
  std::vector<hook> hooks;
  for (int i = 0; i < 3; ++i) {
    hooks.push_back(rt().add_hook(phase::idle, [&] {
      log("ran");
      hooks.clear();
    }));
  }
  for (int i = 0; i < 2; ++i) rt().run_nowait();
  EXPECT_EQ(log.text(), "ran");
}

TEST_P(callbacks, AMovedHookGoesOnAndAnAssignedOneIsDropped) {
  hook first = rt().add_hook(phase::prepare, [&] { log("first"); });
  hook moved = std::move(first);
  rt().run_nowait();
  hook second = rt().add_hook(phase::prepare, [&] { log("second"); });
  moved = std::move(second);
  second = hook();
  rt().run_nowait();
  rt().run_nowait();
  EXPECT_EQ(log.text(), "first > second > second");
}

TEST_P(callbacks, WhatAHookMakesReadyRunsBeforeTheNextHook) {
  const hook one = rt().add_hook(phase::prepare, [&] {
    log("one");
    rt().next_tick([&] { log("microtask"); });
  });
  const hook two = rt().add_hook(phase::prepare, [&] { log("two"); });
  rt().set_immediate([] {});
  rt().run();
  EXPECT_EQ(log.text(), "one > microtask > two");
}

TEST_P(callbacks, AnIdleHookKeepsPollFromSleepingAndOthersDoNot) {
  make_counted();
  run([&]() -> task<> {
    {
      const hook idle = rt().add_hook(phase::idle, [&] {
        if (is_virtual()) advance_time(100us);
      });
      co_await sleep_for(1ms);
      EXPECT_EQ(used().sleeps, 0u);
    }
    const hook prepare = rt().add_hook(phase::prepare, [] {});
    co_await sleep_for(5ms);
    EXPECT_GE(used().sleeps, 1u);
  });
}

}  // namespace
}  // namespace eddy::test
