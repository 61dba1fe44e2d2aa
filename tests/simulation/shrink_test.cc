// Shrinking: to fewest, then least choices, within a budget.
#include "simulation/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace eddy::detail {
namespace {

using list = std::vector<recorded_choice>;

/// `n` choices of several labels, of values 1 … 100.
list some(std::size_t n) {
  const char* labels[] = {"net.delay", "datagram.lost", "disk.names", "mine"};
  list all;
  for (std::size_t i = 0; i < n; ++i) {
    all.push_back({static_cast<std::int64_t>(i), "log", labels[i % 4],
                   static_cast<std::uint32_t>(i), 1000, 1 + i * 37 % 100, 0});
  }
  return all;
}

const recorded_choice* find(const list& all, std::uint32_t k) {
  for (const recorded_choice& c : all) {
    if (c.k == k) return &c;
  }
  return nullptr;
}

/// The numbers of what is left, "17=5 40=1".
std::string text(const list& all) {
  std::string s;
  for (const recorded_choice& c : all) {
    s += (s.empty() ? "" : " ") + std::to_string(c.k) + "=" + std::to_string(c.value);
  }
  return s;
}

TEST(Shrinking, FindsTheFewThatMatterAmongMany) {
  for (const std::size_t n : {3U, 10U, 100U, 2000U}) {
    const auto first = static_cast<std::uint32_t>(n / 3);
    const auto second = static_cast<std::uint32_t>(n / 2);
    shrinker small(some(n), [=](list& c) { return find(c, first) && find(c, second); }, 2000);
    EXPECT_TRUE(small.run());
    EXPECT_EQ(text(small.best()),
              first == second ? std::to_string(first) + "=1"
                              : std::to_string(first) + "=1 " + std::to_string(second) + "=1");
    EXPECT_LE(small.runs(), 300U);
  }
}

TEST(Shrinking, FindsTheLeastValueThatStillFails) {
  list all = some(40);
  all[20].value = 987;
  shrinker small(
      all,
      [](list& c) {
        const recorded_choice* one = find(c, 20);
        return one && one->value >= 417;
      },
      2000);
  EXPECT_TRUE(small.run());
  EXPECT_EQ(text(small.best()), "20=417");
}

TEST(Shrinking, EndsWithNothingWhereNothingMatters) {
  shrinker small(some(100), [](list&) { return true; }, 2000);
  EXPECT_TRUE(small.run());
  EXPECT_EQ(text(small.best()), "");
  EXPECT_EQ(small.runs(), 2U);
}

TEST(Shrinking, SaysWhereTheSameChoicesDoNotFailAgain) {
  shrinker small(some(100), [](list&) { return false; }, 2000);
  EXPECT_FALSE(small.run());
  EXPECT_EQ(small.best().size(), 100U);
  EXPECT_EQ(small.runs(), 1U);
}

TEST(Shrinking, KeepsTheRestInPlaceWhereARunComesToFewer) {
  // Whatever comes behind a missing choice is not asked for: the run's own list is what counts.
  shrinker small(
      some(64),
      [](list& c) {
        if (!find(c, 5)) return false;
        c.erase(
            std::remove_if(c.begin(), c.end(), [](const recorded_choice& x) { return x.k > 10; }),
            c.end());
        return true;
      },
      2000);
  EXPECT_TRUE(small.run());
  EXPECT_EQ(text(small.best()), "5=1");
}

TEST(Shrinking, StopsAfterItsRuns) {
  shrinker small(some(1000), [](list& c) { return c.size() > 500; }, 20);
  EXPECT_TRUE(small.run());
  EXPECT_EQ(small.runs(), 20U);
}

TEST(Shrinking, StopsWhenNothingHelpsForLong) {
  // Each choice is needed.
  shrinker small(some(1000), [](list& c) { return c.size() == 1000; }, 1'000'000);
  EXPECT_TRUE(small.run());
  EXPECT_LE(small.runs(), 1000U);
  EXPECT_EQ(small.best().size(), 1000U);
}

}  // namespace
}  // namespace eddy::detail
