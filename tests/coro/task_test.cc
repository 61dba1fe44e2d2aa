// task: values, exceptions, and what must not use up the native stack: a million awaits in a loop
// that complete at once, and chains 100,000 deep, by whatever they end.
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/event.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class tasks : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(tasks);

constexpr int many = 1'000'000;
constexpr int deep = 100'000;

task<int> give(int value) {
  co_return value;
}
task<int> give_later(int value) {
  co_await next_tick();
  co_return value;
}

// ---- Many ----

TEST_P(tasks, ATaskThatIsAssignedToDropsWhatItHad) {
  const auto holds = [](std::shared_ptr<int> token) -> task<> {
    static_cast<void>(token);
    co_return;
  };
  const auto first = std::make_shared<int>(1);
  const auto second = std::make_shared<int>(2);
  task<> a = holds(first);
  task<> b = holds(second);
  a = std::move(b);
  EXPECT_EQ(first.use_count(), 1);
  EXPECT_EQ(second.use_count(), 2);
}

TEST_P(tasks, AMillionTasksThatEndAtOnceAreAwaitedInALoop) {
  const long sum = run([]() -> task<long> {
    long s = 0;
    for (int i = 0; i < many; ++i) s += co_await give(i);
    co_return s;
  });
  EXPECT_EQ(sum, static_cast<long>(many) * (many - 1) / 2);
}

TEST_P(tasks, AMillionAwaitsOfASetEventAreAwaitedInALoop) {
  run([&]() -> task<> {
    event set;
    set.set();
    for (int i = 0; i < many; ++i) co_await set.wait();
  });
  EXPECT_GE(tick(), many / 1024u) << "each counts as a microtask, so the loop turns";
}

TEST_P(tasks, AMillionResultsAreTakenByOkInALoop) {
  const auto result_of = [](int i) -> task<result<int>> { co_return i; };
  const long sum = run([&]() -> task<long> {
    long s = 0;
    for (int i = 0; i < many; ++i) s += co_await ok(result_of(i));
    co_return s;
  });
  EXPECT_EQ(sum, static_cast<long>(many) * (many - 1) / 2);
}

TEST_P(tasks, AMillionTasksThatThrowAreCaughtInALoop) {
  const auto throws = []() -> task<int> { throw 7; };
  run([&]() -> task<> {
    for (int i = 0; i < many / 10; ++i) {
      int caught = 0;
      try {
        co_await throws();
      } catch (int value) {
        caught = value;
      }
      EXPECT_EQ(caught, 7);
    }
  });
}

TEST_P(tasks, ManySpawnedTasksEachEnd) {
  int ended = 0;
  run([&]() -> task<> {
    for (int i = 0; i < deep; ++i) {
      spawn([&ended]() -> task<> {
        co_await next_tick();
        ++ended;
      });
    }
    co_return;
  });
  EXPECT_EQ(ended, deep);
}

// ---- Deep ----

enum class way { value, exception, stopped, error };

/// The innermost one waits (or not), and ends in its way.
task<int> descend(int levels, way w, bool waits) {
  if (levels > 0) co_return 1 + co_await descend(levels - 1, w, waits);
  if (waits) co_await next_tick();
  if (w == way::exception) throw std::domain_error("from the bottom");
  if (w == way::stopped) co_await sleep_for(1h);
  co_return 0;
}

TEST_P(tasks, AChainIsDeepByValue) {
  for (const bool waits : {false, true}) {
    EXPECT_EQ(run([waits]() -> task<int> { return descend(deep, way::value, waits); }), deep);
  }
}

TEST_P(tasks, AChainIsDeepByException) {
  for (const bool waits : {false, true}) {
    EXPECT_THROW(run([waits]() -> task<int> { return descend(deep / 10, way::exception, waits); }),
                 std::domain_error);
  }
}

TEST_P(tasks, AHundredThousandFramesArePassedByAnException) {
  EXPECT_THROW(run([]() -> task<int> { return descend(deep, way::exception, true); }),
               std::domain_error);
}

TEST_P(tasks, AChainIsDeepByAStop) {
  run([&]() -> task<> {
    const auto child = spawn(&descend, deep, way::stopped, false);
    co_await immediate();
    child.cancel();
    const auto end = co_await child.join();
    EXPECT_TRUE(end.stopped());
  });
}

task<result<int>> descend_by_ok(int levels, bool waits) {
  if (levels > 0) co_return 1 + co_await ok(descend_by_ok(levels - 1, waits));
  if (waits) co_await next_tick();
  co_return std::errc::connection_reset;
}

TEST_P(tasks, AChainIsDeepByAnErrorThatOkPassesOn) {
  for (const bool waits : {false, true}) {
    const result<int> r =
        run([waits]() -> task<result<int>> { return descend_by_ok(deep, waits); });
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error(), std::errc::connection_reset);
  }
}

