// Guards: they hold the loop for work announced elsewhere, and any thread may drop them.
#include <thread>

#include <eddy/coro/event.h>
#include <eddy/coro/sleep.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class guards : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(guards);
class guards_between_threads : public real_runtime {};
EDDY_TEST_ON_REAL_BACKENDS(guards_between_threads);

TEST_P(guards, Rule12AGuardIsPendingUntilItIsDropped) {
  {
    const pending_guard one = rt().guard();
    const pending_guard other = rt().guard();
    EXPECT_EQ(rt().pending().guards, 2u);
    EXPECT_TRUE(rt().run_nowait());
  }
  EXPECT_EQ(rt().pending().guards, 0u);
  EXPECT_FALSE(rt().run_nowait());
}

TEST_P(guards, AMovedGuardIsOneGuard) {
  pending_guard one = rt().guard();
  pending_guard other = std::move(one);
  EXPECT_EQ(rt().pending().guards, 1u);
  one = rt().guard();
  EXPECT_EQ(rt().pending().guards, 2u);
  one = std::move(other);
  EXPECT_EQ(rt().pending().guards, 1u);
  one = pending_guard();
  EXPECT_EQ(rt().pending().guards, 0u);
}

TEST_P(guards, TheLoopEndsWhenACallbackDropsTheLast) {
  pending_guard held = rt().guard();
  rt().set_timeout(1ms, [&] {
    log("dropped");
    held = pending_guard();
  });
  rt().run();
  EXPECT_EQ(log.text(), "dropped");
}

TEST_P(guards, AGuardMayOutliveItsRuntime) {
  const pending_guard held = rt().guard();
  drop_runtime();
}

TEST_P(guards, Rule17AfterAStopAGuardNoLongerHoldsTheLoop) {
  const pending_guard held = rt().guard();
  rt().set_timeout(0ns, [&] { rt().request_stop(); });
  rt().run();
  EXPECT_EQ(rt().pending().guards, 1u);
}

TEST_P(guards_between_threads, Rule13TheLoopSleepsUntilAnotherThreadDropsTheGuard) {
  pending_guard held = rt().guard();
  std::thread other;
  rt().next_tick(
      [&] { other = std::thread([mine = std::move(held)]() mutable { mine = pending_guard(); }); });
  rt().run();
  other.join();
  EXPECT_EQ(rt().pending().guards, 0u);
}

TEST_P(guards_between_threads, TheLoopWaitsForWhatAThreadPostsBeforeItDropsItsGuard) {
  for (int i = 0; i < 200; ++i) {
    bool arrived = false;
    std::thread other([this, &arrived, mine = rt().guard()]() mutable {
      rt().post([&arrived] { arrived = true; });
      mine = pending_guard();
    });
    rt().run();
    EXPECT_TRUE(arrived);
    other.join();
  }
}

TEST_P(guards_between_threads, AGuardMayBeDroppedWhileItsRuntimeEnds) {
  for (int i = 0; i < 200; ++i) {
    auto short_lived = make_runtime(GetParam());
    short_lived->run_nowait();
    std::thread other([mine = short_lived->guard()]() mutable { mine = pending_guard(); });
    short_lived = nullptr;
    other.join();
  }
}

TEST_P(guards_between_threads, AForeignThreadAnswersATaskThroughAPostAndAGuard) {
  std::thread other;
  run([&]() -> task<> {
    event answered;
    other = std::thread(
        [this, &answered, mine = rt().guard()] { rt().post([&answered] { answered.set(); }); });
    co_await answered.wait();
    log("answered");
  });
  other.join();
  EXPECT_EQ(log.text(), "answered");
}

}  // namespace
}  // namespace eddy::test
