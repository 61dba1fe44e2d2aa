// The base: the one place where a suspended frame is resumed or destroyed. All other code only says
// what comes next, so no native stack grows and no frame is destroyed under its own feet. And the
// protocol of a wait: enter, leave, make ready. Not an interface for users.
#pragma once

#include <eddy/coro/detail/chain.h>
#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {

/// Destroys the frames of a chain from `p` outwards, innermost first, and hands the chain to the
/// base as stopped.
void unwind(loop& l, promise_base* p) noexcept;

/// A chain that begins or has ended: its item runs at the base, before anything else that waits
/// there.
inline void at_base(loop& l, chain& c) noexcept {
  c.next = l.base_chains;
  l.base_chains = &c;
}

/// What comes next at the base; null: nothing.
inline promise_base* next_step(loop& l) noexcept {
  for (;;) {
    if (promise_base* p = l.next_frame) {
      l.next_frame = nullptr;
      return p;
    }
    chain* c = l.base_chains;
    if (!c) return nullptr;
    l.base_chains = static_cast<chain*>(c->next);
    c->run();
  }
}

/// Resumes (or unwinds) `p` and everything that follows from it.
inline void drive(loop& l, promise_base* p) noexcept {
  do {
    l.running = p->of;
    if (p->unwinding) [[unlikely]] {
      unwind(l, p);
    } else {
      frame_of(*p).resume();
    }
  } while ((p = next_step(l)));
}

/// The same after something at the base has ended or begun a chain without a frame having run.
inline void settle(loop& l) noexcept {
  if (promise_base* p = next_step(l)) drive(l, p);
}

// ---- What comes next, said by code that runs under the base ----

inline void resume_next(loop& l, promise_base& p) noexcept {
  l.next_frame = &p;
}
inline void unwind_next(loop& l, promise_base& p) noexcept {
  p.unwinding = true;
  l.next_frame = &p;
}
/// The frame has ended: go on in whoever awaits it. (Not where it was started inline: that one sees
/// it by `end`.)
inline void go_on_after(loop& l, promise_base& p) noexcept {
  if (p.parent) {
    l.next_frame = p.parent;
  } else {
    p.of->end = p.end;
    p.of->ended_frame = &p;
    at_base(l, *p.of);
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
  p.of->leaf_ready = false;
  drive(*p.of->home, &p);
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
    unwind_next(*c.home, p);
    return false;
  }
  w.type = &type;
  w.context = &p;
  c.leaf = &w;
  return true;
}

/// Aborts unless it is this thread's loop. (Between its runs too: a host may set an event.)
void check_wake(const loop&) noexcept;

/// To the microtask queue, to go on with its result. The caller has taken the wait out of its list,
/// and is known to be on its loop's thread.
inline void make_ready_here(work& w) noexcept {
  chain& c = *waiter_of(w).of;
  c.leaf_ready = true;
  c.home->make_ready(w);
}
/// The same, for any caller.
inline void make_ready(work& w) noexcept {
  const loop& home = *waiter_of(w).of->home;
  if (&home != current_loop) [[unlikely]]
    check_wake(home);
  make_ready_here(w);
}
/// To the microtask queue, to be unwound.
inline void make_stopped(work& w) noexcept {
  waiter_of(w).unwinding = true;
  make_ready(w);
}
/// Has the leaf been made ready, and not yet run?
inline bool is_ready(const work& w) noexcept {
  return waiter_of(w).of->leaf_ready;
}
/// A wait whose result owns nothing may still be stopped between ready and resumed.
inline void stop_ready(work& w) noexcept {
  waiter_of(w).unwinding = true;
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

/// Starts a frame inside its parent's await_suspend. True: it has ended already.
inline bool start_nested(promise_base& child, std::coroutine_handle<> handle) noexcept;

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
[[noreturn]] void body_was_not_compiled() noexcept;
#endif

inline bool start_nested(promise_base& child, std::coroutine_handle<> handle) noexcept {
  loop& l = *child.of->home;
  if (static_cast<char*>(__builtin_frame_address(0)) < l.stack_limit) [[unlikely]] {
    resume_next(l, child);  // too deep on the native stack: the base goes on
    return false;
  }
  child.inline_start = true;
  handle.resume();
  if (child.end != ending::none) return true;
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  if (child.where.line() == 0) [[unlikely]]
    body_was_not_compiled();  // neither ended nor at a co_await
#endif
  child.inline_start = false;
  return false;
}

}  // namespace eddy::detail
