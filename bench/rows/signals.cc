// Row 22: signal_set::next().
#include <eddy/coro/event.h>
#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/coro/when.h>
#include <eddy/io/signals.h>

#include "bench/rows/backend.h"
#include "bench/signals.h"

namespace {

using eddy::task;

task<> hear(eddy::signal_set& set, long n, eddy::event& heard) {
  for (long i = 0; i < n; ++i) {
    bench::check(co_await set.next() == bench::which_signal, "another signal");
    heard.set();
  }
}

/// Each is raised while next() waits for it, and the next one when it was heard.
task<> raise_all(long n, eddy::event& heard) {
  for (long i = 0; i < n; ++i) {
    bench::raise_signal();
    co_await heard.wait();
    heard.reset();
  }
}

task<> to_who_waits(eddy::signal_set& set, long n) {
  eddy::event heard;
  co_await eddy::when_all(hear(set, n, heard), raise_all(n, heard));
}

task<> raised_before(eddy::signal_set& set, long n) {
  for (long i = 0; i < n; ++i) {
    bench::raise_signal();
    bench::check(co_await set.next() == bench::which_signal, "another signal");
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  eddy::signal_set set{bench::which_signal};
  rows.measure(bench::signal_row, bench::signal_operations,
               [&](long n) { eddy::run(runtime, to_who_waits, std::ref(set), n); });
  rows.measure(bench::raised_signal_row, bench::signal_operations,
               [&](long n) { eddy::run(runtime, raised_before, std::ref(set), n); });
}
