// Row 18 in libuv: uv_spawn, and its callback at the end.
#include <uv.h>

#include "bench/children.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_children(rows, [](long n) {
    uv_loop_t* const loop = uv_default_loop();
    for (long i = 0; i < n; ++i) {
      char name[] = "true";
      char* words[] = {name, nullptr};
      uv_process_options_t options{};
      options.file = bench::child_program;
      options.args = words;
      options.exit_cb = [](uv_process_t* child, std::int64_t status, int signal) {
        bench::check(status == 0 && signal == 0, "the end of a child");
        uv_close(reinterpret_cast<uv_handle_t*>(child), nullptr);
      };
      uv_process_t child;
      bench::check(uv_spawn(loop, &child, &options) == 0, "uv_spawn");
      uv_run(loop, UV_RUN_DEFAULT);
    }
  });
}
