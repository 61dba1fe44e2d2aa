// latch: waits until something has happened so many times.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>

#include <eddy/coro/event.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

/// Counts down once; at zero everybody who waits goes on, and later waits are given at once.
/// Destroying it with waiters aborts; it may go once they have been woken. Its loop's thread only.
class latch {
 public:
  explicit latch(std::size_t count) noexcept : left_(count) {
    if (!left_) zero_.set();
  }
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;
  ~latch() { zero_.check_unwaited("a latch is destroyed while tasks wait for it"); }

  /// Below zero: aborts.
  void count_down() noexcept {
    if (!left_) detail::misuse("a latch is counted down below zero");
    if (--left_ == 0) zero_.set();
  }
  /// Waits for zero.
  ///
  /// Result      void
  /// Errors      none
  /// Cancel      stops the task, in the same drain
  /// Lifetime    the latch must live until it is at zero
  event::awaitable wait() noexcept { return {zero_, event::awaiter::of_latch}; }

 private:
  std::size_t left_;
  event zero_;
};

}  // namespace eddy
