// docs/semantics.md, rules 1 to 11: the phases of a tick, microtasks and their budget. The name of
// each test begins with its rule.
#include <algorithm>
#include <ctime>
#include <functional>
#include <utility>
#include <vector>

#include <eddy/coro/event.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class semantics : public every_runtime {
 protected:
  template <class A>
  task<> log_after(A awaitable, std::string what) {
    co_await awaitable;
    log(what);
  }
  runtime& with_budget(unsigned budget) {
    runtime_options options;
    options.callback_budget = budget;
    return make(options);
  }
};
EDDY_TEST_ON_EVERY_BACKEND(semantics);

// ---- Phases ----

TEST_P(semantics, Rule01WhatATimerAddsToTheTimersRunsInTheNextTick) {
  run([&]() -> task<> {
    for (int i = 1; i <= 3; ++i) {
      co_await sleep_for(0ns);
      log("timer in tick", tick());
    }
  });
  EXPECT_EQ(log.text(), "timer in tick 1 > timer in tick 2 > timer in tick 3");
}

TEST_P(semantics, Rule01WhatIsPostponedWhilePostponedWorkRunsWaitsForTheNextTick) {
  run([&]() -> task<> {
    for (int i = 1; i <= 3; ++i) {
      co_await yield();
      log("pending in tick", tick());
    }
  });
  EXPECT_EQ(log.text(), "pending in tick 1 > pending in tick 2 > pending in tick 3");
}

TEST_P(semantics, Rule01WhatAPostPostsRunsInTheNextTick) {
  rt().post([&] {
    log("outer in tick", tick());
    rt().post([&] { log("inner in tick", tick()); });
  });
  rt().run();
  EXPECT_EQ(log.text(), "outer in tick 1 > inner in tick 2");
}

TEST_P(semantics, Rule01WhoYieldsInEveryTickLeavesNoPhaseOut) {
  stream_pair pair(rt());
  pair.say("x");
  bool done = false;
  hook prepare;
  // (Each alone: what one brings about must not hide that another is forgotten.)
  const std::pair<const char*, std::function<void()>> all[] = {
      {"timers", [&] { rt().set_timeout(0ms, [&] { done = true; }); }},
      {"prepare", [&] { prepare = rt().add_hook(phase::prepare, [&] { done = true; }); }},
      {"poll, an operation",
       [&] {
         spawn([&]() -> task<> {
           co_await pair.read();
           done = true;
         });
       }},
      {"poll, a post", [&] { rt().post([&] { done = true; }); }},
      {"check", [&] { rt().set_immediate([&] { done = true; }); }},
  };
  for (const auto& [name, begin] : all) {
    done = false;
    run([&]() -> task<> {
      begin();
      for (int i = 0; !done && i < 100; ++i) co_await yield();
      EXPECT_TRUE(done) << name;
    });
    prepare = hook();
  }
  EXPECT_LT(tick(), 4096u) << "(every so many ticks goes through all phases in any case)";
}

TEST_P(semantics, Rule01AHookAddedInItsPhaseRunsFromTheNextTickOn) {
  hook added;
  const hook adding = rt().add_hook(phase::prepare, [&] {
    log("adding in tick", tick());
    if (tick() == 1) {
      added = rt().add_hook(phase::prepare, [&] { log("added in tick", tick()); });
    }
  });
  run([&]() -> task<> {
    co_await immediate();
    co_await immediate();
  });
  EXPECT_EQ(log.text(), "adding in tick 1 > adding in tick 2 > added in tick 2");
}

TEST_P(semantics, Rule01TheFinishedReadsOfOneTickDoNotLetTheirNewReadsInBetween) {
  stream_pair one(rt());
  stream_pair other(rt());
  const auto read_twice = [&](stream_pair& p, std::string name) -> task<> {
    co_await p.read();
    log(name + "1");
    p.say("y");
    co_await p.read();
    log(name + "2");
  };
  one.say("x");
  other.say("x");
  run([&]() -> task<> {
    spawn(read_twice, std::ref(one), "a");
    spawn(read_twice, std::ref(other), "b");
    co_return;
  });
  EXPECT_EQ(log.text(), "a1 > b1 > a2 > b2");
}

