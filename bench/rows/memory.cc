// Row 14: what a task that sleeps costs in memory (a million of them), and a program that does
// nothing in time.
#include <chrono>

#include <eddy/coro/run.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>

#include "bench/memory.h"
#include "bench/rows/backend.h"

namespace {

using eddy::task;

[[gnu::noinline]] task<> nothing() {
  co_return;
}
[[gnu::noinline]] task<> sleeper() {
  co_await eddy::sleep_for(std::chrono::hours(1));
}
[[gnu::noinline]] task<> many_sleepers() {
  const double before = bench::resident_bytes();
  for (long i = 0; i < bench::sleeping_tasks; ++i) eddy::spawn(sleeper);
  auto& runtime = eddy::runtime::current();
  while (runtime.pending().timers < bench::sleeping_tasks) co_await eddy::yield();
  bench::program::print("sleeping_task_bytes",
                        (bench::resident_bytes() - before) / bench::sleeping_tasks);
  runtime.request_stop();
}

}  // namespace

int main(int count, char** arguments) {
  if (bench::is_empty_run(count, arguments)) {
    eddy::run(nothing());
    return 0;
  }
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  if (rows.wants("sleeping_task_bytes")) eddy::run(runtime, many_sleepers());
  bench::measure_start_to_exit(rows);
}
