// Row 15 in libuv: an idle, a prepare and a check handle.
#include <uv.h>

#include "bench/measure.h"

namespace {
long left;
long calls;
}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  rows.measure("empty_tick", 2e6, [](long n) {
    uv_loop_t* loop = uv_default_loop();
    left = n;
    calls = 0;
    static uv_idle_t idle;
    static uv_prepare_t prepare;
    static uv_check_t check;
    uv_idle_init(loop, &idle);
    uv_prepare_init(loop, &prepare);
    uv_check_init(loop, &check);
    uv_idle_start(&idle, [](uv_idle_t*) {
      if (--left == 0) uv_stop(uv_default_loop());
    });
    uv_prepare_start(&prepare, [](uv_prepare_t*) { ++calls; });
    uv_check_start(&check, [](uv_check_t*) { ++calls; });
    uv_run(loop, UV_RUN_DEFAULT);
    bench::check(calls >= n, "the hooks' calls");
    for (auto* handle :
         {reinterpret_cast<uv_handle_t*>(&idle), reinterpret_cast<uv_handle_t*>(&prepare),
          reinterpret_cast<uv_handle_t*>(&check)}) {
      uv_close(handle, nullptr);
    }
    uv_run(loop, UV_RUN_DEFAULT);
  });
}
