// Row 20: copy_both_ways.
#include <utility>

#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/io/copy_both_ways.h>
#include <eddy/io/tcp.h>

#include "bench/copy_both_ways.h"
#include "bench/rows/backend.h"

static eddy::task<> proxy(eddy::tcp_stream one, eddy::tcp_stream other, long n) {
  const eddy::copied moved = (co_await eddy::copy_both_ways(one, other)).value();
  const auto wanted = static_cast<std::uint64_t>(n) * bench::block_size;
  bench::check(moved.a_to_b == wanted && moved.b_to_a == wanted, "not all was moved");
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  bench::measure_copy(rows, [&](int one, int other, long n) {
    eddy::run(runtime, proxy, eddy::tcp_stream::adopt(one).value(),
              eddy::tcp_stream::adopt(other).value(), n);
  });
}
