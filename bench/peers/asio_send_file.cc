// Row 19 in Asio, which has no such call: a copy through the program, 64 KiB at a time.
#define ASIO_STANDALONE
#include <unistd.h>

#include <asio.hpp>
#include <memory>

#include "bench/send_file.h"

static asio::awaitable<void> send_again(asio::ip::tcp::socket& stream, int file, long n) {
  constexpr std::size_t size = 65536;
  const auto buffer = std::make_unique<char[]>(size);
  for (long i = 0; i < n; ++i) {
    for (std::uint64_t at = 0; at < bench::sent_size; at += size) {
      bench::check(pread(file, buffer.get(), size, static_cast<off_t>(at)) == size, "pread");
      co_await asio::async_write(stream, asio::buffer(buffer.get(), size), asio::use_awaitable);
    }
  }
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_send_file(rows, [](int socket, const bench::cached_file& file, long n) {
    asio::io_context context(1);
    asio::ip::tcp::socket stream(context, asio::ip::tcp::v4(), dup(socket));
    asio::co_spawn(context, send_again(stream, file.descriptor(), n), asio::detached);
    context.run();
  });
}
