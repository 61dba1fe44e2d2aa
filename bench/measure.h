// What every benchmark program shares: which rows it was asked for, how a row is timed, and how it is printed.
// A program is called as `PROGRAM [--scale=0.1] [ROW...]`; no ROW means all of its rows. For each it prints one line,
// `row<TAB>figure` (nanoseconds unless the row's name says bytes). A row that a program does not have prints nothing.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace bench {

inline std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

/// Keeps the compiler from computing a result away.
template <class T>
void keep(const T& value) noexcept {
  asm volatile("" : : "g"(&value) : "memory");
}

class program {
 public:
  program(int count, char** arguments) {
    for (int i = 1; i < count; ++i) {
      const std::string_view argument = arguments[i];
      if (argument.starts_with("--scale=")) {
        scale_ = std::atof(argument.data() + 8);
      } else {
        rows_.push_back(argument);
      }
    }
  }

  bool wants(std::string_view row) const {
    return rows_.empty() || std::find(rows_.begin(), rows_.end(), row) != rows_.end();
  }

  /// Times body(n) for about `operations` operations in all, cut into slices; the figure is the median slice, so that
  /// one that was pre-empted does not count. The first slice only warms up.
  template <class Body>
  void measure(const char* row, double operations, Body body) const {
    if (!wants(row)) return;
    const long n = std::max(1L, static_cast<long>(operations * scale_ / slices));
    body(n);
    std::array<double, slices> figures{};
    for (double& figure : figures) {
      const std::uint64_t start = now_ns();
      body(n);
      figure = static_cast<double>(now_ns() - start) / static_cast<double>(n);
    }
    std::sort(figures.begin(), figures.end());
    print(row, figures[slices / 2]);
  }

  static void print(const char* row, double figure) {
    std::printf("%s\t%.3f\n", row, figure);
    std::fflush(stdout);
  }

 private:
  static constexpr int slices = 15;
  double scale_ = 1.0;
  std::vector<std::string_view> rows_;
};

/// A cheap generator (xorshift): the same sequence in every contender.
class random_numbers {
 public:
  std::uint64_t operator()() noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  std::uint64_t state_ = 88172645463325252ULL;
};

/// Timers of row 5 expire between 1 and 11 s after the start: none while it is measured.
inline constexpr std::uint64_t shortest_timer = 1'000'000'000;
inline constexpr std::uint64_t timer_range = 10'000'000'000;

struct timer_count {
  std::size_t timers;
  const char* to_deadline;  ///< the deadline is given
  const char* from_now;     ///< a duration is given: one clock read more
};
inline constexpr std::array<timer_count, 3> timer_counts{{
    {1000, "rearm_to_deadline_1000", "rearm_from_now_1000"},
    {100000, "rearm_to_deadline_100000", "rearm_from_now_100000"},
    {1000000, "rearm_to_deadline_1000000", "rearm_from_now_1000000"},
}};

}  // namespace bench
