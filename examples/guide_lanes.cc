// Guide, 17: lanes of the pool; a deadline on work that cannot be cancelled.
#include <eddy/eddy.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <tuple>

using namespace std::chrono_literals;

/// As a call into a library that knows of no cancel: it takes the time that it takes.
static int ask_slowly(const std::atomic<bool>& given_up) {
  int steps = 0;
  for (; steps < 1000 && !given_up; ++steps) {
    const timespec step{0, 1'000'000};
    nanosleep(&step, nullptr);
  }
  return steps;
}

static eddy::task<> ask() {
  // Calculations and waiting calls in lanes of their own do not hold up each other.
  const auto [sum, size] =
      co_await eddy::when_all(eddy::offload(eddy::pool_lane::compute, [] { return 6 * 7; }),
                              eddy::offload(eddy::pool_lane::files, [] { return sizeof(int); }));
  std::printf("%d, %zu\n", sum, size);

  // A thread cannot be interrupted: with_timeout waits for it, and its value counts (rule 21). So
  // the work has to look for itself whether it is still wanted.
  std::atomic<bool> given_up{false};
  auto clock = eddy::spawn(
      [](std::atomic<bool>& late) -> eddy::task<> {
        co_await eddy::sleep_for(20ms);
        late = true;
      },
      std::ref(given_up));
  const auto steps =
      co_await eddy::with_timeout(5ms, eddy::offload(ask_slowly, std::ref(given_up)));
  if (steps)
    std::printf("the deadline was over, and it ended all the same: %s\n",
                *steps < 1000 ? "it was told" : "it was not told");

  // What is not of interest is dropped in words: a result is not to be forgotten.
  std::ignore = co_await clock.join();
  std::ignore = co_await eddy::remove_file("/does/not/exist");
}

int main() {
  eddy::run(ask());
}
