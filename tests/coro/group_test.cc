// docs/semantics.md, rules 20 to 25 and 29, as far as they speak of groups and handles. The name of
// each test begins with its rule.
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class group : public coro_test {
 public:
  /// Logs the end of its frame; waits until it is stopped.
  task<void> waiting(std::string name) {
    const noted end(log, name + " gone");
    co_await never.wait();
  }
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(group);

// ---- How a group ends ----

TEST_P(group, Rule25GivesTheBodysValue) {
  run([&]() -> task<> {
    const int value = co_await with_task_group([](task_group& g) -> task<int> {
      auto child = g.spawn(value_after, 1ms, 21);
      co_return 2 * co_await child;
    });
    EXPECT_EQ(value, 42);
  });
}

TEST_P(group, Rule25EndsWhenAllChildrenHaveEndedAfterTheBodysLocals) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      const noted local(log, "body's local");
      g.spawn([&]() -> task<> {
        co_await sleep_for(1ms);
        log("child");
      });
      log("body");
      co_return;
    });
    log("group");
  });
  EXPECT_EQ(log.text(), "body > body's local > child > group");
}

TEST_P(group, Rule25AChildsExceptionCancelsTheOthersAndIsRethrown) {
  run([&]() -> task<> {
    const auto body = [&](task_group& g) -> task<int> {
      g.spawn(&group::waiting, this, "sibling");
      g.spawn(failing_after, 1ms, "boom");
      const noted end(log, "body gone");
      co_await never.wait();
      co_return 1;
    };
    log(co_await thrown_in(with_task_group(body)));
  });
  EXPECT_EQ(log.text(), "body gone > sibling gone > boom");
}

TEST_P(group, Rule25AChildsExceptionFailsItsGroupAlsoWhereItWasJoined) {
  run([&]() -> task<> {
    const auto body = [&](task_group& g) -> task<> {
      auto child = g.spawn(failing_after, 1ms, "boom");
      co_await shield(settled());
      log(co_await shield(end_of(child)));
    };
    log(co_await thrown_in(with_task_group(body)));
  });
  EXPECT_EQ(log.text(), "boom > boom");
}

TEST_P(group, Rule25TheBodysExceptionCancelsTheChildren) {
  run([&]() -> task<> {
    const auto body = [&](task_group& g) -> task<> {
      g.spawn(&group::waiting, this, "child");
      co_await next_tick();
      throw std::runtime_error("boom");
    };
    log(co_await thrown_in(with_task_group(body)));
  });
  EXPECT_EQ(log.text(), "child gone > boom");
}

TEST_P(group, Rule25OfSeveralExceptionsTheFirstCounts) {
  run([&]() -> task<> {
    const auto failing_cleanup = [&]() -> task<> {
      log("cleanup");
      throw std::runtime_error("second");
      co_return;
    };
    const auto body = [&](task_group& g) -> task<> {
      g.spawn([&]() -> task<> { co_await finally(never.wait(), failing_cleanup); });
      g.spawn(failing_after, 1ms, "first");
      co_await never.wait();
    };
    log(co_await thrown_in(with_task_group(body)));
  });
  EXPECT_EQ(log.text(), "cleanup > first");
}

TEST_P(group, Rule25ABodyThatThrowsBeforeItGivesATaskIsABodyThatThrew) {
  run([&]() -> task<> {
    const auto body = [&](task_group& g) -> task<> {
      g.spawn(&group::waiting, this, "never begins");
      throw std::runtime_error("boom");
    };
    log(co_await thrown_in(with_task_group(body)));
  });
  EXPECT_EQ(log.text(), "boom");
}

TEST_P(group, Rule25AChildThatThrowsBeforeItGivesATaskIsAChildThatThrew) {
  run([&]() -> task<> {
    const auto thrower = [](int) -> task<> { throw std::runtime_error("boom"); };
    const auto body = [&](task_group& g) -> task<> {
      g.spawn(thrower, 1);
      co_await never.wait();
    };
    log(co_await thrown_in(with_task_group(body)));
  });
  EXPECT_EQ(log.text(), "boom");
}

TEST_P(group, Rule25CancelledFromOutsideTheAwaitingTaskStopsWhenAllHaveEnded) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const noted outer(log, "awaiting task gone");
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn(&group::waiting, this, "a");
        g.spawn(&group::waiting, this, "b");
        co_await waiting("body");
      });
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "body gone > a gone > b gone > awaiting task gone > stopped");
}

TEST_P(group, Rule25CancelledFromOutsideTheTaskStopsAlsoWhereOnlyAChildWasStopped) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      static_cast<void>(co_await with_task_group([&](task_group& g) -> task<int> {
        g.spawn(&group::waiting, this, "child");
        co_return 1;
      }));
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "child gone > stopped");
}

