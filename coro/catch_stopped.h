// catch_stopped: a boundary that turns "stopped" into an empty optional.
#pragma once

#include <coroutine>
#include <optional>
#include <source_location>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>

namespace eddy {

namespace detail {

template <class A>
class catch_stopped_awaiter : boundary {
 public:
  explicit catch_stopped_awaiter(A a) noexcept : body_(static_cast<A>(a)) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    body_.prepare(*this, waiter(), false);
    if (!body_.start()) return true;
    leave();
    return false;
  }
  std::optional<result_of<A>> await_resume() {
    std::optional<result_of<A>> r;
    if (body_.out.how() != ending::stopped) r.emplace(body_.out.take());
    return r;
  }

 private:
  template <class, class>
  friend class branch;
  void ended(auto&) noexcept { deliver(); }

  static void cancel(work& w, ask_list& asked) noexcept { asked.ask(of(w).body_.inner); }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    f(x, static_cast<const catch_stopped_awaiter&>(static_cast<const boundary&>(w)).body_.inner);
  }
  static catch_stopped_awaiter& of(work& w) noexcept {
    return static_cast<catch_stopped_awaiter&>(static_cast<boundary&>(w));
  }
  static constexpr wait_type wait{wait_work, "catch_stopped", &cancel, &visit};
  branch<A, catch_stopped_awaiter> body_;
};

template <class A>
class [[nodiscard]] catch_stopped_awaitable {
 public:
  explicit catch_stopped_awaitable(A&& a) : awaited_(std::forward<A>(a)) {}
  catch_stopped_awaiter<A&&> operator co_await() && noexcept {
    return catch_stopped_awaiter<A&&>(static_cast<A&&>(awaited_));
  }

 private:
  A awaited_;
};

}  // namespace detail

/// Awaits `aw`, and gives its result; nothing where it was stopped. The task itself then goes on,
/// until its next suspension where it was asked to stop as well.
///
/// Result      std::optional<R>: nullopt: stopped. void is std::monostate
/// Errors      exceptions pass
/// Cancel      reaches what is awaited inside
/// Lifetime    `aw` is kept in the awaitable
template <detail::our_awaitable A>
auto catch_stopped(A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::catch_stopped_awaitable<A>(std::forward<A>(aw));
}

}  // namespace eddy
