// docs/semantics.md, rules 19 to 23, 29 and 32: how a cancel travels, whatever it meets. The name
// of each test begins with its rule.
#include <atomic>
#include <coroutine>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class cancel : public coro_test {
 public:
  /// Logs the end of its frame; waits until it is stopped.
  task<void> waiting(std::string name) {
    const noted end(log, name + " gone");
    co_await never.wait();
  }
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(cancel);

// ---- The operation's own end decides ----

TEST_P(cancel, Rule19WhatFinishedAfterAllIsDeliveredAndTheTaskStopsAtItsNextSuspension) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const int n = co_await pair.read();
      log(n == 1 ? "delivered" : "not delivered");
      EXPECT_TRUE(stop_requested());
      co_await next_tick();
      log("not reached");
    });
    co_await immediate();
    co_await immediate();  // inside the kernel
    pair.say("x");
    h.cancel();  // what is first is the kernel's affair: it did nothing, or its byte is here
    const std::string end = co_await end_of(h);
    EXPECT_EQ(end, "stopped");
    log(pair.hear() == "x" ? "still in the stream" : "taken");
  });
  EXPECT_TRUE(log.text() == "delivered > taken" || log.text() == "still in the stream")
      << log.text();
}

TEST_P(cancel, Rule19WhatDidNothingStopsItsTaskAndItsFramesGoWhenItHasEnded) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const noted end(log, "gone");
      co_await pair.read();
      log("not reached");
    });
    co_await immediate();
    co_await immediate();  // inside the kernel
    h.cancel();
    log("asked");
    log(co_await end_of(h));
    pair.say("x");
    EXPECT_EQ(pair.hear(), "x") << "nothing takes it";
  });
  EXPECT_EQ(log.text(), "asked > gone > stopped");
}

