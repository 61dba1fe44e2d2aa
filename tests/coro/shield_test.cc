// docs/semantics.md, rules 23 and 28: shield and finally.
#include <memory>
#include <optional>
#include <string>

#include <eddy/coro/deferred.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class shielding : public coro_test {
 public:
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(shielding);

TEST_P(shielding, Rule23ShieldRunsInFullWithStopRequestedFalse) {
  run([&]() -> task<> {
    const auto inside = [&]() -> task<int> {
      for (int i = 0; i < 3; ++i) {
        co_await sleep_for(1ms);
        EXPECT_FALSE(stop_requested());
      }
      co_return 4;
    };
    const auto h = spawn([&]() -> task<> {
      EXPECT_EQ(co_await shield(inside()), 4);
      log("shielded");
      EXPECT_TRUE(stop_requested());
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "shielded > stopped");
}

TEST_P(shielding, AReferenceIsPassedOn) {
  run([&]() -> task<> {
    deferred<std::string> name;
    const std::string* kept = nullptr;
    {
      auto set = [&]() -> task<> {
        co_await next_tick();
        name.set(std::string(40, 'x'));
      };
      spawn(set);
      kept = &co_await shield(name.wait());
      EXPECT_EQ(*kept, std::string(40, 'x'));
    }
    auto cleanup = [&]() -> task<> {
      log("cleaned");
      co_return;
    };
    EXPECT_EQ(&co_await finally(name.wait(), cleanup), kept);
    EXPECT_EQ(&co_await shield(name.wait()), kept) << "ready at once";
    // What is put together with others is copied.
    const auto [one, two] = co_await when_all(name.wait(), value_after(1ms, 2));
    EXPECT_EQ(one, *kept);
    EXPECT_EQ(two, 2);
  });
  EXPECT_EQ(log.text(), "cleaned");
}

TEST_P(shielding, Rule23ShieldIsEnteredInAStoppingTask) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      h->cancel();
      EXPECT_EQ(co_await shield(value_after(1ms, 4)), 4);
      log("shielded");
      co_await next_tick();
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "shielded > stopped");
}

TEST_P(shielding, Rule23ShieldIsOutOfReachOfOuterDeadlinesAndItsOwnWork) {
  run([&]() -> task<> {
    const auto inside = [&]() -> task<int> {
      // Its own scopes work as ever.
      EXPECT_EQ((co_await with_timeout(1ms, never.wait())).error(), errc::timed_out);
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn(sleep_for(1h));
        co_await settled();
        g.cancel();
      });
      co_return 1;
    };
    EXPECT_EQ((co_await with_timeout(0ns, shield(inside()))).value(), 1);
  });
}

TEST_P(shielding, ShieldPassesExceptionsAndWhatNeedNotSuspend) {
  run([&]() -> task<> {
    log(co_await thrown_in(shield(failing_after(1ms, "late"))));
    log(co_await thrown_in(shield(failing_now("at once"))));
    EXPECT_EQ(co_await shield(value_now(2)), 2);
    co_await shield(next_tick());
  });
  EXPECT_EQ(log.text(), "late > at once");
}

TEST_P(shielding, Rule15OnlyTheEndOfEverythingReachesIntoAShieldAndACleanup) {
  const std::string said = thrown_by([&] {
    run([&]() -> task<> {
      const auto cleanup = [&]() -> task<> {
        log("cleanup begins");
        const noted end(log, "cleanup gone");
        co_await never.wait();
        log("not reached");
      };
      co_await shield(finally(never.wait(), cleanup));
    });
  });
  EXPECT_NE(said.find("deadlock"), std::string::npos) << said;
  EXPECT_EQ(log.text(), "cleanup begins > cleanup gone");
}

// ---- finally ----

TEST_P(shielding, Rule28TheCleanupIsAwaitedAfterAValue) {
  run([&]() -> task<> {
    const auto cleanup = [&]() -> task<> {
      log("cleanup begins");
      co_await sleep_for(1ms);
      log("cleanup ends");
    };
    EXPECT_EQ(co_await finally(value_after(1ms, 3), cleanup), 3);
    EXPECT_EQ(co_await finally(value_now(4), cleanup), 4);
    co_await finally(sleep_for(0ns), cleanup);
  });
  EXPECT_EQ(log.text(),
            "cleanup begins > cleanup ends > cleanup begins > cleanup ends > cleanup begins > "
            "cleanup ends");
}

TEST_P(shielding, Rule28TheCleanupIsAwaitedAfterAnException) {
  run([&]() -> task<> {
    const auto cleanup = [&]() -> task<> {
      co_await sleep_for(1ms);
      log("cleanup");
    };
    log(co_await thrown_in(finally(failing_after(1ms, "late"), cleanup)));
    log(co_await thrown_in(finally(failing_now("at once"), cleanup)));
  });
  EXPECT_EQ(log.text(), "cleanup > late > cleanup > at once");
}

