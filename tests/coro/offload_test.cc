// offload: functions on the pool, awaited.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include <eddy/coro/offload.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class offloading : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(offloading);

TEST_P(offloading, TheFunctionsValueComesBackAndTheTaskGoesOnOnItsThread) {
  const auto here = std::this_thread::get_id();
  run([&]() -> task<> {
    auto job = [&](int n) {
      if (!is_virtual()) {
        EXPECT_NE(std::this_thread::get_id(), here);
      }
      return n + 1;
    };
    EXPECT_EQ(co_await offload(job, 6), 7);
    EXPECT_EQ(std::this_thread::get_id(), here);
  });
}

TEST_P(offloading, EachLaneRunsWhatItIsGiven) {
  run([]() -> task<> {
    auto job = [] { return 7; };
    for (const pool_lane lane : {pool_lane::compute, pool_lane::files, pool_lane::lookup}) {
      EXPECT_EQ(co_await offload(lane, job), 7);
    }
  });
}

TEST_P(offloading, ItsExceptionComesBack) {
  run([]() -> task<> {
    auto job = []() -> int { throw std::domain_error("on the pool"); };
    EXPECT_THROW(co_await offload(job), std::domain_error);
    auto nothing = [] { throw std::domain_error("on the pool"); };
    EXPECT_THROW(co_await offload(nothing), std::domain_error);
  });
}

TEST_P(offloading, AReferenceIsPassedOn) {
  run([]() -> task<> {
    static std::string name = "somebody";
    auto named = []() -> std::string& { return name; };
    std::string& same = co_await offload(named);
    EXPECT_EQ(&same, &name);
    auto constant = []() -> const std::string& { return name; };
    EXPECT_EQ(&co_await offload(constant), &name);
  });
}

TEST_P(offloading, MoveOnlyArgumentsAndResultsAreMoved) {
  run([]() -> task<> {
    auto job = [](std::unique_ptr<int> p) {
      ++*p;
      return p;
    };
    auto argument = std::make_unique<int>(6);
    const auto value = co_await offload(job, std::move(argument));
    EXPECT_EQ(*value, 7);
  });
}

TEST_P(offloading, AHundredJobsFindRoomOneAfterTheOtherWhereTheQueueIsShort) {
  runtime_options options;
  options.pool_threads = 1;
  options.pool_queue = 2;
  make(options);
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  int ended = 0;
  run([&]() -> task<> {
    for (int i = 0; i < 100; ++i) {
      spawn([&, i]() -> task<> {
        auto job = [&](int n) {
          const int here = ++at_once;
          if (here > most) most = here;
          --at_once;
          return n;
        };
        EXPECT_EQ(co_await offload(job, i), i);
        EXPECT_EQ(ended, i) << "in the order of the calls";
        ++ended;
      });
    }
    co_await next_tick();
    EXPECT_EQ(rt().pending().pool_work, 100u) << "those without room are pending too";
  });
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(most, 1);
}

TEST_P(offloading, Rule21AJobThatWaitsForRoomIsCancelledInTheSameDrain) {
  if (is_virtual()) return;
  runtime_options options;
  options.pool_threads = 1;
  options.pool_queue = 1;
  make(options);
  std::atomic<bool> running{false};
  std::atomic<bool> may_end{false};
  std::atomic<int> ran{0};
  run([&]() -> task<> {
    std::vector<join_handle<void>> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(spawn([&]() -> task<> {
        auto job = [&] {
          ++ran;
          running = true;
          may_end.wait(false);
        };
        co_await offload(job);
      }));
    }
    while (!running) co_await immediate();
    for (int i = 0; i < 3; ++i) co_await immediate();
    for (std::size_t i = 1; i < 10; ++i) all[i].cancel();
    co_await next_tick();
    for (std::size_t i = 1; i < 10; ++i) EXPECT_TRUE(all[i].done()) << i;
    may_end = true;
    may_end.notify_all();
    co_await all[0];
  });
  EXPECT_EQ(ran, 1);
}

TEST_P(offloading, TheLoopGoesOnWhileAJobRuns) {
  if (is_virtual()) return;
  std::atomic<bool> may_end{false};
  run([&]() -> task<> {
    rt().set_timeout(2ms, [&] {
      may_end = true;
      may_end.notify_one();
    });
    auto job = [&] { may_end.wait(false); };
    co_await offload(job);
    EXPECT_TRUE(may_end);
  });
}

TEST_P(offloading, ThousandsOfJobsFromManyTasksEachComeBackOnce) {
  long sum = 0;
  run([&]() -> task<> {
    for (int i = 0; i < 50; ++i) {
      spawn([&]() -> task<> {
        for (int n = 1; n <= 100; ++n) {
          auto job = [](int v) { return v; };
          sum += co_await offload(job, n);
        }
      });
    }
    co_return;
  });
  EXPECT_EQ(sum, 50 * 5050);
}

TEST_P(offloading, TheCallableLivesUntilTheJobHasEndedThoughTheTaskWasCancelled) {
  auto token = std::make_shared<int>(7);
  std::atomic<bool> running{false};
  std::atomic<bool> may_end{is_virtual()};
  run([&]() -> task<> {
    const auto child = spawn([&]() -> task<> {
      auto job = [&, token] {
        running = true;
        may_end.wait(false);
        return *token;
      };
      co_await offload(job);
    });
    while (!running) co_await immediate();
    child.cancel();
    co_await next_tick();
    if (!is_virtual()) {
      EXPECT_GT(token.use_count(), 1);
    }
    may_end = true;
    may_end.notify_one();
    static_cast<void>(co_await child.join());
  });
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace eddy::test