TEST_P(semantics, Rule02AZeroTimerStartedByATimersWaiterFiresInTheNextTick) {
  rt().set_timeout(0ns, [&] {
    log("outer in tick", tick());
    rt().set_timeout(0ns, [&] { log("inner in tick", tick()); });
  });
  rt().run();
  EXPECT_EQ(log.text(), "outer in tick 1 > inner in tick 2");
}

TEST_P(semantics, Rule02AnImmediateAskedForByAnImmediateRunsInTheNextTick) {
  run([&]() -> task<> {
    co_await immediate();
    log("outer in tick", tick());
    co_await immediate();
    log("inner in tick", tick());
  });
  EXPECT_EQ(log.text(), "outer in tick 1 > inner in tick 2");
}

TEST_P(semantics, Rule03ATimerClearedByASiblingDueInTheSameTickDoesNotRun) {
  timer_id second;
  rt().set_timeout(0ns, [&] {
    log("first");
    rt().clear(second);
  });
  second = rt().set_timeout(0ns, [&] { log("second"); });
  rt().set_timeout(0ns, [&] { log("third"); });
  rt().run();
  EXPECT_EQ(log.text(), "first > third");
  EXPECT_EQ(rt().pending().total(), 0u);
}

TEST_P(semantics, Rule03ASleepCancelledByASiblingDueInTheSameTickDoesNotGoOn) {
  run([&]() -> task<> {
    const time_point due = now();
    spawn([&, due]() -> task<> {
      const auto second = spawn(log_after(sleep_until(due), "second"));
      co_await next_tick();
      co_await sleep_until(due);
      log("first");
      second.cancel();
    });
    co_return;
  });
  // (the second sleep began earlier: it went on before it was cancelled)
  EXPECT_EQ(log.text(), "second > first");
  log.clear();
  run([&]() -> task<> {
    const time_point due = now();
    std::vector<join_handle<void>> victims;
    spawn([&, due]() -> task<> {
      co_await sleep_until(due);
      log("first");
      victims.front().cancel();
    });
    victims.push_back(spawn(log_after(sleep_until(due), "second")));
    spawn(log_after(sleep_until(due), "third"));
    co_await yield();
    co_await yield();
  });
  EXPECT_EQ(log.text(), "first > third");
}

TEST_P(semantics, Rule03AnImmediateCancelledByASiblingOfTheSameTickDoesNotGoOn) {
  run([&]() -> task<> {
    std::vector<join_handle<void>> victims;
    spawn([&]() -> task<> {
      co_await immediate();
      log("first");
      victims.front().cancel();
    });
    victims.push_back(spawn(log_after(immediate(), "second")));
    spawn(log_after(immediate(), "third"));
    co_await yield();
    co_await yield();
  });
  EXPECT_EQ(log.text(), "first > third");
}

TEST_P(semantics, Rule04EqualDeadlinesGoOnInTheOrderStartedWhateverTheirKind) {
  run([&]() -> task<> {
    // Started for later, and started late for the same instant.
    const time_point due = now() + 2ms;
    spawn(log_after(sleep_until(due), "a"));
    spawn(log_after(sleep_until(due - 1ms), "earlier"));
    spawn([&, due]() -> task<> {
      spawn(log_after(sleep_until(due), "b"));
      co_await sleep_until(due);
      log("c");
    });
    for (int i = 0; i < 100; ++i) spawn(log_after(sleep_until(due), ""));
    co_await next_tick();
    co_await next_tick();
    spawn(log_after(sleep_until(due), "last"));
  });
  std::string expected = "earlier > a";
  for (int i = 0; i < 100; ++i) expected += " > ";
  // c sleeps before the spawned ones begin, b after them.
  expected = "earlier > a > c";
  for (int i = 0; i < 100; ++i) expected += " > ";
  EXPECT_EQ(log.text(), expected + " > b > last");
}

