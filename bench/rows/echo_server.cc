// Rows 8, 10 and 16: an echo server as in examples/echo_server.cc.
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

task<> compute_and_yield() {
  for (;;) {
    bench::compute();
    co_await eddy::yield();
  }
}

task<> serve(bool busy, bool to_hold) {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  bench::print_port(listener.local_address().port());
  if (busy) eddy::spawn(compute_and_yield);
  constexpr auto hold = &echo<bench::small_buffer>;
  (co_await eddy::serve(listener, to_hold ? hold : &echo<bench::echo_buffer>)).value();
}

}  // namespace

int main(int count, char** arguments) {
  eddy::runtime runtime;
  bench::print_backend(runtime);
  eddy::run(runtime, serve, bench::is_busy(count, arguments), bench::is_to_hold(count, arguments));
}
