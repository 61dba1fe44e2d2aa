// Guide, 6: when_all() waits for all, when_any() for the first; losers are cancelled.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

static eddy::task<std::string> mirror(std::string name, std::chrono::milliseconds distance) {
  co_await eddy::sleep_for(distance);
  co_return name;
}

static eddy::task<> race() {
  const auto [near, far] = co_await eddy::when_all(mirror("near", 1ms), mirror("far", 5ms));
  std::printf("%s and %s\n", near.c_str(), far.c_str());

  const auto [first, second] = co_await eddy::when_any(mirror("near", 1ms), mirror("far", 1h));
  if (first) std::printf("%s was faster\n", first->c_str());
  if (!second) std::puts("the other one was stopped");
}

int main() {
  eddy::run(race());
}
