// Guide, 2: spawn() begins a task beside others; its handle joins or cancels it.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

static eddy::task<std::string> brew(std::string what, std::chrono::milliseconds time) {
  co_await eddy::sleep_for(time);
  co_return what + " is ready";
}

static eddy::task<> breakfast() {
  auto tea = eddy::spawn(brew, "tea", 20ms);
  auto coffee = eddy::spawn(brew, "coffee", 10ms);
  auto soup = eddy::spawn(brew, "soup", 1h);

  std::puts((co_await tea).c_str());  // coffee went on meanwhile
  std::puts((co_await coffee).c_str());

  soup.cancel();
  const auto end = co_await soup.join();  // how it ended, instead of an exception
  std::puts(end.stopped() ? "no soup" : "soup");
}

int main() {
  eddy::run(breakfast());
}
