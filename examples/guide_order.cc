// Guide, 14: the order of everything in a tick is specified.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

static eddy::task<> soon() {
  co_await eddy::next_tick();
  std::puts("2 next_tick: in this phase");
}

static eddy::task<> in_the_timers_phase() {
  co_await eddy::sleep_for(0ms);
  std::puts("3 sleep_for(0): in the timers phase of the next tick");
}

static eddy::task<> later() {
  co_await eddy::yield();
  std::puts("4 yield: in the next tick's pending phase");
}

static eddy::task<> after_poll() {
  co_await eddy::immediate();
  std::puts("5 immediate: in the check phase, after poll");
}

static eddy::task<> order() {
  co_await eddy::with_task_group([](eddy::task_group& group) -> eddy::task<> {
    group.spawn(after_poll);
    group.spawn(in_the_timers_phase);
    group.spawn(later);
    group.spawn(soon);
    std::puts("1 spawn runs nothing");
    co_return;
  });
}

int main() {
  eddy::run(order());
}
