// deferred<T>: a value that is set once, for any number of waiters: replies, single flight.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/guard.h>
#include <eddy/coro/event.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

/// Its loop's thread only. Destroying it with waiters aborts, or with some that were told and have
/// not yet run: the value lives here.
template <class T>
class deferred {
  static_assert(std::is_object_v<T>, "deferred<T>: an object type");
  static_assert(detail::safe_element<T>,
                "g++ < 13 destroys an aggregate twice that stands as a temporary in a co_await "
                "expression (bug 99576): give "
                "the type a constructor");

 public:
  deferred() noexcept = default;
  deferred(const deferred&) = delete;
  deferred& operator=(const deferred&) = delete;
  ~deferred() {
    decided_.check_unwaited("a deferred is destroyed while tasks wait for it");
    if (takers_)
      detail::misuse(
          "a deferred is destroyed before a task that waited for it has taken its value");
  }

  /// False: it has been set (or failed) before, and the value is dropped.
  bool set(T value) {
    if (decided_.is_set()) return false;
    value_.emplace(std::move(value));
    decided_.set();
    return true;
  }
  bool fail(std::exception_ptr error) noexcept {
    if (!error) detail::misuse("a deferred fails without an exception");
    if (decided_.is_set()) return false;
    error_ = std::move(error);
    decided_.set();
    return true;
  }

  /// (the awaiter of wait(), and of take(), which moves the value out)
  template <bool Takes>
  class awaiter : public event::awaiter {
   public:
    explicit awaiter(deferred& d) noexcept : event::awaiter(d.decided_, wait), deferred_(&d) {
      if (d.taken_ || (Takes && d.takers_))
        detail::misuse("take() of a deferred is for one waiter: another waits, or has taken it");
      ++d.takers_;
      if constexpr (Takes) d.taken_ = true;
    }
    ~awaiter() { leave(!Takes); }
    std::conditional_t<Takes, T, const T&> await_resume() noexcept(false) {
      deferred& d = *deferred_;
      leave(true);
      if (d.error_) std::rethrow_exception(d.error_);
      if constexpr (Takes) {
        return std::move(*d.value_);
      } else {
        return *d.value_;
      }
    }

   private:
    /// From now on it does not need the deferred: it has the value, or is stopped.
    void leave(bool has_value) noexcept {
      if (!deferred_) return;
      deferred& d = *std::exchange(deferred_, nullptr);
      --d.takers_;
      if (!has_value) d.taken_ = false;  // another may take it
    }
    static void cancel(detail::work& w, detail::ask_list& asked) noexcept {
      static_cast<awaiter&>(static_cast<detail::linked_work&>(w)).leave(!Takes);
      detail::cancel_even_ready(w, asked);
    }
    static constexpr detail::wait_type wait{
        detail::wait_work, Takes ? "deferred::take" : "deferred::wait", &cancel, nullptr};
    deferred* deferred_;  // null: it does not need it any more
  };
  template <bool Takes>
  class [[nodiscard]] awaitable {
   public:
    explicit awaitable(deferred& d) noexcept : deferred_(d) {}
    awaiter<Takes> operator co_await() const noexcept { return awaiter<Takes>(deferred_); }

   private:
    deferred& deferred_;
  };

  /// Waits until it is set; given without suspending where it is.
  ///
  /// Result      const T&, valid as long as the deferred
  /// Errors      what fail() was given is rethrown, to each
  /// Cancel      stops the task, in the same drain
  /// Lifetime    the deferred must live until the task goes on (or was cancelled)
  awaitable<false> wait() noexcept { return awaitable<false>(*this); }

  /// The same for one waiter, who gets the value itself. A second wait or take, beside or after it,
  /// aborts.
  ///
  /// Result      T, moved out
  /// Errors      what fail() was given is rethrown
  /// Cancel      stops the task, in the same drain; the value is still here for another
  /// Lifetime    the deferred must live until the task goes on (or was cancelled)
  awaitable<true> take() noexcept { return awaitable<true>(*this); }

 private:
  event decided_;
  std::size_t takers_ = 0;  // those who await it, until they have the value or are stopped
  bool taken_ = false;      // somebody takes it, or has
  std::optional<T> value_;
  std::exception_ptr error_;
};

}  // namespace eddy
