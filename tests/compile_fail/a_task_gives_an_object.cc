// expect: task<T>: an object type or void
// A reference would be to something of a frame that is gone.
#include <eddy/coro/task.h>

static int number = 1;

eddy::task<int&> work() { co_return number; }
