// Row 12: offload, by one task or 64.
#include <eddy/coro/offload.h>
#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>

#include "bench/offload.h"
#include "bench/rows/backend.h"

namespace {

using eddy::task;

struct work_left {
  long begun = 0;
  long n = 0;
  long sum = 0;
};

task<> offloader(work_left* left) {
  while (left->begun < left->n) left->sum += co_await eddy::offload(&bench::job, left->begun++);
}

task<> offloaders(work_left* left, int depth) {
  auto body = [left, depth](eddy::task_group& group) -> task<> {
    for (int i = 0; i < depth; ++i) group.spawn(offloader, left);
    co_return;
  };
  co_await eddy::with_task_group(body);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime_options options;
  options.pool_threads = bench::pool_threads;
  eddy::runtime runtime(options);
  bench::print_backend(runtime);
  for (const auto& row : bench::offload_rows) {
    rows.measure(row.name, row.operations, [&](long n) {
      work_left left{0, n, 0};
      eddy::run(runtime, offloaders, &left, row.depth);
      bench::check(left.sum == n * (n + 1) / 2, "the jobs' results");
    });
  }
}
