// expect: destroys this temporary twice
// only: gcc12
// A group's body that owns something.
#include <string>

#include <eddy/coro/task_group.h>

eddy::task<> awaits(std::string text) {
  co_await eddy::with_task_group([text](eddy::task_group&) -> eddy::task<> { co_return; });
}
