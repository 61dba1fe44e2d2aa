// What another language loads at run time: a shared library with a loop in each call.
#include <eddy/eddy.h>

#include <chrono>

extern "C" int answer(int milliseconds) {
  return eddy::run(
      [](int pause) -> eddy::task<int> {
        co_await eddy::sleep_for(std::chrono::milliseconds(pause));
        co_return co_await eddy::offload([] { return 42; });
      },
      milliseconds);
}
