// docs/semantics.md, rules 16 and 17: request_stop(), from wherever it is called, and how a run
// ends with it.
#include <pthread.h>

#include <atomic>
#include <coroutine>
#include <csignal>
#include <thread>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/event.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class stop_request : public every_runtime {
 protected:
  task<> wait_for_ever(std::string name) {
    const noted going(log, name + " goes");
    co_await sleep_for(1h);
    log(name + " went on");
  }
};
EDDY_TEST_ON_EVERY_BACKEND(stop_request);

class stop_request_from_outside : public real_runtime {};
EDDY_TEST_ON_REAL_BACKENDS(stop_request_from_outside);

TEST_P(stop_request, Rule16AStopAsksTheSpawnedTasksInOrderAndMainWhenTheyHaveEnded) {
  const auto main = [&]() -> task<> {
    const noted locals(log, "main goes");
    spawn([&]() -> task<> { return wait_for_ever("a"); });
    spawn([&]() -> task<> { return wait_for_ever("b"); });
    rt().set_timeout(1ms, [&] {
      log("asked");
      rt().request_stop();
    });
    co_await sleep_for(1h);
  };
  EXPECT_THROW(run(main), stopped_error);
  EXPECT_EQ(log.text(), "asked > a goes > b goes > main goes");
}

TEST_P(stop_request, Rule16MainIsNotAskedBeforeTheSlowestSpawnedTaskHasEnded) {
  stream_pair pair(rt());
  const auto main = [&]() -> task<> {
    const noted locals(log, "main goes");
    spawn([&]() -> task<> {
      // Asked to stop, it finishes all the same, and then stops at its next wait.
      EXPECT_EQ(co_await pair.read(), 1);
      log("read");
      co_await immediate();
      log("went on");
    });
    co_await immediate();
    co_await immediate();
    pair.say("x");
    rt().request_stop();
    for (;;) {
      co_await immediate();
      log("main works");
    }
  };
  EXPECT_THROW(run(main), stopped_error);
  EXPECT_EQ(log.text().find("went on"), std::string::npos);
  EXPECT_EQ(log.text().substr(log.text().size() - 9), "main goes");
  EXPECT_NE(log.text().find("read"), std::string::npos);
}

/// Resumed by hand: a cancel has to wait for it.
struct by_hand {
  by_hand() = default;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiting = h; }
  void await_resume() const noexcept {}
  std::coroutine_handle<> waiting;
};

TEST_P(stop_request, Rule16MainIsAskedWhenTheLastSpawnedTaskHasEndedAndNotWhenTheFirstHas) {
  by_hand slow;
  const auto main = [&]() -> task<> {
    const noted locals(log, "main goes");
    spawn([&]() -> task<> { return wait_for_ever("quick"); });
    spawn([&]() -> task<> {
      co_await slow;
      log("slow ends");
    });
    co_await immediate();
    rt().request_stop();
    for (int i = 0; i < 3; ++i) {
      co_await immediate();
      log("main works");
    }
    slow.waiting.resume();
    co_await sleep_for(1h);
  };
  EXPECT_THROW(run(main), stopped_error);
  EXPECT_EQ(log.text(),
            "quick goes > main works > main works > main works > slow ends > main goes");
}

TEST_P(stop_request, Rule16MainsValueIsReturnedAfterAStopTooWhereMainWasNotStopped) {
  const int value = run([&]() -> task<int> {
    rt().request_stop();
    spawn([]() -> task<> { co_await sleep_for(1h); });
    co_return 7;
  });
  EXPECT_EQ(value, 7);
}

TEST_P(stop_request, Rule16MainWaitingForATaskThatTheStopEndsMayFinishInTheOrdinaryWay) {
  // Main is asked when the task has ended: the join that was made ready then is not taken away, but
  // main stops at it, for it was asked before it went on.
  EXPECT_THROW(run([&]() -> task<> {
                 const auto child = spawn([]() -> task<> { co_await sleep_for(1h); });
                 rt().set_timeout(0ns, [&] { rt().request_stop(); });
                 static_cast<void>(co_await child.join());
                 log("went on");
               }),
               stopped_error);
  EXPECT_EQ(log.text(), "");
}

TEST_P(stop_request, Rule17CalledWhileNothingRunsItStopsTheNextRunBeforeMainBegins) {
  rt().request_stop();
  EXPECT_THROW(run([&]() -> task<> {
                 log("main");
                 co_return;
               }),
               stopped_error);
  EXPECT_EQ(log.text(), "");
  run([&]() -> task<> {
    co_await immediate();
    log("the run after it");
  });
  EXPECT_EQ(log.text(), "the run after it");
}

