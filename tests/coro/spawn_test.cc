// spawn, spawn_background and join_handle, and the rules about them: 9, 12, 15, 16, 22, 29.
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/event.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

/// Whose names would be found by their arguments, where the library asked for them so.
namespace theirs {
struct number {
  int value;
};
template <class... A>
int call(A&&...) {
  return 0;
}
template <class... A>
int call_kept(A&&...) {
  return 0;
}
struct gives {
  eddy::task<int> operator()(number n) const { co_return n.value; }
};
}  // namespace theirs

namespace eddy::test {
namespace {

class spawning : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(spawning);

task<int> give_later(int value) {
  co_await sleep_for(0ns);
  co_return value;
}
task<> throw_later(std::string what) {
  co_await sleep_for(0ns);
  throw std::runtime_error(what);
}

/// What a run of `main` throws, as text.
template <class F>
std::string thrown_by(runtime& rt, F main) {
  try {
    eddy::run(rt, main);
  } catch (const stopped_error&) {
    return "stopped_error";
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "nothing";
}

// ---- What can be spawned ----

TEST_P(spawning, FunctionsWithArgumentsTasksAndAwaitablesAreSpawned) {
  run([&]() -> task<> {
    const auto by_function = spawn(&give_later, 1);
    const auto by_task = spawn(give_later(2));
    const auto by_awaitable = spawn(sleep_for(1ms));
    event set;
    const auto by_wait = spawn(set.wait());
    set.set();
    EXPECT_EQ(co_await by_function, 1);
    EXPECT_EQ(co_await by_task, 2);
    co_await by_awaitable;
    co_await by_wait;
  });
}

TEST_P(spawning, FunctionsOfTheArgumentsNamespaceAreNotTakenForTheLibrarys) {
  run([]() -> task<> { EXPECT_EQ(co_await spawn(theirs::gives(), theirs::number{3}), 3); });
}

TEST_P(spawning, CallableAndArgumentsLiveUntilTheTaskHasEndedAndNoLonger) {
  auto token = std::make_shared<int>(7);
  std::weak_ptr<int> watch = token;
  run([&]() -> task<> {
    const auto handle = spawn(
        [captured = token](std::unique_ptr<int> argument) -> task<> {
          co_await sleep_for(1ms);
          EXPECT_EQ(*captured + *argument, 12);
        },
        std::make_unique<int>(5));
    token = nullptr;
    co_await next_tick();
    EXPECT_FALSE(watch.expired());
    co_await handle;
    EXPECT_TRUE(watch.expired()) << "the handle alone does not hold them";
  });
}

/// Counts how often it was copied and moved.
struct carried {
  explicit carried(std::string& counts) : to(counts) {}
  carried(const carried& other) : to(other.to) { to += 'c'; }
  carried(carried&& other) noexcept : to(other.to) { to += 'm'; }
  ~carried() = default;
  std::string& to;
};

TEST_P(spawning, WhatIsKeptIsCopiedOrMovedStraightIntoTheTaskAndMovedIntoTheCall) {
  const auto by_reference = [](const carried&) -> task<> { co_return; };
  const auto refers = [](carried&& c) -> task<> {
    co_await yield();
    c.to += '!';
  };
  run([&]() -> task<> {
    std::string counts;
    const carried named(counts);
    co_await spawn(by_reference, named);
    EXPECT_EQ(counts, "c");
    counts.clear();
    co_await spawn(refers, carried(counts));
    EXPECT_EQ(counts, "m!");
    counts.clear();
    co_await spawn(by_reference, std::cref(named));
    EXPECT_EQ(counts, "");
    co_await with_task_group([&](task_group& group) -> task<> {
      group.spawn(by_reference, named);
      co_return;
    });
    EXPECT_EQ(counts, "c");
  });
}

struct base_of_one {};
struct derived_from_it : base_of_one {};
struct refers_to_one {
  std::string& to;
  operator std::string&() const { return to; }
};

TEST_P(spawning, WhatBindsToAParameterWithoutAConversionIsTaken) {
  const auto takes = [](const std::string& text, const base_of_one&, base_of_one& named,
                        std::string_view view, long number,
                        const char* const& characters) -> task<std::string> {
    co_await yield();
    static_cast<void>(named);
    co_return text + std::string(view) + std::to_string(number) + characters;
  };
  run([&]() -> task<> {
    std::string text = "a";
    derived_from_it one;
    EXPECT_EQ(co_await spawn(takes, text, one, std::ref(one), "b", 3, "d"), "ab3d");
    EXPECT_EQ(co_await spawn(takes, std::ref(text), one, std::ref(one), text, 3u, "d"), "aa3d");
    EXPECT_EQ(co_await spawn(takes, refers_to_one{text}, one, std::ref(one), text, 'c', "d"),
              "aa99d");
    const auto any = [](const auto& what) -> task<std::string> { co_return what; };
    EXPECT_EQ(co_await spawn(any, "a literal"), "a literal");
  });
}

TEST_P(spawning, DroppingTheHandleLetsTheTaskGoOn) {
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      co_await sleep_for(1ms);
      log("ended");
    });
    co_return;
  });
  EXPECT_EQ(log.text(), "ended");
}

