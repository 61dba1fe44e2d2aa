// The base: the one place where a suspended frame is resumed or destroyed. All other code only says
// what comes next, so no native stack grows and no frame is destroyed under its own feet. And the
// protocol of a wait: enter, leave, make ready. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <eddy/coro/detail/chain.h>
#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {

/// Destroys the frames of a chain from `p` outwards, innermost first, and hands the chain to the
/// base as stopped.
void unwind(promise_base* p) noexcept;

/// A chain that begins or has ended: its item runs at the base, before anything else that waits
/// there.
inline void at_base(chain& c) noexcept {
  loop& l = *current_loop;
  c.next = l.base_chains;
  l.base_chains = &c;
}

/// Where results are checked (-Dcheck_results), an await that goes on leaves its place, for the error
/// that it has given and that nobody looks at.
inline void note_await([[maybe_unused]] loop& l,
                       [[maybe_unused]] const std::source_location& where) noexcept {
#ifdef EDDY_CHECK_RESULTS
  l.awaited_at = where;
#endif
}

/// Resumes (or unwinds) `p`. What follows from it waits at the base until the loop drains.
inline void step(loop& l, promise_base& p) noexcept {
  l.running = p.of;
  if (p.unwinding != promise_base::unwound::no) [[unlikely]] {
    unwind(&p);
  } else {
    note_await(l, p.where);
    frame_head& frame = frame_of(p);
    frame.resume(&frame);
  }
}

/// Everything that waits at the base, and what follows from it.
inline void settle(loop& l) noexcept {
  while (l.base_waits()) {
    if (promise_base* p = l.next_frame) [[likely]] {
      l.next_frame = nullptr;
      step(l, *p);
    } else {
      chain* c = l.base_chains;
      l.base_chains = static_cast<chain*>(c->next);
      c->run();
    }
  }
}

// ---- What comes next, said by code that runs under the base ----

// (The loop is always the running one. It is looked up as such, not by way of the frame and its
// chain: a store behind three dependent loads holds up the loads that follow it.)

inline void resume_next(promise_base& p) noexcept {
  current_loop->next_frame = &p;
}
inline void unwind_next(promise_base& p) noexcept {
  p.unwinding = promise_base::unwound::stopped;
  current_loop->next_frame = &p;
}
/// The frame has ended: go on in whoever awaits it. (Not where it was started inline: that one sees
/// it by `end`.)
inline void go_on_after(promise_base& p) noexcept {
  if (p.parent) {
    resume_next(*p.parent);
  } else {
    p.of->end = p.end;
    p.of->ended_frame = &p;
    at_base(*p.of);
  }
}

// ---- A wait ----

inline promise_base& waiter_of(const work& w) noexcept {
  return *static_cast<promise_base*>(w.context);
}

/// The item of a wait runs: the chain goes on, or unwinds.
inline void resume_wait(work* w) noexcept {
  promise_base& p = waiter_of(*w);
  p.of->leaf = nullptr;
  step(*current_loop, p);
}
inline bool wait_in_background(const work* w) noexcept {
  return waiter_of(*w).of->background;
}
constexpr work_type wait_work{&resume_wait, &wait_in_background};

/// First in every leaf's await_suspend. False: the chain is stopping, nothing may be started or
/// taken; suspend at once.
inline bool enter(work& w, promise_base& p, const wait_type& type,
                  std::source_location where) noexcept {
  chain& c = *p.of;
  p.where = where;
  if (c.stop_requested) [[unlikely]] {
    unwind_next(p);
    return false;
  }
  w.type = &type;
  w.context = &p;
  c.leaf = &w;
  return true;
}

/// Aborts unless it is this thread's loop. (Between its runs too: a host may set an event.)
void check_wake(const loop&) noexcept;

/// To the microtask queue, to go on with its result. The caller has taken the wait out of its list.
inline void make_ready(work& w) noexcept {
  loop& home = *waiter_of(w).of->home;
  if (&home == current_loop) [[likely]] {
    current_loop->make_ready(w);
  } else {
    check_wake(home);
    home.make_ready(w);
  }
}
/// To the microtask queue, to be unwound.
inline void make_stopped(work& w) noexcept {
  waiter_of(w).unwinding = promise_base::unwound::stopped;
  make_ready(w);
}
/// Has the wait been stopped, and not yet been unwound?
inline bool is_stopped(const work& w) noexcept {
  return waiter_of(w).unwinding == promise_base::unwound::stopped;
}
/// A wait whose result owns nothing may still be stopped between ready and resumed.
inline void stop_ready(work& w) noexcept {
  waiter_of(w).unwinding = promise_base::unwound::stopped;
}

// `wait_type::cancel` of what stands in a list until it has what it waits for: it is taken out, and
// stopped.

/// What it has already (a lock, an element) is delivered.
inline void cancel_unless_ready(work& w, ask_list&) noexcept {
  auto& self = static_cast<linked_work&>(w);
  if (!self.is_linked()) return;
  self.unlink();
  make_stopped(self);
}
/// Its result owns nothing.
inline void cancel_even_ready(work& w, ask_list& asked) noexcept {
  if (static_cast<linked_work&>(w).is_linked()) {
    cancel_unless_ready(w, asked);
  } else {
    stop_ready(w);
  }
}

/// For an await that need not suspend: may it take what it came for, in this tick? (A stopping
/// chain takes nothing; and where the budget is spent it goes through the queue with what it took.)
inline bool may_take() noexcept {
  loop& l = *current_loop;
  return !(l.running && l.running->stop_requested) && l.charge();
}

/// Where the native stack stands, about. (The builtin makes its function keep a frame pointer.)
inline char* stack_position() noexcept {
#if defined(__x86_64__)
  char* at;
  asm("mov %%rsp, %0" : "=r"(at));
  return at;
#else
  return static_cast<char*>(__builtin_frame_address(0));
#endif
}

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
[[noreturn]] void body_was_not_compiled() noexcept;
#endif

/// Starts a frame inside its parent's await_suspend. True: it has ended already.
inline bool start_nested(promise_base& child, std::coroutine_handle<> handle) noexcept {
  const loop& l = *current_loop;
  if (stack_position() < l.stack_limit) [[unlikely]] {
    child.inline_start = false;
    resume_next(child);  // too deep on the native stack: the base goes on
    return false;
  }
  handle.resume();
  if (child.end != ending::none) [[likely]]
    return true;
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  // neither ended nor at a co_await
  if (child.where.line() == 0) [[unlikely]]
    body_was_not_compiled();
#endif
  child.inline_start = false;
  return false;
}

}  // namespace eddy::detail
