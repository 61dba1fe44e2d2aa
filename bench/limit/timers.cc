// The limit of row 5: a hierarchical wheel whose nodes are 16 bytes in one slab (two indices and
// the deadline). Only what a re-arm touches is here: an expiring wheel does no more per re-arm.
#include <time.h>

#include <cstdint>
#include <vector>

#include "bench/measure.h"

namespace {

constexpr int shift = 16;  // the finest slot covers 65.5 us
constexpr int levels = 8;
constexpr std::uint32_t slots = levels * 64;

struct node {
  std::uint32_t next;
  std::uint32_t previous;
  std::uint64_t deadline;
};
static_assert(sizeof(node) == 16);

/// Nodes 0 to slots - 1 are the heads of the rings; timers follow. A slot that has become empty
/// keeps its bit until it is looked at.
class wheel {
 public:
  wheel(std::size_t timers, std::uint64_t now) : nodes_(slots + timers), now_(now) {
    for (std::uint32_t i = 0; i < slots; ++i) nodes_[i] = {i, i, 0};
  }
  void start(std::uint32_t timer, std::uint64_t deadline) noexcept {
    const std::uint64_t differs = (deadline ^ now_) >> shift;
    const int level = differs ? (63 - __builtin_clzll(differs)) / 6 : 0;
    const auto place = static_cast<std::uint32_t>((deadline >> (shift + 6 * level)) & 63);
    used_[level] |= std::uint64_t{1} << place;
    const std::uint32_t head = static_cast<std::uint32_t>(level) * 64 + place;
    const std::uint32_t first = nodes_[head].next;
    nodes_[timer] = {first, head, deadline};
    nodes_[first].previous = timer;
    nodes_[head].next = timer;
  }
  void cancel(std::uint32_t timer) noexcept {
    const node taken = nodes_[timer];
    nodes_[taken.previous].next = taken.next;
    nodes_[taken.next].previous = taken.previous;
  }

 private:
  std::vector<node> nodes_;
  std::uint64_t used_[levels] = {};
  std::uint64_t now_;
};

std::uint64_t read_clock() noexcept {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

template <bool FromNow>
void measure(const bench::program& rows, const char* row, std::size_t timers) {
  if (!rows.wants(row)) return;
  const std::uint64_t start = read_clock();
  wheel timer_wheel(timers, start);
  bench::random_numbers random;
  const auto deadline = [&] {
    return (FromNow ? read_clock() : start) + bench::shortest_timer + random() % bench::timer_range;
  };
  for (std::size_t i = 0; i < timers; ++i) {
    timer_wheel.start(static_cast<std::uint32_t>(slots + i), deadline());
  }
  rows.measure(row, 3e6, [&](long n) {
    for (long i = 0; i < n; ++i) {
      const auto chosen = static_cast<std::uint32_t>(slots + random() % timers);
      timer_wheel.cancel(chosen);
      timer_wheel.start(chosen, deadline());
    }
  });
  bench::keep(timer_wheel);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  for (const auto& counted : bench::timer_counts) {
    measure<false>(rows, counted.to_deadline, counted.timers);
    measure<true>(rows, counted.from_now, counted.timers);
  }
}
