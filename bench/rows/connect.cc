// Row 21: tcp_stream::connect, and connect(host, port) with an address for a host.
#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/io/connect.h>
#include <eddy/io/tcp.h>

#include "bench/connect.h"
#include "bench/rows/backend.h"

namespace {

eddy::task<> connect_and_close(eddy::tcp_listener& listener, bool by_name, long n) {
  const eddy::socket_address at = listener.local_address();
  for (long i = 0; i < n; ++i) {
    eddy::tcp_stream made = by_name ? (co_await eddy::connect("127.0.0.1", at.port())).value()
                                    : (co_await eddy::tcp_stream::connect(at)).value();
    const eddy::tcp_stream accepted = (co_await listener.accept()).value();
    bench::reset_at_close(made.native_handle());
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  eddy::tcp_listener listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  for (const bool by_name : {false, true}) {
    rows.measure(
        by_name ? bench::connect_numeric_row : bench::connect_row, bench::connect_operations,
        [&](long n) { eddy::run(runtime, connect_and_close, std::ref(listener), by_name, n); });
  }
}