TEST_P(stop_request, Rule17TheEndOfARunClearsIt) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(run([&]() -> task<> {
                   rt().request_stop();
                   rt().request_stop();
                   co_await sleep_for(1h);
                 }),
                 stopped_error);
    EXPECT_EQ(run([]() -> task<int> {
                const auto child = spawn([]() -> task<int> {
                  co_await sleep_for(0ns);
                  co_return 3;
                });
                co_return co_await child;
              }),
              3);
  }
}

TEST_P(stop_request, Rule17AStoppedMemberRunReturnsAndTheNextOneSpawnsAndRunsAsEver) {
  rt().post([&] { spawn([&]() -> task<> { return wait_for_ever("a"); }); });
  rt().set_timeout(1ms, [&] { rt().request_stop(); });
  rt().run();
  EXPECT_EQ(log.text(), "a goes");
  log.clear();
  rt().post([&] {
    spawn([&]() -> task<> {
      co_await sleep_for(0ns);
      log("spawned in the next run");
    });
  });
  rt().run();
  EXPECT_EQ(log.text(), "spawned in the next run");
}

TEST_P(stop_request, Rule17ThenCallbackTimersImmediatesAndGuardsNoLongerHoldTheLoop) {
  const pending_guard held = rt().guard();
  rt().set_interval(0ns, [&] {
    rt().set_immediate([] {});
    if (tick() == 3) rt().request_stop();
  });
  rt().set_timeout(1h, [&] { log("never"); });
  rt().run();
  EXPECT_LE(tick(), 5u);
  EXPECT_EQ(log.text(), "");
}

TEST_P(stop_request, Rule17ARunOfTurnsIsStoppedToo) {
  rt().post([&] { spawn([&]() -> task<> { return wait_for_ever("a"); }); });
  EXPECT_TRUE(rt().run_nowait());
  rt().request_stop();
  while (rt().run_nowait()) {
  }
  EXPECT_EQ(log.text(), "a goes");
}

TEST_P(stop_request, ATaskSpawnedIntoAStoppingRunNeverBegins) {
  EXPECT_THROW(run([&]() -> task<> {
                 spawn([&]() -> task<> {
                   struct spawner {
                     explicit spawner(trace& t) : log(t) {}
                     ~spawner() {
                       spawn(
                           [](trace& l) -> task<> {
                             l("began");
                             co_return;
                           },
                           std::ref(log));
                       log("spawned");
                     }
                     trace& log;
                   } const at_end(log);
                   co_await sleep_for(1h);
                 });
                 rt().set_timeout(0ns, [&] { rt().request_stop(); });
                 co_await sleep_for(1h);
               }),
               stopped_error);
  EXPECT_EQ(log.text(), "spawned");
}

TEST_P(stop_request_from_outside, Rule17AnotherThreadStopsASleepingLoop) {
  for (int i = 0; i < 50; ++i) {
    std::thread other;
    EXPECT_THROW(run([&]() -> task<> {
                   other = std::thread([&] { rt().request_stop(); });
                   co_await sleep_for(1h);
                 }),
                 stopped_error);
    other.join();
  }
}

std::atomic<runtime*> to_stop{nullptr};

TEST_P(stop_request_from_outside, Rule17ASignalHandlerStopsASleepingLoopAndKeepsErrno) {
  to_stop = &rt();
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) { to_stop.load()->request_stop(); };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  const pthread_t here = ::pthread_self();
  std::thread other;
  EXPECT_THROW(run([&]() -> task<> {
                 // The signal comes while the loop sleeps, or a little before: both must do.
                 other = std::thread([here] { ::pthread_kill(here, SIGUSR1); });
                 co_await sleep_for(1h);
               }),
               stopped_error);
  other.join();
  errno = 4711;
  ::raise(SIGUSR1);
  EXPECT_EQ(errno, 4711);
  EXPECT_THROW(run([]() -> task<> { co_return; }), stopped_error);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(stop_request_from_outside, Rule17AStopRequestedWhileRunsEndAndBeginIsTakenOnceEach) {
  runtime& asked = rt();
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) asked.request_stop();
  });
  int stopped = 0;
  for (int i = 0; i < 20'000 || !stopped; ++i) {
    try {
      run([]() -> task<> { co_await yield(); });
    } catch (const stopped_error&) {
      ++stopped;
    }
  }
  over = true;
  other.join();
  // The last of them may still be on its way: it stops one more run, and then no other.
  try {
    run([]() -> task<> { co_await yield(); });
  } catch (const stopped_error&) {
  }
  EXPECT_EQ(run([]() -> task<int> { co_return 7; }), 7);
}

}  // namespace
}  // namespace eddy::test
