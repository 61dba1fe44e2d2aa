// Guide, 13: where nothing can ever wake what waits, run() says so, and where each stands.
#include <eddy/eddy.h>

#include <cstdio>

static eddy::task<> move(eddy::mutex& from, eddy::mutex& to) {
  const auto first = co_await from.lock();
  co_await eddy::yield();
  const auto second = co_await to.lock();
}

static eddy::task<> cross() {
  eddy::mutex left;
  eddy::mutex right;
  co_await eddy::when_all(move(left, right), move(right, left));
}

int main() {
  try {
    eddy::run(cross());
  } catch (const eddy::deadlock& e) {
    std::puts(e.what());
  }
}
