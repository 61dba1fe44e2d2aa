// Awaiting what is not ours: it cannot be cancelled (a cancel waits) and is not pending. Foreign
// code resumes whatever handle it was given, whenever it likes; so it gets a frame of ours that
// only makes the task ready.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <source_location>
#include <type_traits>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy::detail {

/// What a handle's frame does that has been resumed before, or that does not wait at all.
[[noreturn]] void resumed_twice(void* proxy) noexcept;

template <class A>
class foreign_awaiter : public work, public awaiter_tag {
 public:
  explicit foreign_awaiter(A&& a) : source_(static_cast<A&&>(a)), awaiter_(make()) {}

  /// (In a stopping chain it is not awaited at all, ready or not: await_suspend stops it.)
  bool await_ready() { return !stopping() && awaiter_.await_ready(); }
  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) {
    static constexpr wait_type wait{wait_work, "a foreign awaitable",
                                    [](work&, ask_list&) noexcept {}, nullptr};
    if (!enter(*this, h.promise(), wait, where)) return true;
    proxy_.context = this;
    proxy_.resume = [](void* p) { make_ready(static_cast<proxy*>(p)->use()); };
    proxy_.destroy = [](void* p) { make_stopped(static_cast<proxy*>(p)->use()); };
    const auto handle = std::coroutine_handle<>::from_address(unseen(&proxy_));
    using answer = decltype(awaiter_.await_suspend(handle));
    try {
      if constexpr (std::is_void_v<answer>) {
        awaiter_.await_suspend(handle);
        return true;
      } else if constexpr (std::is_same_v<answer, bool>) {
        if (awaiter_.await_suspend(handle)) return true;
        goes_on(h.promise());
        return false;
      } else {
        awaiter_.await_suspend(handle).resume();
        return true;
      }
    } catch (...) {
      // It waits for nothing: the exception is the task's, where it awaits.
      goes_on(h.promise());
      throw;
    }
  }
  decltype(auto) await_resume() { return awaiter_.await_resume(); }

 private:
  struct proxy {
    proxy() noexcept = default;
    void (*resume)(void*) = nullptr;
    void (*destroy)(void*) = nullptr;
    foreign_awaiter* context = nullptr;
    /// Once: whatever comes through the handle from now on comes twice. (As long as the memory is not
    /// used for something else: after that nobody can know.)
    foreign_awaiter& use() noexcept {
      resume = destroy = &resumed_twice;
      return *context;
    }
  };
  /// It does not wait after all.
  void goes_on(const promise_base& p) noexcept {
    if (proxy_.resume == &resumed_twice) [[unlikely]]
      resumed_twice(&proxy_);
    proxy_.use();
    p.of->leaf = nullptr;
  }
  using kept = std::conditional_t<std::is_reference_v<awaiter_of<A>>,
                                  std::remove_reference_t<awaiter_of<A>>&, awaiter_of<A>>;
  static bool stopping() noexcept {
    return current_loop->running && current_loop->running->stop_requested;
  }
  kept make() {
    if constexpr (std::is_reference_v<awaiter_of<A>>) {
      auto&& leads_to = get_awaiter(static_cast<A&&>(source_));
      return leads_to;
    } else {
      return get_awaiter(static_cast<A&&>(source_));
    }
  }
  proxy proxy_;
  A&& source_;
  kept awaiter_;
};

}  // namespace eddy::detail
