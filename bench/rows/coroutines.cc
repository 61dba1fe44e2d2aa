// Rows 1 to 4: awaiting a child, yielding, spawn and join, a channel. Each runs in a runtime whose
// backend is live, so that whole ticks are measured.
#if __has_include(<eddy/coro/channel.h>)
#include <eddy/coro/channel.h>
#define BENCH_CHANNEL 1
#endif
#include <eddy/coro/run.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>

#include "bench/measure.h"
#include "bench/rows/backend.h"

namespace {

using eddy::task;

[[gnu::noinline]] task<int> leaf(int x) {
  co_return x + 1;
}
[[gnu::noinline]] task<int> await_children(long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) sum = co_await leaf(sum);
  co_return sum;
}

[[gnu::noinline]] task<> yielder(long n) {
  for (long i = 0; i < n; ++i) co_await eddy::yield();
}
[[gnu::noinline]] task<> two_yielders(long n) {
  auto one = eddy::spawn(yielder, n / 2);
  auto two = eddy::spawn(yielder, n - n / 2);
  co_await one;
  co_await two;
}

[[gnu::noinline]] task<int> spawn_and_join(long n) {
  int sum = 0;
  for (long i = 0; i < n; ++i) {
    auto handle = eddy::spawn(leaf, sum);
    sum = co_await handle;
  }
  co_return sum;
}

#ifdef BENCH_CHANNEL
using channel = eddy::channel<int>;
[[gnu::noinline]] task<> produce(channel* elements, long n) {
  for (long i = 0; i < n; ++i) (void)co_await elements->send(1);
  elements->close();
}
[[gnu::noinline]] task<int> through_a_channel(long n) {
  channel elements(128);
  auto producer = eddy::spawn(produce, &elements, n);
  int sum = 0;
  while (auto element = co_await elements.receive()) sum += *element;
  co_await producer;
  co_return sum;
}
#endif

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  rows.measure("await_child", 15e6,
               [&](long n) { bench::keep(eddy::run(runtime, await_children(n))); });
  rows.measure("yield", 30e6, [&](long n) { eddy::run(runtime, two_yielders(n)); });
  rows.measure("spawn_join", 10e6,
               [&](long n) { bench::keep(eddy::run(runtime, spawn_and_join(n))); });
#ifdef BENCH_CHANNEL
  rows.measure("channel_128", 10e6,
               [&](long n) { bench::keep(eddy::run(runtime, through_a_channel(n))); });
#endif
}
