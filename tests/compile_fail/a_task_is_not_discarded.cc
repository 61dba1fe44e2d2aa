// expect: nodiscard
// A task that nobody awaits never begins.
#include <eddy/coro/task.h>

static eddy::task<> work() { co_return; }

eddy::task<> forgets() {
  work();
  co_return;
}
