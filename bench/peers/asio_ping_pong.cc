// Row 7 in Asio (stand-alone, C++20 coroutines, one thread and a context that knows it; its epoll
// reactor).
#define ASIO_STANDALONE
#include <asio.hpp>
#include <exception>

#include "bench/ping_pong.h"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using unix_socket = asio::local::stream_protocol::socket;

awaitable<void> ping(unix_socket stream, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    const bench::message sent = bench::message_of(i);
    bench::read_buffer got;
    bench::check(co_await stream.async_write_some(asio::buffer(sent), use_awaitable) == sent.size(),
                 "a short write");
    bench::check(
        co_await stream.async_read_some(asio::buffer(got.bytes), use_awaitable) == sent.size(),
        "a short read");
    bench::check(got.holds(sent), "what came back is not what was sent");
  }
}
awaitable<void> pong(unix_socket stream) {
  bench::read_buffer got;
  for (;;) {
    asio::error_code error;
    const std::size_t n = co_await stream.async_read_some(
        asio::buffer(got.bytes), asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    co_await stream.async_write_some(asio::buffer(got.bytes.data(), n), use_awaitable);
  }
}
void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  for (const auto& row : bench::ping_pong_rows) {
    rows.measure(row.name, row.operations / 2, [&](long n) {
      asio::io_context context(1);
      for (int i = 0; i < row.pairs; ++i) {
        unix_socket one(context);
        unix_socket two(context);
        asio::local::connect_pair(one, two);
        asio::co_spawn(context, ping(std::move(one), bench::rounds_of(row, n)), rethrow);
        asio::co_spawn(context, pong(std::move(two)), rethrow);
      }
      context.run();
    });
  }
}
