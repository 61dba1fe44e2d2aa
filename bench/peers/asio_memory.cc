// Row 14 in Asio (stand-alone, C++20 coroutines, one thread and a context that knows it).
#define ASIO_STANDALONE
#include <asio.hpp>
#include <chrono>
#include <cstdlib>

#include "bench/memory.h"

namespace {

[[gnu::noinline]] asio::awaitable<void> nothing() {
  co_return;
}
[[gnu::noinline]] asio::awaitable<void> sleeper() {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

int main(int count, char** arguments) {
  asio::io_context context(1);
  if (bench::is_empty_run(count, arguments)) {
    asio::co_spawn(context, nothing(), asio::detached);
    context.run();
    return 0;
  }
  const bench::program rows(count, arguments);
  bench::measure_start_to_exit(rows);
  if (!rows.wants("sleeping_task_bytes")) return 0;
  const double before = bench::resident_bytes();
  for (long i = 0; i < bench::sleeping_tasks; ++i) {
    asio::co_spawn(context, sleeper(), asio::detached);
  }
  context.poll();
  bench::program::print("sleeping_task_bytes",
                        (bench::resident_bytes() - before) / bench::sleeping_tasks);
  std::_Exit(0);  // taking them down is not the row
}
