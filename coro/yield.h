// next_tick(), yield(), immediate(): which phase resumes you.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <source_location>
#include <type_traits>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy {

namespace detail {

/// at_hand: what comes next is there already. Goes on at once, as a microtask of the tick's budget;
/// queues where that is spent, and stops where the task stops: before anything is taken.
enum class hop { next_tick, yield, immediate, at_hand };

template <hop Where>
class hop_awaiter : std::conditional_t<Where == hop::immediate, linked_work, work>,
                    public awaiter_tag {
  using base = std::conditional_t<Where == hop::immediate, linked_work, work>;

 public:
  hop_awaiter() noexcept : base(unset_t()) {}
  bool await_ready() const noexcept { return Where == hop::at_hand && may_take(); }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!enter(*this, h.promise(), wait, where)) return;
    loop& l = *current_loop;
    if constexpr (Where == hop::next_tick || Where == hop::at_hand) {
      l.make_ready(*this);
    } else if constexpr (Where == hop::yield) {
      l.postpone(*this);
    } else {
      l.make_immediate(*this);
    }
  }
  void await_resume() const noexcept {}

 private:
  // (What stands in a queue cannot be taken out: it is stopped in its turn.)
  static void stop_in_turn(work& w, ask_list&) noexcept { stop_ready(w); }
  static constexpr wait_type wait{wait_work,
                                  Where == hop::next_tick ? "next_tick"
                                  : Where == hop::yield   ? "yield"
                                  : Where == hop::at_hand ? "at_hand"
                                                          : "immediate",
                                  Where == hop::immediate ? &cancel_even_ready : &stop_in_turn,
                                  nullptr};
};

template <hop Where>
class [[nodiscard]] hop_awaitable {
 public:
  hop_awaitable() noexcept {}
  hop_awaiter<Where> operator co_await() const noexcept { return hop_awaiter<Where>(); }
};

}  // namespace detail

/// Goes on in this phase, after the microtasks already waiting.
///
/// Result      void
/// Errors      none
/// Cancel      stops the task, in the same drain
/// Lifetime    nothing is referred to
inline detail::hop_awaitable<detail::hop::next_tick> next_tick() noexcept {
  return {};
}

/// Goes on in the next tick's pending phase: timers that are due, and then everybody else who
/// yielded, come in between.
///
/// Result      void
/// Errors      none
/// Cancel      stops the task, in its turn
/// Lifetime    nothing is referred to
inline detail::hop_awaitable<detail::hop::yield> yield() noexcept {
  return {};
}

/// Goes on in the check phase: after what poll brings, before the next tick's timers.
///
/// Result      void
/// Errors      none
/// Cancel      stops the task, in the same drain
/// Lifetime    nothing is referred to
inline detail::hop_awaitable<detail::hop::immediate> immediate() noexcept {
  return {};
}

}  // namespace eddy
