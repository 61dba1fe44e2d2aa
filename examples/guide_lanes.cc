// Guide, 17: lanes of the pool; a deadline on work that cannot be cancelled.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <stop_token>
#include <tuple>

using namespace std::chrono_literals;

/// As a call into a library that takes the time that it takes. It takes a std::stop_token first, so
/// it is told of a cancel, and looks between its steps whether it is still wanted.
static int ask_slowly(const std::stop_token& given_up, int most) {
  int steps = 0;
  for (; steps < most && !given_up.stop_requested(); ++steps) {
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

  // A thread cannot be interrupted: with_timeout tells it, waits for it, and its value counts (rule
  // 21).
  const auto steps = co_await eddy::with_timeout(20ms, eddy::offload(ask_slowly, 1000));
  if (steps)
    std::printf("the deadline was over, and it ended all the same: %s\n",
                *steps < 1000 ? "it was told" : "it was not told");

  // What is not of interest is dropped in words: a result is not to be forgotten.
  std::ignore = co_await eddy::remove_file("/does/not/exist");
}

int main() {
  eddy::run(ask());
}
