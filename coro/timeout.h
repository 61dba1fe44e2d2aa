// with_timeout and with_deadline: a scope with an end in time.
#pragma once

#include <coroutine>
#include <source_location>
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
/// none.
template <class A>
class timeout_awaiter : boundary {
 public:
  timeout_awaiter(time_point deadline, duration after, bool from_now, A a) noexcept
      : deadline_(deadline), after_(after), from_now_(from_now), body_(static_cast<A>(a)) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    body_.prepare(*this, waiter(), false);
    if (body_.start()) {
      leave();
      return false;
    }
    loop& l = *above().home;
    timer_.type = &timer_work;
    timer_.context = this;
    l.start_timer(timer_, from_now_ ? later(l.now(), after_) : deadline_, above().background);
    return true;
  }
  typename as_result<result_of<A>>::type await_resume() {
    if (body_.out.how() == ending::stopped) return errc::timed_out;
    if constexpr (std::is_void_v<raw_result_of<A>>) {
      body_.out.take();
      return {};
    } else {
      return body_.out.take();
    }
  }

 private:
  template <class, class>
  friend class branch;
  void ended(auto&) noexcept {
    if (!expired_) above().home->cancel_timer(timer_, above().background);
    if (body_.out.how() == ending::stopped && (!expired_ || above().stop_requested)) {
      stop();
    } else {
      deliver();
    }
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

  static timeout_awaiter& of(work& w) noexcept {
    return static_cast<timeout_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& asked) noexcept { asked.ask(of(w).body_.inner); }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    f(x, static_cast<const timeout_awaiter&>(static_cast<const boundary&>(w)).body_.inner);
  }
  static constexpr wait_type wait{wait_work, "with_timeout", &cancel, &visit};

  time_point deadline_;
  duration after_;
  bool from_now_;
  bool expired_ = false;
  timer timer_;
  branch<A, timeout_awaiter> body_;
};

template <class A>
class [[nodiscard]] timeout_awaitable {
 public:
  timeout_awaitable(time_point deadline, duration after, bool from_now, A&& a)
      : deadline_(deadline), after_(after), from_now_(from_now), awaited_(std::forward<A>(a)) {}
  timeout_awaiter<A&&> operator co_await() && noexcept {
    return timeout_awaiter<A&&>(deadline_, after_, from_now_, static_cast<A&&>(awaited_));
  }

 private:
  time_point deadline_;
  duration after_;
  bool from_now_;
  A awaited_;
};

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
template <detail::our_awaitable A>
auto with_timeout(duration after, A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::timeout_awaitable<A>(time_point{}, after, true, std::forward<A>(aw));
}

/// The same until an instant.
///
/// Result      as with_timeout
/// Errors      as with_timeout
/// Cancel      as with_timeout
/// Lifetime    as with_timeout
template <detail::our_awaitable A>
auto with_deadline(time_point deadline, A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::timeout_awaitable<A>(deadline, duration{}, false, std::forward<A>(aw));
}

}  // namespace eddy
