// The run of a main task, from its first step to the end of everything.
#include <eddy/coro/run.h>

#include <eddy/coro/detail/root.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {

void begin_main(loop& l, main_chain& main) {
  root& tasks = root::of(l);
  l.begin_run();
  main.home = &l;
  tasks.main_began(main);
  if (l.stopping()) tasks.stop(false);

  // Main's first steps are outside any tick, with a tick's budget.
  l.refill_budget();
  main.run();
  settle(l);
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
  if (!main.done && !main.leaf) body_was_not_compiled();  // neither ended nor at a co_await
#endif
  l.drain();
}

void run_main(runtime& rt, main_chain& main) {
  loop& l = loop_of(rt);
  const running_scope running(l);
  begin_main(l, main);
  l.run_while_held();

  const root& tasks = root::of(l);
  std::string waiting;
  if (tasks.foreground()) {
    // Nothing is pending, yet tasks wait: nothing can ever wake them. Everything is cancelled, and
    // cleanups run in full; then what waits behind shields, too.
    waiting = "deadlock: nothing is pending, and nothing can wake what waits:" + tasks.describe();
    const last_words kept(waiting.c_str());  // one of the destructors may end the program
    l.begin_stop();
    l.run_while_held();
    if (tasks.foreground()) l.tasks->stop(true);
    l.run_while_held();
    l.last_words = nullptr;  // said below
    if (tasks.foreground()) misuse("a deadlock that cannot be unwound", waiting.c_str());
  }
  l.end_background();
  if (!waiting.empty()) {
    l.clear_failure();  // nobody will wake what would have failed: the deadlock is the news
    l.end_run();
    throw deadlock(waiting);
  }
  l.end_run();
}

}  // namespace eddy::detail
