// Posts: callbacks sent to a loop from any thread.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class post : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(post);
class post_between_threads : public real_runtime {};
EDDY_TEST_ON_REAL_BACKENDS(post_between_threads);

TEST_P(post, PostsRunInThePollPhaseInTheOrderOfTheCalls) {
  for (int i = 1; i <= 3; ++i) rt().post([&, i] { log(std::to_string(i)); });
  rt().set_timeout(0ns, [&] { log("timer"); });
  rt().set_immediate([&] { log("immediate"); });
  rt().run();
  EXPECT_EQ(log.text(), "timer > 1 > 2 > 3 > immediate");
}

TEST_P(post, Rule12APostIsNotPending) {
  rt().post([] {});
  EXPECT_EQ(rt().pending().total(), 0u);
  EXPECT_FALSE(rt().run_nowait());
}

TEST_P(post, Rule13WhatWasPostedBeforeTheEndRuns) {
  run([&]() -> task<> {
    rt().post([&] { log("posted by main"); });
    co_return;
  });
  rt().set_timeout(0ns, [&] {
    rt().post([&] {
      log("posted by the last timer");
      rt().post([&] { log("posted by a post"); });
    });
  });
  rt().run();
  EXPECT_EQ(log.text(), "posted by main > posted by the last timer > posted by a post");
}

TEST_P(post, Rule13WhatIsPostedAfterTheEndRunsInTheNextRun) {
  rt().run();
  rt().post([&] { log("posted"); });
  EXPECT_EQ(log.text(), "");
  run([&]() -> task<> {
    log("main");
    co_return;
  });
  EXPECT_EQ(log.text(), "main > posted");
}

TEST_P(post, Rule13WhatIsPostedAndNeverRunIsDroppedByTheDestructor) {
  auto token = std::make_shared<int>(0);
  rt().post([token] { ++*token; });
  drop_runtime();
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(*token, 0);
}

TEST_P(post, APostMaySpawnTasks) {
  rt().post([&] {
    spawn([&]() -> task<> {
      co_await sleep_for(1ms);
      log("task");
    });
  });
  rt().run();
  EXPECT_EQ(log.text(), "task");
}

TEST_P(post_between_threads, EachThreadsPostsArriveOnceAndInItsOrder) {
  constexpr int threads = 3;
  constexpr int each = 5000;
  std::vector<int> next(threads);
  int wrong = 0;
  std::vector<std::thread> senders;
  for (std::size_t t = 0; t < threads; ++t) {
    senders.emplace_back([&, t, held = rt().guard()] {
      for (int i = 0; i < each; ++i) {
        rt().post([&, t, i] { wrong += next[t]++ != i; });
      }
    });
  }
  rt().run();
  for (std::thread& t : senders) t.join();
  rt().run();
  for (int n : next) EXPECT_EQ(n, each);
  EXPECT_EQ(wrong, 0);
}

TEST_P(post_between_threads, APostWakesASleepingLoopEveryTime) {
  // A ball between this loop and a thread that waits for each return: a lost wake-up hangs.
  std::atomic<int> returned{0};
  pending_guard held = rt().guard();
  std::thread other([&] {
    for (int i = 1; i <= 2000; ++i) {
      rt().post([&, i] {
        returned = i;
        returned.notify_one();
      });
      returned.wait(i - 1);
    }
    rt().post([&] { held = pending_guard(); });
  });
  rt().run();
  other.join();
  EXPECT_EQ(returned, 2000);
}

}  // namespace
}  // namespace eddy::test