TEST_P(spawning, SpawnedTasksBeginInTheOrderOfTheCalls) {
  run([&]() -> task<> {
    for (int i = 1; i <= 3; ++i) {
      spawn([&, i]() -> task<> {
        log(std::to_string(i));
        co_return;
      });
    }
    co_return;
  });
  EXPECT_EQ(log.text(), "1 > 2 > 3");
}

// ---- Joining ----

TEST_P(spawning, AHandleIsJoinedBeforeAndAfterTheEnd) {
  run([&]() -> task<> {
    const auto before = spawn(&give_later, 1);
    EXPECT_FALSE(before.done());
    EXPECT_EQ(co_await before, 1);
    EXPECT_TRUE(before.done());
    const auto after = spawn(&give_later, 2);
    while (!after.done()) co_await immediate();
    EXPECT_EQ(co_await after, 2);
  });
}

TEST_P(spawning, JoinersGoOnInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    const auto target = spawn([]() -> task<> { co_await sleep_for(1ms); });
    for (int i = 1; i <= 3; ++i) {
      spawn([&, i]() -> task<> {
        const auto mine = target;
        co_await mine;
        log(std::to_string(i));
      });
    }
    co_await target;
    log("main came first");
  });
  EXPECT_EQ(log.text(), "main came first > 1 > 2 > 3");
}

TEST_P(spawning, ATaskMayBeJoinedInAnotherRuntimeOfTheSameThread) {
  for (const std::size_t joiners : {1u, 2u, 3u}) {
    for (const bool first_is_cancelled : {false, true}) {
      log.clear();
      const auto other = make_runtime(GetParam());
      event go;
      std::optional<join_handle<void>> joined;
      other->next_tick([&] { joined = spawn([&]() -> task<> { co_await go.wait(); }); });
      other->run_nowait();

      std::vector<join_handle<void>> here;
      rt().next_tick([&] {
        for (std::size_t i = 0; i < joiners; ++i) {
          here.push_back(spawn([&, i]() -> task<> {
            co_await *joined;
            log(std::to_string(i));
          }));
        }
      });
      rt().run_nowait();
      if (first_is_cancelled) {
        rt().next_tick([&] { here[0].cancel(); });
        rt().run_nowait();
      }
      go.set();
      other->run_nowait();
      EXPECT_TRUE(joined->done());
      EXPECT_EQ(log.text(), "") << "they go on in their own runtime";
      rt().run_nowait();
      std::string all;
      for (std::size_t i = first_is_cancelled; i < joiners; ++i)
        all += (all.empty() ? "" : " > ") + std::to_string(i);
      EXPECT_EQ(log.text(), all);
    }
  }
}

