// Row 22 in Asio: signal_set.
#define ASIO_STANDALONE
#include <asio.hpp>

#include "bench/signals.h"

static asio::awaitable<void> hear(asio::signal_set& set, long n) {
  for (long i = 0; i < n; ++i) {
    bench::raise_signal();
    const int number = co_await set.async_wait(asio::use_awaitable);
    bench::check(number == bench::which_signal, "another signal");
  }
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure(bench::signal_row, bench::signal_operations, [](long n) {
    asio::io_context context(1);
    asio::signal_set set(context, bench::which_signal);
    asio::co_spawn(context, hear(set, n), asio::detached);
    context.run();
  });
}
