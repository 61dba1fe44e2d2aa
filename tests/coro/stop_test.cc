// docs/semantics.md, rules 19 to 23 and 32: how a cancel travels, where a stopped task ends, and
// what is never lost.
#include <atomic>
#include <coroutine>
#include <optional>
#include <stdexcept>
#include <vector>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/event.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class stopping : public every_runtime {
 protected:
  /// Waits for `n` ticks' check phases.
  static task<> ticks(int n) {
    for (int i = 0; i < n; ++i) co_await immediate();
  }
};
EDDY_TEST_ON_EVERY_BACKEND(stopping);

TEST_P(stopping, Rule19AnOperationThatDidNothingStopsItsTaskThere) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    const auto reader = spawn([&]() -> task<> {
      const noted going(log, "goes");
      co_await pair.read();
      log("went on");
    });
    co_await ticks(3);
    reader.cancel();
    auto r = co_await reader.join();
    EXPECT_TRUE(r.stopped());
    pair.say("x");
    EXPECT_EQ(pair.hear(), "x") << "the read that was cancelled took nothing";
  });
  EXPECT_EQ(log.text(), "goes");
}

TEST_P(stopping, Rule19WhatFinishedAfterAllIsDeliveredAndTheTaskStopsAtItsNextSuspension) {
  stream_pair pair(rt());
  for (int i = 0; i < 20; ++i) {
    log.clear();
    std::string got;
    run([&]() -> task<> {
      const auto reader = spawn([&]() -> task<> {
        const int n = co_await pair.read();
        got.assign(pair.buffer, static_cast<std::size_t>(n));
        log("delivered");
        co_await next_tick();
        log("went on");
      });
      co_await ticks(2);
      pair.say("x");  // so the cancel comes too late, or just not
      reader.cancel();
      auto r = co_await reader.join();
      EXPECT_TRUE(r.stopped());
    });
    if (got.empty()) {
      got = pair.hear();
      EXPECT_EQ(log.text(), "");
    } else {
      EXPECT_EQ(log.text(), "delivered");
    }
    EXPECT_EQ(got, "x") << "bytes are never lost";
  }
}

TEST_P(stopping, Rule20FramesGoFromTheInnermostOutEachOnceAndAreNotResumed) {
  const auto inner = [&]() -> task<> {
    const noted one(log, "inner 1");
    const noted two(log, "inner 2");
    co_await sleep_for(1h);
    log("resumed");
  };
  const auto middle = [&]() -> task<> {
    const noted local(log, "middle");
    try {
      co_await inner();
    } catch (...) {
      log("caught");
    }
    log("resumed");
  };
  run([&]() -> task<> {
    const auto outer = spawn([&]() -> task<> {
      const noted local(log, "outer");
      co_await middle();
      log("resumed");
    });
    co_await immediate();
    outer.cancel();
    co_await immediate();
  });
  EXPECT_EQ(log.text(), "inner 2 > inner 1 > middle > outer");
}

TEST_P(stopping, Rule20CancelItselfRunsNoUserCode) {
  run([&]() -> task<> {
    const auto sleeper = spawn([&]() -> task<> {
      const noted going(log, "goes");
      co_await sleep_for(1h);
    });
    co_await immediate();
    sleeper.cancel();
    log("after cancel");
    EXPECT_FALSE(sleeper.done());
    co_await next_tick();
    EXPECT_TRUE(sleeper.done()) << "in the same drain";
  });
  EXPECT_EQ(log.text(), "after cancel > goes");
}

TEST_P(stopping, Rule20AFrameGoesOnlyAfterItsOperationHasEnded) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    const auto reader = spawn([&]() -> task<> {
      const noted going(log, "goes");
      co_await pair.read();
    });
    co_await ticks(3);
    reader.cancel();
    co_await next_tick();
    log(reader.done() ? "ended at once" : "in the kernel");
    static_cast<void>(co_await reader.join());
  });
  EXPECT_EQ(log.text(), "in the kernel > goes");
}

TEST_P(stopping, Rule21WaitersEndInTheSameDrain) {
  stream_pair pair(rt());
  run([&]() -> task<> {
    event never;
    const auto other = spawn([]() -> task<> { co_await sleep_for(1ms); });
    std::vector<join_handle<void>> all;
    all.push_back(spawn([]() -> task<> { co_await sleep_for(1h); }));
    all.push_back(spawn([]() -> task<> { co_await immediate(); }));
    all.push_back(spawn([&]() -> task<> { co_await never.wait(); }));
    all.push_back(spawn([&]() -> task<> { co_await other; }));
    all.push_back(spawn([&]() -> task<> { co_await pair.read(); }));
    all.push_back(spawn([]() -> task<> {
      auto job = [] {};
      co_await offload(job);  // not yet handed over
    }));
    co_await next_tick();
    for (const auto& h : all) h.cancel();
    for (const auto& h : all) EXPECT_FALSE(h.done());
    co_await next_tick();
    for (const auto& h : all) EXPECT_TRUE(h.done());
    EXPECT_LE(rt().pending().total(), 1u);
  });
}