task<int> descend_by_boundary(int levels) {
  if (levels == 0) {
    co_await sleep_for(1h);
    co_return 0;
  }
  const auto r = co_await catch_stopped(descend_by_boundary(levels - 1));
  co_return r ? *r + 1 : 1;
}

TEST_P(tasks, AHundredThousandBoundariesStandInEachOther) {
  run([&]() -> task<> {
    const auto child = spawn(&descend_by_boundary, deep);
    co_await immediate();
    child.cancel();
    const auto end = co_await child.join();
    EXPECT_TRUE(end.has_value()) << "the innermost boundary made a value of the stop";
  });
}

task<int> descend_by_join(int levels) {
  if (levels == 0) co_return 0;
  const auto child = spawn(&descend_by_join, levels - 1);
  const int below = co_await child;
  co_return below + 1;
}

TEST_P(tasks, AHundredThousandTasksJoinEachOther) {
  EXPECT_EQ(run([]() -> task<int> { return descend_by_join(deep); }), deep);
}

// ---- Values ----

TEST_P(tasks, AValueIsMovedOutAndMayBeMoveOnly) {
  const auto make = [](int v) -> task<std::unique_ptr<int>> {
    co_await next_tick();
    co_return std::make_unique<int>(v);
  };
  auto value = run([&]() -> task<std::unique_ptr<int>> {
    auto one = co_await make(1);
    EXPECT_EQ(*one, 1);
    co_return std::move(one);
  });
  EXPECT_EQ(*value, 1);
}

TEST_P(tasks, AnExceptionPassesThroughAwaitersAndDestroysTheirLocalsInnermostFirst) {
  const auto throws = [&](bool waits) -> task<> {
    const noted local(log, "inner");
    if (waits) co_await next_tick();
    throw std::domain_error("x");
  };
  const auto passes = [&](bool waits) -> task<> {
    const noted local(log, "outer");
    co_await throws(waits);
  };
  run([&]() -> task<> {
    for (const bool waits : {false, true}) {
      try {
        co_await passes(waits);
        log("not thrown");
      } catch (const std::domain_error& e) {
        log(e.what());
      }
    }
  });
  EXPECT_EQ(log.text(), "inner > outer > x > inner > outer > x");
}

TEST_P(tasks, ATaskThatIsNeverAwaitedDoesNotRunAndDestroysItsArguments) {
  auto token = std::make_shared<int>(0);
  run([&]() -> task<> {
    const auto child = [](std::shared_ptr<int> t) -> task<> {
      ++*t;
      co_return;
    };
    {
      task<> dropped = child(token);
      EXPECT_EQ(token.use_count(), 2);
      task<> moved = std::move(dropped);
      EXPECT_EQ(token.use_count(), 2);
    }
    co_return;
  });
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(*token, 0);
}

TEST_P(tasks, AnAwaitedTasksFrameIsGoneBeforeItsAwaiterGoesOn) {
  run([&]() -> task<> {
    const auto child = [&](std::string name) -> task<> {
      const noted local(log, name + " local");
      co_await next_tick();
      log(name);
    };
    co_await child("a");
    log("then");
    co_await child("b");
  });
  EXPECT_EQ(log.text(), "a > a local > then > b > b local");
}

TEST_P(tasks, ATaskAwaitedTwiceAborts) {
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           task<int> once = give(1);
                           co_await std::move(once);
                           co_await std::move(once);
                         }),
               "^eddy: a task is awaited twice");
}

TEST_P(tasks, RunTakesATaskOrAFunctionWithArguments) {
  EXPECT_EQ(eddy::run(rt(), give(3)), 3);
  EXPECT_EQ(eddy::run(rt(), &give_later, 4), 4);
  const auto owned = [](std::unique_ptr<int> p) -> task<int> {
    co_await next_tick();
    co_return *p;
  };
  EXPECT_EQ(eddy::run(rt(), owned, std::make_unique<int>(5)), 5);
  EXPECT_EQ(eddy::run(&give_later, 6), 6) << "on a runtime of its own";
  EXPECT_EQ(eddy::run(give(7)), 7);
}

TEST_P(tasks, RunKeepsALambdasCapturesUntilTheEndOfTheRun) {
  auto token = std::make_shared<int>(7);
  std::weak_ptr<int> watch = token;
  eddy::run(rt(), [token = std::move(token)]() -> task<> {
    spawn([raw = token.get()]() -> task<> {
      co_await sleep_for(1ms);
      EXPECT_EQ(*raw, 7) << "main has ended, its callable is still there";
    });
    co_return;
  });
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace eddy::test
