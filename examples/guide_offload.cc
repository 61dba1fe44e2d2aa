// Guide, 7: offload() calls a function on the pool; the loop goes on meanwhile.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>

using namespace std::chrono_literals;

static std::uint64_t count_primes(unsigned below) {
  std::uint64_t count = 0;
  for (unsigned n = 2; n < below; ++n) {
    bool prime = true;
    for (unsigned d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    count += prime;
  }
  return count;
}

static eddy::task<> heartbeat(int& beats) {
  eddy::interval every(1ms);
  for (;;) {
    co_await every.tick();
    ++beats;
  }
}

static eddy::task<> count() {
  int beats = 0;
  auto heart = eddy::spawn(heartbeat, std::ref(beats));
  const std::uint64_t primes = co_await eddy::offload(count_primes, 1'000'000);
  heart.cancel();
  static_cast<void>(co_await heart.join());
  std::printf("%llu primes; the loop %s\n", static_cast<unsigned long long>(primes),
              beats > 0 ? "went on" : "stood still");
}

int main() {
  eddy::run(count());
}
