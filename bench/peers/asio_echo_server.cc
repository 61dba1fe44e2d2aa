// Rows 8, 10 and 16 in Asio (its epoll reactor).
#define ASIO_STANDALONE
#include <asio.hpp>

#include "bench/server.h"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

template <std::size_t Size>
awaitable<void> echo(tcp::socket stream) {
  char buffer[Size];
  for (;;) {
    asio::error_code error;
    const std::size_t n = co_await stream.async_read_some(
        asio::buffer(buffer), asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    co_await asio::async_write(stream, asio::buffer(buffer, n),
                               asio::redirect_error(use_awaitable, error));
    if (error) co_return;
  }
}
awaitable<void> accept_all(tcp::acceptor& acceptor, bool to_hold) {
  for (;;) {
    tcp::socket stream = co_await acceptor.async_accept(use_awaitable);
    stream.set_option(tcp::no_delay(true));
    auto connection = to_hold ? echo<bench::small_buffer>(std::move(stream))
                              : echo<bench::echo_buffer>(std::move(stream));
    asio::co_spawn(acceptor.get_executor(), std::move(connection), asio::detached);
  }
}
awaitable<void> compute_and_yield() {
  for (;;) {
    bench::compute();
    co_await asio::post(use_awaitable);
  }
}

}  // namespace

int main(int count, char** arguments) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  bench::print_port(acceptor.local_endpoint().port());
  asio::co_spawn(context, accept_all(acceptor, bench::is_to_hold(count, arguments)),
                 asio::detached);
  if (bench::is_busy(count, arguments))
    asio::co_spawn(context, compute_and_yield(), asio::detached);
  context.run();
}