TEST_P(semantics, Rule05NoTimerFiresEarly) {
  const int many = is_virtual() ? 1000 : 10000;
  int fired = 0;
  const auto sleeper = [&](duration d) -> task<> {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    const time_point due = now() + d;
    const auto real_due = std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec) + d;
    co_await sleep_for(d);
    EXPECT_GE(now(), due);
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (!is_virtual()) {
      EXPECT_GE(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec), real_due);
    }
    ++fired;
  };
  run([&]() -> task<> {
    std::uint64_t random = 1;
    for (int i = 0; i < many; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      spawn(sleeper, duration(random % 20'000'000));
    }
    co_return;
  });
  EXPECT_EQ(fired, many);
}

TEST_P(semantics, Rule05InVirtualTimeASleepLastsExactlyAsLongAsAskedFor) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    for (duration d : {1ns, 999ns, 1000ns, 65'536ns, 3'600'000'000'000ns}) {
      const time_point before = now();
      co_await sleep_for(d);
      EXPECT_EQ(now() - before, d);
    }
  });
}

TEST_P(semantics, Rule05AZeroOrNegativeSleepGoesThroughTheNextTicksTimersPhase) {
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      co_await immediate();
      for (duration d : {duration(0), duration(-1), duration::min()}) {
        co_await sleep_for(d);
        log("tick", tick());
      }
      co_await sleep_until(time_point::min());
      log("tick", tick());
    });
    co_return;
  });
  EXPECT_EQ(log.text(), "tick 2 > tick 3 > tick 4 > tick 5");
}

TEST_P(semantics, Rule06FromMainAZeroSleepStartedBeforeAnImmediateGoesOnFirst) {
  run([&]() -> task<> {
    spawn(log_after(sleep_for(0ns), "sleep 0"));
    co_await immediate();
    log("immediate in tick", tick());
  });
  EXPECT_EQ(log.text(), "sleep 0 > immediate in tick 1");
}

TEST_P(semantics, Rule06FromAPollPhaseAnImmediateGoesOnBeforeAZeroSleepStartedEarlier) {
  rt().post([&] {
    log("post in tick", tick());
    rt().set_timeout(0ns, [&] { log("sleep 0 in tick", tick()); });
    rt().set_immediate([&] { log("immediate in tick", tick()); });
  });
  rt().run();
  EXPECT_EQ(log.text(), "post in tick 1 > immediate in tick 1 > sleep 0 in tick 2");
}

TEST_P(semantics, Rule06AnImmediateOfMainRunsAfterPoll) {
  rt().post([&] { log("post"); });
  run([&]() -> task<> {
    co_await immediate();
    log("immediate");
  });
  EXPECT_EQ(log.text(), "post > immediate");
}

TEST_P(semantics, Rule07ATickWithoutTimersReadsNoClock) {
  make_counted();
  rt().backend();
  run([&]() -> task<> {
    for (int i = 0; i < 100; ++i) co_await yield();
    for (int i = 0; i < 100; ++i) co_await immediate();
    for (int i = 0; i < 100; ++i) co_await next_tick();
  });
  EXPECT_GE(tick(), 199u);
  EXPECT_EQ(used().clock_reads, 0u);
}

TEST_P(semantics, Rule07ATickWithTimersReadsTheClockOnce) {
  make_counted();
  rt().backend();
  rt().set_timeout(1h, [] {});
  const auto asked = used().clock_reads;
  EXPECT_EQ(asked, 1u) << "to start it";
  run([&]() -> task<> {
    for (int i = 0; i < 50; ++i) co_await yield();
    rt().request_stop();
  });
  EXPECT_LE(used().clock_reads - asked, tick());
  EXPECT_GE(used().clock_reads - asked, 50u);
}

