// Frames by hand, and who calls them: what is awaited of other libraries, and resumed inside its
// await_suspend, by a transfer, or later; boundaries around what is no task; and frames that the
// base resumes and destroys. Optimisers that see both ends (one translation unit, link-time
// optimisation) must not find that callers and frames speak by different conventions. A plain
// program: run.sh builds it in each mode.
#include <coroutine>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/detail/base.h>
#include <eddy/coro/event.h>
#include <eddy/coro/run.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>
#include <eddy/coro/yield.h>

namespace {

using namespace eddy;
using namespace std::chrono_literals;

int wrong = 0;

void expect(bool good, const char* what) {
  if (good) return;
  ++wrong;
  std::printf("FAIL %s\n", what);
}

int alive = 0;
struct local {
  local() noexcept { ++alive; }
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() { --alive; }
};

// ---- Awaitables of another library ----

struct resumes_inside {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) { h.resume(); }
  int await_resume() const { return 1; }
};
struct says_true {
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> h) {
    h.resume();
    return true;
  }
  int await_resume() const { return 2; }
};
struct transfers {
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) { return h; }
  int await_resume() const { return 3; }
};
struct goes_on {
  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<>) { return false; }
  int await_resume() const { return 4; }
};
struct resumes_and_transfers_to_nobody {
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) {
    h.resume();
    return std::noop_coroutine();
  }
  int await_resume() const { return 5; }
};
struct refuses {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>) { throw std::runtime_error("refused"); }
  int await_resume() const { return 0; }
};
struct destroys_inside {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) { h.destroy(); }
  int await_resume() const { return 0; }
};
struct kept {
  std::coroutine_handle<>& to;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) { to = h; }
  int await_resume() const { return 6; }
};

/// A coroutine type of another library: its end goes on in whoever awaits it.
class lazy {
 public:
  struct promise_type {
    std::coroutine_handle<> then;
    int value = 0;
    lazy get_return_object() {
      return lazy(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct at_end {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        return h.promise().then;
      }
      void await_resume() noexcept {}
    };
    at_end final_suspend() noexcept { return {}; }
    void return_value(int v) { value = v; }
    void unhandled_exception() { std::terminate(); }
  };
  explicit lazy(std::coroutine_handle<promise_type> h) : handle_(h) {}
  lazy(lazy&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  lazy& operator=(lazy&&) = delete;
  ~lazy() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) {
    handle_.promise().then = h;
    return handle_;
  }
  int await_resume() { return handle_.promise().value; }

