// event: a flag that tasks of one loop wait for.
#pragma once

#include <coroutine>
#include <source_location>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy {

/// Manual reset: set() wakes everybody who waits, and lets everybody through until reset(). Waiters
/// go on in the order in which they came. Destroying it with waiters aborts. Its loop's thread
/// only.
class event {
 public:
  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event();

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
  /// Lifetime    the event must outlive the await
  awaitable wait() noexcept;

 private:
  bool set_ = false;
  detail::work_list<> waiting_;
};

class event::awaiter : detail::linked_work, public detail::awaiter_tag {
 public:
  explicit awaiter(event& e) noexcept : event_(e) {}
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
  static void cancel(detail::work& w, detail::ask_list&) noexcept;
  static const detail::wait_type wait_;
  event& event_;
};

class [[nodiscard]] event::awaitable {
 public:
  explicit awaitable(event& e) noexcept : event_(e) {}
  awaiter operator co_await() const noexcept { return awaiter(event_); }

 private:
  event& event_;
};

inline event::awaitable event::wait() noexcept {
  return awaitable(*this);
}

}  // namespace eddy
