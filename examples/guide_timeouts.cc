// Guide, 4: with_timeout() bounds whatever can be awaited; the nearest deadline counts.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <utility>

using namespace std::chrono_literals;

static eddy::task<int> answer(std::chrono::milliseconds time) {
  co_await eddy::sleep_for(time);
  co_return 42;
}

static eddy::task<> ask() {
  const auto quick = co_await eddy::with_timeout(1s, answer(1ms));
  std::printf("%d\n", quick.value());  // 42

  const auto slow = co_await eddy::with_timeout(5ms, answer(1h));
  if (slow.error() == eddy::errc::timed_out) std::puts("too late");

  auto patient = eddy::with_timeout(1h, answer(1h));
  const auto nested = co_await eddy::with_timeout(5ms, std::move(patient));
  if (!nested) std::puts("the outer one was nearer");
}

int main() {
  eddy::run(ask());
}
