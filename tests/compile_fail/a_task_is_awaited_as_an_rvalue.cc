// expect: co_await std::move(it)
// It is awaited once: what is left is seen to be empty.
#include <eddy/coro/task.h>

static eddy::task<int> work() { co_return 1; }

eddy::task<int> awaits() {
  auto one = work();
  co_return co_await one;
}
