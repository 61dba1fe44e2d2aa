// What every benchmark program shares: which rows it was asked for, how a row is timed, and how it
// is printed. A program is called as `PROGRAM [--scale=0.1] [ROW...]`; no ROW means all of its
// rows. For each it prints one line, `row<TAB>figure` (nanoseconds unless the row's name says bytes),
// and for timed rows `row.cpu` (the CPU time of the whole process for each operation) and
// `row.operations` (how many were made). A row that a program does not have prints nothing. A limit
// that is written in several ways takes --variant=NAME, and prints its names when called with
// --variants.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

inline std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

/// The CPU time of all threads of this process.
inline std::uint64_t cpu_ns() noexcept {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

inline const cpu_set_t& given_cores() noexcept {
  static const cpu_set_t given = [] {
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  return given;
}

/// The calling thread may run on all cores this process was started on. (A new thread keeps to
/// those of its maker.)
inline void unpin_thread() noexcept {
  pthread_setaffinity_np(pthread_self(), sizeof given_cores(), &given_cores());
}

/// The calling thread keeps to the last core but `index` of those this process was started on; with
/// one core, to that.
inline void pin_thread(int index) noexcept {
  const cpu_set_t& given = given_cores();
  const int wanted = std::max(0, CPU_COUNT(&given) - 1 - index);
  for (int core = 0, seen = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &given) || seen++ != wanted) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
  }
}

/// What a benchmark checks of its own results: a wrong one is no figure.
inline void check(bool right, const char* what) noexcept {
  if (right) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
  std::exit(1);
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
      } else if (argument.starts_with("--variant=")) {
        variant_ = argument.substr(10);
      } else {
        rows_.push_back(argument);
      }
    }
  }

  /// For a limit that is written in several ways.
  program(int count, char** arguments, std::initializer_list<const char*> variants)
      : program(count, arguments) {
    if (rows_.size() == 1 && rows_[0] == "--variants") {
      for (const char* name : variants) std::puts(name);
      std::exit(0);
    }
    if (variant_.empty()) variant_ = *variants.begin();
  }

  std::string_view variant() const noexcept { return variant_; }

  bool wants(std::string_view row) const {
    return rows_.empty() || std::find(rows_.begin(), rows_.end(), row) != rows_.end();
  }

  /// Times body(n) for about `operations` operations in all, cut into slices; the figure is the
  /// median slice, so that one that was pre-empted does not count. The first slice only warms up.
  /// (The CPU time is that of all.)
  template <class Body>
  void measure(const char* row, double operations, Body body) const {
    if (!wants(row)) return;
    const long n = std::max(1L, static_cast<long>(operations * scale_ / slices));
    body(n);
    std::array<double, slices> figures{};
    const std::uint64_t cpu = cpu_ns();
    for (double& figure : figures) {
      const std::uint64_t start = now_ns();
      body(n);
      figure = static_cast<double>(now_ns() - start) / static_cast<double>(n);
    }
    const auto used = static_cast<double>(cpu_ns() - cpu);
    std::sort(figures.begin(), figures.end());
    print(row, figures[slices / 2]);
    print_costs(row, used / static_cast<double>(n * slices), static_cast<double>(n * (slices + 1)));
  }

  /// `operations`: all that were made, also to warm up.
  static void print_costs(const char* row, double cpu, double operations) {
    print((std::string(row) + ".cpu").c_str(), cpu);
    print((std::string(row) + ".operations").c_str(), operations);
  }

  double scale() const noexcept { return scale_; }

  static void print(const char* row, double figure) {
    std::printf("%s\t%.3f\n", row, figure);
    std::fflush(stdout);
  }

 private:
  static constexpr int slices = 15;
  double scale_ = 1.0;
  std::string_view variant_;
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