TEST_P(spawning, JoinTellsHowATaskEnded) {
  run([&]() -> task<> {
    const auto value = spawn(&give_later, 7);
    const auto error = spawn(&throw_later, "x");
    const auto stopped = spawn([]() -> task<> { co_await sleep_for(1h); });
    co_await immediate();
    stopped.cancel();
    auto v = co_await value.join();
    EXPECT_TRUE(v.has_value() && !v.stopped() && !v.exception());
    EXPECT_EQ(v.value(), 7);
    auto e = co_await error.join();
    EXPECT_TRUE(!e.has_value() && !e.stopped() && e.exception());
    EXPECT_THROW(e.value(), std::runtime_error);
    auto s = co_await stopped.join();
    EXPECT_TRUE(!s.has_value() && s.stopped() && !s.exception());
    EXPECT_THROW(s.value(), stopped_error);
  });
}

TEST_P(spawning, AnExceptionIsRethrownToEachWhoJoins) {
  run([&]() -> task<> {
    const auto failed = spawn(&throw_later, "x");
    const auto copy = failed;
    for (int i = 0; i < 2; ++i) {
      EXPECT_THROW(co_await failed, std::runtime_error);
      EXPECT_THROW(co_await copy, std::runtime_error);
    }
  });
}

TEST_P(spawning, CopiesNameTheSameTaskAndMovedHandlesGoOn) {
  run([&]() -> task<> {
    join_handle<int> first = spawn(&give_later, 7);
    const join_handle<int> copy = first;
    join_handle<int> moved = std::move(first);
    first = moved;
    moved = spawn(&give_later, 8);
    EXPECT_EQ(co_await moved, 8);
    static_cast<void>(co_await copy.join());
    EXPECT_TRUE(first.done());
    EXPECT_EQ(co_await first, 7);
  });
}

TEST_P(spawning, AMovedFromHandleIsTheCallersBug) {
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           auto first = spawn(&give_later, 7);
                           const auto moved = std::move(first);
                           first.cancel();  // NOLINT(bugprone-use-after-move): what is tested
                           co_return;
                         }),
               "^eddy: a join_handle is used after it was moved from");
}

TEST_P(spawning, AValueTakenTwiceAborts) {
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           const auto h = spawn(&give_later, 7);
                           co_await h;
                           co_await h;
                         }),
               "^eddy: a joined task's value is taken twice");
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           const auto h = spawn(&give_later, 7);
                           auto r = co_await h.join();
                           co_await h;
                           static_cast<void>(r.value());
                         }),
               "^eddy: a joined task's value is taken twice");
}

TEST_P(spawning, JoiningVoidIsDoneAsOftenAsWanted) {
  run([&]() -> task<> {
    const auto h = spawn([]() -> task<> { co_return; });
    for (int i = 0; i < 3; ++i) co_await h;
  });
}

TEST_P(spawning, AJoinedValueOutlivesItsTaskUntilTheLastHandleGoes) {
  auto token = std::make_shared<int>(7);
  run([&]() -> task<> {
    {
      const auto h = spawn([&]() -> task<std::shared_ptr<int>> { co_return token; });
      co_await sleep_for(0ns);
      EXPECT_EQ(token.use_count(), 2);
    }
    EXPECT_EQ(token.use_count(), 1);
  });
}

// ---- Rule 16: who ends the run ----

TEST_P(spawning, Rule16AnUnjoinedExceptionEndsTheRunWhereTheHandleWentFirst) {
  EXPECT_EQ(thrown_by(rt(),
                      [&]() -> task<> {
                        const noted going(log, "main goes");
                        spawn([&]() -> task<> {
                          const noted sibling(log, "sibling goes");
                          co_await sleep_for(1h);
                        });
                        spawn(&throw_later, "nobody joins");
                        co_await sleep_for(1h);
                      }),
            "nobody joins");
  EXPECT_EQ(log.text(), "sibling goes > main goes");
}

