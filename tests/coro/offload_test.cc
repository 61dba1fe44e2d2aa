// offload: functions on the pool, awaited.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include <eddy/coro/offload.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/timeout.h>
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

// ---- Functions that are told of a cancel ----

int told(std::stop_token token, int n) {
  return token.stop_possible() ? n : -1;
}

TEST_P(offloading, AFunctionThatTakesAStopTokenFirstIsGivenOne) {
  run([]() -> task<> {
    EXPECT_EQ(co_await offload(told, 7), 7);
    const auto by_reference = [](const std::stop_token& token) { return token.stop_possible(); };
    EXPECT_TRUE(co_await offload(by_reference));
    const auto generic = [](std::stop_token token, auto n) {
      return token.stop_possible() ? n : 0;
    };
    EXPECT_EQ(co_await offload(generic, 5), 5);
    // One that is called without is called as ever, and so is one that has a token of its own.
    const auto any = [](auto... numbers) { return (numbers + ...); };
    EXPECT_EQ(co_await offload(any, 1, 2), 3);
    const auto own = [](const std::stop_token& token) { return token.stop_possible(); };
    EXPECT_FALSE(co_await offload(own, std::stop_token()));
  });
}

TEST_P(offloading, Rule21RunningWorkIsToldOfACancelAndWaitedFor) {
  if (is_virtual()) return;
  std::atomic<bool> running{false};
  run([&]() -> task<> {
    const auto child = spawn([&]() -> task<> {
      auto job = [&](std::stop_token token) {
        running = true;
        while (!token.stop_requested()) std::this_thread::yield();
        return 7;
      };
      EXPECT_EQ(co_await offload(job), 7);
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    while (!running) co_await immediate();
    child.cancel();
    child.cancel();
    EXPECT_TRUE((co_await child.join()).stopped());
  });
  EXPECT_EQ(log.text(), "delivered");
}

TEST_P(offloading, Rule21QueuedWorkIsTakenBackAndToldNothing) {
  if (is_virtual()) return;
  runtime_options options;
  options.pool_threads = 1;
  make(options);
  std::atomic<bool> running{false};
  run([&]() -> task<> {
    auto first = [&](std::stop_token token) {
      running = true;
      while (!token.stop_requested()) std::this_thread::yield();
    };
    auto second = [&](const std::stop_token&) { log("not reached"); };
    const auto one = spawn([&]() -> task<> { co_await offload(first); });
    while (!running) co_await immediate();
    const auto other = spawn([&]() -> task<> { co_await offload(second); });
    co_await immediate();
    co_await immediate();
    other.cancel();
    co_await next_tick();
    EXPECT_TRUE(other.done());
    EXPECT_FALSE(one.done());
    one.cancel();
  });
  EXPECT_EQ(log.text(), "");
}

TEST_P(offloading, Rule20ACancelItselfRunsNothingOfWhatHangsOnTheToken) {
  if (is_virtual()) return;
  std::atomic<bool> running{false};
  std::atomic<bool> may_end{false};
  run([&]() -> task<> {
    const auto here = std::this_thread::get_id();
    const auto child = spawn([&]() -> task<> {
      auto job = [&](std::stop_token token) {
        const std::stop_callback hung(token, [&] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          EXPECT_FALSE(stop_requested()) << "no task runs";
          log("told");
          may_end = true;
          may_end.notify_one();
        });
        running = true;
        may_end.wait(false);
      };
      co_await offload(job);
    });
    while (!running) co_await immediate();
    child.cancel();
    log("cancelled");
    static_cast<void>(co_await child.join());
  });
  EXPECT_EQ(log.text(), "cancelled > told");
}

/// With a budget of one, what tells the function waits for its turn, and may come after the report.
TEST_P(offloading, WorkThatEndsBeforeItIsToldIsNotLeftEarly) {
  if (is_virtual()) return;
  runtime_options options;
  options.callback_budget = 1;
  make(options);
  std::atomic<int> told_times{0};
  run([&]() -> task<> {
    bool spins = true;
    const auto spinning = [&]() -> task<> {
      while (spins) co_await next_tick();
    };
    std::vector<join_handle<void>> spinners;
    for (int i = 0; i < 10; ++i) spinners.push_back(spawn(spinning));
    for (int round = 0; round < 50; ++round) {
      std::atomic<bool> running{false};
      std::atomic<bool> may_end{false};
      const auto child = spawn([&]() -> task<> {
        auto job = [&](std::stop_token token) {
          const std::stop_callback hung(token, [&] { ++told_times; });
          running = true;
          may_end.wait(false);
        };
        co_await offload(job);
      });
      while (!running) co_await immediate();
      may_end = true;
      may_end.notify_one();
      if (round % 2) std::this_thread::yield();
      child.cancel();
      static_cast<void>(co_await child.join());
    }
    spins = false;
    for (const auto& spinner : spinners) co_await spinner;
  });
  EXPECT_LE(told_times, 50);
}

TEST_P(offloading, UnderATimeoutWorkIsTold) {
  if (is_virtual()) return;
  std::atomic<bool> running{false};
  run([&]() -> task<> {
    auto job = [&](std::stop_token token) {
      running = true;
      while (!token.stop_requested()) std::this_thread::yield();
      return 3;
    };
    // The loop stands still behind the poll that hands it over: no deadline comes before it runs.
    spawn([&]() -> task<> {
      co_await immediate();
      while (!running) std::this_thread::yield();
    });
    const auto r = co_await with_timeout(1ms, offload(job));
    EXPECT_TRUE(r && *r == 3) << "it finished after all";
  });
}

}  // namespace
}  // namespace eddy::test
