// The timers of one loop: a hierarchical wheel for what is far, poured into a small exact heap for
// what is near. Told the time, never asks. Private to the library, but installed: awaiters embed
// `timer`.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>

#include <eddy/runtime/clock.h>
#include <eddy/runtime/detail/work.h>

namespace eddy::detail {

/// Embedded in what waits. Idle, or in exactly one timer_wheel.
struct timer : linked_work {
  using linked_work::linked_work;
  time_point deadline{};
  /// Equal deadlines expire in the order in which they were started; 0: idle
  std::uint64_t sequence = 0;
  union {
    timer* child;        ///< in the heap
    std::uint64_t slot;  ///< in the wheel
  };
  bool armed() const noexcept { return sequence != 0; }
};
static_assert(sizeof(timer) == 56);

/// O(1) start and cancel at any number of timers, never allocates, expires in exact order of
/// (deadline, start). (A cancel among the nearest, which stand in the heap, is O(log n) amortised.)
class timer_wheel {
 public:
  timer_wheel() noexcept = default;
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  bool empty() const noexcept { return !size_; }
  std::size_t size() const noexcept { return size_; }

  /// Arms `t` for `deadline`; it must be idle. Any deadline is allowed, past ones too.
  void start(timer& t, time_point deadline) noexcept;
  /// Takes `t` out. It must be armed.
  void cancel(timer& t) noexcept;
  /// The earliest timer if it is due (deadline <= now), taken out; else null.
  timer* pop_due(time_point now) noexcept;
  /// The earliest deadline; time_point::max() where no timer is armed.
  time_point next_deadline() noexcept;

 private:
  // Time is counted in unsigned nanoseconds since the clock's epoch (what lies before it counts as
  // 0). What lies before `horizon_` stands in the heap, everything else in the wheel: one
  // comparison says where a timer is. In the wheel a timer stands on the level of the highest digit
  // (base 64) in which it differs from the horizon.
  static constexpr int shift = 16;  ///< a slot of level 0 is 2^16 ns (65.5 us) wide
  static constexpr int digit = 6;
  static constexpr int slots = 1 << digit;
  static constexpr int levels = 8;  ///< shift + levels * digit == 64: every instant has a place

  /// A slot of the wheel, as timer::slot counts them, and the instant at which it begins.
  struct place {
    int level;
    unsigned index;
    std::uint64_t begin;
  };

  place first_place() const noexcept;
  void put(timer& t, std::uint64_t at) noexcept;
  timer* take_slot(int level, unsigned index) noexcept;
  void put_all(timer* list) noexcept;
  void pour(const place& from) noexcept;
  void push_near(timer& t) noexcept;
  void remove_near(timer& t) noexcept;

  std::size_t size_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t horizon_ = 0;  ///< a multiple of 2^shift
  std::uint64_t now_ = 0;      ///< the latest instant told, for a fresh horizon
  timer* root_ = nullptr;      ///< the pairing heap; children by `child`, siblings by `next`
  std::uint64_t used_[levels] = {};
  timer* slot_[levels * slots] = {};  ///< lists by `next` and `previous`, newest first
};

}  // namespace eddy::detail
