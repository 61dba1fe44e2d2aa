// semaphore: at most so many at a time.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <source_location>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy {

/// First in, first out: what is released goes to the one who has waited longest. Destroying it with
/// waiters aborts, and while a permit is held or was handed over. Its loop's thread only.
class semaphore {
 public:
  explicit semaphore(std::size_t count) noexcept : free_(count) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore();

  /// Gives back what it took when it goes; forget() spends it instead.
  class [[nodiscard]] permit {
   public:
    permit(permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      permit taken(std::move(other));
      std::swap(semaphore_, taken.semaphore_);
      return *this;
    }
    ~permit() {
      if (!semaphore_) return;
      --semaphore_->held_;
      semaphore_->release();
    }
    void forget() noexcept {
      if (semaphore_) --std::exchange(semaphore_, nullptr)->held_;
    }

   private:
    friend semaphore;
    explicit permit(semaphore& s) noexcept : semaphore_(&s) {}
    semaphore* semaphore_;
  };

  class awaiter;
  class awaitable;
  /// Waits for its turn; given without suspending where something is free.
  ///
  /// Result      a permit that gives back
  /// Errors      none
  /// Cancel      stops the task, in the same drain, and its place is gone; what was handed over
  ///             already is delivered
  /// Lifetime    the semaphore must outlive the permit
  awaitable acquire() noexcept;
  /// The permit, if something is free.
  std::optional<permit> try_acquire() noexcept;
  /// Adds `count`: more than were taken is allowed, more than a size_t holds aborts.
  void release(std::size_t count = 1) noexcept;

 private:
  void take() noexcept {
    --free_;
    ++held_;
  }
  std::size_t free_;
  std::size_t held_ = 0;  // permits: those that were handed over, too
  detail::work_list<> waiting_;
};

class semaphore::awaiter : detail::linked_work, public detail::awaiter_tag {
 public:
  explicit awaiter(semaphore& s) noexcept : semaphore_(s) {}
  bool await_ready() const noexcept {
    if (!semaphore_.free_ || !detail::may_take()) return false;
    semaphore_.take();
    return true;
  }
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!detail::enter(*this, h.promise(), wait_, where)) return;
    if (!semaphore_.free_) {
      semaphore_.waiting_.push(*this);
    } else {
      semaphore_.take();  // the budget is spent: it queues, with what it took
      detail::make_ready(*this);
    }
  }
  permit await_resume() const noexcept { return permit(semaphore_); }

 private:
  static const detail::wait_type wait_;
  semaphore& semaphore_;
};

class [[nodiscard]] semaphore::awaitable {
 public:
  explicit awaitable(semaphore& s) noexcept : semaphore_(s) {}
  awaiter operator co_await() const noexcept { return awaiter(semaphore_); }

 private:
  semaphore& semaphore_;
};

inline semaphore::awaitable semaphore::acquire() noexcept {
  return awaitable(*this);
}

}  // namespace eddy
