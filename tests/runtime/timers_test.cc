// The timer wheel against a model: exact order, cancels, horizon carries, the ends of time.
#include <eddy/runtime/timers.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "tests/support/sanitized.h"

namespace eddy::detail {
namespace {

using test::sanitized;

constexpr std::int64_t end_of_time = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t start_of_time = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t uptime = 1'000'000'000'000'000;  // a clock never begins at 0 in practice

time_point at(std::int64_t nanoseconds) {
  return time_point(duration(nanoseconds));
}

/// A wheel and, beside it, a multimap that says what it must answer (equal keys stand in the order
/// of insertion).
class model {
 public:
  explicit model(std::size_t timers) : timers_(std::make_unique<timer[]>(timers)), places_(timers) {
    places_.assign(timers, expected_.end());
  }

  bool is_armed(std::size_t i) const { return timers_[i].armed(); }
  std::size_t size() const { return expected_.size(); }

  void start(std::size_t i, std::int64_t deadline) {
    wheel_.start(timers_[i], at(deadline));
    places_[i] = expected_.emplace(deadline, i);
    EXPECT_TRUE(timers_[i].armed());
  }
  void cancel(std::size_t i) {
    wheel_.cancel(timers_[i]);
    expected_.erase(places_[i]);
    EXPECT_FALSE(timers_[i].armed());
    EXPECT_FALSE(timers_[i].is_linked());
  }
  /// Takes the next due one; false: none.
  [[nodiscard]] bool pop(std::int64_t now) {
    timer* popped = wheel_.pop_due(at(now));
    const bool due = !expected_.empty() && expected_.begin()->first <= now;
    if (!due) {
      EXPECT_EQ(popped, nullptr);
      return false;
    }
    const std::size_t i = expected_.begin()->second;
    EXPECT_EQ(popped, &timers_[i]) << "deadline " << expected_.begin()->first;
    if (popped != &timers_[i]) return false;
    EXPECT_FALSE(popped->armed());
    EXPECT_FALSE(popped->is_linked());
    expected_.erase(expected_.begin());
    return true;
  }
  void check() {
    ASSERT_EQ(wheel_.size(), expected_.size());
    ASSERT_EQ(wheel_.empty(), expected_.empty());
    const time_point first = expected_.empty() ? time_point::max() : at(expected_.begin()->first);
    ASSERT_EQ(wheel_.next_deadline(), first);
  }
  void expire_all() {
    while (!expected_.empty()) ASSERT_TRUE(pop(end_of_time));
    EXPECT_FALSE(pop(end_of_time));
    check();
  }

