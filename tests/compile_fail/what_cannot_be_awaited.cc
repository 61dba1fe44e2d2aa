// expect: this cannot be awaited
// errors: 1
// What is no awaitable at all, in a task.
#include <eddy/coro/task.h>

eddy::task<> awaits() {
  co_await 5;
}
