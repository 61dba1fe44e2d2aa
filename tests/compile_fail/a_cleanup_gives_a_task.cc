// expect: finally: the cleanup is a function () that gives a task<void>
// errors: 3
#include <eddy/coro/shield.h>
#include <eddy/coro/yield.h>

void plain();
eddy::task<int> gives_something();

eddy::task<> begins() {
  co_await eddy::finally(eddy::yield(), plain);
  co_await eddy::finally(eddy::yield(), gives_something);
  co_await eddy::finally(eddy::yield(), gives_something());
}
