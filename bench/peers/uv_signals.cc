// Row 22 in libuv.
#include <uv.h>

#include "bench/signals.h"

namespace {

struct state {
  long left = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure(bench::signal_row, bench::signal_operations, [](long n) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_signal_t watcher;
    uv_signal_init(&loop, &watcher);
    state s{n};
    watcher.data = &s;
    uv_signal_start(
        &watcher,
        [](uv_signal_t* w, int number) {
          bench::check(number == bench::which_signal, "another signal");
          if (--static_cast<state*>(w->data)->left == 0) {
            uv_close(reinterpret_cast<uv_handle_t*>(w), nullptr);
          } else {
            bench::raise_signal();
          }
        },
        bench::which_signal);
    bench::raise_signal();
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  });
}
