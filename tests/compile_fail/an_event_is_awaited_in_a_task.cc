// expect: static assertion failed
// expect: eddy::spawn
// The leaves say it as the tasks do.
#include <coroutine>

#include <eddy/coro/event.h>

struct other_task {
  struct promise_type {
    other_task get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {}
  };
};

other_task awaits(eddy::event& e) { co_await e.wait(); }
