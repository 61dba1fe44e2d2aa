// Guide, 19: a stop is seen by no catch: what must be undone is a destructor's.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>
#include <utility>

using namespace std::chrono_literals;

/// Does it where the scope ends: after a return, an exception, a stop.
template <class F>
class at_end {
 public:
  explicit at_end(F f) : do_it_(std::move(f)) {}
  at_end(const at_end&) = delete;
  at_end& operator=(const at_end&) = delete;
  ~at_end() { do_it_(); }

 private:
  F do_it_;
};

struct counts {
  int in_catch = 0;  // how many were thought to be inside, by each way of counting
  int in_guard = 0;
};

static eddy::task<> work(counts& inside) {
  ++inside.in_guard;
  const at_end leave([&] { --inside.in_guard; });
  ++inside.in_catch;
  try {
    co_await eddy::sleep_for(1h);
    --inside.in_catch;
  } catch (...) {
    --inside.in_catch;  // not where the task is stopped: nothing is thrown then
    throw;
  }
}

static eddy::task<> count() {
  counts inside;
  const auto end = co_await eddy::with_timeout(1ms, work(inside));
  std::printf("%s; the guard counts %d inside, catch counts %d\n",
              end ? "ended" : "stopped by the deadline", inside.in_guard, inside.in_catch);
}

int main() {
  eddy::run(count());
}