TEST_P(group, Rule25CancelledFromOutsideWhereAllFinishedAnywayTheValueIsDelivered) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<int> {
      const int value = co_await with_task_group([&](task_group& g) -> task<int> {
        g.spawn([&]() -> task<> { co_await shield(sleep_for(1ms)); });
        co_return co_await shield(value_after(1ms, 7));
      });
      log("delivered");
      EXPECT_TRUE(stop_requested());
      co_await next_tick();
      log("not reached");
      co_return value;
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "delivered > stopped");
}

TEST_P(group, Rule25AnExceptionBeatsACancelFromOutside) {
  run([&]() -> task<> {
    const auto failing_cleanup = []() -> task<> {
      throw std::runtime_error("cleanup");
      co_return;
    };
    const auto h = spawn([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn([&]() -> task<> { co_await finally(never.wait(), failing_cleanup); });
        co_await never.wait();
      });
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "cleanup");
}

// ---- cancel() ----

TEST_P(group, Rule25ABodyOfVoidStoppedByTheGroupsOwnCancelReturns) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn(&group::waiting, this, "child that never began");
      g.cancel();
      co_await never.wait();
      log("not reached");
    });
    EXPECT_FALSE(stop_requested());
    co_await next_tick();
    log("on");
  });
  EXPECT_EQ(log.text(), "on");
}

TEST_P(group, Rule25ABodyWithAValueStoppedByTheGroupsOwnCancelThrowsStoppedError) {
  run([&]() -> task<> {
    bool thrown = false;
    try {
      static_cast<void>(co_await with_task_group([&](task_group& g) -> task<int> {
        g.cancel();
        co_await never.wait();
        co_return 1;
      }));
    } catch (const stopped_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  });
}

TEST_P(group, Rule25ABodyThatHasEndedBeforeTheGroupsCancelGivesItsValue) {
  run([&]() -> task<> {
    const int value = co_await with_task_group([&](task_group& g) -> task<int> {
      g.spawn(&group::waiting, this, "child");
      g.spawn([&]() -> task<> {
        co_await next_tick();
        g.cancel();
      });
      co_return 5;
    });
    EXPECT_EQ(value, 5);
  });
  EXPECT_EQ(log.text(), "child gone");
}

TEST_P(group, Rule22CancelledByAChildASiblingATimerOrACallbackItEndsInTheOrdinaryWay) {
  for (const std::string by : {"child", "timer", "callback", "destructor"}) {
    log.clear();
    run([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn(&group::waiting, this, "first");
        if (by == "child") {
          g.spawn([&]() -> task<> {
            co_await next_tick();
            g.cancel();
            log("cancel returned");
            co_await next_tick();
            log("not reached");
          });
        } else if (by == "timer") {
          rt().set_timeout(1ms, [&] {
            g.cancel();
            log("cancel returned");
          });
        } else if (by == "callback") {
          rt().next_tick([&] {
            g.cancel();
            log("cancel returned");
          });
        } else {
          g.spawn([&]() -> task<> {
            struct canceller {
              task_group& of;
              trace& log;
              canceller(task_group& t, trace& l) : of(t), log(l) {}
              ~canceller() {
                of.cancel();
                log("cancel returned");
              }
            } const at_end(g, log);
            co_await next_tick();
          });
        }
        g.spawn(&group::waiting, this, "last");
        co_await waiting("body");
      });
      log("group");
    });
    // (the callback comes before the last child has begun: it never does)
    EXPECT_EQ(log.text(), by == "callback"
                              ? "cancel returned > body gone > first gone > group"
                              : "cancel returned > body gone > first gone > last gone > group")
        << by;
  }
}

TEST_P(group, Rule22ACancelReachesTheChildrenInTheOrderInWhichTheyWereStarted) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      for (const char* name : {"a", "b", "c", "d"})
        g.spawn(&group::waiting, this, std::string(name));
      co_await settled();
      g.cancel();
    });
  });
  EXPECT_EQ(log.text(), "a gone > b gone > c gone > d gone");
}

TEST_P(group, Rule22CancellingTwiceOrWhatHasEndedIsHarmless) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> child;
    co_await with_task_group([&](task_group& g) -> task<> {
      child = g.spawn(&group::waiting, this, "child");
      co_await settled();
      g.cancel();
      g.cancel();
      child->cancel();
      co_await never.wait();
    });
    child->cancel();
    EXPECT_TRUE(child->done());
    EXPECT_TRUE((co_await child->join()).stopped());
  });
  EXPECT_EQ(log.text(), "child gone");
}