TEST_P(spawning, Rule16AnUnjoinedExceptionEndsTheRunWhereTheTaskFailedFirst) {
  EXPECT_EQ(thrown_by(rt(),
                      [&]() -> task<> {
                        std::optional failed = spawn(&throw_later, "nobody joins");
                        while (!failed->done()) co_await immediate();
                        for (int i = 0; i < 3; ++i) co_await immediate();
                        log("still running");
                        failed.reset();
                        log("asked");
                        co_await immediate();
                        log("went on");
                      }),
            "nobody joins");
  EXPECT_EQ(log.text(), "still running > asked");
}

TEST_P(spawning, Rule16AHandleHeldToTheEndOfMainIsNotAJoin) {
  EXPECT_EQ(thrown_by(rt(),
                      [&]() -> task<> {
                        const auto failed = spawn(&throw_later, "nobody joins");
                        while (!failed.done()) co_await immediate();
                      }),
            "nobody joins");
}

TEST_P(spawning, Rule16AJoinedExceptionDoesNotEndTheRun) {
  EXPECT_EQ(thrown_by(rt(),
                      [&]() -> task<> {
                        const auto by_await = spawn(&throw_later, "a");
                        const auto by_join = spawn(&throw_later, "b");
                        EXPECT_THROW(co_await by_await, std::runtime_error);
                        const auto r = co_await by_join.join();
                        EXPECT_TRUE(r.exception());
                        co_await sleep_for(1ms);
                        log("to the end");
                      }),
            "nothing");
  EXPECT_EQ(log.text(), "to the end");
}

TEST_P(spawning, Rule16AJoinThatWasStoppedHasNotDelivered) {
  EXPECT_EQ(thrown_by(rt(),
                      [&]() -> task<> {
                        event go;
                        std::optional failing = spawn([&]() -> task<> {
                          co_await go.wait();
                          throw std::runtime_error("nobody joins");
                        });
                        const auto joiner = spawn([&]() -> task<> { co_await *failing; });
                        co_await immediate();
                        joiner.cancel();
                        co_await immediate();
                        EXPECT_TRUE(joiner.done());
                        failing.reset();
                        go.set();
                        co_await sleep_for(1h);
                      }),
            "nobody joins");
}

TEST_P(spawning, Rule16WhenMainThrowsEverythingElseIsCancelledAndWaitedFor) {
  EXPECT_EQ(thrown_by(rt(),
                      [&]() -> task<> {
                        spawn([&]() -> task<> {
                          const noted going(log, "child goes");
                          co_await sleep_for(1h);
                        });
                        co_await immediate();
                        log("throw");
                        throw std::runtime_error("from main");
                      }),
            "from main");
  EXPECT_EQ(log.text(), "throw > child goes");
}

TEST_P(spawning, Rule16TheFirstExceptionCounts) {
  EXPECT_EQ(thrown_by(rt(),
                      []() -> task<> {
                        spawn(&throw_later, "first");
                        spawn(&throw_later, "second");
                        co_await sleep_for(1h);
                      }),
            "first");
}

TEST_P(spawning, Rule16RunReturnsWhenMainHasEndedAndNothingIsPending) {
  EXPECT_EQ(run([&]() -> task<int> {
              spawn([&]() -> task<> {
                co_await sleep_for(1ms);
                spawn([&]() -> task<> {
                  co_await sleep_for(1ms);
                  log("grandchild");
                });
                log("child");
              });
              log("main");
              co_return 7;
            }),
            7);
  EXPECT_EQ(log.text(), "main > child > grandchild");
}

// ---- Background ----

TEST_P(spawning, Rule16ABackgroundTaskIsCancelledAndWaitedForAtTheEnd) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    const noted main_end(log, "main ends");
    spawn_background([&]() -> task<> {
      const noted going(log, "sleeper goes");
      for (;;) co_await sleep_for(1ms);
    });
    spawn_background([&]() -> task<> {
      const noted going(log, "reader goes");
      co_await pair.read();
    });
    co_await sleep_for(3ms);
  });
  EXPECT_EQ(log.text(), "main ends > sleeper goes > reader goes");
}

