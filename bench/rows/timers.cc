// Row 5. From now: set_timeout and clear, as a program without coroutines uses them. To a given
// deadline there is no callback in the public interface; what is measured is the timers that every
// awaiter embeds.
#include <chrono>
#include <memory>
#include <vector>

#include <eddy/runtime/runtime.h>
#include <eddy/runtime/timers.h>

#include "bench/measure.h"
#include "bench/rows/backend.h"

namespace {

using std::chrono::nanoseconds;

nanoseconds some_delay(bench::random_numbers& random) {
  return nanoseconds(bench::shortest_timer + random() % bench::timer_range);
}

void measure_to_deadline(const bench::program& rows, const char* row, std::size_t count) {
  if (!rows.wants(row)) return;
  const auto timers = std::make_unique<eddy::detail::timer[]>(count);
  const auto wheel = std::make_unique<eddy::detail::timer_wheel>();
  bench::random_numbers random;
  const eddy::time_point start = eddy::now();
  static_cast<void>(wheel->pop_due(start));  // tells it the time
  for (std::size_t i = 0; i < count; ++i) wheel->start(timers[i], start + some_delay(random));
  rows.measure(row, 3e6, [&](long n) {
    for (long i = 0; i < n; ++i) {
      eddy::detail::timer& chosen = timers[random() % count];
      wheel->cancel(chosen);
      wheel->start(chosen, start + some_delay(random));
    }
  });
  for (std::size_t i = 0; i < count; ++i) wheel->cancel(timers[i]);
}

void measure_from_now(const bench::program& rows, eddy::runtime& runtime, const char* row,
                      std::size_t count) {
  if (!rows.wants(row)) return;
  runtime.next_tick([&] {
    bench::random_numbers random;
    std::vector<eddy::timer_id> timers(count);
    for (auto& timer : timers) timer = runtime.set_timeout(some_delay(random), [] {});
    rows.measure(row, 3e6, [&](long n) {
      for (long i = 0; i < n; ++i) {
        eddy::timer_id& chosen = timers[random() % count];
        runtime.clear(chosen);
        chosen = runtime.set_timeout(some_delay(random), [] {});
      }
    });
    for (auto& timer : timers) runtime.clear(timer);
  });
  runtime.run();
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  for (const auto& counted : bench::timer_counts) {
    measure_to_deadline(rows, counted.to_deadline, counted.timers);
    measure_from_now(rows, runtime, counted.from_now, counted.timers);
  }
}
