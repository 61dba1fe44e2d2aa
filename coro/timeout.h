// with_timeout and with_deadline: a scope with an end in time.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <type_traits>
#include <utility>
#include <variant>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/clock.h>
#include <eddy/runtime/result.h>
#include <eddy/runtime/timers.h>

namespace eddy {

namespace detail {

template <class R>
struct as_result {
  using type = result<R>;
};
template <>
struct as_result<std::monostate> {
  using type = result<void>;
};
template <class T>
struct as_result<result<T>> {
  using type = result<T>;
};

/// One timer a scope. It is armed when the body first suspends; a body that finishes at once costs
/// none. (Three numbers side by side and not a struct of them, which would be copied by wider loads
/// than it was stored by.)
template <class A, class... End>
class timeout_awaiter : public scope<timeout_awaiter<A, End...>, A> {
 public:
  timeout_awaiter(A a, time_point deadline, duration after, bool from_now) noexcept
      : scope<timeout_awaiter, A>(static_cast<A>(a)),
        deadline_(deadline),
        after_(after),
        from_now_(from_now) {}
  typename as_result<result_of<A>>::type await_resume() {
    if (this->body_.out.how() == ending::stopped) return errc::timed_out;
    if constexpr (std::is_void_v<raw_result_of<A>>) {
      this->body_.out.take();
      return {};
    } else {
      return this->body_.out.take();
    }
  }

 private:
  template <class, class, class>
  friend class branch_root;
  template <class, class, bool>
  friend class scope;
  static constexpr const char* name = "with_timeout";
  void suspended() noexcept {
    loop& l = *this->above().home;
    timer_.type = &timer_work;
    timer_.context = this;
    l.start_timer(timer_, from_now_ ? later(l.now(), after_) : deadline_, this->above().background);
  }
  void ended(auto&) noexcept {
    const chain& outer = this->above();
    if (!expired_) outer.home->cancel_timer(timer_, outer.background);
    this->stop_or_deliver(this->body_.out.how() == ending::stopped &&
                          (!expired_ || outer.stop_requested));
  }
  static void expire(work* w) noexcept {
    auto& self = *static_cast<timeout_awaiter*>(w->context);
    self.expired_ = true;
    request_stop(self.body_.inner);
  }
  static bool timer_in_background(const work* w) noexcept {
    return static_cast<const timeout_awaiter*>(w->context)->above().background;
  }
  static constexpr work_type timer_work{&expire, &timer_in_background};

  time_point deadline_;
  duration after_;
  bool from_now_;
  bool expired_ = false;
  timer timer_;
};

template <class A>
using timeout_awaitable = scope_awaitable<timeout_awaiter, A, time_point, duration, bool>;

}  // namespace detail

/// Awaits `aw`, at most so long: counted from its first suspension. Nested scopes take the nearer
/// deadline.
///
/// Result      result<R> (a result<U> is not nested): what it gave, also where it finished although
///             it had been asked to end
/// Errors      errc::timed_out: the deadline came, and it was stopped. Exceptions pass
/// Cancel      reaches what is awaited; if the task was asked to stop as well, it stops
/// Lifetime    `aw` is kept in the awaitable
/// Cost        one timer, none where it does not suspend
template <detail::awaitable A>
auto with_timeout(detail::any_duration after, A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::timeout_awaitable<A>(std::forward<A>(aw), time_point{}, after.value, true);
}

/// The same until an instant.
///
/// Result      as with_timeout
/// Errors      as with_timeout
/// Cancel      as with_timeout
/// Lifetime    as with_timeout
template <detail::awaitable A>
auto with_deadline(detail::any_time_point<clock> deadline, A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::timeout_awaitable<A>(std::forward<A>(aw), deadline.value, duration{}, false);
}

}  // namespace eddy
