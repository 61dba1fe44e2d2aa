// catch_stopped: a boundary that turns "stopped" into an empty optional.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <optional>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>

namespace eddy {

namespace detail {

template <class A>
class catch_stopped_awaiter : public scope<catch_stopped_awaiter<A>, A> {
 public:
  using scope<catch_stopped_awaiter, A>::scope;
  std::optional<result_of<A>> await_resume() {
    std::optional<result_of<A>> r;
    if (this->body_.out.how() != ending::stopped) r.emplace(this->body_.out.take());
    return r;
  }

 private:
  template <class, class, class>
  friend class branch_root;
  template <class, class, bool>
  friend class scope;
  static constexpr const char* name = "catch_stopped";
  void ended(auto&) noexcept { this->stop_or_deliver(false); }
};

}  // namespace detail

/// Awaits `aw`, and gives its result; nothing where it was stopped. The task itself then goes on,
/// until its next suspension where it was asked to stop as well.
///
/// Result      std::optional<R>: nullopt: stopped. void is std::monostate
/// Errors      exceptions pass
/// Cancel      reaches what is awaited inside
/// Lifetime    `aw` is kept in the awaitable
template <detail::awaitable A>
auto catch_stopped(A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::scope_awaitable<detail::catch_stopped_awaiter, A>(std::forward<A>(aw));
}

}  // namespace eddy
