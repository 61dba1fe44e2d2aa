// A million awaits that complete at once, and lines of tasks 10^5 deep however they end, on an
// ordinary 8 MiB stack: in every build mode, because no compiler makes tail calls in all of them. A
// plain program: run.sh builds it in each mode.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/event.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/run.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>
#include <eddy/runtime/result.h>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

constexpr int many = 1'000'000;
constexpr int deep = 100'000;

int wrong = 0;

void expect(bool good, const char* what) {
  if (good) return;
  ++wrong;
  std::printf("FAIL %s\n", what);
}

// Locals of the frames that are alive: all must be gone after each part.
int alive = 0;
struct local {
  local() noexcept { ++alive; }
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() { --alive; }
};

// ---- Awaits that complete at once ----

task<int> same(int value) {
  co_return value;
}

task<> loop_of_tasks() {
  long sum = 0;
  for (int i = 0; i < many; ++i) sum += co_await same(i & 1);
  expect(sum == many / 2, "10^6 awaits of tasks that complete at once");
}

task<> loop_of_set_events() {
  event set;
  set.set();
  int passed = 0;
  for (int i = 0; i < many; ++i) {
    co_await set.wait();
    ++passed;
  }
  expect(passed == many, "10^6 awaits of an event that is set");
}

task<result<int>> good(int value) {
  co_return value;
}

task<> loop_of_ok() {
  long sum = 0;
  for (int i = 0; i < many; ++i) sum += co_await ok(good(i & 1));
  expect(sum == many / 2, "10^6 awaits of ok(task)");
}

task<> throws_at_once() {
  const local here;
  throw 1;
  co_return;
}

task<> loop_of_exceptions() {
  int caught = 0;
  for (int i = 0; i < deep; ++i) {
    try {
      co_await throws_at_once();
    } catch (int) {
      ++caught;
    }
  }
  expect(caught == deep, "10^5 awaits of tasks that throw at once");
}

task<> loop_of_next_ticks() {
  int passed = 0;
  for (int i = 0; i < many; ++i) {
    co_await next_tick();
    ++passed;
  }
  expect(passed == many, "10^6 next_ticks");
}

// ---- Chains ----

enum class bottom { ends_at_once, ends_later, throws_at_once, throws_later, waits_for_ever };

task<int> reach(bottom how) {
  const local here;
  if (how == bottom::ends_later || how == bottom::throws_later) co_await next_tick();
  if (how == bottom::throws_at_once || how == bottom::throws_later)
    throw std::runtime_error("from the bottom");
  if (how == bottom::waits_for_ever) co_await sleep_for(24h);
  co_return 0;
}

task<int> chain(int depth, bottom how) {
  const local here;
  if (depth == 0) co_return co_await reach(how);
  co_return 1 + co_await chain(depth - 1, how);
}

task<> awaited(bottom how) {
  const int depth = co_await chain(deep, how);
  expect(depth == deep, "a chain of 10^5");
}

