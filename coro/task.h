// task<T>: a coroutine that is lazy, moved, and awaited once.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/frame_pool.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

template <class T = void>
class task;

namespace detail {

/// Is it an awaiter (or awaitable) of ours? Everything else that is awaited in a task is foreign.
struct awaiter_tag {};
template <class A>
concept has_co_await = requires(A&& a) { static_cast<A&&>(a).operator co_await(); };
/// (Found by its argument alone: what stands in front of the user's co_await is not seen from here.)
template <class A>
concept has_free_co_await = requires(A&& a) { operator co_await(static_cast<A&&>(a)); };
template <class A>
decltype(auto) get_awaiter(A&& a) {
  if constexpr (has_co_await<A>) {
    return static_cast<A&&>(a).operator co_await();
  } else if constexpr (has_free_co_await<A>) {
    return operator co_await(static_cast<A&&>(a));
  } else {
    return static_cast<A&&>(a);
  }
}
template <class A>
using awaiter_of = decltype(get_awaiter(std::declval<A>()));
template <class A>
concept our_awaitable = std::is_base_of_v<awaiter_tag, std::remove_cvref_t<awaiter_of<A>>>;
/// Ours, or what a frame of any kind can await.
template <class A>
concept awaitable = our_awaitable<A> || requires(std::remove_reference_t<awaiter_of<A>>& awaiter,
                                                 std::coroutine_handle<> h) {
  static_cast<bool>(awaiter.await_ready());
  awaiter.await_suspend(h);
  awaiter.await_resume();
};

template <class A>
class foreign_awaiter;  // coro/detail/foreign.h, at the end of this file

struct final_awaiter {
  final_awaiter() noexcept {}
  bool await_ready() const noexcept { return false; }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h) const noexcept {
    promise_base& p = h.promise();
    if (!p.inline_start) [[unlikely]]
      go_on_after(p);
  }
  void await_resume() const noexcept {}
};

struct task_promise : promise_base {
  static void* operator new(std::size_t size) { return frames().get(size); }
  static void operator delete(void* block, std::size_t size) noexcept { frames().put(block, size); }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  final_awaiter final_suspend() const noexcept { return {}; }

  template <our_awaitable A>
  A&& await_transform(A&& a) const noexcept {
    return static_cast<A&&>(a);
  }
  template <class A>
    requires(!our_awaitable<A> && our_awaitable<std::remove_cvref_t<A>>)
  awaiter_of<std::remove_cvref_t<A>> await_transform(A&& a) const noexcept {
    static_assert(
        std::is_void_v<A>,
        "what eddy's functions return is awaited once, as an rvalue: co_await std::move(it)");
    return get_awaiter(const_cast<std::remove_cvref_t<A>&&>(a));
  }
  template <class A>
    requires(awaitable<A> && !our_awaitable<A> && !our_awaitable<std::remove_cvref_t<A>>)
  foreign_awaiter<A> await_transform(A&& a) const {
    return foreign_awaiter<A>(static_cast<A&&>(a));
  }
  template <class A>
    requires(!awaitable<A> && !our_awaitable<std::remove_cvref_t<A>>)
  std::suspend_never await_transform(A&&) const noexcept {
    static_assert(
        std::is_void_v<A>,
        "this cannot be awaited: it has neither await_ready, await_suspend (which takes a "
        "std::coroutine_handle<>) and await_resume, nor an operator co_await, as a member "
        "or in the namespace of its type");
    return {};
  }
};

template <class T>
struct promise_of_value : task_promise {
  using value_type = T;
  promise_of_value() noexcept {}
  ~promise_of_value() {
    if (end == ending::value) std::destroy_at(std::addressof(value));
  }
  template <class U = T>
    requires std::is_constructible_v<T, U&&>
  void return_value(U&& u) {
    std::construct_at(std::addressof(value), std::forward<U>(u));
    end = ending::value;
  }
  void unhandled_exception() noexcept {
    // (a local's destructor may throw after the value was made)
    if (end == ending::value) std::destroy_at(std::addressof(value));
    end_with(std::current_exception());
  }
  T take() {
    if (end == ending::error) [[unlikely]]
      std::rethrow_exception(std::exception_ptr(error));
    return std::move(value);
  }
  union {
    T value;
  };
};

