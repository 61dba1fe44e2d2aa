// generator<T>: a synchronous sequence, for range-for.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include <eddy/runtime/detail/abort.h>

namespace eddy {

/// A coroutine that co_yields values to a range-for. It awaits nothing. Moved, walked once: a second
/// begin() aborts, and so does going on after its end or an exception.
template <class T>
class [[nodiscard]] generator {
 public:
  using value_type = std::remove_cvref_t<T>;
  using reference = std::conditional_t<std::is_reference_v<T>, T, const T&>;

  class promise_type {
   public:
    generator get_return_object() noexcept { return generator(handle::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    std::suspend_always yield_value(std::remove_reference_t<reference>& value) noexcept {
      current_ = std::addressof(value);
      return {};
    }
    std::suspend_always yield_value(std::remove_reference_t<reference>&& value) noexcept {
      current_ = std::addressof(value);
      return {};
    }
    void return_void() noexcept { is_over_ = true; }
    void unhandled_exception() {
      is_over_ = true;
      throw;
    }
    template <class A>
    std::suspend_never await_transform(A&&) {
      static_assert(std::is_void_v<A>,
                    "eddy::generator is synchronous: what awaits is an eddy::async_generator");
      return {};
    }

   private:
    friend generator;
    std::add_pointer_t<reference> current_ = nullptr;
    bool has_begun_ = false;
    bool is_over_ = false;
  };

  class iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = generator::value_type;
    iterator() noexcept = default;
    reference operator*() const noexcept {
      return static_cast<reference>(*handle_.promise().current_);
    }
    iterator& operator++() {
      if (is_over()) [[unlikely]]
        detail::misuse("a generator is walked on after its end or its exception");
      handle_.resume();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return i.is_over();
    }

   private:
    friend generator;
    explicit iterator(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
    bool is_over() const noexcept { return handle_.promise().is_over_; }
    std::coroutine_handle<promise_type> handle_;
  };

  generator(generator&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  generator& operator=(generator&& other) noexcept {
    generator taken(std::move(other));
    std::swap(handle_, taken.handle_);
    return *this;
  }
  ~generator() {
    if (handle_) handle_.destroy();
  }

  /// Runs to the first value. Once.
  iterator begin() {
    if (!handle_) detail::misuse("a generator is walked after it was moved from");
    if (std::exchange(handle_.promise().has_begun_, true))
      detail::misuse("a generator is walked twice");
    handle_.resume();
    return iterator(handle_);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  using handle = std::coroutine_handle<promise_type>;
  explicit generator(handle h) noexcept : handle_(h) {}
  handle handle_;
};

}  // namespace eddy