TEST_P(stopping, Rule21QueuedPoolWorkIsRemovedAndRunningPoolWorkIsWaitedFor) {
  if (is_virtual()) return;  // nothing is ever queued there
  runtime_options one_thread;
  one_thread.pool_threads = 1;
  make(one_thread);
  std::atomic<bool> running{false};
  std::atomic<bool> may_end{false};
  std::atomic<bool> queued_ran{false};
  run([&]() -> task<> {
    const auto first = spawn([&]() -> task<> {
      auto job = [&] {
        running = true;
        may_end.wait(false);
        return 7;
      };
      const int value = co_await offload(job);
      log(value == 7 ? "delivered" : "wrong");
      co_await next_tick();
      log("went on");
    });
    const auto second = spawn([&]() -> task<> {
      auto job = [&] { queued_ran = true; };
      co_await offload(job);
    });
    while (!running) co_await immediate();
    co_await ticks(2);
    first.cancel();
    second.cancel();
    co_await next_tick();
    EXPECT_TRUE(second.done()) << "in the same drain";
    EXPECT_FALSE(first.done());
    may_end = true;
    may_end.notify_one();
    auto r = co_await first.join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_FALSE(queued_ran);
  EXPECT_EQ(log.text(), "delivered");
}

TEST_P(stopping, Rule22CancellingFromInsideTheCancelledScopeIsHarmless) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> outer;
    outer = spawn([&]() -> task<> {
      const noted going(log, "outer goes");
      struct canceller {
        explicit canceller(std::optional<join_handle<void>>& h) : handle(h) {}
        ~canceller() { handle->cancel(); }
        std::optional<join_handle<void>>& handle;
      } const in_a_destructor(outer);
      co_await sleep_for(1h);
    });
    co_await immediate();
    outer->cancel();
    outer->cancel();
    auto r = co_await outer->join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(log.text(), "outer goes");
}

TEST_P(stopping, Rule22ACancelReachesTasksInTheOrderInWhichTheyWereStarted) {
  rt().post([&] {
    for (int i = 1; i <= 4; ++i) {
      spawn([&, i]() -> task<> {
        const noted going(log, std::to_string(i));
        // (the order of their deadlines is another one)
        co_await sleep_for(1h * (10 - i));
      });
    }
  });
  rt().set_timeout(1ms, [&] { rt().request_stop(); });
  rt().run();
  EXPECT_EQ(log.text(), "1 > 2 > 3 > 4");
}

TEST_P(stopping, Rule23InAStoppedScopeAnAwaitStopsBeforeItStartsOrTakesAnything) {
  stream_pair pair(rt());
  pair.say("x");
  const auto try_to = [&](auto what) {
    run([&]() -> task<> {
      const auto late = spawn([&]() -> task<> {
        static_cast<void>(co_await catch_stopped(sleep_for(1h)));
        log("stopped once");
        co_await what();
        log("went on");
      });
      co_await immediate();
      late.cancel();
      auto r = co_await late.join();
      EXPECT_TRUE(r.stopped());
      EXPECT_EQ(rt().pending().total(), 0u);
    });
  };
  event set;
  set.set();
  bool ran = false;
  try_to([] { return sleep_for(0ns); });
  try_to([] { return next_tick(); });
  try_to([] { return yield(); });
  try_to([] { return immediate(); });
  try_to([&] { return set.wait(); });  // also where it need not suspend
  try_to([&] { return pair.read(); });
  try_to([&] { return offload([](bool* r) { *r = true; }, &ran); });
  std::string seven;
  for (int i = 0; i < 7; ++i) seven += i ? " > stopped once" : "stopped once";
  EXPECT_EQ(log.text(), seven);
  EXPECT_FALSE(ran);
  EXPECT_EQ(pair.hear(), "x");
}

TEST_P(stopping, Rule23AnEndedTasksValueIsNotTakenInAStoppedScope) {
  run([&]() -> task<> {
    const auto ended = spawn([]() -> task<int> { co_return 7; });
    const auto late = spawn([&]() -> task<> {
      static_cast<void>(co_await catch_stopped(sleep_for(1h)));
      co_await ended;
      log("went on");
    });
    co_await immediate();
    late.cancel();
    static_cast<void>(co_await late.join());
    EXPECT_EQ(co_await ended, 7);
  });
  EXPECT_EQ(log.text(), "");
}

TEST_P(stopping, Rule23ATaskCancelledBeforeItBeganNeverBegins) {
  auto token = std::make_shared<int>(0);
  run([&]() -> task<> {
    const auto early = spawn([token]() -> task<> {
      ++*token;
      co_return;
    });
    early.cancel();
    auto r = co_await early.join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(*token, 0);
  EXPECT_EQ(token.use_count(), 1) << "its callable is destroyed all the same";
}

TEST_P(stopping, Rule23AnAwaitedTaskBeginsInAStoppedScopeAndStopsAtItsOwnSuspension) {
  const auto child = [&]() -> task<int> {
    log("began");
    co_return 7;
  };
  run([&]() -> task<> {
    const auto late = spawn([&]() -> task<> {
      static_cast<void>(co_await catch_stopped(sleep_for(1h)));
      EXPECT_EQ(co_await child(), 7);
      log("it did not suspend");
    });
    co_await immediate();
    late.cancel();
    auto r = co_await late.join();
    EXPECT_TRUE(r.has_value());
  });
  EXPECT_EQ(log.text(), "began > it did not suspend");
}

TEST_P(stopping, CatchStoppedMakesAValueOfAStopAndPassesTheRest) {
  const auto gives = []() -> task<int> {
    co_await next_tick();
    co_return 7;
  };
  const auto throws = []() -> task<int> {
    co_await next_tick();
    throw std::domain_error("x");
  };
  run([&]() -> task<> {
    EXPECT_EQ(co_await catch_stopped(gives()), 7);
    EXPECT_THROW(co_await catch_stopped(throws()), std::domain_error);
    const auto child = spawn([&]() -> task<> {
      const auto r = co_await catch_stopped(sleep_for(1h));
      log(r ? "value" : "stopped");
    });
    co_await immediate();
    child.cancel();
    auto r = co_await child.join();
    EXPECT_TRUE(r.has_value()) << "it went on, and ended without another suspension";
  });
  EXPECT_EQ(log.text(), "stopped");
}

// ---- The runtime's end ----

TEST_P(stopping, Rule18AnExceptionThatTheDestructorBringsAboutIsTold) {
  event never;
  rt().next_tick([&] {
    spawn([&]() -> task<> {
      const auto cleanup = [&]() -> task<> {
        log("cleanup");
        throw std::runtime_error("the cleanup failed");
        co_return;
      };
      co_await finally(never.wait(), cleanup);
    });
  });
  rt().run_nowait();
  ::testing::internal::CaptureStderr();
  drop_runtime();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "eddy: a runtime is destroyed, and an exception of its tasks is lost: "
            "std::runtime_error: the cleanup failed\n");
  EXPECT_EQ(log.text(), "cleanup");
}

// ---- What is not ours ----

/// Resumed by hand.
struct by_hand {
  by_hand() = default;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiting = h; }
  int await_resume() const noexcept { return 7; }
  std::coroutine_handle<> waiting;
};

TEST_P(stopping, Rule32AForeignAwaitableIsAwaitedAndResumedAsAMicrotask) {
  by_hand foreign;
  run([&]() -> task<> {
    spawn([&]() -> task<> {
      EXPECT_EQ(co_await foreign, 7);
      log("resumed");
    });
    co_await immediate();
    EXPECT_EQ(rt().pending().total(), 0u) << "not pending";
    foreign.waiting.resume();
    log("after resume");
    co_await next_tick();
  });
  EXPECT_EQ(log.text(), "after resume > resumed");
}

TEST_P(stopping, Rule32ACancelWaitsForAForeignAwaitable) {
  by_hand foreign;
  run([&]() -> task<> {
    const auto child = spawn([&]() -> task<> {
      const noted going(log, "goes");
      EXPECT_EQ(co_await foreign, 7);
      log("delivered");
      co_await next_tick();
      log("went on");
    });
    co_await immediate();
    child.cancel();
    co_await ticks(2);
    EXPECT_FALSE(child.done());
    foreign.waiting.resume();
    auto r = co_await child.join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(log.text(), "delivered > goes");
}

TEST_P(stopping, Rule32AForeignAwaitableThatIsReadyIsNotSuspendedFor) {
  run([&]() -> task<> {
    rt().next_tick([&] { log("microtask"); });
    co_await std::suspend_never();
    log("main");
  });
  EXPECT_EQ(log.text(), "main > microtask");
}

}  // namespace
}  // namespace eddy::test
