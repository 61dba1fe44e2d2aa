// Guide, 11: a stopped task is never resumed; destructors run, and finally() may await.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

struct lamp {
  lamp() { std::puts("lamp on"); }
  ~lamp() { std::puts("lamp off"); }
};

static eddy::task<> work() {
  const lamp light;
  try {
    co_await eddy::sleep_for(1h);
    std::puts("never printed");
  } catch (...) {
    std::puts("never printed either: stopping is no exception");
  }
}

static eddy::task<> say_goodbye() {
  co_await eddy::sleep_for(1ms);  // a cleanup may wait, and is not cancelled itself
  std::puts("goodbye");
}

static eddy::task<> careful_work() {
  co_await eddy::finally(work(), say_goodbye);
}

static eddy::task<> commit() {
  co_await eddy::shield(eddy::sleep_for(1ms));  // runs to its end, whatever is asked
  std::puts(eddy::stop_requested() ? "committed; a stop is due" : "committed");
  co_await eddy::next_tick();  // the next suspension stops
  std::puts("never printed");
}

static eddy::task<> day() {
  auto worker = eddy::spawn(careful_work);
  auto clerk = eddy::spawn(commit);
  co_await eddy::yield();
  worker.cancel();
  clerk.cancel();
  const auto first = co_await worker.join();
  const auto second = co_await clerk.join();
  if (first.stopped() && second.stopped()) std::puts("both stopped");
}

int main() {
  eddy::run(day());
}