TEST_P(spawning, Rule16ABackgroundTaskEndsBeforeTheRunWhereItIsDone) {
  run([&]() -> task<> {
    const auto h = spawn_background(&give_later, 7);
    EXPECT_EQ(co_await h, 7) << "who waits for it is held by what it waits for";
  });
}

TEST_P(spawning, Rule16AnExceptionOfABackgroundTaskEndsTheRun) {
  EXPECT_EQ(thrown_by(rt(),
                      []() -> task<> {
                        spawn_background(&throw_later, "background");
                        co_await sleep_for(1h);
                      }),
            "background");
}

TEST_P(spawning, Rule16WhatABackgroundTaskThrowsWhileItEndsIsRethrown) {
  EXPECT_EQ(thrown_by(rt(),
                      []() -> task<> {
                        spawn_background([]() -> task<> {
                          static_cast<void>(co_await catch_stopped(sleep_for(1h)));
                          throw std::runtime_error("at the end");
                        });
                        co_await immediate();
                      }),
            "at the end");
}

TEST_P(spawning, Rule15ABackgroundTaskMayWakeWhoWaits) {
  run([&]() -> task<> {
    event set;
    spawn_background([&]() -> task<> {
      co_await sleep_for(5ms);
      set.set();
    });
    co_await set.wait();
    log("woken");
  });
  EXPECT_EQ(log.text(), "woken");
}

// ---- Rules 22 and 29 ----

TEST_P(spawning, Rule22CancellingTwiceOrWhatHasEndedIsHarmless) {
  run([&]() -> task<> {
    const auto sleeper = spawn([]() -> task<> { co_await sleep_for(1h); });
    co_await immediate();
    sleeper.cancel();
    sleeper.cancel();
    auto r = co_await sleeper.join();
    EXPECT_TRUE(r.stopped());
    sleeper.cancel();
    const auto ended = spawn(&give_later, 7);
    while (!ended.done()) co_await immediate();
    ended.cancel();
    EXPECT_EQ(co_await ended, 7);
  });
}

TEST_P(spawning, Rule22ATaskMayCancelItself) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> self;
    self = spawn([&]() -> task<> {
      const noted going(log, "goes");
      self->cancel();
      log("goes on to its next wait");
      co_await next_tick();
      log("went on");
    });
    auto r = co_await self->join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(log.text(), "goes on to its next wait > goes");
}

TEST_P(spawning, Rule29AStoppedTasksHandleThrowsStoppedError) {
  run([&]() -> task<> {
    const auto sleeper = spawn(&give_later, 1);
    sleeper.cancel();
    EXPECT_THROW(co_await sleeper, stopped_error);
    EXPECT_THROW(co_await sleeper, stopped_error) << "and again";
  });
}

TEST_P(spawning, Rule29InAScopeThatIsItselfStoppingTheAwaitingTaskStops) {
  run([&]() -> task<> {
    const auto sleeper = spawn([]() -> task<> { co_await sleep_for(1h); });
    const auto joiner = spawn([&]() -> task<> {
      const noted going(log, "joiner goes");
      co_await sleeper;
      log("went on");
    });
    co_await immediate();
    sleeper.cancel();
    joiner.cancel();
    auto r = co_await joiner.join();
    EXPECT_TRUE(r.stopped());
    // And one that asks when both have long been stopped.
    const auto late = spawn([&]() -> task<> {
      static_cast<void>(co_await catch_stopped(sleep_for(1h)));
      co_await sleeper;
      log("went on");
    });
    co_await immediate();
    late.cancel();
    r = co_await late.join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(log.text(), "joiner goes");
}

TEST_P(spawning, AStoppedTaskEndsNoRun) {
  EXPECT_EQ(thrown_by(rt(),
                      []() -> task<> {
                        spawn(sleep_for(1h)).cancel();
                        co_await immediate();
                      }),
            "nothing");
}

}  // namespace
}  // namespace eddy::test
