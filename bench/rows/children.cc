// Row 18: process::spawn and wait().
#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/io/process.h>

#include "bench/children.h"
#include "bench/rows/backend.h"

static eddy::task<> spawn_and_wait(const eddy::process_options& options, long n) {
  for (long i = 0; i < n; ++i) {
    eddy::process child = eddy::process::spawn(options).value();
    const auto status = co_await child.wait();
    bench::check(status.value().success(), "the end of a child");
  }
}

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  const eddy::process_options options(bench::child_program);
  bench::measure_children(
      rows, [&](long n) { eddy::run(runtime, spawn_and_wait, std::cref(options), n); });
}
