// mutex: one task of a loop at a time.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <optional>
#include <source_location>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy {

/// Handed over first in, first out: unlocking gives it to the one who has waited longest, before
/// anybody else can take it. Destroying it with waiters aborts, and while it is locked or was
/// handed over. Its loop's thread only.
class mutex {
 public:
  mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  ~mutex();

  /// Unlocks when it goes.
  class [[nodiscard]] guard {
   public:
    explicit guard(mutex& m) noexcept : mutex_(&m) {}
    guard(guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    guard& operator=(guard&& other) noexcept {
      guard taken(std::move(other));
      std::swap(mutex_, taken.mutex_);
      return *this;
    }
    ~guard() {
      if (mutex_) mutex_->unlock();
    }

   private:
    mutex* mutex_;
  };

  class awaiter;
  class awaitable;
  /// Waits for its turn; given without suspending where the mutex is free.
  ///
  /// Result      a guard that unlocks
  /// Errors      none
  /// Cancel      stops the task, in the same drain, and its place is gone; a lock that was handed
  ///             over already is delivered
  /// Lifetime    the mutex must outlive the guard
  awaitable lock() noexcept;
  /// The guard, if the mutex is free.
  std::optional<guard> try_lock() noexcept;

 private:
  void unlock() noexcept;
  bool locked_ = false;
  detail::work_list<> waiting_;
};

class mutex::awaiter : detail::linked_work, public detail::awaiter_tag {
 public:
  explicit awaiter(mutex& m) noexcept : mutex_(m) {}
  bool await_ready() const noexcept {
    if (mutex_.locked_ || !detail::may_take()) return false;
    mutex_.locked_ = true;
    return true;
  }
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!detail::enter(*this, h.promise(), wait_, where)) return;
    if (mutex_.locked_) {
      mutex_.waiting_.push(*this);
    } else {
      mutex_.locked_ = true;  // the budget is spent: it queues, with what it took
      detail::make_ready(*this);
    }
  }
  guard await_resume() const noexcept { return guard(mutex_); }

 private:
  static const detail::wait_type wait_;
  mutex& mutex_;
};

class [[nodiscard]] mutex::awaitable {
 public:
  explicit awaitable(mutex& m) noexcept : mutex_(m) {}
  awaiter operator co_await() const noexcept { return awaiter(mutex_); }

 private:
  mutex& mutex_;
};

inline mutex::awaitable mutex::lock() noexcept {
  return awaitable(*this);
}

}  // namespace eddy
