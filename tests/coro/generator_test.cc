// generator and async_generator.
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/generator.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

generator<int> up_to(int n) {
  const counted frame;
  for (int i = 1; i <= n; ++i) co_yield i;
}

TEST(generator, GivesItsValuesToARangeFor) {
  std::vector<int> seen;
  for (const int i : up_to(4)) seen.push_back(i);
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3, 4}));
  for ([[maybe_unused]] const int i : up_to(0)) {
    ADD_FAILURE();
  }
  EXPECT_EQ(counted::live, 0);
}

TEST(generator, LeftEarlyOrNeverWalkedItsFrameGoes) {
  for (const int i : up_to(4)) {
    if (i == 2) break;
  }
  {
    const auto unused = up_to(3);
  }
  auto a = up_to(1);
  auto b = std::move(a);
  a = up_to(2);
  b = std::move(a);
  EXPECT_EQ(counted::live, 0);
}

TEST(generator, AnExceptionComesOutOfTheStep) {
  const auto failing = []() -> generator<int> {
    co_yield 1;
    throw std::runtime_error("boom");
  };
  std::vector<int> seen;
  EXPECT_EQ(thrown_by([&] {
              for (const int i : failing()) seen.push_back(i);
            }),
            "boom");
  EXPECT_EQ(seen.size(), 1u);
}

TEST(generator, YieldsReferencesAndThingsThatAreOnlyMoved) {
  std::vector<std::string> words{"a", "b"};
  const auto each = [&]() -> generator<std::string&> {
    for (std::string& w : words) co_yield w;
  };
  for (std::string& w : each()) w += "!";
  EXPECT_EQ(words, (std::vector<std::string>{"a!", "b!"}));
  const auto owned = []() -> generator<std::unique_ptr<int>> { co_yield std::make_unique<int>(3); };
  for (const std::unique_ptr<int>& p : owned()) {
    EXPECT_EQ(*p, 3);
  }
}

TEST(generator, WalkedAfterItWasMovedFromAborts) {
  auto a = up_to(1);
  const auto b = std::move(a);
  EXPECT_DEATH(static_cast<void>(a.begin()),
               "eddy: a generator");  // NOLINT(bugprone-use-after-move): the question
}

TEST(generator, WalkedTwiceItAborts) {
  EXPECT_DEATH(
      {
        auto g = up_to(2);
        for ([[maybe_unused]] const int i : g) {
        }
        for ([[maybe_unused]] const int i : g) {
        }
      },
      "eddy: a generator is walked twice");
  EXPECT_DEATH(
      {
        auto g = up_to(2);
        const auto first = g.begin();
        EXPECT_EQ(*first, 1);
        auto moved = std::move(g);
        static_cast<void>(moved.begin());
      },
      "eddy: a generator is walked twice");
}

TEST(generator, GoneOnWithAfterItsExceptionOrItsEndItAborts) {
  const auto failing = [](int after) -> generator<int> {
    for (int i = 0; i < after; ++i) co_yield i;
    throw std::runtime_error("boom");
  };
  for (const int after : {0, 1}) {
    EXPECT_DEATH(
        {
          auto g = failing(after);
          EXPECT_EQ(thrown_by([&] {
                      for ([[maybe_unused]] const int i : g) {
                      }
                    }),
                    "boom");
          static_cast<void>(g.begin());
        },
        "eddy: a generator is walked twice");
  }
  auto g = failing(1);
  auto at = g.begin();
  EXPECT_EQ(thrown_by([&] { ++at; }), "boom");
  EXPECT_TRUE(at == g.end());
  EXPECT_DEATH(++at, "eddy: a generator is walked on");
  auto whole = up_to(1);
  auto last = whole.begin();
  ++last;
  EXPECT_TRUE(last == whole.end());
  EXPECT_DEATH(last++, "eddy: a generator is walked on");
}

