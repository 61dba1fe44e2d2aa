// What scopes cost beside the plain thing: a group of one child beside spawn + join, with_timeout
// around a child that finishes at once beside the child, cancelling a million sleeping tasks beside
// waking them. Ratios of our own figures, so there is no limit program; not part of the report.
#include <chrono>
#include <cstdio>

#include <eddy/coro/event.h>
#include <eddy/coro/run.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/yield.h>

namespace {

using namespace std::chrono_literals;
using eddy::task;
using clock_type = std::chrono::steady_clock;

double nanoseconds_each(clock_type::time_point since, long n) {
  return std::chrono::duration<double, std::nano>(clock_type::now() - since).count() /
         static_cast<double>(n);
}

[[gnu::noinline]] task<int> leaf(int x) {
  co_return x + 1;
}
[[gnu::noinline]] task<> children(long n) {
  for (long i = 0; i < n; ++i) static_cast<void>(co_await leaf(1));
}
[[gnu::noinline]] task<> timeouts(long n) {
  for (long i = 0; i < n; ++i) static_cast<void>(co_await eddy::with_timeout(1s, leaf(1)));
}
[[gnu::noinline]] task<> spawns(long n) {
  for (long i = 0; i < n; ++i) {
    auto handle = eddy::spawn(leaf, 1);
    static_cast<void>(co_await handle);
  }
}
[[gnu::noinline]] task<> groups(long n) {
  auto body = [](eddy::task_group& group) -> task<> {
    group.spawn(leaf, 1);
    co_return;
  };
  for (long i = 0; i < n; ++i) co_await eddy::with_task_group(body);
}

task<> sleeper(eddy::time_point until) {
  co_await eddy::sleep_until(until);
}

/// From the first wake-up (or the cancel) to the end of the last of `n` sleeping tasks.
task<> many_sleepers(long n, bool cancel, clock_type::time_point& begin) {
  auto body = [&](eddy::task_group& group) -> task<> {
    const eddy::time_point due = eddy::now() + (cancel ? 1h : 3s);
    for (long i = 0; i < n; ++i) group.spawn(sleeper, due + std::chrono::nanoseconds(i));
    for (long k = 0; k < n / 500; ++k) co_await eddy::yield();  // a tick begins 1024 of them
    if (!cancel) co_await eddy::sleep_until(due);
    begin = clock_type::now();
    if (cancel) group.cancel();
  };
  co_await eddy::with_task_group(body);
}

template <class F>
double measured(F f, long n) {
  const auto begin = clock_type::now();
  eddy::run(f, n);
  return nanoseconds_each(begin, n);
}

double measured_sleepers(bool cancel) {
  constexpr long n = 1'000'000;
  clock_type::time_point begin;
  eddy::run(many_sleepers(n, cancel, begin));
  return nanoseconds_each(begin, n);
}

}  // namespace

int main() {
  constexpr long n = 2'000'000;
  const double child = measured(children, n);
  std::printf("child\t%.1f\n", child);
  std::printf("with_timeout_child\t%.1f\n", measured(timeouts, n));
  std::printf("spawn_join\t%.1f\n", measured(spawns, n));
  std::printf("group_of_one\t%.1f\n", measured(groups, n));
  std::printf("wake_sleeper\t%.1f\n", measured_sleepers(false));
  std::printf("cancel_sleeper\t%.1f\n", measured_sleepers(true));
}
