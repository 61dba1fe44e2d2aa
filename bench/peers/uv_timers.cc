// Row 5 in libuv. Its timers count milliseconds from the loop's cached time; for a re-arm from now
// that is read anew.
#include <uv.h>

#include <vector>

#include "bench/measure.h"

namespace {

void measure(const bench::program& rows, const char* row, std::size_t count, bool from_now) {
  if (!rows.wants(row)) return;
  uv_loop_t loop;
  uv_loop_init(&loop);
  bench::random_numbers random;
  const auto arm = [&](uv_timer_t& timer) {
    if (from_now) uv_update_time(&loop);
    const std::uint64_t delay = bench::shortest_timer + random() % bench::timer_range;
    uv_timer_start(&timer, [](uv_timer_t*) {}, delay / 1'000'000, 0);
  };
  std::vector<uv_timer_t> timers(count);
  for (auto& timer : timers) {
    uv_timer_init(&loop, &timer);
    arm(timer);
  }
  rows.measure(row, 1e6, [&](long n) {
    for (long i = 0; i < n; ++i) {
      uv_timer_t& chosen = timers[random() % count];
      uv_timer_stop(&chosen);
      arm(chosen);
    }
  });
  for (auto& timer : timers) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  for (const auto& counted : bench::timer_counts) {
    measure(rows, counted.to_deadline, counted.timers, false);
    measure(rows, counted.from_now, counted.timers, true);
  }
}