TEST_P(group, Rule22ACancelOfTheGroupFromInsideThenOneFromOutsideStopsTheTask) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        g.cancel();
        h->cancel();
        co_await never.wait();
      });
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(group, Rule25AChildCancelledByItsHandleDoesNotTouchItsSiblings) {
  run([&]() -> task<> {
    const int value = co_await with_task_group([&](task_group& g) -> task<int> {
      const auto first = g.spawn(&group::waiting, this, "first");
      auto second = g.spawn(value_after, 1ms, 3);
      co_await settled();
      first.cancel();
      EXPECT_TRUE((co_await first.join()).stopped());
      co_return co_await second;
    });
    EXPECT_EQ(value, 3);
  });
  EXPECT_EQ(log.text(), "first gone");
}

// ---- Leaving ----

TEST_P(group, Rule24AGroupIsLeftOnlyWhenAShieldedChildHasEnded) {
  run([&]() -> task<> {
    event go;
    const auto h = spawn([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn([&]() -> task<> {
          co_await shield(go.wait());
          log("shielded child");
        });
        co_await never.wait();
      });
    });
    co_await settled();
    h.cancel();
    co_await settled();
    EXPECT_FALSE(h.done());
    go.set();
    log(co_await end_of(h));
  });
  // (the shield's result is delivered, and nothing suspends any more: the child ends with its
  // value)
  EXPECT_EQ(log.text(), "shielded child > stopped");
}

TEST_P(group, Rule24AChildMayStartSiblingsAfterTheBodyHasEnded) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn([&]() -> task<> {
        co_await sleep_for(1ms);
        g.spawn([&]() -> task<> {
          co_await sleep_for(1ms);
          log("grandchild");
        });
        log("child");
      });
      log("body");
      co_return;
    });
    log("group");
  });
  EXPECT_EQ(log.text(), "body > child > grandchild > group");
}

TEST_P(group, Rule24WhatADestructorStartsInAGroupBeingUnwoundNeverBegins) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn([&]() -> task<> {
        struct spawner {
          task_group& to;
          trace& log;
          spawner(task_group& t, trace& l) : to(t), log(l) {}
          ~spawner() {
            to.spawn(
                [](trace& l) -> task<> {
                  l("began");
                  co_return;
                },
                std::ref(log));
            log("destructor");
          }
        } const at_end(g, log);
        co_await never.wait();
      });
      co_await settled();
      g.cancel();
    });
    log("group");
  });
  EXPECT_EQ(log.text(), "destructor > group");
}

TEST_P(group, Rule25NestedThreeDeepTheFramesGoFromTheInnermostOut) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const noted end(log, "0");
      co_await with_task_group([&](task_group& first) -> task<> {
        const noted one(log, "1");
        first.spawn(&group::waiting, this, "child 1");
        co_await with_task_group([&](task_group& second) -> task<> {
          const noted two(log, "2");
          second.spawn(&group::waiting, this, "child 2");
          co_await with_task_group([&](task_group& third) -> task<> {
            const noted three(log, "3");
            third.spawn(&group::waiting, this, "child 3");
            co_await never.wait();
          });
        });
      });
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  // A request walks level by level: what waits nearer to the outside is reached first, and each
  // group waits for all below.
  EXPECT_EQ(log.text(), "child 1 gone > child 2 gone > 3 > child 3 gone > 2 > 1 > 0 > stopped");
}

TEST_P(group, Rule25AnInnerGroupsExceptionEndsTheOuterGroup) {
  run([&]() -> task<> {
    const auto inner = [&](task_group& g) -> task<> {
      g.spawn(failing_after, 1ms, "boom");
      co_await waiting("inner body");
    };
    const auto outer = [&](task_group& g) -> task<> {
      g.spawn(&group::waiting, this, "outer child");
      co_await with_task_group(inner);
    };
    log(co_await thrown_in(with_task_group(outer)));
  });
  EXPECT_EQ(log.text(), "inner body gone > outer child gone > boom");
}

// ---- wait(), size(), spawn ----

TEST_P(group, WaitReturnsWhenNoChildIsLeftAndCanBeUsedAgain) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      co_await g.wait();
      log("none");
      for (int round = 0; round < 2; ++round) {
        g.spawn(value_after, 1ms, 1);
        g.spawn(value_after, 0ns, 2);
        EXPECT_EQ(g.size(), 2u);
        co_await g.wait();
        EXPECT_EQ(g.size(), 0u);
        log("all");
      }
    });
  });
  EXPECT_EQ(log.text(), "none > all > all");
}

TEST_P(group, Rule21ACancelledWaitEndsInTheSameDrain) {
  run([&]() -> task<> {
    event done;
    const auto h = spawn([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn([&]() -> task<> { co_await shield(done.wait()); });
        const noted end(log, "wait stopped");
        co_await g.wait();
      });
    });
    co_await settled();
    const auto here = tick();
    h.cancel();
    co_await next_tick();
    EXPECT_EQ(tick(), here);
    EXPECT_EQ(log.text(), "wait stopped");
    done.set();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "wait stopped > stopped");
}

