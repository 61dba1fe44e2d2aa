// Durations of any unit and type, as nanoseconds: what does not fit is for ever, and nothing is early.
#include <eddy/runtime/clock.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>

namespace eddy::detail {
namespace {

using namespace std::chrono_literals;
namespace chrono = std::chrono;

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
template <class Period>
using unsigned_of = chrono::duration<std::uint64_t, Period>;

TEST(saturated, WhatFitsIsExact) {
  static_assert(saturated(0h) == 0ns);
  static_assert(saturated(-3h) == -3h);
  static_assert(saturated(duration::max()) == duration::max());
  static_assert(saturated(duration::min()) == duration::min());
  static_assert(saturated(chrono::seconds(most / 1'000'000'000)) == 9'223'372'036s);
  static_assert(saturated(chrono::duration<short>(-7)) == -7s);
  static_assert(saturated(unsigned_of<std::nano>(most)) == duration::max());
  static_assert(saturated(chrono::duration<unsigned char, std::ratio<60>>(255)) == 255min);
}

TEST(saturated, WhatDoesNotFitIsForEver) {
  static_assert(saturated(chrono::hours::max()) == duration::max());
  static_assert(saturated(chrono::hours::min()) == duration::min());
  static_assert(saturated(chrono::seconds(most / 1'000'000'000 + 1)) == duration::max());
  static_assert(saturated(chrono::milliseconds::min()) == duration::min());
  static_assert(saturated(unsigned_of<std::nano>(std::uint64_t{most} + 1)) == duration::max());
  static_assert(saturated(unsigned_of<std::ratio<1>>::max()) == duration::max());
  static_assert(saturated(chrono::years(300)) == duration::max());
}

TEST(saturated, FractionsAreRoundedUp) {
  using picoseconds = chrono::duration<std::int64_t, std::pico>;
  static_assert(saturated(picoseconds(1)) == 1ns);
  static_assert(saturated(picoseconds(1000)) == 1ns);
  static_assert(saturated(picoseconds(-1)) == 0ns);
  static_assert(saturated(picoseconds(-1001)) == -1ns);
  static_assert(saturated(picoseconds::max()) == duration(most / 1000 + 1));
  using frames = chrono::duration<int, std::ratio<1, 60>>;
  static_assert(saturated(frames(1)) == 16'666'667ns);
  static_assert(saturated(frames(60)) == 1s);
  static_assert(saturated(frames(-1)) == -16'666'666ns);
}

TEST(saturated, FloatingPointIsTaken) {
  using seconds = chrono::duration<double>;
  static_assert(saturated(seconds(0.25)) == 250ms);
  static_assert(saturated(seconds(-0.25)) == -250ms);
  static_assert(saturated(seconds(1e-10)) == 1ns);
  static_assert(saturated(seconds(1e10)) == duration::max());
  static_assert(saturated(seconds(-1e10)) == duration::min());
  static_assert(saturated(chrono::duration<float, std::milli>(1.5F)) == 1500us);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  static_assert(saturated(seconds(infinity)) == duration::max());
  static_assert(saturated(seconds(-infinity)) == duration::min());
  EXPECT_EQ(saturated(seconds(std::ldexp(1.0, 63) / 1e9)), duration::max());
}

TEST(saturated, NotANumberAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(static_cast<void>(saturated(chrono::duration<double>(std::nan("")))),
               "^eddy: a duration is not a number");
}

TEST(saturated, AnInstantInAnyUnit) {
  const auto of = [](any_time_point<clock> t) { return t.value; };
  EXPECT_EQ(of(time_point(3s)), time_point(3s));
  EXPECT_EQ(of(chrono::time_point<clock, chrono::hours>(2h)), time_point(2h));
  EXPECT_EQ(of(chrono::time_point<clock, chrono::hours>::max()), time_point::max());
  EXPECT_EQ(of(chrono::time_point<clock, chrono::duration<double>>::min()), time_point::min());
}

}  // namespace
}  // namespace eddy::detail