 private:
  std::coroutine_handle<promise_type> handle_;
};
lazy lazily(int v) {
  const local here;
  co_return v;
}
lazy lazily_twice(int v) {
  const local here;
  const int first = co_await lazily(v);
  co_return first + co_await lazily(v);
}

template <class A>
task<int> of() {
  const local here;
  A theirs;
  const int v = co_await theirs;
  co_return v;
}
template <class A>
task<int> of_rvalue() {
  const local here;
  const int v = co_await A();
  co_return v;
}
template <class A>
task<int> below() {
  const local here;
  const int v = co_await of<A>();
  co_return v;
}

task<> at_once() {
  const local here;
  int sum = co_await of<resumes_inside>();
  sum += co_await of<says_true>();
  sum += co_await of<transfers>();
  sum += co_await of<goes_on>();
  sum += co_await of<resumes_and_transfers_to_nobody>();
  expect(sum == 15, "resumed inside await_suspend");
  sum = co_await of_rvalue<resumes_inside>();
  sum += co_await of_rvalue<says_true>();
  sum += co_await of_rvalue<transfers>();
  sum += co_await of_rvalue<goes_on>();
  expect(sum == 10, "resumed inside await_suspend of a temporary");
  for (int i = 0; i < 1000; ++i)
    sum += co_await below<resumes_inside>() + co_await below<transfers>();
  expect(sum == 4010, "resumed inside, many times, below");
}
task<> in_main_itself() {
  resumes_inside theirs;
  int sum = 0;
  for (int i = 0; i < 3; ++i) sum += co_await theirs;
  expect(sum == 3, "in main itself");
}
task<> refused() {
  std::string what;
  try {
    static_cast<void>(co_await of<refuses>());
  } catch (const std::runtime_error& e) {
    what = e.what();
  }
  expect(what == "refused", "an exception of await_suspend");
}
task<> destroyed_inside() {
  const auto gone = co_await catch_stopped(below<destroys_inside>());
  expect(!gone, "a frame of another library's that is destroyed stops the task");
}
task<> of_other_coroutines() {
  const local here;
  int sum = 0;
  for (int i = 0; i < 100; ++i) sum += co_await lazily_twice(i);
  expect(sum == 9900, "coroutines of another library");
}
task<> resumed_later() {
  std::coroutine_handle<> waits;
  const auto waiter = [](std::coroutine_handle<>& to) -> task<int> {
    const local here;
    const int v = co_await kept{to};
    co_return v;
  };
  auto child = spawn(waiter, std::ref(waits));
  co_await next_tick();
  waits.resume();
  expect(co_await child == 6, "resumed by another task");
  auto second = spawn(waiter, std::ref(waits));
  co_await next_tick();
  waits.destroy();
  const auto end = co_await second.join();
  expect(end.stopped(), "destroyed by another task");
}

// ---- Boundaries: each in a spawned task, so that it runs at the base ----

template <class A>
task<> around(A make) {
  const local here;
  int n = 0;
  for (int i = 0; i < 10; ++i) {
    if (co_await catch_stopped(make())) ++n;
    if (co_await with_timeout(1h, make())) ++n;
    co_await shield(make());
    co_await when_all(make(), make());
    const auto [first, second] = co_await when_any(make(), sleep_for(1h));
    if (first && !second) ++n;
  }
  expect(n == 30, "boundaries around what is no task");
}
task<> stopped_below() {
  const local here;
  event never;
  for (int i = 0; i < 10; ++i) {
    const auto late = co_await with_timeout(0ns, never.wait());
    expect(late.error() == errc::timed_out, "what is no task is stopped");
  }
  auto child = spawn([](event& e) -> task<> { co_await when_all(e.wait(), sleep_for(1h)); },
                     std::ref(never));
  co_await yield();
  child.cancel();
  const auto end = co_await child.join();
  expect(end.stopped(), "when_all is stopped");
}
task<> boundaries() {
  event set;
  set.set();
  auto a = spawn([]() -> task<> { co_await around([] { return next_tick(); }); });
  auto b = spawn([]() -> task<> { co_await around([] { return sleep_for(0ns); }); });
  auto c =
      spawn([](event& e) -> task<> { co_await around([&e] { return e.wait(); }); }, std::ref(set));
  auto d = spawn(stopped_below);
  co_await a;
  co_await b;
  co_await c;
  co_await d;
}

// ---- Frames that the base resumes, ends and unwinds ----

task<int> hops(int depth) {
  const local here;
  if (depth) {
    const int below = co_await hops(depth - 1);
    co_await next_tick();
    co_return below + 1;
  }
  co_await yield();
  co_return 0;
}
async_generator<int> numbers(int n) {
  const local here;
  for (int i = 1; i <= n; ++i) {
    co_await next_tick();
    co_yield i;
  }
}
task<> own_frames() {
  expect(co_await hops(20) == 20, "frames that go on at the base");
  auto child = spawn(hops, 5);
  co_await next_tick();
  child.cancel();
  const auto end = co_await child.join();
  expect(end.stopped(), "frames that are unwound at the base");
  int sum = 0;
  {
    auto walk = numbers(10);
    while (const auto v = co_await walk.next()) sum += *v;
  }
  expect(sum == 55, "an async_generator");
  const int in_group = co_await with_task_group([](task_group& g) -> task<int> {
    const local here;
    auto one = g.spawn(hops, 3);
    auto two = g.spawn(hops, 4);
    co_return co_await one + co_await two;
  });
  expect(in_group == 7, "a group");
}

/// The base's own calls, next to the frames that they reach.
task<int> two_steps() {
  const local here;
  co_await std::suspend_never();
  co_return 7;
}
task<> calls_of_the_base() {
  detail::loop& l = *detail::current_loop;
  detail::chain* const before = l.running;
  detail::chain of;
  of.home = &l;
  const auto begun = [&of] {
    auto frame = two_steps().release();
    frame.promise().of = &of;
    return frame;
  };
  const auto resumed = begun();
  detail::step(l, resumed.promise());
  expect(resumed.promise().end == detail::ending::value, "step resumes a frame");
  expect(resumed.promise().value == 7, "step resumes a frame, to its end");
  resumed.destroy();
  const auto destroyed = begun();
  detail::frame_head& head = detail::frame_of(destroyed.promise());
  head.destroy(&head);
  expect(alive == 0, "both are gone");
  l.running = before;
  co_return;
}

template <class F>
void part(const char* name, F body) {
  std::printf("%s\n", name);
  std::fflush(stdout);
  for (const auto kind : {backend_kind::epoll, backend_kind::automatic}) {
    runtime machine(runtime_options{.backend = kind});
    run(machine, body);
    expect(alive == 0, "all frames are gone");
  }
}

}  // namespace

int main() {
  expect(run(of<resumes_inside>()) == 1, "main is resumed inside");
  expect(run(of<transfers>()) == 3, "main transfers to itself");
  part("resumed inside await_suspend", at_once);
  part("in main itself", in_main_itself);
  part("refused", refused);
  part("destroyed inside await_suspend", destroyed_inside);
  part("coroutines of another library", of_other_coroutines);
  part("resumed later", resumed_later);
  part("boundaries", boundaries);
  part("own frames", own_frames);
  part("calls of the base", calls_of_the_base);
  std::printf("%d wrong\n", wrong);
  return wrong != 0;
}
