// Row 12 in Asio: a job posted to a thread_pool, its result posted back.
#define ASIO_STANDALONE
#include <asio.hpp>

#include "bench/offload.h"

namespace {

struct work_left {
  long begun = 0;
  long n = 0;
  long sum = 0;
};

asio::awaitable<long> job_on(asio::thread_pool& pool, long x) {
  co_return bench::job(x);
}
asio::awaitable<void> offloader(asio::thread_pool& pool, work_left& left) {
  while (left.begun < left.n) {
    left.sum += co_await asio::co_spawn(pool, job_on(pool, left.begun++), asio::use_awaitable);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  asio::thread_pool pool(bench::pool_threads);
  for (const auto& row : bench::offload_rows) {
    rows.measure(row.name, row.operations / 4, [&](long n) {
      asio::io_context context(1);
      work_left left{0, n, 0};
      for (int i = 0; i < row.depth; ++i)
        asio::co_spawn(context, offloader(pool, left), asio::detached);
      context.run();
      bench::check(left.sum == n * (n + 1) / 2, "the jobs' results");
    });
  }
}
