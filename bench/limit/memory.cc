// The limits of row 14: a sleeping task that is a frame and a timer of three words in it, nothing
// else; an empty program.
#include <coroutine>
#include <cstdint>
#include <cstdlib>

#include "bench/limit/frames.h"
#include "bench/memory.h"

namespace {

/// What stands in a wheel's slot.
struct timer {
  timer* next = nullptr;
  timer* previous = nullptr;
  std::uint64_t deadline = 0;
};

timer slot{&slot, &slot, 0};

struct sleeping {
  struct promise_type {
    static void* operator new(std::size_t size) noexcept { return limit::frame_pool::get(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
      limit::frame_pool::put(memory, size);
    }
    static sleeping get_return_object_on_allocation_failure() { std::abort(); }
    sleeping get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::abort(); }
  };
};

struct sleep_until {
  timer in_slot;
  explicit sleep_until(std::uint64_t deadline) noexcept { in_slot.deadline = deadline; }
  bool await_ready() const noexcept { return false; }
  // the frame's address follows from the timer's
  void await_suspend(std::coroutine_handle<>) noexcept {
    in_slot.next = &slot;
    in_slot.previous = slot.previous;
    slot.previous->next = &in_slot;
    slot.previous = &in_slot;
  }
  void await_resume() const noexcept {}
};

[[gnu::noinline]] sleeping sleeper(std::uint64_t deadline) {
  co_await sleep_until(deadline);
}

}  // namespace

int main(int count, char** arguments) {
  if (bench::is_empty_run(count, arguments)) return 0;
  const bench::program rows(count, arguments);
  if (rows.wants("sleeping_task_bytes")) {
    const double before = bench::resident_bytes();
    for (long i = 0; i < bench::sleeping_tasks; ++i) sleeper(static_cast<std::uint64_t>(i));
    bench::program::print("sleeping_task_bytes",
                          (bench::resident_bytes() - before) / bench::sleeping_tasks);
  }
  bench::measure_start_to_exit(rows);
}