TEST_P(semantics, Rule07ASleepCountsFromTheCallAndNotFromTheTicksTime) {
  if (!is_virtual()) return;
  run([&]() -> task<> {
    co_await sleep_for(1ms);
    const time_point began = now();
    advance_time(5ms);  // as if this resumption took so long
    EXPECT_EQ(now() - began, 5ms) << "now() reads the clock at the call";
    co_await sleep_for(10ms);
    EXPECT_EQ(now() - began, 15ms);
    interval beat(10ms);
    advance_time(3ms);
    EXPECT_EQ(co_await beat.tick(), began + 25ms) << "an interval counts from its construction";
  });
}

TEST_P(semantics, Rule07TheClockIsTheMonotonicOne) {
  if (is_virtual()) return;
  run([&]() -> task<> {
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    const auto between = now().time_since_epoch();
    clock_gettime(CLOCK_MONOTONIC, &after);
    EXPECT_GE(between, std::chrono::seconds(before.tv_sec) + 1ns * before.tv_nsec);
    EXPECT_LE(between, std::chrono::seconds(after.tv_sec) + 1ns * after.tv_nsec);
    EXPECT_GE(rt().now().time_since_epoch(), between);
    co_return;
  });
}

// ---- Microtasks ----

TEST_P(semantics, Rule08EverythingThatIsMadeReadyGoesToOneQueueInOneOrder) {
  event made_ready;
  run([&]() -> task<> {
    const auto ended = spawn([]() -> task<> { co_return; });
    spawn(log_after(made_ready.wait(), "event waiter"));
    spawn([&]() -> task<> {
      const auto child = spawn([&]() -> task<> {
        log("child");
        co_return;
      });
      co_await child;
      log("joiner");
    });
    co_await sleep_for(0ns);
    rt().next_tick([&] { log("callback"); });
    made_ready.set();
    spawn([&]() -> task<> {
      log("spawned");
      co_return;
    });
    co_await next_tick();
    log("next_tick");
    co_await ended;
  });
  EXPECT_EQ(log.text(), "child > joiner > callback > event waiter > spawned > next_tick");
}

TEST_P(semantics, Rule08MicrotasksAreDrainedAfterEverySingleResumptionOfAPhase) {
  for (const bool in_poll : {false, true}) {
    log.clear();
    const auto item = [&](std::string name) {
      return [this, name] {
        log(name);
        rt().next_tick([this, name] {
          log(name + ".1");
          rt().next_tick([this, name] { log(name + ".2"); });
        });
      };
    };
    for (const char* name : {"a", "b"}) {
      if (in_poll) {
        rt().post(item(name));
      } else {
        rt().set_immediate(item(name));
      }
    }
    rt().run();
    EXPECT_EQ(log.text(), "a > a.1 > a.2 > b > b.1 > b.2");
  }
}

TEST_P(semantics, Rule09SpawnNeverRunsTheChildInsideTheCall) {
  run([&]() -> task<> {
    for (int i = 0; i < 2; ++i) {  // once outside of any tick, once within one
      const auto child = spawn([&]() -> task<> {
        log("child");
        co_return;
      });
      log("after spawn");
      EXPECT_FALSE(child.done());
      co_await sleep_for(0ns);
      EXPECT_TRUE(child.done());
    }
  });
  EXPECT_EQ(log.text(), "after spawn > child > after spawn > child");
}

TEST_P(semantics, Rule09AnAwaitedTaskRunsAtOnceAndItsEndGoesOnInItsAwaiterAtOnce) {
  const auto child = [&](bool suspends) -> task<> {
    log("child");
    if (suspends) co_await immediate();
    log("child's end");
  };
  run([&]() -> task<> {
    for (const bool suspends : {false, true}) {
      rt().next_tick([&] { log("microtask"); });
      task<> made = child(suspends);
      log("made");
      co_await std::move(made);
      log("awaiter");
      co_await next_tick();
    }
  });
  EXPECT_EQ(log.text(),
            "made > child > child's end > awaiter > microtask > "
            "made > child > microtask > child's end > awaiter");
}