template <>
struct promise_of_value<void> : task_promise {
  using value_type = void;
  void return_void() noexcept { end = ending::value; }
  void unhandled_exception() noexcept { end_with(std::current_exception()); }
  void take() {
    if (end == ending::error) [[unlikely]]
      std::rethrow_exception(std::exception_ptr(error));
  }
};

template <class T>
struct promise final : promise_of_value<T> {
  task<T> get_return_object() noexcept;
};

/// Owns the child's frame from here on: with a value or an exception await_resume destroys it,
/// stopped the unwinding does.
template <class T>
class [[nodiscard]] task_awaiter : awaiter_tag {
 public:
  using handle = std::coroutine_handle<promise<T>>;
  explicit task_awaiter(handle h) noexcept : handle_(h) {}
  bool await_ready() const noexcept { return false; }
  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> parent,
                     std::source_location where = std::source_location::current()) noexcept {
    promise_base& mine = parent.promise();
    promise<T>& child = handle_.promise();
    child.parent = &mine;
    child.of = mine.of;
    if (start_nested(child, handle_)) {
      note_await(*current_loop, where);
      return false;
    }
    mine.where = where;
    return true;
  }
  T await_resume() {
    struct destroy {
      handle h;
      explicit destroy(handle f) noexcept : h(f) {}
      ~destroy() { h.destroy(); }
    } const at_end(handle_);
    return handle_.promise().take();
  }

 private:
  friend awaiter_tag;
  handle handle_;
};

}  // namespace detail

/// A coroutine that has not begun. It begins when it is awaited (`co_await f()`, or `co_await
/// std::move(t)`), as a call; its end goes on in its awaiter at once, as a return. Destroying one
/// that was never awaited destroys its arguments.
///
/// Result      T, moved out; an exception of the body is rethrown
/// Errors      none of its own
/// Cancel      reaches whatever the innermost task waits for; a stopped task's frames go from the
///             innermost out, and its awaiter is stopped with it
/// Lifetime    arguments taken by reference must outlive the await; a lambda's captures too (spawn
///             and run keep them)
/// Threads     made anywhere, awaited on one loop's thread
template <class T>
class EDDY_CORO_TYPE [[nodiscard]] task {
  static_assert(std::is_void_v<T> || (std::is_object_v<T> && !std::is_const_v<T>),
                "task<T>: an object type or void");

 public:
  using promise_type = detail::promise<T>;
  using value_type = T;
  using handle = std::coroutine_handle<promise_type>;

  explicit task(handle h) noexcept : handle_(h) {}
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task& operator=(task&& other) noexcept {
    task taken(std::move(other));
    std::swap(handle_, taken.handle_);
    return *this;
  }
  ~task() {
    if (handle_) handle_.destroy();
  }

  detail::task_awaiter<T> operator co_await() && noexcept {
    return detail::task_awaiter<T>(release());
  }

  /// For the library: gives the frame away.
  handle release() noexcept {
    if (!handle_) detail::misuse("a task is awaited twice, or after it was moved from");
    return std::exchange(handle_, {});
  }

 private:
  handle handle_;
};

template <class T>
task<T> detail::promise<T>::get_return_object() noexcept {
  static_assert(alignof(promise<T>) <= 16, "task<T>: over-aligned results are not supported");
  return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

namespace detail {
template <class A>
struct is_task : std::false_type {};
template <class T>
struct is_task<task<T>> : std::true_type {};
/// The T of a task<T>.
template <class A>
using task_value = typename std::remove_cvref_t<A>::value_type;
}  // namespace detail

}  // namespace eddy

#include <eddy/coro/detail/foreign.h>  // awaiting what is not ours
