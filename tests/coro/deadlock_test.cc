// docs/semantics.md, rule 15: nothing is pending and tasks still wait.
#include <algorithm>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/deferred.h>
#include <eddy/coro/event.h>
#include <eddy/coro/latch.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>
#include <eddy/runtime/detail/abort.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class deadlocked : public every_runtime {
 protected:
  /// What the deadlock of `main` says; "" where there is none.
  template <class F>
  std::string message_of(F main) {
    try {
      run(main);
    } catch (const deadlock& e) {
      return e.what();
    }
    return "";
  }
  static std::string at(int line) { return "deadlock_test.cc:" + std::to_string(line); }
};
EDDY_TEST_ON_EVERY_BACKEND(deadlocked);

TEST_P(deadlocked, Rule15TheMessageNamesWhatMainWaitsForAndWhere) {
  int line = 0;
  const std::string said = message_of([&]() -> task<> {
    event never;
    const noted going(log, "main goes");
    line = __LINE__ + 1;
    co_await never.wait();
    log("went on");
  });
  EXPECT_NE(said.find("main: event::wait at " + at(line)), std::string::npos) << said;
  EXPECT_EQ(log.text(), "main goes");
}

TEST_P(deadlocked, Rule15TheMessageUsesTheNameThatTheUserKnows) {
  const std::string said = message_of([&]() -> task<> {
    latch l(1);
    deferred<int> d;
    spawn([&]() -> task<> { co_await l.wait(); });
    static_cast<void>(co_await d.wait());
  });
  EXPECT_NE(said.find("main: deferred::wait at "), std::string::npos) << said;
  EXPECT_NE(said.find("a spawned task: latch::wait at "), std::string::npos) << said;
}

TEST_P(deadlocked, Rule23CleanupsRunInFull) {
  const std::string said = message_of([&]() -> task<> {
    event never;
    auto cleanup = [&]() -> task<> {
      log("begins");
      co_await sleep_for(1ms);
      co_await yield();
      log("ends");
    };
    const noted going(log, "main goes");
    co_await finally(never.wait(), cleanup);
    log("went on");
  });
  EXPECT_NE(said.find("event::wait at "), std::string::npos) << said;
  EXPECT_EQ(log.text(), "begins > ends > main goes");
}

TEST_P(deadlocked, ACleanupThatIsStuckItselfIsEnded) {
  const std::string said = message_of([&]() -> task<> {
    event never;
    auto cleanup = [&]() -> task<> {
      const noted going(log, "the cleanup goes");
      co_await never.wait();
      log("went on");
    };
    co_await finally(never.wait(), cleanup);
  });
  EXPECT_NE(said, "");
  EXPECT_EQ(log.text(), "the cleanup goes");
}

TEST_P(deadlocked, Rule15TheMessageNamesEachWaitingTask) {
  int main_line = 0;
  int first_line = 0;
  int second_line = 0;
  event never;
  const std::string said = message_of([&]() -> task<> {
    const noted main_going(log, "main");
    const auto first = spawn([&]() -> task<> {
      const noted going(log, "first");
      co_await immediate();
      first_line = __LINE__ + 1;
      co_await never.wait();
    });
    spawn([&]() -> task<> {
      const noted going(log, "second");
      second_line = __LINE__ + 1;
      co_await first;
    });
    spawn([]() -> task<> { co_await sleep_for(1ms); });
    main_line = __LINE__ + 1;
    co_await first;
  });
  EXPECT_NE(said.find("main: join at " + at(main_line)), std::string::npos) << said;
  EXPECT_NE(said.find("event::wait at " + at(first_line)), std::string::npos) << said;
  EXPECT_NE(said.find("join at " + at(second_line)), std::string::npos) << said;
  EXPECT_EQ(said.find("sleep"), std::string::npos) << said;
  EXPECT_EQ(log.text(), "first > second > main") << "in order, and main last";
}

TEST_P(deadlocked, Rule15TasksThatWaitAlikeAreOneLine) {
  event never;
  int line = 0;
  const auto waiter = [&]() -> task<> {
    line = __LINE__ + 1;
    co_await never.wait();
  };
  const std::string said = message_of([&]() -> task<> {
    for (int i = 0; i < 1000; ++i) spawn(waiter);
    spawn([&]() -> task<> { co_await never.wait(); });
    for (int i = 0; i < 3; ++i) spawn(waiter);
    co_return;
  });
  EXPECT_NE(said.find("\n  1000 spawned tasks: event::wait at " + at(line)), std::string::npos)
      << said;
  EXPECT_NE(said.find("\n  a spawned task: event::wait at "), std::string::npos) << said;
  EXPECT_NE(said.find("\n  3 spawned tasks: event::wait at " + at(line)), std::string::npos)
      << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 3) << said;
}

TEST_P(deadlocked, Rule15TheMessageNamesTheFramesAroundAndWhatIsInABoundary) {
  event never;
  int inner_line = 0;
  int outer_line = 0;
  const auto inner = [&]() -> task<result<int>> {
    inner_line = __LINE__ + 1;
    co_await never.wait();
    co_return 7;
  };
  const auto outer = [&]() -> task<result<int>> {
    outer_line = __LINE__ + 1;
    co_return co_await ok(inner());
  };
  const std::string said =
      message_of([&]() -> task<> { static_cast<void>(co_await catch_stopped(outer())); });
  EXPECT_NE(said.find("event::wait at " + at(inner_line)), std::string::npos) << said;
  EXPECT_NE(said.find(at(outer_line)), std::string::npos) << said;
}

