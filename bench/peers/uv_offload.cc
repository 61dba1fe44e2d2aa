// Row 12 in libuv: uv_queue_work on its pool (of four threads, as all others here).
#include <uv.h>

#include <memory>

#include "bench/offload.h"

namespace {

struct state {
  long begun = 0;
  long n = 0;
  long sum = 0;
};
struct one_job {
  uv_work_t request;
  long value = 0;
  state* of = nullptr;
};

void begin(one_job& j) {
  if (j.of->begun == j.of->n) return;
  j.value = j.of->begun++;
  j.request.data = &j;
  uv_queue_work(
      uv_default_loop(), &j.request,
      [](uv_work_t* request) {
        auto& run = *static_cast<one_job*>(request->data);
        run.value = bench::job(run.value);
      },
      [](uv_work_t* request, int) {
        auto& ended = *static_cast<one_job*>(request->data);
        ended.of->sum += ended.value;
        begin(ended);
      });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  for (const auto& row : bench::offload_rows) {
    rows.measure(row.name, row.operations / 4, [&](long n) {
      state all{0, n, 0};
      const auto jobs = std::make_unique<one_job[]>(static_cast<std::size_t>(row.depth));
      for (int i = 0; i < row.depth; ++i) {
        jobs[static_cast<std::size_t>(i)].of = &all;
        begin(jobs[static_cast<std::size_t>(i)]);
      }
      uv_run(uv_default_loop(), UV_RUN_DEFAULT);
      bench::check(all.sum == n * (n + 1) / 2, "the jobs' results");
    });
  }
}