task<> thrown_through(bottom how) {
  std::string what;
  try {
    co_await chain(deep, how);
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  expect(what == "from the bottom", "an exception through a chain of 10^5");
}

task<> stopped() {
  auto handle = spawn(chain, deep, bottom::waits_for_ever);
  co_await yield();
  co_await yield();
  expect(alive == deep + 2, "a chain of 10^5 stands");
  handle.cancel();
  auto end = co_await handle.join();
  expect(end.stopped(), "a chain of 10^5 is stopped");
}

/// Each level leaves by ok: its frame stays suspended at the co_await, and the level above destroys
/// it.
task<result<int>> chain_of_ok(int depth, bottom how) {
  const local here;
  if (depth == 0) {
    const int end = co_await reach(how);
    if (end == 0) co_return std::errc::no_such_device;
  }
  co_return 1 + co_await ok(chain_of_ok(depth - 1, how));
}

task<> left_by_ok(bottom how) {
  auto left = co_await chain_of_ok(deep, how);
  expect(!left && left.error() == std::errc::no_such_device, "a chain of 10^5 is left by ok");
}

task<int> chain_of_boundaries(int depth, bottom how) {
  const local here;
  if (depth == 0) co_return co_await reach(how);
  auto inner = co_await catch_stopped(chain_of_boundaries(depth - 1, how));
  co_return inner ? *inner + 1 : 1;
}

task<> nested_boundaries(bottom how) {
  const int depth = co_await chain_of_boundaries(deep, how);
  expect(depth == deep, "10^5 nested catch_stopped");
}

task<> stopped_boundaries() {
  auto handle = spawn(chain_of_boundaries, deep, bottom::waits_for_ever);
  co_await yield();
  co_await yield();
  handle.cancel();
  auto end = co_await handle.join();
  // the innermost one is stopped, and each boundary above goes on
  expect(end.has_value() && end.value() == deep, "10^5 nested catch_stopped are asked to stop");
}

// ---- Spawned tasks ----

task<int> nap(int value) {
  const local here;
  co_await next_tick();
  co_return value & 1;
}

task<> spawned_and_joined() {
  std::vector<join_handle<int>> handles;
  handles.reserve(deep);
  for (int i = 0; i < deep; ++i) handles.push_back(spawn(nap, i));
  long sum = 0;
  for (auto& handle : handles) sum += co_await handle;
  expect(sum == deep / 2, "10^5 spawned tasks are joined");
}

task<> spawned_and_stopped() {
  std::vector<join_handle<int>> handles;
  handles.reserve(deep);
  for (int i = 0; i < deep; ++i) handles.push_back(spawn(chain, 1, bottom::waits_for_ever));
  co_await yield();
  co_await yield();
  for (auto& handle : handles) handle.cancel();
  int ended = 0;
  for (auto& handle : handles) {
    auto end = co_await handle.join();
    ended += end.stopped() ? 1 : 0;
  }
  expect(ended == deep, "10^5 spawned tasks are stopped");
}

/// Each spawns the next one and joins it: 10^5 chains, each waiting for the next.
task<int> spawn_the_next(int depth) {
  const local here;
  if (depth == 0) co_return 0;
  auto next = spawn(spawn_the_next, depth - 1);
  const int below = co_await next;
  co_return below + 1;
}

task<> spawned_by_each_other() {
  const int depth = co_await spawn_the_next(deep);
  expect(depth == deep, "10^5 tasks, each spawned and joined by the one before");
}

template <class F, class... A>
void part(const char* name, F body, A... arguments) {
  std::printf("%s\n", name);
  std::fflush(stdout);  // an overflow of the stack leaves nothing else
  runtime machine(runtime_options{.backend = backend_kind::epoll});
  run(machine, body, arguments...);
  expect(alive == 0, "all frames are gone");
}

}  // namespace

int main() {
  part("tasks that complete at once", loop_of_tasks);
  part("an event that is set", loop_of_set_events);
  part("ok(task)", loop_of_ok);
  part("tasks that throw at once", loop_of_exceptions);
  part("next_tick", loop_of_next_ticks);
  part("a chain, ending at once", awaited, bottom::ends_at_once);
  part("a chain, ending later", awaited, bottom::ends_later);
  part("a chain, thrown through at once", thrown_through, bottom::throws_at_once);
  part("a chain, thrown through later", thrown_through, bottom::throws_later);
  part("a chain, stopped", stopped);
  part("a chain, left by ok at once", left_by_ok, bottom::ends_at_once);
  part("a chain, left by ok later", left_by_ok, bottom::ends_later);
  part("nested boundaries, ending at once", nested_boundaries, bottom::ends_at_once);
  part("nested boundaries, ending later", nested_boundaries, bottom::ends_later);
  part("nested boundaries, stopped", stopped_boundaries);
  part("spawned and joined", spawned_and_joined);
  part("spawned and stopped", spawned_and_stopped);
  part("each spawned by the one before", spawned_by_each_other);
  std::printf("%d wrong\n", wrong);
  return wrong != 0;
}