class async_generators : public coro_test {
 public:
  async_generator<int> counting(int n, duration pause) {
    const counted frame;
    for (int i = 1; i <= n; ++i) {
      if (pause >= 0ns) co_await sleep_for(pause);
      co_yield i;
    }
  }
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(async_generators);

TEST_P(async_generators, GivesItsValuesThenNothing) {
  run([&]() -> task<> {
    for (const duration pause : {-1ns, 0ns, 100'000ns}) {
      auto numbers = counting(3, pause);
      int sum = 0;
      while (const auto i = co_await numbers.next()) sum += *i;
      EXPECT_EQ(sum, 6);
      EXPECT_EQ(co_await numbers.next(), std::nullopt);
    }
  });
}

TEST_P(async_generators, AMillionValuesWithoutAWaitNeedNoStack) {
  run([&]() -> task<> {
    auto numbers = counting(1'000'000, -1ns);
    long sum = 0;
    while (const auto i = co_await numbers.next()) sum += *i;
    EXPECT_EQ(sum, 500'000'500'000);
  });
}

TEST_P(async_generators, AnExceptionComesOutOfNextOnceThenItHasEnded) {
  run([&]() -> task<> {
    const auto failing = [&]() -> async_generator<int> {
      const counted frame;
      co_yield 1;
      co_await sleep_for(0ns);
      throw std::runtime_error("boom");
    };
    auto g = failing();
    EXPECT_EQ(co_await g.next(), 1);
    log(co_await thrown_in(g.next()));
    EXPECT_EQ(co_await g.next(), std::nullopt);
    const auto at_once = [&]() -> async_generator<int> {
      throw std::runtime_error("at once");
      co_yield 1;
    };
    auto h = at_once();
    log(co_await thrown_in(h.next()));
  });
  EXPECT_EQ(log.text(), "boom > at once");
}

TEST_P(async_generators, StoppedInNextItIsFinished) {
  run([&]() -> task<> {
    const auto waits = [&]() -> async_generator<int> {
      const counted frame;
      co_yield 1;
      co_await never.wait();
      co_yield 2;
    };
    auto g = waits();
    EXPECT_EQ(co_await g.next(), 1);
    EXPECT_EQ((co_await with_timeout(1ms, g.next())).error(), errc::timed_out);
    EXPECT_EQ(counted::live, 0) << "its frame is gone";
    EXPECT_EQ(co_await g.next(), std::nullopt);
    EXPECT_EQ(co_await g.next(), std::nullopt);
    auto another = waits();
    g = std::move(another);
    EXPECT_EQ(co_await g.next(), 1);
    const auto [value, woken] = co_await when_any(g.next(), sleep_for(0ns));
    EXPECT_FALSE(value);
    EXPECT_EQ(co_await g.next(), std::nullopt);
  });
}

TEST_P(async_generators, ATaskThatOwnsOneAndIsStoppedInNextLeavesNothing) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      auto outer = [](async_generators& t) -> async_generator<int> {
        const counted frame;
        auto inner = t.counting(5, 1h);
        while (const auto i = co_await inner.next()) co_yield *i;
      }(*this);
      static_cast<void>(co_await outer.next());
      log("not reached");
    });
    co_await settled();
    EXPECT_EQ(counted::live, 2);
    h.cancel();
    log(co_await end_of(h));
    EXPECT_EQ(counted::live, 0);
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(async_generators, InAStoppingTaskNextDoesNotBegin) {
  run([&]() -> task<> {
    auto numbers = counting(3, -1ns);
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      h->cancel();
      static_cast<void>(co_await numbers.next());
      log("not reached");
    });
    log(co_await end_of(*h));
    EXPECT_EQ(co_await numbers.next(), 1) << "nothing was taken";
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(async_generators, LeftEarlyOrNeverBegunItsFrameGoes) {
  run([&]() -> task<> {
    {
      auto g = counting(3, -1ns);
      EXPECT_EQ(co_await g.next(), 1);
      auto moved = std::move(g);
      EXPECT_EQ(co_await moved.next(), 2);
      const auto unused = counting(2, 0ns);
    }
    EXPECT_EQ(counted::live, 0);
  });
}

TEST_P(async_generators, ASecondNextAndADestructionInNextAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto g = counting(1, 1h);
                 spawn(g.next());
                 co_await settled();
                 static_cast<void>(co_await g.next());
               }),
               "eddy: a second next");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto g = std::make_unique<async_generator<int>>(counting(1, 1h));
                 spawn(g->next());
                 co_await settled();
                 g.reset();
               }),
               "eddy: an async_generator is destroyed");
}

}  // namespace
}  // namespace eddy::test
