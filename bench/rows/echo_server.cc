// Rows 8, 10, 14 and 16: an echo server as in examples/echo_server.cc; with --chunks, what it receives
// is lent.
#include <array>
#include <utility>

#include <eddy/coro/run.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/serve.h>
#include <eddy/io/tcp.h>

#include "bench/rows/backend.h"
#include "bench/server.h"

namespace {

using eddy::task;

template <std::size_t Size>
task<> echo(eddy::tcp_stream stream) {
  std::array<char, Size> buffer;
  for (;;) {
    const auto n = co_await stream.read(buffer);
    if (!n || *n == 0) co_return;
    const auto sent = co_await eddy::write_all(stream, eddy::const_buffer(buffer.data(), *n));
    if (!sent) co_return;
  }
}

task<> echo_chunks(eddy::tcp_stream stream) {
  eddy::chunk_stream chunks = stream.chunks();
  for (;;) {
    const auto chunk = co_await chunks.next();
    if (!chunk || chunk->empty()) co_return;
    const auto sent = co_await eddy::write_all(stream, *chunk);
    if (!sent) co_return;
  }
}

task<> compute_and_yield() {
  for (;;) {
    bench::compute();
    co_await eddy::yield();
  }
}

task<> serve(bool busy, bool to_hold, bool by_chunks) {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  bench::print_port(listener.local_address().port());
  if (busy) eddy::spawn(compute_and_yield);
  constexpr auto hold = &echo<bench::small_buffer>;
  const auto handler = to_hold ? hold : &echo<bench::echo_buffer>;
  (co_await eddy::serve(listener, by_chunks ? &echo_chunks : handler)).value();
}

}  // namespace

int main(int count, char** arguments) {
  eddy::runtime runtime;
  bench::print_backend(runtime);
  eddy::run(runtime, serve, bench::is_busy(count, arguments), bench::is_to_hold(count, arguments),
            bench::has_option("--chunks", count, arguments));
}