TEST_P(semantics, Rule09ACallableThatThrowsBeforeItGivesATaskIsATaskThatThrew) {
  run([&]() -> task<> {
    const auto throws = []() -> task<> { throw std::domain_error("before"); };
    const auto child = spawn(throws);
    log("after spawn");
    EXPECT_THROW(co_await child, std::domain_error);
  });
  EXPECT_THROW(eddy::run(rt(), []() -> task<int> { throw std::domain_error("before"); }),
               std::domain_error);
  EXPECT_EQ(log.text(), "after spawn");
}

TEST_P(semantics, Rule10AnOperationThatCouldEndAtOnceEndsInAPollPhase) {
  stream_pair pair(rt());
  pair.say("x");
  run([&]() -> task<> {
    rt().next_tick([&] { log("microtask"); });
    spawn(log_after(yield(), "pending"));
    co_await pair.read();
    log(tick() >= 1 ? "read" : "read outside of a tick");
  });
  EXPECT_EQ(log.text(), "microtask > pending > read");
}

TEST_P(semantics, Rule10AnOffloadGoesThroughTheLoop) {
  run([&]() -> task<> {
    rt().next_tick([&] { log("microtask"); });
    spawn(log_after(yield(), "pending"));
    auto job = [] {};
    co_await offload(job);
    log(tick() >= 1 ? "offload" : "offload outside of a tick");
  });
  EXPECT_EQ(log.text(), "microtask > pending > offload");
}

TEST_P(semantics, Rule10WhatIsOnOurSideIsGivenWithoutSuspending) {
  run([&]() -> task<> {
    event is_set;
    is_set.set();
    const auto ended = spawn([]() -> task<int> { co_return 7; });
    co_await next_tick();
    rt().next_tick([&] { log("microtask"); });
    co_await is_set.wait();
    log("event");
    EXPECT_EQ(co_await ended, 7);
    log("join");
  });
  EXPECT_EQ(log.text(), "event > join > microtask");
}

TEST_P(semantics, Rule10WhatIsGivenWithoutSuspendingCountsAsOneMicrotask) {
  with_budget(10);
  run([&]() -> task<> {
    event is_set;
    is_set.set();
    co_await immediate();  // in a tick, where nothing else has used the budget
    for (int i = 1; i <= 25; ++i) {
      co_await is_set.wait();
      if (i % 10 == 0 || i % 10 == 1) log(std::to_string(i) + " in tick", tick());
    }
  });
  // The eleventh queues and goes on in the next tick, as one microtask of that.
  EXPECT_EQ(log.text(), "1 in tick 1 > 10 in tick 1 > 11 in tick 2 > 20 in tick 2 > 21 in tick 3");
}

// ---- The budget ----

TEST_P(semantics, Rule11WhatTheBudgetLeavesRunsInTheNextTicksPendingPhaseInOrder) {
  with_budget(4);
  run([&]() -> task<> {
    co_await immediate();  // tick 1, check
    for (int i = 1; i <= 6; ++i) {
      rt().next_tick([&, i] {
        log(std::to_string(i) + " in tick", tick());
        if (i == 1) rt().next_tick([&] { log("of 1 in tick", tick()); });
      });
    }
    rt().set_timeout(0ns, [&] { log("timer in tick", tick()); });
  });
  EXPECT_EQ(log.text(),
            "1 in tick 1 > 2 in tick 1 > 3 in tick 1 > 4 in tick 1 > "
            "5 in tick 2 > 6 in tick 2 > of 1 in tick 2 > timer in tick 2");
}

