// The loop's clock: monotonic nanoseconds, or virtual ones in a simulation.
#pragma once

#include <chrono>
#include <cstdint>

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
