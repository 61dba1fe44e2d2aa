// ok: the value of a result, or the task is left with its error.
#pragma once

#include <coroutine>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/result.h>

namespace eddy {

namespace detail {

template <class P>
inline constexpr bool gives_result = false;
template <class T>
inline constexpr bool gives_result<promise<result<T>>> = true;

template <class A>
class ok_awaiter : boundary {
 public:
  explicit ok_awaiter(A a) noexcept : body_(static_cast<A>(a)) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    if constexpr (gives_result<P>) {
      give_ = [](promise_base& p, std::error_code e) { static_cast<P&>(p).return_value(e); };
    }
    body_.prepare(*this, waiter(), false);
    if (!body_.start()) return true;
    boundary::leave();
    if (!leaves_task()) return false;
    leave_task();
    return true;
  }
  auto await_resume() {
    auto r = body_.out.take();
    if constexpr (std::is_void_v<typename decltype(r)::value_type>) {
      r.value();
    } else {
      return std::move(r).value();
    }
  }

 private:
  template <class, class>
  friend class branch;
  bool leaves_task() noexcept {
    return give_ && body_.out.how() == ending::value && !body_.out.value();
  }
  /// The frame stays suspended at this co_await, with the error in its promise as if it had
  /// co_returned it; whoever takes its value destroys it, and so its locals.
  void leave_task() noexcept {
    promise_base& p = waiter();
    give_(p, body_.out.value().error());
    if (!p.inline_start) go_on_after(*p.of->home, p);
  }
  void ended(auto&) noexcept {
    if (body_.out.how() == ending::stopped) {
      stop();
    } else if (leaves_task()) {
      boundary::leave();
      leave_task();
    } else {
      deliver();
    }
  }

  static ok_awaiter& of(work& w) noexcept {
    return static_cast<ok_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& asked) noexcept { asked.ask(of(w).body_.inner); }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    f(x, static_cast<const ok_awaiter&>(static_cast<const boundary&>(w)).body_.inner);
  }
  static constexpr wait_type wait{wait_work, "ok", &cancel, &visit};
  branch<A, ok_awaiter> body_;
  void (*give_)(promise_base&, std::error_code) = nullptr;  // null: the task gives no result
};

template <class A>
class [[nodiscard]] ok_awaitable {
 public:
  explicit ok_awaitable(A&& a) : awaited_(std::forward<A>(a)) {}
  ok_awaiter<A&&> operator co_await() && noexcept {
    return ok_awaiter<A&&>(static_cast<A&&>(awaited_));
  }

 private:
  A awaited_;
};

}  // namespace detail

/// Awaits `aw`, which gives a result<T>: the value, or the task is left with the error: a
/// task<result<U>> ends with it (no exception is thrown, no catch sees it, the locals are
/// destroyed), any other task throws std::system_error.
///
/// Result      T
/// Errors      the result's error, as above
/// Cancel      reaches what is awaited
/// Lifetime    `aw` is kept in the awaitable
template <detail::our_awaitable A>
  requires detail::is_result<detail::result_of<A>>
auto ok(A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::ok_awaitable<A>(std::forward<A>(aw));
}

}  // namespace eddy
