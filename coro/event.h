// event: a flag that tasks of one loop wait for.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <source_location>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy {

/// Manual reset: set() wakes everybody who waits, and lets everybody through until reset(). Waiters
/// go on in the order in which they came. Destroying it with waiters aborts; it may go once they
/// have been woken. Its loop's thread only.
class event {
 public:
  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() { check_unwaited("an event is destroyed while tasks wait for it"); }

  void set() noexcept;
  void reset() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  class awaiter;
  class awaitable;
  /// Waits until the event is set; given without suspending where it is.
  ///
  /// Result      void
  /// Errors      none
  /// Cancel      stops the task, in the same drain
  /// Lifetime    the event must live until it is set
  awaitable wait() noexcept;

 private:
  friend class latch;
  template <class T>
  friend class deferred;
  void check_unwaited(const char* else_abort_with) const noexcept;
  bool set_ = false;
  detail::work_list<> waiting_;
};

class event::awaiter : protected detail::linked_work, public detail::awaiter_tag {
 public:
  awaiter(event& e, const detail::wait_type& wait) noexcept : event_(e), wait_(wait) {}
  bool await_ready() const noexcept { return event_.set_ && detail::may_take(); }
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!detail::enter(*this, h.promise(), wait_, where)) return;
    if (event_.set_) {
      detail::make_ready(*this);  // the budget is spent: it queues
    } else {
      event_.waiting_.push(*this);
    }
  }
  void await_resume() const noexcept {}

 private:
  friend class event;
  friend class latch;
  // What is waited for, by the name that the user knows.
  static const detail::wait_type of_event;
  static const detail::wait_type of_latch;
  event& event_;
  const detail::wait_type& wait_;
};

class [[nodiscard]] event::awaitable {
 public:
  awaitable(event& e, const detail::wait_type& wait) noexcept : event_(e), wait_(wait) {}
  awaiter operator co_await() const noexcept { return awaiter(event_, wait_); }

 private:
  event& event_;
  const detail::wait_type& wait_;
};

inline event::awaitable event::wait() noexcept {
  return awaitable(*this, awaiter::of_event);
}

}  // namespace eddy