TEST_P(group, SpawnTakesTasksAndOtherAwaitables) {
  run([&]() -> task<> {
    const int value = co_await with_task_group([&](task_group& g) -> task<int> {
      auto a = g.spawn(value_after(1ms, 1));
      auto b = g.spawn(sleep_for(1ms));
      co_await b;
      co_return co_await a;
    });
    EXPECT_EQ(value, 1);
  });
}

TEST_P(group, ALambdaCoroutineWithCapturesIsKeptUntilItsTaskHasEnded) {
  run([&]() -> task<> {
    const counted big;
    std::string seen;
    co_await with_task_group([&](task_group& g) -> task<> {
      for (int i = 0; i < 3; ++i) {
        auto text = std::make_unique<std::string>("captured " + std::to_string(i));
        g.spawn([text = std::move(text), big, &seen]() -> task<> {
          co_await sleep_for(1ms);
          seen += *text + ";";
        });
      }
      co_return;
    });
    EXPECT_EQ(seen, "captured 0;captured 1;captured 2;");
    EXPECT_EQ(counted::live, 1);
    spawn([text = std::make_unique<std::string>("spawned"), big, &seen]() -> task<> {
      co_await sleep_for(1ms);
      seen = *text;
    });
    co_await sleep_for(3ms);
    EXPECT_EQ(seen, "spawned");
    EXPECT_EQ(counted::live, 1);
  });
}

TEST_P(group, AHandleOutlivesItsGroup) {
  run([&]() -> task<> {
    std::optional<join_handle<int>> child;
    co_await with_task_group([&](task_group& g) -> task<> {
      child = g.spawn(value_after, 1ms, 9);
      co_return;
    });
    EXPECT_TRUE(child->done());
    EXPECT_EQ(co_await *child, 9);
  });
}

TEST_P(group, AHundredThousandChildrenAndAHundredThousandNestedGroupsEnd) {
  run([&]() -> task<> {
    std::size_t ended = 0;
    co_await with_task_group([&](task_group& g) -> task<> {
      for (int i = 0; i < 100'000; ++i) {
        g.spawn([&]() -> task<> {
          co_await next_tick();
          ++ended;
        });
      }
      co_return;
    });
    EXPECT_EQ(ended, 100'000u);
    struct nest {
      static task<int> in_groups(int depth, event& wait) {
        const counted frame;
        if (!depth) {
          co_await wait.wait();
          co_return 1;
        }
        const auto body = [depth, &wait](task_group&) { return in_groups(depth - 1, wait); };
        co_return 1 + co_await with_task_group(body);
      }
    };
    event go;
    const auto one = spawn(&nest::in_groups, 100'000, std::ref(go));
    co_await settled();
    go.set();
    EXPECT_EQ(co_await one, 100'001);
    const auto other = spawn(&nest::in_groups, 100'000, std::ref(never));
    co_await settled();
    EXPECT_EQ(counted::live, 100'001);
    other.cancel();
    EXPECT_TRUE((co_await other.join()).stopped());
    EXPECT_EQ(counted::live, 0);
  });
}

/// A group that has ended, while the task that awaits it waits for its turn: `then` runs there.
class ended_group : public group {
 public:
  void with(void (*then)(task_group&)) {
    runtime_options options;
    options.callback_budget = 1;
    make(options);
    run([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        g.spawn(&ended_group::waiting, this, "child");
        co_await settled();
        g.cancel();
        rt().next_tick([&] {
          then(g);
          log("then");
        });
      });
      log("group");
    });
  }
};
EDDY_TEST_ON_EVERY_BACKEND(ended_group);

TEST_P(ended_group, Rule22ACancelIsHarmless) {
  with([](task_group& g) { g.cancel(); });
  EXPECT_EQ(log.text(), "child gone > then > group");
}

TEST_P(ended_group, WhatIsSpawnedIntoItAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string said = "^eddy: a task is spawned into a group that has ended";
  EXPECT_DEATH(with([](task_group& g) { g.spawn(value_now, 1); }), said);
  EXPECT_DEATH(with([](task_group& g) { g.spawn_background(value_now, 1); }), said);
  EXPECT_DEATH(run([&]() -> task<> {
                 task_group* kept = nullptr;
                 co_await with_task_group([&](task_group& g) -> task<> {
                   kept = &g;
                   co_return;
                 });
                 kept->spawn(value_now, 1);
               }),
               said);
}

TEST_P(group, Rule32AGroupCancelledOnAnotherThreadAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([&]() -> task<> {
                 co_await with_task_group([&](task_group& g) -> task<> {
                   std::thread([&] { g.cancel(); }).join();
                   co_return;
                 });
               }),
               "eddy: .*thread");
}

}  // namespace
}  // namespace eddy::test