TEST_P(semantics, Rule11APhasesOwnItemsAllRunWhateverTheBudget) {
  with_budget(2);
  for (int i = 0; i < 5; ++i) {
    rt().set_immediate([&] {
      log("item in tick", tick());
      rt().next_tick([&] { log("micro in tick", tick()); });
    });
  }
  rt().run();
  EXPECT_EQ(log.text(),
            "item in tick 1 > micro in tick 1 > item in tick 1 > micro in tick 1 > "
            "item in tick 1 > item in tick 1 > item in tick 1 > "
            "micro in tick 2 > micro in tick 2 > micro in tick 3");
}

TEST_P(semantics, Rule11APollRunsAtMostABudgetOfPosts) {
  with_budget(3);
  for (int i = 1; i <= 7; ++i) {
    rt().post([&, i] { log(std::to_string(i) + " in tick", tick()); });
  }
  rt().run();
  EXPECT_EQ(log.text(),
            "1 in tick 1 > 2 in tick 1 > 3 in tick 1 > 4 in tick 2 > 5 in tick 2 > 6 in tick 2 > "
            "7 in tick 3");
}

TEST_P(semantics, Rule11APollTakesAtMostABudgetOfReports) {
  with_budget(2);
  std::vector<std::unique_ptr<stream_pair>> pairs;
  for (int i = 0; i < 7; ++i) {
    pairs.push_back(std::make_unique<stream_pair>(rt()));
    pairs.back()->say("x");
  }
  std::vector<std::uint64_t> ticks;
  std::vector<int> order;
  run([&]() -> task<> {
    for (int i = 0; i < 7; ++i) {
      spawn([&, i]() -> task<> {
        co_await pairs[static_cast<std::size_t>(i)]->read();
        ticks.push_back(tick());
        order.push_back(i);
      });
    }
    co_return;
  });
  ASSERT_EQ(ticks.size(), 7u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  for (std::uint64_t t : ticks) EXPECT_LE(std::count(ticks.begin(), ticks.end(), t), 2);
}

TEST_P(semantics, Rule11AnAwaitThatNeedNotSuspendQueuesWhereTheBudgetIsSpent) {
  with_budget(2);
  run([&]() -> task<> {
    event is_set;
    is_set.set();
    co_await immediate();
    for (int i = 1; i <= 2; ++i) co_await is_set.wait();
    rt().next_tick([&] { log("asked for earlier"); });
    co_await is_set.wait();
    is_set.reset();  // (what it came for it has taken)
    log("given in tick", tick());
  });
  EXPECT_EQ(log.text(), "asked for earlier > given in tick 2");
}

TEST_P(semantics, Rule11WithTheBudgetSpentPollDoesNotSleep) {
  runtime_options options;
  options.callback_budget = 2;
  make_counted(options);
  rt().set_timeout(1h, [] {});
  run([&]() -> task<> {
    co_await sleep_for(0ns);
    for (int i = 0; i < 20; ++i) co_await next_tick();
    EXPECT_EQ(used().sleeps, 0u);
    rt().request_stop();
  });
  EXPECT_EQ(used().sleeps, 0u);
}

TEST_P(semantics, Rule11AMillionNextTicksDelayADueTimerByNoMoreThanOneBudget) {
  int chained = 0;
  int when_it_fired = -1;
  run([&]() -> task<> {
    co_await immediate();
    rt().set_timeout(0ns, [&] { when_it_fired = chained; });
    for (; chained < 1'000'000; ++chained) co_await next_tick();
  });
  EXPECT_EQ(chained, 1'000'000);
  EXPECT_GE(when_it_fired, 0);
  EXPECT_LE(when_it_fired, 2 * 1024) << "what was left of one tick's budget, and one more";
  EXPECT_GE(tick(), 1'000'000u / 1024);
  EXPECT_LE(tick(), 1'000'000u / 1024 + 3);
}

}  // namespace
}  // namespace eddy::test
