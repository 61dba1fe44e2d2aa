// Row 19: send_file.
#include <unistd.h>

#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/io/file.h>
#include <eddy/io/send_file.h>
#include <eddy/io/tcp.h>

#include "bench/rows/backend.h"
#include "bench/send_file.h"

static eddy::task<> send_again(eddy::tcp_stream& stream, const bench::cached_file& cached, long n) {
  auto file = (co_await eddy::file::open(cached.path(), eddy::open_mode::read)).value();
  for (long i = 0; i < n; ++i) {
    const auto sent = co_await eddy::send_file(stream, file, 0, bench::sent_size);
    bench::check(sent.value() == bench::sent_size, "a file was sent in part");
  }
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  bench::measure_send_file(rows, [&](int socket, const bench::cached_file& file, long n) {
    eddy::tcp_stream stream = eddy::tcp_stream::adopt(dup(socket)).value();
    eddy::run(runtime, send_again, std::ref(stream), std::cref(file), n);
  });
}
