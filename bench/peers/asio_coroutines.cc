// Rows 1 to 4 in Asio (stand-alone, C++20 coroutines, one thread and a context that knows it).
#define ASIO_STANDALONE
#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <exception>

#include "bench/measure.h"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using int_channel = asio::experimental::channel<void(asio::error_code, int)>;

[[gnu::noinline]] awaitable<int> leaf(int x) {
  co_return x + 1;
}
[[gnu::noinline]] awaitable<void> await_children(long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) sum = co_await leaf(sum);
  bench::keep(sum);
}
[[gnu::noinline]] awaitable<void> yielder(long n) {
  for (long i = 0; i < n; ++i) co_await asio::post(use_awaitable);
}
[[gnu::noinline]] awaitable<void> spawn_and_join(long n) {
  const auto executor = co_await asio::this_coro::executor;
  int sum = 0;
  for (long i = 0; i < n; ++i) sum = co_await asio::co_spawn(executor, leaf(sum), use_awaitable);
  bench::keep(sum);
}
[[gnu::noinline]] awaitable<void> produce(int_channel& channel, long n) {
  for (long i = 0; i < n; ++i) co_await channel.async_send(asio::error_code(), 1, use_awaitable);
}
[[gnu::noinline]] awaitable<void> consume(int_channel& channel, long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) sum += co_await channel.async_receive(use_awaitable);
  bench::keep(sum);
}
void start(asio::io_context& context, awaitable<void> main) {
  asio::co_spawn(context, std::move(main), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure("await_child", 3e6, [](long n) {
    asio::io_context context(1);
    start(context, await_children(n));
    context.run();
  });
  rows.measure("yield", 1.5e6, [](long n) {
    asio::io_context context(1);
    start(context, yielder(n / 2));
    start(context, yielder(n - n / 2));
    context.run();
  });
  rows.measure("spawn_join", 7e5, [](long n) {
    asio::io_context context(1);
    start(context, spawn_and_join(n));
    context.run();
  });
  rows.measure("channel_128", 1e6, [](long n) {
    asio::io_context context(1);
    int_channel channel(context, 128);
    start(context, produce(channel, n));
    start(context, consume(channel, n));
    context.run();
  });
}
