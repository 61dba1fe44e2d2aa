// Row 15: ticks with one prepare and one check hook; an idle hook keeps them coming, and a guard
// the loop.
#include "bench/measure.h"
#include "bench/rows/backend.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  rows.measure("empty_tick", 1e7, [&](long n) {
    long left = n;
    long calls = 0;
    eddy::pending_guard guard = runtime.guard();
    const eddy::hook idle = runtime.add_hook(eddy::phase::idle, [&] {
      if (--left == 0) guard = {};
    });
    const eddy::hook prepare = runtime.add_hook(eddy::phase::prepare, [&] { ++calls; });
    const eddy::hook check = runtime.add_hook(eddy::phase::check, [&] { ++calls; });
    runtime.run();
    bench::check(calls / 2 >= n && calls / 2 <= n + 1, "the hooks' calls");
  });
}
