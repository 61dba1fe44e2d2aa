// async_generator<T>: a sequence whose values take awaiting.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

template <class T>
class async_generator;

namespace detail {

template <class T>
struct generator_promise final : task_promise {
  using handle = std::coroutine_handle<generator_promise>;

  /// Suspends at a co_yield, and goes on in whoever awaits next().
  struct yield_awaiter : awaiter_tag {
    yield_awaiter() noexcept {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(
        handle h, std::source_location where = std::source_location::current()) const noexcept {
      promise_base& p = h.promise();
      p.where = where;
      p.end = ending::value;  // this step has ended
      if (!p.inline_start) go_on_after(p);
    }
    void await_resume() const noexcept {}
  };

  async_generator<T> get_return_object() noexcept;
  yield_awaiter yield_value(T value) {
    element.emplace(std::move(value));
    return {};
  }
  void return_void() noexcept {
    finished = true;
    end = ending::value;
  }
  void unhandled_exception() noexcept {
    finished = true;
    failure = std::current_exception();
    end = ending::value;
  }
  ~generator_promise() {
    if (owner) *owner = nullptr;  // destroyed by the unwinding of whoever awaited next()
  }

  std::optional<T> element;
  std::exception_ptr failure;
  bool finished = false;
  handle* owner = nullptr;  // the generator's own handle
};

}  // namespace detail

/// A coroutine that co_yields values and may await in between. Moved (not while next() waits). Its
/// exceptions come out of next(). Stopped in next(), it is finished. Destroying it in next()
/// aborts.
template <class T>
class [[nodiscard]] async_generator {
  static_assert(std::is_object_v<T>, "async_generator<T>: an object type");

 public:
  using promise_type = detail::generator_promise<T>;
  using value_type = T;
  using handle = std::coroutine_handle<promise_type>;

  explicit async_generator(handle h) noexcept : handle_(h) { handle_.promise().owner = &handle_; }
  async_generator(async_generator&& other) noexcept : handle_(other.take()) { adopt(); }
  async_generator& operator=(async_generator&& other) noexcept {
    if (this != &other) {
      destroy();
      handle_ = other.take();
      adopt();
    }
    return *this;
  }
  ~async_generator() { destroy(); }

  class awaiter;
  class awaitable;
  /// Goes on with the body until it yields or ends. A second next() while one waits aborts.
  ///
  /// Result      std::optional<T>: nullopt: it has ended
  /// Errors      an exception of the body, once; then it has ended
  /// Cancel      reaches what the body waits for; stopped, the body's frame is gone and the
  ///             generator has ended
  /// Lifetime    the generator must live until the task goes on
  awaitable next() noexcept { return awaitable(*this); }

 private:
  handle take() noexcept {
    if (waiting_) detail::misuse("an async_generator is moved while next() waits");
    return std::exchange(handle_, {});
  }
  void adopt() noexcept {
    if (handle_) handle_.promise().owner = &handle_;
  }
  void destroy() noexcept {
    if (!handle_) return;
    if (waiting_) detail::misuse("an async_generator is destroyed while next() waits");
    handle_.promise().owner = nullptr;
    std::exchange(handle_, {}).destroy();
  }
  handle handle_;
  bool waiting_ = false;
};

template <class T>
class async_generator<T>::awaiter : public detail::awaiter_tag {
 public:
  explicit awaiter(async_generator& g) noexcept : generator_(g) {}
  ~awaiter() {
    if (began_) generator_.waiting_ = false;
  }
  bool await_ready() const noexcept {
    return !generator_.handle_ || generator_.handle_.promise().finished;
  }
  template <detail::our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (generator_.waiting_)
      detail::misuse("a second next() of an async_generator while one waits");
    detail::promise_base& mine = h.promise();
    mine.where = where;
    if (mine.of->stop_requested) {
      detail::unwind_next(mine);
      return true;
    }
    generator_.waiting_ = began_ = true;
    promise_type& body = generator_.handle_.promise();
    body.parent = &mine;
    body.of = mine.of;
    body.end = detail::ending::none;
    body.inline_start = true;
    body.element.reset();
    return !detail::start_nested(body, generator_.handle_);
  }
  std::optional<T> await_resume() {
    if (std::exchange(began_, false)) generator_.waiting_ = false;  // it may go now
    if (!generator_.handle_) return std::nullopt;
    promise_type& body = generator_.handle_.promise();
    if (auto error = std::exchange(body.failure, nullptr)) std::rethrow_exception(error);
    if (body.finished) return std::nullopt;
    return std::exchange(body.element, std::nullopt);
  }

 private:
  async_generator& generator_;
  bool began_ = false;
};

template <class T>
class [[nodiscard]] async_generator<T>::awaitable {
 public:
  explicit awaitable(async_generator& g) noexcept : generator_(g) {}
  awaiter operator co_await() const noexcept { return awaiter(generator_); }

 private:
  async_generator& generator_;
};

template <class T>
async_generator<T> detail::generator_promise<T>::get_return_object() noexcept {
  return async_generator<T>(handle::from_promise(*this));
}

}  // namespace eddy
