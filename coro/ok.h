// ok: the value of a result, or the task is left with its error.
#pragma once

#include <eddy/runtime/detail/language.h>

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
class ok_awaiter : public scope<ok_awaiter<A>, A> {
 public:
  using scope<ok_awaiter, A>::scope;
  auto await_resume() {
    auto r = this->body_.out.take();
    if constexpr (std::is_void_v<typename decltype(r)::value_type>) {
      r.value();
    } else {
      return std::move(r).value();
    }
  }

 private:
  template <class, class, class>
  friend class branch_root;
  template <class, class, bool>
  friend class scope;
  static constexpr const char* name = "ok";
  template <class P>
  void entered() noexcept {
    if constexpr (gives_result<P>) {
      give_ = [](promise_base& p, std::error_code e) { static_cast<P&>(p).return_value(e); };
    }
  }
  bool leaves_task() noexcept {
    return give_ && this->body_.out.how() == ending::value && !this->body_.out.value();
  }
  /// The frame stays suspended at this co_await, with the error in its promise as if it had
  /// co_returned it; whoever takes its value destroys it, and so its locals.
  void leave_task() noexcept {
    promise_base& p = this->waiter();
    give_(p, this->body_.out.value().error());
    if (!p.inline_start) go_on_after(p);
  }
  bool stays_after_start() noexcept {
    if (!leaves_task()) return this->stays(this->body_.inner.stop_requested);
    this->leave();
    leave_task();
    return true;
  }
  void ended(auto&) noexcept {
    if (leaves_task()) {
      this->leave();
      leave_task();
    } else {
      this->stop_or_deliver(this->body_.out.how() == ending::stopped);
    }
  }

  void (*give_)(promise_base&, std::error_code) = nullptr;  // null: the task gives no result
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
template <detail::awaitable A>
  requires detail::is_result<detail::result_of<A>>
auto ok(A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::scope_awaitable<detail::ok_awaiter, A>(std::forward<A>(aw));
}

}  // namespace eddy