TEST_P(deadlocked, Rule15OnlyASpawnedTaskWaits) {
  event never;
  const std::string said = message_of([&]() -> task<> {
    spawn([&]() -> task<> {
      const noted going(log, "goes");
      co_await never.wait();
    });
    co_return;
  });
  EXPECT_NE(said.find("a spawned task: event::wait at " + at(__LINE__ - 4)), std::string::npos)
      << said;
  EXPECT_EQ(log.text(), "goes");
}

TEST_P(deadlocked, Rule15TwoTasksThatJoinEachOtherAreFound) {
  const std::string said = message_of([]() -> task<> {
    std::optional<join_handle<void>> a;
    std::optional<join_handle<void>> b;
    a = spawn([&]() -> task<> { co_await *b; });
    b = spawn([&]() -> task<> { co_await *a; });
    co_await *a;
  });
  EXPECT_NE(said.find("join"), std::string::npos) << said;
}

TEST_P(deadlocked, Rule15WhatIsPendingIsNoDeadlock) {
  run([&]() -> task<> {
    event set;
    rt().set_timeout(2ms, [&] { set.set(); });
    co_await set.wait();
    rt().post([&] { log("posted"); });
    rt().set_immediate([&] { rt().post([&] { set.set(); }); });
    set.reset();
    co_await set.wait();
  });
  EXPECT_EQ(log.text(), "posted");
}

TEST_P(deadlocked, Rule15WhileBackgroundWorkIsPendingItIsNoDeadlockAndThenItIs) {
  event never;
  const std::string said = message_of([&]() -> task<> {
    spawn_background([&]() -> task<> {
      co_await sleep_for(5ms);
      log("background");
    });
    co_await never.wait();
  });
  EXPECT_NE(said.find("event::wait"), std::string::npos) << said;
  EXPECT_EQ(log.text(), "background");
}

TEST_P(deadlocked, Rule15TheRuntimeIsAsGoodAsNewAfterwards) {
  event never;
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(message_of([&]() -> task<> { co_await never.wait(); }), "");
    EXPECT_EQ(run([]() -> task<int> {
                const auto child = spawn([]() -> task<int> {
                  co_await sleep_for(0ns);
                  co_return 7;
                });
                co_return co_await child;
              }),
              7);
  }
}

TEST_P(deadlocked, Rule15CleaningUpMayTakeTime) {
  event never;
  const std::string said = message_of([&]() -> task<> {
    spawn([&]() -> task<> {
      static_cast<void>(co_await catch_stopped(never.wait()));
      log("caught");
      auto r = co_await catch_stopped(sleep_for(1ms));
      log(r ? "slept" : "stopped again");
    });
    co_await never.wait();
  });
  EXPECT_NE(said, "");
  EXPECT_EQ(log.text(), "caught > stopped again");
}

TEST_P(deadlocked, Rule15TheMembersReturnAndATaskMayBeWokenInTheNextRun) {
  event set_later;
  rt().post([&] {
    spawn([&]() -> task<> {
      co_await set_later.wait();
      log("woken");
    });
  });
  rt().run();
  EXPECT_FALSE(rt().run_once());
  EXPECT_FALSE(rt().run_nowait());
  EXPECT_EQ(log.text(), "");
  rt().post([&] { set_later.set(); });
  rt().run();
  EXPECT_EQ(log.text(), "woken");
}

/// Ends the program, in a destructor.
struct ends_the_program {
  explicit ends_the_program(void (*how)()) : end(how) {}
  ~ends_the_program() { end(); }
  void (*end)();
};

TEST_P(deadlocked, Rule15WhereTheUnwindingEndsTheProgramTheTextHasBeenSaid) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto deadlocks = [&](auto&& local) {
    eddy::run(*make_runtime(GetParam()), [&]() -> task<> {
      const auto kept = local();
      event never;
      co_await never.wait();
    });
  };
  const std::string text = "eddy: deadlock: .*\n  main: event::wait at deadlock_test.cc:.*\n";
  EXPECT_DEATH(deadlocks([] { return std::thread([] { ::pause(); }); }), text);
  EXPECT_DEATH(deadlocks([] {
                 return std::make_unique<ends_the_program>([] { detail::misuse("at the end"); });
               }),
               text + "eddy: at the end");
  // A handler of the program's own has its turn afterwards.
  EXPECT_DEATH(
      {
        std::set_terminate([] { detail::misuse("my own handler"); });
        deadlocks([] { return std::thread([] { ::pause(); }); });
      },
      text + "eddy: my own handler");
}

TEST_P(deadlocked, Rule15WhereItIsCaughtNothingIsSaidAndTheHandlerIsTheProgramsAgain) {
  const std::terminate_handler before = std::get_terminate();
  testing::internal::CaptureStderr();
  EXPECT_NE(message_of([&]() -> task<> {
              event never;
              co_await never.wait();
            }),
            "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(std::get_terminate(), before);
}

TEST_P(deadlocked, Rule15WhatWaitsForAForeignAwaitableCannotBeUnwoundAndAborts) {
  EXPECT_DEATH(
      eddy::run(*make_runtime(GetParam()), []() -> task<> { co_await std::suspend_always(); }),
      "^eddy: .*deadlock.* a foreign awaitable at deadlock_test.cc:");
}

}  // namespace
}  // namespace eddy::test