TEST_P(cancel, Rule20AStoppedTaskIsNotResumedItsFramesGoFromTheInnermostOutEachOnce) {
  run([&]() -> task<> {
    const auto innermost = [&]() -> task<int> {
      const noted a(log, "3");
      const noted b(log, "2");
      co_await never.wait();
      co_return 1;
    };
    const auto middle = [&]() -> task<int> {
      const noted end(log, "4");
      try {
        co_return co_await innermost();
      } catch (...) {
        log("caught");
        throw;
      }
    };
    const auto h = spawn([&]() -> task<> {
      const noted end(log, "5");
      log("1");
      static_cast<void>(co_await middle());
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "1 > 2 > 3 > 4 > 5 > stopped");
}

TEST_P(cancel, Rule20AChainOfAHundredThousandFramesIsUnwoundWithoutRecursion) {
  struct chain {
    static task<int> of(int depth, event& wait) {
      const counted frame;
      if (depth) co_return 1 + co_await of(depth - 1, wait);
      co_await wait.wait();
      co_return 1;
    }
  };
  run([&]() -> task<> {
    const auto h = spawn(&chain::of, 100'000, std::ref(never));
    co_await settled();
    EXPECT_EQ(counted::live, 100'001);
    h.cancel();
    EXPECT_TRUE((co_await h.join()).stopped());
    EXPECT_EQ(counted::live, 0);
  });
}

TEST_P(cancel, Rule21EveryWaitOfOursEndsInTheSameDrain) {
  run([&]() -> task<> {
    mutex m;
    const auto held = m.try_lock();
    std::vector<join_handle<void>> all;
    all.push_back(spawn([&]() -> task<> { co_await sleep_for(1h); }));
    all.push_back(spawn([&]() -> task<> { co_await immediate(); }));
    all.push_back(spawn([&]() -> task<> { auto guard = co_await m.lock(); }));
    all.push_back(spawn([&]() -> task<> { co_await never.wait(); }));
    all.push_back(
        spawn([&]() -> task<> { static_cast<void>(co_await with_timeout(1h, never.wait())); }));
    all.push_back(spawn([&]() -> task<> { co_await all.front(); }));
    co_await settled();
    const auto here = tick();
    for (auto& h : all) h.cancel();
    co_await settled();
    EXPECT_EQ(tick(), here);
    for (auto& h : all) {
      EXPECT_TRUE(h.done() && (co_await h.join()).stopped());
    }
    EXPECT_EQ(rt().pending().total(), 0u);
  });
}

TEST_P(cancel, Rule21AnOperationNotYetHandedOverEndsInTheSameDrain) {
  stream_pair pair(rt());
  pair.say("x");
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> { co_await pair.read(); });
    co_await settled();
    const auto here = tick();
    h.cancel();
    co_await next_tick();
    EXPECT_TRUE(h.done());
    EXPECT_EQ(tick(), here);
    EXPECT_EQ(pair.hear(), "x");
  });
}

TEST_P(cancel, Rule21QueuedPoolWorkIsTakenBackRunningWorkIsWaitedFor) {
  if (is_virtual()) GTEST_SKIP() << "a simulated pool has a thread for each";
  runtime_options options;
  options.pool_threads = 1;
  make(options);
  std::atomic<bool> began{false};
  std::atomic<bool> go{false};
  std::atomic<int> ran{0};
  run([&]() -> task<> {
    const auto running = spawn([&]() -> task<int> {
      const auto job = [&] {
        began = true;
        began.notify_one();
        go.wait(false);
        return ++ran;
      };
      const int value = co_await offload(job);
      log("delivered");
      co_return value;
    });
    const auto queued = spawn([&]() -> task<> {
      const auto job = [&] { ++ran; };
      co_await offload(job);
    });
    co_await immediate();
    began.wait(false);
    queued.cancel();
    running.cancel();
    log(co_await end_of(queued));
    EXPECT_FALSE(running.done());
    go = true;
    go.notify_one();
    log(co_await end_of(running));  // nothing suspends after its result: it ends with its value
  });
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(log.text(), "stopped > delivered > value");
}

// ---- Asking ----

TEST_P(cancel, Rule22FromInsideItselfItActsAtTheNextSuspension) {
  run([&]() -> task<> {
    std::optional<join_handle<int>> h;
    h = spawn([&]() -> task<int> {
      h->cancel();
      EXPECT_TRUE(stop_requested());
      log("goes on");
      EXPECT_EQ(co_await value_now(1), 1) << "a call of a task is no suspension";
      co_return 2;
    });
    EXPECT_EQ(co_await *h, 2);
    h = spawn([&]() -> task<int> {
      h->cancel();
      co_await next_tick();
      log("not reached");
      co_return 2;
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "goes on > stopped");
}

TEST_P(cancel, Rule22FromADestructorOfTheUnwindingItIsHarmless) {
  run([&]() -> task<> {
    struct canceller {
      std::optional<join_handle<void>>& of;
      explicit canceller(std::optional<join_handle<void>>& o) : of(o) {}
      ~canceller() { of->cancel(); }
    };
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      const canceller first(h);
      const canceller second(h);
      co_await never.wait();
    });
    co_await settled();
    h->cancel();
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(cancel, OfTwoTasksThatCancelEachOtherTheFirstGoesOn) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> a;
    std::optional<join_handle<void>> b;
    const auto cancels = [&](std::optional<join_handle<void>>& other) -> task<> {
      co_await next_tick();
      other->cancel();
      log("has cancelled");
      co_await next_tick();
      log("goes on");
    };
    a = spawn(cancels, std::ref(b));
    b = spawn(cancels, std::ref(a));
    log(co_await end_of(*a));
    log(co_await end_of(*b));
  });
  // (b, made ready and not yet run, has nothing in hand: it stops where it is)
  EXPECT_EQ(log.text(), "has cancelled > goes on > value > stopped");
}

TEST_P(cancel, StopRequestedIsOfTheTaskThatRunsNowAndFalseInCallbacks) {
  run([&]() -> task<> {
    int asked = 0;
    const auto in_callback = [&] { asked += stop_requested(); };
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      EXPECT_FALSE(stop_requested());
      h->cancel();
      EXPECT_TRUE(stop_requested());
      EXPECT_FALSE((co_await catch_stopped(never.wait())).has_value());
      EXPECT_TRUE(stop_requested());
      co_await shield([]() -> task<> {
        EXPECT_FALSE(stop_requested());
        co_return;
      }());
      EXPECT_TRUE(stop_requested());
      rt().next_tick(in_callback);
      rt().post(in_callback);
      rt().set_immediate(in_callback);
      rt().set_timeout(0ns, in_callback);
    });
    const hook prepared = rt().add_hook(phase::prepare, in_callback);
    const hook checked = rt().add_hook(phase::check, in_callback);
    co_await *h;
    h.reset();
    EXPECT_FALSE(stop_requested());
    co_await immediate();
    co_await immediate();
    EXPECT_EQ(asked, 0);
  });
}

TEST_P(cancel, StopRequestedIsFalseInAHookWhateverRanBefore) {
  run([&]() -> task<> {
    int asked = 0;
    const auto in_hook = [&] { asked += stop_requested(); };
    const hook prepared = rt().add_hook(phase::prepare, in_hook);
    const auto victim = spawn(&cancel::waiting, this, "victim");
    co_await sleep_for(0ns);
    victim.cancel();
    co_await immediate();  // (in this tick the victim's end is the last that ran before the hook)
    EXPECT_EQ(asked, 0);
  });
  EXPECT_EQ(log.text(), "victim gone");
}

TEST_P(cancel, CatchStoppedGivesNothingWhereItWasStoppedAndTheTaskStopsAtItsNextSuspension) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const std::optional<int> r = co_await catch_stopped(value_after(1h, 1));
      EXPECT_FALSE(r);
      log("caught");
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
    EXPECT_EQ(co_await catch_stopped(value_after(1ms, 2)), 2);
    log(co_await thrown_in(catch_stopped(failing_after(1ms, "boom"))));
  });
  EXPECT_EQ(log.text(), "caught > stopped > boom");
}