 private:
  using map = std::multimap<std::int64_t, std::size_t>;
  timer_wheel wheel_;
  std::unique_ptr<timer[]> timers_;
  map expected_;
  std::vector<map::iterator> places_;
};

TEST(Timers, ATimerThatWasNeverStartedIsIdleAndTheFirstStartIsNumberOne) {
  timer_wheel wheel;
  timer t;
  EXPECT_FALSE(t.armed());
  EXPECT_TRUE(wheel.empty());
  EXPECT_EQ(wheel.next_deadline(), time_point::max());
  EXPECT_EQ(wheel.pop_due(time_point::max()), nullptr);
  wheel.start(t, at(uptime));
  EXPECT_EQ(t.sequence, 1u);
  EXPECT_EQ(wheel.size(), 1u);
}

TEST(Timers, ATimerIsNeverEarlyAndNeverLate) {
  for (int bit = 0; bit < 63; ++bit) {
    const std::int64_t deadline = std::int64_t{1} << bit;
    for (const std::int64_t off : {-1, 0, 1}) {
      timer_wheel wheel;
      timer t;
      wheel.start(t, at(deadline + off));
      EXPECT_EQ(wheel.next_deadline(), at(deadline + off));
      EXPECT_EQ(wheel.pop_due(at(deadline + off - 1)), nullptr);
      EXPECT_EQ(wheel.pop_due(at(deadline + off)), &t);
      EXPECT_TRUE(wheel.empty());
    }
  }
}

TEST(Timers, EqualDeadlinesExpireInTheOrderInWhichTheyWereStarted) {
  for (const std::int64_t deadline :
       {start_of_time, std::int64_t{-1}, std::int64_t{0}, uptime, end_of_time}) {
    model m(300);
    for (std::size_t i = 0; i < 300; ++i) m.start((i * 7) % 300, deadline);
    m.check();
    m.expire_all();
    // Half of them are poured before the other half begins.
    for (std::size_t i = 0; i < 150; ++i) m.start(i, deadline);
    m.check();
    for (std::size_t i = 299; i >= 150; --i) m.start(i, deadline);
    m.check();
    m.expire_all();
  }
}

TEST(Timers, WhatLiesBeforeTheEpochExpiresInOrderToo) {
  model m(5);
  m.start(0, -5);
  m.start(1, start_of_time);
  m.start(2, 0);
  m.start(3, -5);
  m.start(4, 7);
  m.check();
  EXPECT_TRUE(m.pop(-6));
  EXPECT_FALSE(m.pop(-6));
  m.check();
  m.expire_all();
}

TEST(Timers, ASleepForEverDoesNotExpireBeforeTheEndOfTime) {
  timer_wheel wheel;
  timer forever;
  wheel.start(forever, time_point::max());
  EXPECT_EQ(wheel.next_deadline(), time_point::max());
  EXPECT_EQ(wheel.pop_due(at(end_of_time - 1)), nullptr);
  EXPECT_EQ(wheel.pop_due(time_point::max()), &forever);
}

TEST(Timers, TheFirstTheLastAndTheOnlyOneOfASlotCanBeCancelled) {
  // Near (in the heap) and far (in the wheel), each position of three.
  for (const std::int64_t away : {std::int64_t{10}, std::int64_t{5'000'000'000}}) {
    for (std::size_t victim = 0; victim < 3; ++victim) {
      model m(4);
      m.start(3, uptime);
      EXPECT_TRUE(m.pop(uptime));  // the horizon is at uptime now
      for (std::size_t i = 0; i < 3; ++i) m.start(i, uptime + away + static_cast<std::int64_t>(i));
      m.cancel(victim);
      m.check();
      m.start(victim, uptime + away - 1);
      m.check();
      m.cancel(victim);
      m.expire_all();
      m.start(victim, uptime + away);
      m.cancel(victim);
      m.check();
    }
  }
}

TEST(Timers, ACancelFindsWhatTheHorizonHasPassedSinceItsStart) {
  // Fifty timers in one slot are poured into the heap by the question; then each is cancelled, in
  // several orders.
  for (const std::size_t step : {std::size_t{1}, std::size_t{49}, std::size_t{17}}) {
    model m(50);
    for (std::size_t i = 0; i < 50; ++i) m.start(i, uptime + static_cast<std::int64_t>(i % 5));
    m.check();
    for (std::size_t i = 0; i < 50; ++i) {
      m.cancel(i * step % 50);
      m.check();
    }
  }
}

TEST(Timers, WhenTheHorizonCarriesWhatStoodHigherComesDownAtOnce) {
  // `first` empties the last slot before the boundary, so the horizon carries onto it. `later` then
  // starts behind the boundary, on a low level; `earlier` was started long before, on a higher one,
  // and must still come first. Sixteen companions each make sure that slots are poured by the
  // question too.
  for (int level = 1; level < 8; ++level) {
    const std::int64_t width = std::int64_t{1} << (16 + 6 * level);
    if (level == 7) continue;  // its boundaries lie 9 years apart; the next test goes there
    for (const std::int64_t boundary : {width, 3 * width, uptime / width * width + width}) {
      for (const bool ask : {false, true}) {
        model m(4 + 40);
        m.start(0, boundary - 1);
        m.start(1, boundary + 70'000);  // `earlier`
        for (std::size_t i = 4; i < 24; ++i) m.start(i, boundary + 60'000);
        for (std::size_t i = 24; i < 44; ++i) m.start(i, boundary + width - 1);
        m.start(3, boundary - 1);
        if (ask) m.check();
        EXPECT_TRUE(m.pop(boundary - 1));
        m.start(2, boundary + 70'001);  // `later`
        if (ask) m.check();
        EXPECT_TRUE(m.pop(boundary - 1));
        EXPECT_FALSE(m.pop(boundary - 1));
        m.start(0, boundary + 70'000);
        m.check();
        for (std::int64_t now = boundary; now < boundary + 140'000; now += 1000) {
          while (m.pop(now)) {
          }
          m.check();
        }
        EXPECT_EQ(m.size(), 20u);
        m.expire_all();
      }
    }
  }
}

TEST(Timers, TheHighestLevelsCarryToo) {
  for (int bit = 52; bit < 63; ++bit) {
    const std::int64_t boundary = std::int64_t{1} << bit;
    model m(70);
    for (std::size_t i = 0; i < 35; ++i)
      m.start(i, boundary + static_cast<std::int64_t>(i) * 40'000);
    m.start(69, boundary - 1);
    m.check();
    EXPECT_TRUE(m.pop(boundary - 1));
    for (std::size_t i = 35; i < 69; ++i)
      m.start(i, boundary + static_cast<std::int64_t>(i) * 20'000 + 1);
    m.check();
    m.expire_all();
  }
}

TEST(Timers, AskingForADistantDeadlineDoesNotSpoilWhatStartsBeforeIt) {
  model m(600);
  for (std::size_t i = 0; i < 300; ++i) m.start(i, uptime + 3'600'000'000'000);
  m.check();  // the horizon goes an hour ahead
  for (std::size_t i = 300; i < 600; ++i)
    m.start(i, uptime + static_cast<std::int64_t>(600 - i) * 1'000'000);
  m.check();
  for (std::size_t i = 300; i < 600; i += 3) m.cancel(i);
  m.expire_all();
}

TEST(Timers, TheyAnswerLikeAModelUnderRandomStartsCancelsAndPops) {
  struct range {
    std::int64_t from;  ///< deadlines lie between now + from …
    std::int64_t span;  ///< … and that much later
    std::int64_t step;  ///< and each step of the clock is at most this long
  };
  constexpr std::int64_t year = 31'536'000'000'000'000;
  const std::vector<range> ranges = {
      {0, 1'000, 500},       {-50'000, 1'000'000, 20'000},    {0, 10'000'000'000, 50'000'000},
      {0, year, year / 100}, {1'000'000, 3'000'000, 100'000}, {0, 8, 2}};
  const std::size_t rounds = sanitized ? 30'000 : 200'000;
  for (const std::size_t timers : {std::size_t{3}, std::size_t{40}, std::size_t{2000}}) {
    for (const std::int64_t begin : {std::int64_t{0}, uptime, std::int64_t{-2'000'000}}) {
      model m(timers);
      std::mt19937_64 random(timers * 31 + static_cast<std::uint64_t>(begin));
      const auto below = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
      };
      std::int64_t now = begin;
      for (std::size_t round = 0; round < rounds / 4; ++round) {
        // One range for a while, then all of them mixed.
        const range& r = round / 4096 % 2 ? ranges[round / 8192 % ranges.size()]
                                          : ranges[static_cast<std::size_t>(below(6))];
        const auto i = static_cast<std::size_t>(below(static_cast<std::int64_t>(timers)));
        if (m.is_armed(i)) m.cancel(i);
        const auto kind = below(100);
        if (kind < 70) {
          m.start(i, now + r.from + below(r.span));
        } else if (kind < 73) {
          m.start(i, end_of_time - below(3));
        } else if (kind < 75) {
          m.start(i, below(2) ? start_of_time + below(3) : -below(1'000));
        }
        if (kind % 4 == 0) {
          if (now < 10 * year) now += below(r.step);
          for (int popped = 0; popped < 50 && m.pop(now); ++popped) {
          }
        }
        if (kind % 8 == 1) m.check();
        if (testing::Test::HasFailure()) return;
      }
      m.expire_all();
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Timers, AMillionTimersExpireInOrderAfterHalfOfThemMoved) {
  const std::size_t count = sanitized ? 100'000 : 1'000'000;
  timer_wheel wheel;
  const auto timers = std::make_unique<timer[]>(count);
  std::vector<std::uint64_t> started(count);  // a popped timer has lost its sequence
  std::mt19937_64 random(5);
  const auto deadline = [&] {
    return at(uptime + static_cast<std::int64_t>(random() % 100'000'000) * 100);
  };
  for (std::size_t i = 0; i < count; ++i) wheel.start(timers[i], deadline());
  for (std::size_t i = 0; i < count; i += 2) {
    wheel.cancel(timers[i]);
    wheel.start(timers[i], deadline());
  }
  for (std::size_t i = 0; i < count; ++i) started[i] = timers[i].sequence;
  EXPECT_EQ(wheel.size(), count);
  std::size_t popped = 0;
  std::pair<time_point, std::uint64_t> last{};
  for (std::int64_t now = uptime; !wheel.empty(); now += 10'000'000) {
    while (timer* t = wheel.pop_due(at(now))) {
      const std::pair key(t->deadline, started[static_cast<std::size_t>(t - timers.get())]);
      ASSERT_LT(last, key);
      ASSERT_LE(t->deadline, at(now));
      last = key;
      ++popped;
    }
    ASSERT_GT(wheel.next_deadline(), at(now));
  }
  EXPECT_EQ(popped, count);
}

}  // namespace
}  // namespace eddy::detail
