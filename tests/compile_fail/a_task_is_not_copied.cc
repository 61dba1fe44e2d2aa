// expect: deleted
// A task owns its frame.
#include <eddy/coro/task.h>

static eddy::task<> work() { co_return; }

eddy::task<> copies() {
  auto one = work();
  auto other = one;
  co_await std::move(other);
}
