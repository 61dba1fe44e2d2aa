// Row 5 in Asio. Setting a deadline cancels the wait, whose handler then has to run: that is part
// of a re-arm here.
#define ASIO_STANDALONE
#include <asio.hpp>
#include <memory>
#include <vector>

#include "bench/measure.h"

namespace {

void measure(const bench::program& rows, const char* row, std::size_t count, bool from_now) {
  if (!rows.wants(row)) return;
  asio::io_context context(1);
  bench::random_numbers random;
  const auto start = std::chrono::steady_clock::now();
  const auto arm = [&](asio::steady_timer& timer) {
    const std::chrono::nanoseconds delay(bench::shortest_timer + random() % bench::timer_range);
    if (from_now) {
      timer.expires_after(delay);
    } else {
      timer.expires_at(start + delay);
    }
    timer.async_wait([](const asio::error_code&) {});
  };
  std::vector<std::unique_ptr<asio::steady_timer>> timers(count);
  for (auto& timer : timers) {
    timer = std::make_unique<asio::steady_timer>(context);
    arm(*timer);
  }
  rows.measure(row, 1e6, [&](long n) {
    for (long i = 0; i < n; ++i) {
      arm(*timers[random() % count]);
      if (i % 64 == 63) context.poll();
    }
    context.poll();
  });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  for (const auto& counted : bench::timer_counts) {
    measure(rows, counted.to_deadline, counted.timers, false);
    measure(rows, counted.from_now, counted.timers, true);
  }
}
