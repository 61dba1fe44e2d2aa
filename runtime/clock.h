// The loop's clock: monotonic nanoseconds, or virtual ones in a simulation.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <chrono>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace eddy {

using duration = std::chrono::nanoseconds;

/// The current runtime's clock; where none runs on this thread, CLOCK_MONOTONIC. Time in which the
/// machine was suspended does not count.
struct clock {
  using rep = std::chrono::nanoseconds::rep;
  using period = std::chrono::nanoseconds::period;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<clock, duration>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};

using time_point = clock::time_point;

/// Reads the clock (25 to 55 ns; a tick reads it only where a timer needs it). Any thread.
time_point now() noexcept;

namespace detail {

[[noreturn]] void misuse(const char* sentence) noexcept;  // runtime/detail/abort.h

/// Nanoseconds of a duration in any unit and of any arithmetic type. What does not fit becomes the
/// longest that does: "for ever" in hours is for ever. Fractions are rounded up, so that nothing is
/// early.
template <class Rep, class Period>
constexpr duration saturated(const std::chrono::duration<Rep, Period>& d) noexcept {
  using ratio = std::ratio_divide<Period, duration::period>;
  if constexpr (std::is_integral_v<Rep> && ratio::den == 1) {
    std::int64_t count = 0;
    if (__builtin_mul_overflow(d.count(), ratio::num, &count))
      return d.count() < 0 ? duration::min() : duration::max();
    return duration(count);
  } else {
    const auto count = static_cast<long double>(d.count()) * ratio::num / ratio::den;
    if (__builtin_isnan(count)) misuse("a duration is not a number");
    if (count >= 0x1p63L) return duration::max();
    if (count < -0x1p63L) return duration::min();
    const auto whole = static_cast<std::int64_t>(count);
    return duration(static_cast<long double>(whole) < count ? whole + 1 : whole);
  }
}

/// Any std::chrono duration, as a parameter.
struct any_duration {
  template <class Rep, class Period>
  constexpr any_duration(const std::chrono::duration<Rep, Period>& d) noexcept
      : value(saturated(d)) {}
  duration value;
};

/// An instant of `Clock` in any unit, as a parameter.
template <class Clock>
struct any_time_point {
  template <class Duration>
  constexpr any_time_point(const std::chrono::time_point<Clock, Duration>& t) noexcept
      : value(saturated(t.time_since_epoch())) {}
  std::chrono::time_point<Clock, duration> value;
};

/// `from` + `d` without overflow: a sleep "for ever" is the end of time, not the past.
constexpr time_point later(time_point from, duration d) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(from.time_since_epoch().count(), d.count(), &sum)) {
    return d.count() < 0 ? time_point::min() : time_point::max();
  }
  return time_point(duration(sum));
}

}  // namespace detail
}  // namespace eddy
