// Row 17 in Asio, which moves one datagram by each call: many together are many calls.
#define ASIO_STANDALONE
#include <asio.hpp>

#include "bench/datagrams.h"

using asio::ip::udp;

static asio::awaitable<void> rounds(udp::socket& a, udp::socket& b, long n, std::size_t together) {
  std::array<char, 2048> in;
  const std::array<char, bench::datagram_size> out{};
  const udp::endpoint to = b.local_endpoint();
  for (long i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < together; ++k) {
      bench::check(
          co_await a.async_send_to(asio::buffer(out), to, asio::use_awaitable) == out.size(),
          "a datagram was not sent");
    }
    for (std::size_t k = 0; k < together; ++k) {
      bench::check(co_await b.async_receive(asio::buffer(in), asio::use_awaitable) == out.size(),
                   "a datagram was lost");
    }
  }
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  const auto measure = [&](const char* row, double operations, std::size_t together) {
    rows.measure(row, operations, [&](long n) {
      asio::io_context context(1);
      const udp::endpoint any(asio::ip::address_v4::loopback(), 0);
      udp::socket a(context, any);
      udp::socket b(context, any);
      b.set_option(asio::socket_base::receive_buffer_size(bench::queue_bytes));
      asio::co_spawn(context, rounds(a, b, bench::rounds_of(n, together), together),
                     asio::detached);
      context.run();
    });
  };
  measure(bench::one_by_one_row, bench::one_by_one_operations / 2, 1);
  measure(bench::batch_row, bench::batch_operations / 2, bench::batch_size);
  measure(bench::joined_row, bench::joined_operations / 12, bench::segments);
}