TEST_P(shielding, Rule28TheCleanupIsAwaitedHoweverLongItTakesAfterAStop) {
  run([&]() -> task<> {
    const auto cleanup = [&]() -> task<> {
      EXPECT_FALSE(stop_requested());
      log("cleanup begins");
      co_await sleep_for(3ms);
      EXPECT_FALSE(stop_requested());
      log("cleanup ends");
    };
    const auto h = spawn([&]() -> task<> {
      const auto body = [&]() -> task<> {
        const noted end(log, "body gone");
        co_await never.wait();
      };
      co_await finally(body(), cleanup);
      log("not reached");
    });
    co_await settled();
    h.cancel();
    co_await settled();
    h.cancel();  // a second one does not reach the cleanup either
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "body gone > cleanup begins > cleanup ends > stopped");
}

TEST_P(shielding, Rule28ACancelDuringTheCleanupDoesNotChangeTheResult) {
  run([&]() -> task<> {
    event in_cleanup;
    const auto h = spawn([&]() -> task<> {
      const auto cleanup = [&]() -> task<> {
        in_cleanup.set();
        co_await sleep_for(1ms);
        log("cleanup");
      };
      EXPECT_EQ(co_await finally(value_now(6), cleanup), 6);
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    co_await in_cleanup.wait();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "cleanup > delivered > stopped");
}

TEST_P(shielding, Rule28TheCleanupsFunctionItselfSeesNoStop) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const auto cleanup = [&]() {
        EXPECT_FALSE(stop_requested());
        log("made");
        return settled();
      };
      co_await finally(never.wait(), cleanup);
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "made > stopped");
}

TEST_P(shielding, Rule28TheCleanupsExceptionReplacesAValueOrAStopNotAnEarlierException) {
  run([&]() -> task<> {
    const auto at_once = []() -> task<> {
      throw std::runtime_error("cleanup");
      co_return;
    };
    const auto late = []() -> task<> {
      co_await sleep_for(1ms);
      throw std::runtime_error("late cleanup");
    };
    const auto before = []() {
      throw std::runtime_error("no cleanup");
      return task<>(settled());
    };
    log(co_await thrown_in(finally(value_now(1), at_once)));
    log(co_await thrown_in(finally(value_after(1ms, 1), late)));
    log(co_await thrown_in(finally(value_after(1ms, 1), before)));
    log(co_await thrown_in(finally(failing_after(1ms, "body"), late)));
    log(co_await thrown_in(finally(failing_now("body"), before)));
    const auto h = spawn([&]() -> task<> { co_await finally(never.wait(), late); });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "cleanup > late cleanup > no cleanup > body > body > late cleanup");
}

TEST_P(shielding, Rule28NestedCleanupsRunFromTheInnermostOut) {
  run([&]() -> task<> {
    const auto inner = [&]() -> task<> {
      co_await sleep_for(1ms);
      log("inner");
    };
    const auto outer = [&]() -> task<> {
      co_await sleep_for(1ms);
      log("outer");
    };
    const auto h =
        spawn([&]() -> task<> { co_await finally(finally(never.wait(), inner), outer); });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "inner > outer > stopped");
}

TEST_P(shielding, Rule28ACleanupInsideACleanupAndAGroupInACleanupRun) {
  run([&]() -> task<> {
    const auto innermost = [&]() -> task<> {
      co_await next_tick();
      log("innermost");
    };
    const auto cleanup = [&]() -> task<> {
      co_await finally(sleep_for(1ms), innermost);
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn(sleep_for(1ms));
        co_return;
      });
      log("cleanup");
    };
    EXPECT_EQ((co_await with_timeout(1ms, finally(never.wait(), cleanup))).error(),
              errc::timed_out);
  });
  EXPECT_EQ(log.text(), "innermost > cleanup");
}

TEST_P(shielding, Rule28InATaskThatIsStoppingAlreadyBodyAndCleanupAreEntered) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      h->cancel();
      const auto body = [&]() -> task<> {
        log("body");
        co_await next_tick();
        log("not reached");
      };
      const auto cleanup = [&]() -> task<> {
        co_await next_tick();
        log("cleanup");
      };
      co_await finally(body(), cleanup);
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "body > cleanup > stopped");
}

TEST_P(shielding, FinallyNestsFiveThousandDeep) {
  struct nest {
    static task<int> in_finally(int depth, event& wait, int& cleaned) {
      const counted frame;
      if (!depth) {
        co_await wait.wait();
        co_return 1;
      }
      const auto cleanup = [&cleaned]() -> task<> {
        co_await next_tick();
        ++cleaned;
      };
      co_return 1 + co_await finally(in_finally(depth - 1, wait, cleaned), cleanup);
    }
  };
  run([&]() -> task<> {
    int cleaned = 0;
    const auto h = spawn(&nest::in_finally, 5'000, std::ref(never), std::ref(cleaned));
    co_await settled();
    h.cancel();
    EXPECT_TRUE((co_await h.join()).stopped());
    EXPECT_EQ(cleaned, 5'000);
    EXPECT_EQ(counted::live, 0);
  });
}

}  // namespace
}  // namespace eddy::test
