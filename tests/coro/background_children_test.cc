// docs/semantics.md, rule 34: the background children of a group.
#include <memory>
#include <optional>
#include <vector>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class background_children : public coro_test {
 public:
  /// Logs the end of its frame; waits until it is stopped.
  task<void> waiting(std::string name) {
    const noted end(log, name + " gone");
    co_await never.wait();
  }
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(background_children);

TEST_P(background_children, Rule34TheyAreCancelledWhenBodyAndOtherChildrenHaveEndedAndWaitedFor) {
  run([&]() -> task<> {
    const int value = co_await with_task_group([&](task_group& g) -> task<int> {
      auto cleanup = [&]() -> task<> {
        co_await sleep_for(1ms);
        log("cleaned up");
      };
      g.spawn_background(
          [&, cleanup]() -> task<> { co_await finally(waiting("background"), cleanup); });
      g.spawn_background(sleep_for(1h));
      g.spawn([&]() -> task<> {
        co_await sleep_for(1ms);
        log("child");
      });
      log("body");
      co_return 7;
    });
    log("group " + std::to_string(value));
  });
  EXPECT_EQ(log.text(), "body > child > background gone > cleaned up > group 7");
}

TEST_P(background_children, Rule34ABodyThatEndsAtOnceEndsThemToo) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn_background(&background_children::waiting, this, "background");  // never begins
      co_return;
    });
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn_background(&background_children::waiting, this, "background");
      co_await next_tick();
    });
    log("group");
  });
  EXPECT_EQ(log.text(), "background gone > group");
}

TEST_P(background_children, Rule34TheyAreNotCountedAndNotWaitedFor) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      const auto background = g.spawn_background(&background_children::waiting, this, "background");
      const auto short_one = g.spawn_background(value_after, 0ns, 3);
      EXPECT_EQ(g.size(), 0u);
      co_await g.wait();
      g.spawn(value_after, 1ms, 1);
      EXPECT_EQ(g.size(), 1u);
      co_await g.wait();
      EXPECT_EQ(co_await short_one, 3);
      EXPECT_FALSE(background.done());
      log("body");
    });
  });
  EXPECT_EQ(log.text(), "body > background gone");
}

TEST_P(background_children, Rule34TheirExceptionIsTheGroups) {
  run([&]() -> task<> {
    const auto running = [&](task_group& g) -> task<int> {
      g.spawn_background(failing_after, 1ms, "boom");
      g.spawn(&background_children::waiting, this, "child");
      const noted end(log, "body gone");
      co_await never.wait();
      co_return 1;
    };
    log(co_await thrown_in(with_task_group(running)));
    const auto ending = [&](task_group& g) -> task<int> {
      auto cleanup = []() -> task<> {
        co_await sleep_for(1ms);
        throw std::runtime_error("at its end");
      };
      g.spawn_background(
          [&, cleanup]() -> task<> { co_await finally(waiting("background"), cleanup); });
      co_await next_tick();
      co_return 1;
    };
    log(co_await thrown_in(with_task_group(ending)));
  });
  EXPECT_EQ(log.text(), "body gone > child gone > boom > background gone > at its end");
}

TEST_P(background_children, Rule34AndRule22ACancelReachesThemInTheOrderInWhichTheyWereStarted) {
  run([&]() -> task<> {
    const auto h = spawn(with_task_group([&](task_group& g) -> task<int> {
      g.spawn_background(&background_children::waiting, this, "1");
      g.spawn(&background_children::waiting, this, "2");
      g.spawn_background(&background_children::waiting, this, "3");
      g.spawn(&background_children::waiting, this, "4");
      co_await waiting("body");
      co_return 1;
    }));
    co_await immediate();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "body gone > 1 gone > 2 gone > 3 gone > 4 gone > stopped");
}

TEST_P(background_children, Rule34ACancelThatComesWhileTheyEndDoesNotTakeTheValue) {
  run([&]() -> task<> {
    event may_end;
    const auto h = spawn([&]() -> task<> {
      const int value = co_await with_task_group([&](task_group& g) -> task<int> {
        auto cleanup = [&]() -> task<> { co_await may_end.wait(); };
        g.spawn_background(
            [&, cleanup]() -> task<> { co_await finally(waiting("background"), cleanup); });
        co_await next_tick();
        co_return 7;
      });
      log("group " + std::to_string(value));
      co_await next_tick();
      log("not reached");
    });
    co_await immediate();
    h.cancel();
    co_await immediate();
    EXPECT_FALSE(h.done());
    may_end.set();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "background gone > group 7 > stopped");
}

TEST_P(background_children, Rule34WhatIsSpawnedWhileTheyEndNeverBegins) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      auto cleanup = [&]() -> task<> {
        const auto late = g.spawn(&background_children::waiting, this, "late");
        const auto later = g.spawn_background(&background_children::waiting, this, "later");
        log(co_await end_of(late));
        log(co_await end_of(later));
      };
      g.spawn_background(
          [&, cleanup]() -> task<> { co_await finally(waiting("background"), cleanup); });
      co_await next_tick();
    });
    log("group");
  });
  EXPECT_EQ(log.text(), "background gone > stopped > stopped > group");
}

TEST_P(background_children, Rule34ItsHandleAndTheGroupsCancelEndThem) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      const auto first = g.spawn_background(&background_children::waiting, this, "first");
      g.spawn_background(&background_children::waiting, this, "second");
      co_await immediate();
      first.cancel();
      log(co_await end_of(first));
      g.cancel();
      log("cancelled");
      g.spawn_background(&background_children::waiting, this, "third");  // never begins
      co_await next_tick();
      log("not reached");
    });
    log("group");
  });
  EXPECT_EQ(log.text(), "first gone > stopped > cancelled > second gone > group");
}

TEST_P(background_children, Rule34AndRule15TheirWorkMayStillWakeTheBody) {
  run([&]() -> task<> {
    event told;
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn_background([&]() -> task<> {
        co_await sleep_for(1ms);
        told.set();
        co_await waiting("background");
      });
      co_await told.wait();
      log("told");
    });
  });
  EXPECT_EQ(log.text(), "told > background gone");
}

}  // namespace
}  // namespace eddy::test
