// expect: with_task_group: the body is a function (task_group&) that gives a task
// errors: 3
#include <eddy/coro/task_group.h>

void plain(eddy::task_group& group);
eddy::task<> takes_nothing();

eddy::task<> begins() {
  co_await eddy::with_task_group(plain);
  co_await eddy::with_task_group(takes_nothing);
  co_await eddy::with_task_group(takes_nothing());
}
