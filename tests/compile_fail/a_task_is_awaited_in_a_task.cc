// expect: static assertion failed
// expect: eddy::spawn
// Another library's coroutine does not know how to be stopped.
#include <coroutine>

#include <eddy/coro/task.h>

struct other_task {
  struct promise_type {
    other_task get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {}
  };
};

static eddy::task<int> work() { co_return 1; }

other_task awaits() { co_await work(); }
