// Row 20 in Asio.
#define ASIO_STANDALONE
#include <asio.hpp>
#include <memory>

#include "bench/copy_both_ways.h"

using asio::ip::tcp;

static asio::awaitable<void> copy(tcp::socket& from, tcp::socket& to) {
  const auto buffer = std::make_unique<char[]>(bench::block_size);
  for (;;) {
    asio::error_code error;
    const std::size_t n =
        co_await from.async_read_some(asio::buffer(buffer.get(), bench::block_size),
                                      asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    co_await asio::async_write(to, asio::buffer(buffer.get(), n), asio::use_awaitable);
  }
  to.shutdown(tcp::socket::shutdown_send);
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_copy(rows, [](int one, int other, long) {
    asio::io_context context(1);
    tcp::socket a(context, tcp::v4(), one);
    tcp::socket b(context, tcp::v4(), other);
    asio::co_spawn(context, copy(a, b), asio::detached);
    asio::co_spawn(context, copy(b, a), asio::detached);
    context.run();
  });
}
