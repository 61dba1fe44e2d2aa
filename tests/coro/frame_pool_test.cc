// The memory of frames where threads make, run and end them: what one thread makes and another ends
// does not pile up, and a runtime takes its memory with it wherever it ends.
#include "tests/support/counted_memory.h"
#include "tests/support/runtime_test.h"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include <eddy/coro/run_on.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

namespace eddy::test {
namespace {

/// A thread that does what it is told, one thing after the other.
class helper {
 public:
  helper() = default;
  ~helper() {
    job_ = nullptr;
    told_.release();
    thread_.join();
  }
  helper(const helper&) = delete;
  helper& operator=(const helper&) = delete;

  void operator()(std::function<void()> job) {
    job_ = std::move(job);
    told_.release();
    done_.acquire();
  }

 private:
  void work() {
    for (;;) {
      told_.acquire();
      if (!job_) return;
      job_();
      job_ = nullptr;
      done_.release();
    }
  }
  std::function<void()> job_;
  std::binary_semaphore told_{0};
  std::binary_semaphore done_{0};
  std::thread thread_{[this] { work(); }};
};

class frame_pool : public real_runtime {};
EDDY_TEST_ON_REAL_BACKENDS(frame_pool);

task<int> hops(int i) {
  co_await yield();
  co_return i;
}
task<int> many(int n) {
  std::vector<join_handle<int>> handles;
  for (int i = 0; i < n; ++i) handles.push_back(spawn(hops, i));
  int sum = 0;
  for (auto& h : handles) sum += co_await h;
  co_return sum;
}
constexpr int tasks = 300;
constexpr int sum_of_tasks = tasks * (tasks - 1) / 2;

std::int64_t blocks() noexcept {
  return memory_taken().blocks;
}

task<> job(std::array<char, 400> a, std::atomic<int>& ran) {
  ran += a[0];
  co_return;
}

TEST_P(frame_pool, WhatAnotherThreadMakesDoesNotPileUp) {
  // (More than what a tick gives back now and then could hide.)
  constexpr int rounds = 100;
  constexpr int each = 200;
  std::vector<std::int64_t> in_use;
  in_use.reserve(rounds);
  std::atomic<int> ran{0};
  const auto holds = std::make_unique<pending_guard>(rt().guard());
  std::thread maker([&] {
    std::array<char, 400> a{};
    a[0] = 1;
    std::binary_semaphore noted(0);
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < each; ++i) {
        rt().post([t = job(a, ran)]() mutable { spawn(std::move(t)); });
      }
      rt().post([&] {
        rt().set_immediate([&] {  // all of them have run, and their posts are gone
          in_use.push_back(blocks());
          noted.release();
        });
      });
      noted.acquire();
    }
    *holds = pending_guard();
  });
  run([]() -> task<> { co_return; });
  maker.join();
  EXPECT_EQ(ran, rounds * each);
  ASSERT_EQ(in_use.size(), static_cast<std::size_t>(rounds));
  EXPECT_LE(in_use.back(), in_use[1] + each / 10);
}

TEST_P(frame_pool, WhatAnotherRuntimeMakesDoesNotPileUp) {
  // Both runtimes have pools of their own; tasks made in one end in the other.
  constexpr int rounds = 50;
  constexpr int each = 200;
  std::atomic<int> ran{0};
  std::vector<std::int64_t> in_use;
  in_use.reserve(rounds);
  std::optional<pending_guard> holds(rt().guard());
  std::thread maker([&] {
    const auto own = make_runtime(GetParam());
    eddy::run(*own, [&]() -> task<> {
      std::array<char, 400> a{};
      a[0] = 1;
      for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < each; ++i) {
          rt().post([t = job(a, ran)]() mutable { spawn(std::move(t)); });
        }
        auto note = [&]() -> task<> {
          co_await immediate();
          in_use.push_back(blocks());
        };
        co_await run_on(rt(), note);
      }
    });
    rt().post([&] { holds.reset(); });
  });
  run([]() -> task<> { co_return; });
  maker.join();
  EXPECT_EQ(ran, rounds * each);
  EXPECT_LE(in_use.back(), in_use[1] + each / 10);
}

