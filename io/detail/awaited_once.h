// What functions of io/ return: the wait itself, a value that moves until it is awaited. Not an
// interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <memory>
#include <source_location>
#include <utility>

#include <eddy/coro/task.h>

namespace eddy::detail {

/// The awaiter of a wait that stands elsewhere. (No reference to the wait does: g++ 12 moves what
/// operator co_await gives by reference into an object of its own.)
template <class Wait>
class awaiter_for : awaiter_tag {
 public:
  explicit awaiter_for(Wait& w) noexcept : wait_(&w) {}
  friend awaiter_tag;

  bool await_ready() const noexcept { return wait_->await_ready(); }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) const noexcept {
    wait_->await_suspend(h, at);
  }
  auto await_resume() const { return wait_->await_resume(); }

 private:
  Wait* wait_;
};

/// An awaitable in which the wait takes place. g++ gives a temporary of a co_await and the awaiter
/// that comes from it room of their own in the frame: so the operation's record is in the one, and
/// the other refers to it. `Wait` can be moved as long as it has not begun (it sees to that
/// itself); from then on it stands in the frame, and stays there until it has ended.
template <class Wait>
class [[nodiscard]] awaited_once {
 public:
  template <class... A>
    requires std::is_constructible_v<Wait, A...>
  explicit awaited_once(A&&... a) noexcept : wait_(std::forward<A>(a)...) {}

  awaited_once(awaited_once&&) noexcept = default;
  awaited_once& operator=(awaited_once&& other) noexcept {
    if (this != &other) {
      wait_.check_movable();
      std::destroy_at(this);
      std::construct_at(this, std::move(other));
    }
    return *this;
  }
  ~awaited_once() = default;

  awaiter_for<Wait> operator co_await() && noexcept { return awaiter_for<Wait>(wait_); }

 private:
  Wait wait_;
};

}  // namespace eddy::detail
