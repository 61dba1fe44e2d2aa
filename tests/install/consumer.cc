// The smallest program of a user: built against the installed library, and with eddy as a
// subproject.
#include <eddy/eddy.h>

#include <chrono>

static eddy::task<int> answer() {
  co_await eddy::sleep_for(std::chrono::milliseconds(1));
  co_return 42;
}

int main() {
  return eddy::run(answer()) == 42 ? 0 : 1;
}
