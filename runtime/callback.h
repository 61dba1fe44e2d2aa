// callback: a move-only void(), for code that is no coroutine; error_callback: one that takes an
// exception.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <exception>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace eddy {

/// Any callable that takes `A...`, moved in; its result is dropped. Up to three words are kept
/// inside, larger ones on the heap (making it may throw std::bad_alloc). Calling an empty one does
/// nothing.
template <class... A>
class basic_callback {
 public:
  basic_callback() noexcept = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, basic_callback> &&
             std::is_invocable_v<std::decay_t<F>&, A...>)
  basic_callback(F&& f) {  // implicit: a lambda is a callback
    using callable = std::decay_t<F>;
    if constexpr (fits<callable>) {
      new (static_cast<void*>(storage_)) callable(std::forward<F>(f));
      act_ = &inside<callable>;
    } else {
      *reinterpret_cast<callable**>(storage_) = new callable(std::forward<F>(f));
      act_ = &outside<callable>;
    }
  }
  basic_callback(basic_callback&& other) noexcept : act_(std::exchange(other.act_, nullptr)) {
    if (act_) act_(action::move, other.storage_, storage_);
  }
  basic_callback& operator=(basic_callback&& other) noexcept {
    if (this != &other) {
      reset();
      act_ = std::exchange(other.act_, nullptr);
      if (act_) act_(action::move, other.storage_, storage_);
    }
    return *this;
  }
  ~basic_callback() { reset(); }

  explicit operator bool() const noexcept { return act_ != nullptr; }
  void operator()(A... arguments) {
    std::tuple<A&...> all(arguments...);
    if (act_) act_(action::call, storage_, &all);
  }
  void reset() noexcept {
    if (auto* act = std::exchange(act_, nullptr)) act(action::destroy, storage_, nullptr);
  }

 private:
  enum class action : unsigned char { call, move, destroy };
  static constexpr std::size_t room = 3 * sizeof(void*);
  template <class F>
  static constexpr bool fits =
      sizeof(F) <= room && alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

  template <class F>
  static void call(F& f, void* arguments) {
    std::apply([&f](A&... all) { static_cast<void>(f(std::forward<A>(all)...)); },
               *static_cast<std::tuple<A&...>*>(arguments));
  }
  template <class F>
  static void inside(action what, void* self, void* to) {
    F& f = *std::launder(static_cast<F*>(self));
    if (what == action::call) {
      call(f, to);
      return;
    }
    if (what == action::move) new (to) F(std::move(f));
    f.~F();  // NOLINT(bugprone-use-after-move): moved from, it is still to be destroyed
  }
  template <class F>
  static void outside(action what, void* self, void* to) {
    F*& f = *static_cast<F**>(self);
    if (what == action::call) {
      call(*f, to);
    } else if (what == action::move) {
      *static_cast<F**>(to) = f;
    } else {
      delete f;
    }
  }

  void (*act_)(action, void*, void*) = nullptr;
  alignas(void*) unsigned char storage_[room];
};

using callback = basic_callback<>;
using error_callback = basic_callback<std::exception_ptr>;

}  // namespace eddy
