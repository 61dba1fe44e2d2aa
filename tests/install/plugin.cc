// What another language loads at run time: a shared library with a loop in each call.
#include <eddy/eddy.h>

#include <chrono>

// (A lambda in `answer` itself would not do: g++ 12 gives the coroutine's parts in a function of C one name.)
static eddy::task<int> count(int pause) {
  co_await eddy::sleep_for(std::chrono::milliseconds(pause));
  co_return co_await eddy::offload([] { return 42; });
}

extern "C" __attribute__((visibility("default"))) int answer(int milliseconds) {
  return eddy::run(count(milliseconds));
}