/// A runtime made, run and ended by threads in every combination takes all that it took with it,
/// and this thread's own runtime goes on without asking the system.
TEST_P(frame_pool, ARuntimeTakesItsFramesWithItWhereverItEnds) {
  run([] { return many(tasks); });  // our own runtime has what it needs
  std::array<helper, 2> helpers;
  const auto on = [&](int where, std::function<void()> f) {
    if (where == 0) {
      f();
    } else {
      helpers[static_cast<std::size_t>(where - 1)](std::move(f));
    }
  };
  const auto all = [&](int make, int use, int end) {
    std::unique_ptr<runtime> made;
    on(make, [&] { made = make_runtime(GetParam()); });
    on(use, [&] { EXPECT_EQ(eddy::run(*made, many, tasks), sum_of_tasks); });
    on(end, [&] { made = nullptr; });
  };
  for (int i = 0; i < 27; ++i)
    all(i / 9, i / 3 % 3, i % 3);  // (each thread has what it needs once)
  const std::int64_t before = blocks();
  for (int i = 0; i < 27; ++i) {
    all(i / 9, i / 3 % 3, i % 3);
    EXPECT_LE(blocks(), before + 8) << "made, run, ended by " << i / 9 << i / 3 % 3 << i % 3;
  }
  const std::uint64_t made = run([]() -> task<std::uint64_t> {
    for (int i = 0; i < 50; ++i) co_await spawn(hops, i);
    const allocation_count count;
    for (int i = 0; i < 500; ++i) co_await spawn(hops, i);
    co_return count.now();
  });
  EXPECT_EQ(made, 0u);
}

TEST_P(frame_pool, AThreadThatEndsLeavesNothing) {
  const auto by_a_thread = [&](auto f) { std::thread(f).join(); };
  std::vector<join_handle<int>> handles;
  handles.reserve(tasks);
  const auto all = [&] {
    // Tasks that were made and never awaited.
    by_a_thread([] {
      for (int i = 0; i < tasks; ++i) static_cast<void>(hops(i));
    });
    // A runtime that ended with its thread; handles that outlive both, and go here.
    by_a_thread([&] {
      const auto own = make_runtime(GetParam());
      eddy::run(*own, [&]() -> task<> {
        for (int i = 0; i < tasks; ++i) handles.push_back(spawn(hops, i));
        co_return;
      });
    });
    handles.clear();
    // A runtime that is left for others to destroy.
    std::unique_ptr<runtime> left;
    by_a_thread([&] {
      left = make_runtime(GetParam());
      eddy::run(*left, many, tasks);
    });
    left = nullptr;
  };
  for (int i = 0; i < 3; ++i) all();
  const std::int64_t before = blocks();
  for (int i = 0; i < 10; ++i) all();
  EXPECT_LE(blocks(), before + 8);
}

/// Between the ticks of a host no runtime runs: what is ended there goes back at once, what is made
/// there is like any other.
TEST_P(frame_pool, AHostMayMakeAndEndTasksBetweenTicks) {
  std::vector<join_handle<int>> handles;
  handles.reserve(tasks);
  const auto round = [&] {
    std::vector<task<int>> made;
    for (int i = 0; i < tasks; ++i) made.push_back(hops(i));
    rt().post([&] {
      for (auto& t : made) handles.push_back(spawn(std::move(t)));
    });
    while (rt().run_nowait()) {
    }
    EXPECT_EQ(handles.size(), static_cast<std::size_t>(tasks));
    handles.clear();
  };
  for (int i = 0; i < 3; ++i) round();
  const std::int64_t before = blocks();
  for (int i = 0; i < 30; ++i) round();
  EXPECT_LE(blocks(), before + 8);
}

}  // namespace
}  // namespace eddy::test
