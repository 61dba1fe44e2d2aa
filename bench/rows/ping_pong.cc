// Row 7: two tasks for each pair, on one loop.
#include <utility>

#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>
#include <eddy/io/unix.h>

#include "bench/ping_pong.h"
#include "bench/rows/backend.h"

namespace {

using eddy::task;

task<> ping(eddy::unix_stream stream, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    const bench::message sent = bench::message_of(i);
    bench::read_buffer got;
    bench::check((co_await stream.write(sent)).value() == sent.size(), "not all was sent");
    bench::check((co_await stream.read(got.bytes)).value() == sent.size(), "not all was received");
    bench::check(got.holds(sent), "what came back is not what was sent");
  }
}

task<> pong(eddy::unix_stream stream) {
  bench::read_buffer got;
  for (;;) {
    const std::size_t n = (co_await stream.read(got.bytes)).value();
    if (n == 0) co_return;
    bench::check((co_await stream.write(eddy::const_buffer(got.bytes.data(), n))).value() == n,
                 "not all was sent");
  }
}

task<> all_pairs(int pairs, long rounds) {
  auto body = [pairs, rounds](eddy::task_group& group) -> task<> {
    for (int i = 0; i < pairs; ++i) {
      auto both = eddy::unix_stream::pair().value();
      group.spawn(ping, std::move(both.first), rounds);
      group.spawn(pong, std::move(both.second));
    }
    co_return;
  };
  co_await eddy::with_task_group(body);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  for (const auto& row : bench::ping_pong_rows) {
    rows.measure(row.name, row.operations, [&](long n) {
      eddy::run(runtime, all_pairs, row.pairs, bench::rounds_of(row, n));
    });
  }
}