// ---- Scopes that are cancelled already ----

TEST_P(cancel, Rule20CancelRunsNoUserCodeTheFramesGoLaterInTheSameDrain) {
  run([&]() -> task<> {
    const auto h = spawn(&cancel::waiting, this, "child");
    co_await settled();
    const auto here = tick();
    h.cancel();
    log("cancel returned");
    EXPECT_FALSE(h.done());
    co_await next_tick();
    EXPECT_TRUE(h.done());
    EXPECT_EQ(tick(), here);
  });
  EXPECT_EQ(log.text(), "cancel returned > child gone");
}

TEST_P(cancel, Rule23ASpawnIntoACancelledGroupNeverBegins) {
  run([&]() -> task<> {
    co_await with_task_group([&](task_group& g) -> task<> {
      g.cancel();
      const auto h = g.spawn([&]() -> task<> {
        log("began");
        co_return;
      });
      log(co_await shield(end_of(h)));
    });
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(cancel, Rule23AGroupIsEnteredInAStoppingTaskAndItsChildrenNeverBegin) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      h->cancel();
      log("still runs");
      co_await with_task_group([&](task_group& g) -> task<> {
        log("body entered");
        g.spawn([&]() -> task<> {
          log("child began");
          co_return;
        });
        co_await next_tick();
        log("not reached");
      });
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "still runs > body entered > stopped");
}

TEST_P(cancel, Rule23ATaskCancelledBeforeItBeganNeverBeginsAndItsArgumentsAreDestroyed) {
  run([&]() -> task<> {
    const auto h = spawn(
        [&](counted) -> task<> {
          log("began");
          co_return;
        },
        counted());
    h.cancel();
    log(co_await end_of(h));
    EXPECT_EQ(counted::live, 0);
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(cancel, Rule23InACancelledScopeAnAwaitThatNeedNotSuspendStopsToo) {
  run([&]() -> task<> {
    event set;
    set.set();
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      co_await set.wait();
      log("given");
      h->cancel();
      co_await set.wait();
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "given > stopped");
}

TEST_P(cancel, Rule29AStoppedTasksHandleAwaitedThrowsStoppedError) {
  run([&]() -> task<> {
    auto h = spawn(&cancel::waiting, this, "child");
    co_await settled();
    h.cancel();
    bool thrown = false;
    try {
      co_await h;
    } catch (const stopped_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
  });
}

TEST_P(cancel, Rule29InAScopeThatIsItselfStoppingTheAwaitingTaskStops) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      co_await with_task_group([&](task_group& g) -> task<> {
        auto child = g.spawn(&cancel::waiting, this, "child");
        try {
          co_await child;
        } catch (const stopped_error&) {
          log("stopped_error");
        }
        log("not reached");
      });
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "child gone > stopped");
}

TEST_P(cancel, ACancelledJoinLeavesTheJoinedTaskAlone) {
  run([&]() -> task<> {
    const auto joined = spawn(value_after, 1ms, 4);
    const auto joiner = spawn([&]() -> task<> { static_cast<void>(co_await joined.join()); });
    const auto other = spawn([&]() -> task<> { EXPECT_EQ(co_await joined, 4); });
    co_await settled();
    joiner.cancel();
    log(co_await end_of(joiner));
    log(co_await end_of(other));
  });
  EXPECT_EQ(log.text(), "stopped > value");
}

// ---- Where no task runs, or another world begins ----

/// Of another library: ready, waiting until somebody resumes it, or throwing when it is awaited.
struct foreign {
  enum kind { ready, waits, throws } what = ready;
  std::coroutine_handle<>* waiter = nullptr;
  foreign(kind k, std::coroutine_handle<>* w) : what(k), waiter(w) {}
  bool await_ready() const noexcept { return what == ready; }
  void await_suspend(std::coroutine_handle<> h) const {
    if (what == throws) throw std::runtime_error("refused");
    *waiter = h;
  }
  int await_resume() const noexcept { return 5; }
};

TEST_P(cancel, Rule32AForeignAwaitableIsWaitedFor) {
  run([&]() -> task<> {
    std::coroutine_handle<> waiter;
    const auto guard = rt().guard();  // it is not pending
    const auto h = spawn([&]() -> task<> {
      EXPECT_EQ(co_await foreign(foreign::waits, &waiter), 5);
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    h.cancel();
    co_await settled();
    EXPECT_FALSE(h.done()) << "it cannot be cancelled";
    waiter.resume();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "delivered > stopped");
}

TEST_P(cancel, Rule23InACancelledScopeAForeignAwaitableIsNotAwaited) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      EXPECT_EQ(co_await foreign(foreign::ready, nullptr), 5);
      h->cancel();
      static_cast<void>(co_await foreign(foreign::ready, nullptr));
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(cancel, Rule32AForeignAwaitableThatThrowsLeavesNoWaitBehind) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      try {
        static_cast<void>(co_await foreign(foreign::throws, nullptr));
      } catch (const std::runtime_error& e) {
        log(e.what());
      }
      h->cancel();  // (the awaiter is gone: nothing of it may be asked)
      co_await next_tick();
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "refused > stopped");
}

TEST_P(cancel, Rule32ATaskCancelledOnAnotherThreadAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([&]() -> task<> {
                 const auto h = spawn(sleep_for(1h));
                 co_await settled();
                 std::thread([&] { h.cancel(); }).join();
               }),
               "eddy: .*thread");
}

TEST_P(cancel, Rule32ATaskWokenOnAnotherThreadAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([&]() -> task<> {
                 const auto h = spawn(&cancel::waiting, this, "child");
                 co_await settled();
                 std::thread([&] { never.set(); }).join();
               }),
               "eddy: .*thread");
}

TEST_P(cancel, Rule15ADeadlockOfScopesAHundredThousandDeepIsReportedAndUnwound) {
  struct nest {
    static task<> in_scopes(int depth, event& wait) {
      const counted frame;
      if (!depth) {
        co_await wait.wait();
        co_return;
      }
      static_cast<void>(co_await catch_stopped(in_scopes(depth - 1, wait)));
    }
  };
  const std::string said =
      thrown_by([&] { run([&]() -> task<> { co_await nest::in_scopes(100'000, never); }); });
  EXPECT_NE(said.find("deadlock"), std::string::npos);
  EXPECT_NE(said.find("event::wait"), std::string::npos);
  EXPECT_LT(said.size(), 100'000u * 200u);
}

}  // namespace
}  // namespace eddy::test
