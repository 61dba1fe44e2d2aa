// Row 11 in Asio: random_access_file, which needs its io_uring support.
#define ASIO_STANDALONE
#define ASIO_HAS_IO_URING 1
#define ASIO_DISABLE_EPOLL 1
#include <asio.hpp>

#include "bench/file_read.h"

namespace {

struct work_left {
  long reads;
  std::size_t size;
  bench::random_numbers* random;
};

asio::awaitable<void> reader(asio::random_access_file& file, work_left& left, char* buffer) {
  while (left.reads > 0) {
    --left.reads;
    const std::uint64_t offset = bench::some_offset(*left.random, left.size);
    const std::size_t got = co_await asio::async_read_at(
        file, offset, asio::buffer(buffer, left.size), asio::use_awaitable);
    bench::check_read(buffer, static_cast<long>(got), left.size, offset);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  const bench::cached_file cached;
  bench::random_numbers random;
  for (const auto& row : bench::file_rows) {
    if (!rows.wants(row.name)) continue;
    const bench::page_buffers memory(row.depth, row.size);
    rows.measure(row.name, row.operations / 2, [&](long n) {
      asio::io_context context(1);
      asio::random_access_file file(context, cached.path(), asio::file_base::read_only);
      work_left left{n, row.size, &random};
      for (int i = 0; i < row.depth; ++i) {
        asio::co_spawn(context, reader(file, left, memory[static_cast<std::size_t>(i)]),
                       asio::detached);
      }
      context.run();
    });
  }
}
