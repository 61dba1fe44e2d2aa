// The cold half of the base.
#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/foreign.h>

#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {

void unwind(promise_base* p) noexcept {
  chain& c = *p->of;
  loop& l = *current_loop;
  while (p) {
    promise_base* parent = p->parent;
    frame_head& frame = frame_of(*p);
    l.unwinding = p;
    frame.destroy(&frame);
    p = parent;
  }
  l.unwinding = nullptr;
  c.end = ending::stopped;
  at_base(c);
}

void note_place_of_error(const promise_base& p) noexcept {
  if (current_loop) current_loop->note_error(&p, p.where);
}

void resumed_twice(void*) noexcept {
  misuse("a foreign awaitable has resumed a task that does not wait for it (any more)");
}

void check_wake(const loop& home) noexcept {
  if (home.is_mine() && !(home.is_host() && current_loop)) return;
  if (home.is_mine()) misuse("a simulated host uses a task, lock or channel of another");
  misuse("a task is woken or cancelled on a thread that is not its own (use post or run_on)");
}

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
void body_was_not_compiled() noexcept {
  misuse(
      "g++ 12 did not compile a coroutine's body (a co_await in the condition of if, while, for or "
      "switch, and no local "
      "variable in the function): declare a local variable, or use g++ 13 or clang");
}
#endif

}  // namespace eddy::detail
