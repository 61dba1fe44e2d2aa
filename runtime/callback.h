// callback: a move-only void(), for code that is no coroutine.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace eddy {

/// Any callable without arguments and result, moved in. Up to three words are kept inside, larger
/// ones on the heap (making it may throw std::bad_alloc). Calling an empty one does nothing.
class callback {
 public:
  callback() noexcept = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, callback> && std::is_invocable_v<std::decay_t<F>&>)
  callback(F&& f) {  // implicit: a lambda is a callback
    using callable = std::decay_t<F>;
    if constexpr (fits<callable>) {
      new (static_cast<void*>(storage_)) callable(std::forward<F>(f));
      act_ = &inside<callable>;
    } else {
      *reinterpret_cast<callable**>(storage_) = new callable(std::forward<F>(f));
      act_ = &outside<callable>;
    }
  }
  callback(callback&& other) noexcept : act_(std::exchange(other.act_, nullptr)) {
    if (act_) act_(action::move, other.storage_, storage_);
  }
  callback& operator=(callback&& other) noexcept {
    if (this != &other) {
      reset();
      act_ = std::exchange(other.act_, nullptr);
      if (act_) act_(action::move, other.storage_, storage_);
    }
    return *this;
  }
  ~callback() { reset(); }

  explicit operator bool() const noexcept { return act_ != nullptr; }
  void operator()() {
    if (act_) act_(action::call, storage_, nullptr);
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
  static void inside(action what, void* self, void* to) {
    F& f = *std::launder(static_cast<F*>(self));
    if (what == action::call) {
      static_cast<void>(f());
      return;
    }
    if (what == action::move) new (to) F(std::move(f));
    f.~F();  // NOLINT(bugprone-use-after-move): moved from, it is still to be destroyed
  }
  template <class F>
  static void outside(action what, void* self, void* to) {
    F*& f = *static_cast<F**>(self);
    if (what == action::call) {
      static_cast<void>((*f)());
    } else if (what == action::move) {
      *static_cast<F**>(to) = f;
    } else {
      delete f;
    }
  }

  void (*act_)(action, void*, void*) = nullptr;
  alignas(void*) unsigned char storage_[room];
};

}  // namespace eddy
