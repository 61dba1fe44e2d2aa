// Forms: what the library itself offers, in the ways in which it is called.
#include "lifetime.h"

#include <functional>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/channel.h>
#include <eddy/coro/deferred.h>
#include <eddy/coro/detail/foreign.h>
#include <eddy/coro/event.h>
#include <eddy/coro/generator.h>
#include <eddy/coro/latch.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/run.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>
#include <eddy/coro/yield.h>
#include <eddy/runtime/result.h>
#include <eddy/runtime/runtime.h>

using namespace canary;
using namespace eddy;
using namespace std::chrono_literals;

namespace {

task<result<tracked>> succeed() {
  co_await point();
  co_return tracked(1);
}
task<result<tracked>> fail_as_agreed() {
  tracked here(1);
  co_await point();
  here.check();
  co_return std::errc::no_such_device;
}
task<result<int>> leave_by_ok(tracked a) {
  tracked here(1);
  tracked b = co_await ok(fail_as_agreed());
  b.check();
  a.check();
  ++tracked::errors;  // it was left
  co_return 1;
}
int use_on_pool(const tracked& a) {
  a.check();
  return a.value;
}
tracked make_on_pool(tracked a) {
  a.check();
  return a;
}

/// Awaitables that are not the library's.
class other_awaiter {
 public:
  explicit other_awaiter(tracked a) : inside_(std::move(a)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    inside_.check();
    runtime::current().next_tick([waiter] { waiter.resume(); });
  }
  tracked await_resume() const {
    inside_.check();
    return tracked(1);
  }

 private:
  tracked inside_;
};
struct other_aggregate_awaiter {
  tracked inside;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const {
    inside.check();
    runtime::current().next_tick([waiter] { waiter.resume(); });
  }
  void await_resume() const { inside.check(); }
};
class other_awaitable {
 public:
  explicit other_awaitable(tracked a) : inside_(std::move(a)) {}
  other_awaiter operator co_await() && { return other_awaiter(std::move(inside_)); }

 private:
  tracked inside_;
};
other_aggregate_awaiter make_other(tracked a) {
  return other_aggregate_awaiter{std::move(a)};
}

}  // namespace

// ---- Tasks ----

FORM(task_named) {
  auto t = take(tracked(1));
  co_await std::move(t);
}
FORM(task_never_awaited) {
  auto t = take(tracked(1));
  co_await point();
}
FORM(tasks_in_a_vector) {
  std::vector<task<>> tasks;
  tasks.push_back(take(tracked(1)));
  tasks.push_back(take(tracked(2)));
  for (auto& t : tasks) co_await std::move(t);
}
FORM(task_assigned) {
  task<> t = take(tracked(1));
  t = take(tracked(2));
  co_await std::move(t);
}

// ---- spawn ----

FORM(spawn_with_captures) {
  tracked t(1);
  auto handle = spawn([t]() -> task<> {
    co_await point();
    t.check();
  });
  co_await handle;
}
FORM(spawn_with_captures_and_let_go) {
  tracked t(1);
  spawn([t]() -> task<> {
    co_await point();
    t.check();
  });
  co_await point();
}
FORM(spawn_with_arguments) {
  tracked t(1);
  auto handle = spawn(take_two, t, tracked(2));
  co_await handle;
}
FORM(spawn_with_arguments_for_a_lambda) {
  auto handle = spawn(
      [](tracked x) -> task<> {
        co_await point();
        x.check();
      },
      tracked(1));
  co_await handle;
}
FORM(spawn_awaited_at_once) {
  co_await spawn(take, tracked(1));
}
FORM_BAD_ON_GCC12(spawn_with_captures_awaited_at_once) {
  tracked t(1);
  co_await spawn([t]() -> task<> {
    co_await point();
    t.check();
  });
}
FORM(spawn_a_task) {
  auto handle = spawn(make(1));
  tracked t = co_await handle;
  t.check();
}
FORM(spawn_and_join) {
  auto handle = spawn(make(1));
  auto end = co_await handle.join();
  tracked t = end.value();
  t.check();
  co_await point();
}
FORM(spawn_and_cancel) {
  auto handle = spawn(take, tracked(1));
  co_await point();
  handle.cancel();
  auto end = co_await handle.join();
  require(end.has_value() || end.stopped());
}

// ---- Leaves ----

FORM(leaf_next_tick) {
  tracked t(1);
  place();
  co_await next_tick();
  t.check();
}
FORM(leaf_immediate) {
  tracked t(1);
  place();
  co_await immediate();
  t.check();
}
FORM(leaf_sleep) {
  tracked t(1);
  place();
  co_await sleep_for(1us);
  t.check();
}
FORM(leaf_sleep_until) {
  tracked t(1);
  place();
  co_await sleep_until(now() + 1us);
  t.check();
}
FORM(leaf_interval) {
  tracked t(1);
  interval often(1us);
  for (int i = 0; i < 3; ++i) {
    place();
    co_await often.tick();
    t.check();
  }
}
FORM(leaf_event) {
  event e;
  tracked t(1);
  co_await with_task_group([&](task_group& group) -> task<> {
    group.spawn(
        [](event& to_set) -> task<> {
          co_await yield();
          to_set.set();
        },
        std::ref(e));
    place();
    co_await e.wait();
    t.check();
  });
}
FORM(leaf_deferred) {
  deferred<tracked> later;
  later.set(tracked(1));
  const tracked& t = co_await later.wait();
  t.check();
  co_await point();
}
FORM(leaf_latch) {
  latch count(1);
  count.count_down();
  tracked t(1);
  co_await count.wait();
  co_await point();
  t.check();
}

// ---- offload ----

FORM(offload_with_arguments) {
  tracked t(1);
  place();
  const int value = co_await offload(use_on_pool, t);
  require(value == 1);
}
FORM(offload_with_a_temporary) {
  place();
  const int value = co_await offload(use_on_pool, tracked(1));
  require(value == 1);
}
FORM(offload_giving_an_object) {
  place();
  tracked t = co_await offload(make_on_pool, tracked(1));
  t.check();
  co_await point();
}
FORM(offload_with_a_reference) {
  tracked t(1);
  place();
  co_await offload([&t] { t.check(); });
}
FORM(offload_with_a_named_lambda) {
  tracked t(1);
  auto f = [t] { t.check(); };
  place();
  co_await offload(f);
}
FORM(offload_with_a_lane) {
  place();
  const int value = co_await offload(pool_lane::files, use_on_pool, tracked(1));
  require(value == 1);
}
FORM(offload_in_two_steps) {
  auto later = offload(use_on_pool, tracked(1));
  place();
  const int value = co_await std::move(later);
  require(value == 1);
}
FORM(offload_with_strings) {
  place();
  const std::size_t size = co_await offload(
      [](const std::string& a, const std::string& b) { return a.size() + b.size(); },
      long_text("a"), long_text("b"));
  require(size > 20);
}
FORM(offload_with_a_pointer) {
  place();
  co_await offload([](std::unique_ptr<tracked> p) { p->check(); }, std::make_unique<tracked>(1));
}
FORM(offload_that_throws) {
  try {
    place();
    co_await offload([](const tracked&) { throw std::runtime_error("as agreed"); }, tracked(1));
    ++tracked::errors;
  } catch (std::runtime_error&) {
  }
  co_await point();
}
#if !EDDY_CANARY_GCC12  // (there the guard refuses them)
FORM(offload_with_captures) {
  tracked t(1);
  place();
  co_await offload([t] { t.check(); });
}
FORM(offload_with_an_aggregate) {
  place();
  co_await offload([](const aggregate& a) { a.first.check(); }, aggregate{tracked(1), tracked(2)});
}
#endif

// ---- ok, catch_stopped ----

FORM(ok_of_a_value) {
  tracked t = co_await ok(succeed());
  t.check();
  co_await point();
}
FORM(ok_named) {
  auto later = succeed();
  tracked t = co_await ok(std::move(later));
  t.check();
  co_await point();
}
FORM(ok_that_throws) {
  tracked here(1);
  try {
    tracked t = co_await ok(fail_as_agreed());
    ++tracked::errors;
  } catch (std::system_error&) {
  }
  co_await point();
  here.check();
}
FORM(ok_that_leaves) {
  tracked here(1);
  auto r = co_await leave_by_ok(tracked(2));
  require(!r);
  co_await point();
  here.check();
}
FORM(ok_as_an_argument) {
  co_await take_two(tracked(1), co_await ok(succeed()));
}
FORM(result_taken_at_once) {
  tracked t = (co_await succeed()).value();
  t.check();
  co_await point();
}
FORM(result_dereferenced_at_once) {
  tracked t = *co_await succeed();
  t.check();
  co_await point();
}
FORM(catch_stopped_of_a_value) {
  tracked here(1);
  auto r = co_await catch_stopped(make(1));
  if (r) r->check();
  here.check();
  co_await point();
}
FORM(catch_stopped_nested) {
  auto r = co_await catch_stopped(catch_stopped(make((co_await make(1)).value)));
  if (r && *r) (*r)->check();
  co_await point();
}

// ---- Scopes ----

FORM(group_with_references) {
  tracked t(1);
  co_await with_task_group([&t](task_group& group) -> task<> {
    group.spawn(take, tracked(2));
    group.spawn(
        [](tracked x) -> task<> {
          co_await point();
          x.check();
        },
        t);
    co_await point();
    t.check();
  });
}
FORM(group_with_a_named_body) {
  tracked t(1);
  auto body = [t](task_group& group) -> task<tracked> {
    group.spawn(take, t);
    co_await point();
    co_return t;
  };
  tracked r = co_await with_task_group(body);
  r.check();
  co_await point();
}
FORM(group_that_fails) {
  try {
    co_await with_task_group([](task_group& group) -> task<> {
      group.spawn(fail_later);
      group.spawn(take, tracked(1));
      co_await group.wait();
    });
  } catch (std::runtime_error&) {
  }
  co_await point();
}
FORM(when_all_of_temporaries) {
  co_await when_all(take(tracked(1)), take(tracked(2)));
}
FORM(when_all_bound) {
  auto [a, b] = co_await when_all(make(1), make(2));
  a.check();
  co_await point();
  b.check();
}
FORM(when_all_of_a_vector) {
  std::vector<task<tracked>> tasks;
  tasks.push_back(make(1));
  tasks.push_back(make(2));
  for (auto& each : co_await when_all(std::move(tasks))) {
    each.check();
    co_await point();
  }
}
FORM(when_any_of_temporaries) {
  auto [a, b] = co_await when_any(make(1), make(2));
  if (a) a->check();
  co_await point();
  if (b) b->check();
}
FORM(timeout_of_a_temporary) {
  auto r = co_await with_timeout(1h, make(1));
  if (r) r->check();
  co_await point();
}
FORM(timeout_named) {
  auto later = with_timeout(1h, take(tracked(1)));
  (void)co_await std::move(later);
}
FORM(timeout_taken_at_once) {
  tracked t = *co_await with_timeout(1h, make(1));
  t.check();
  co_await point();
}
FORM(timeout_that_comes) {
  tracked here(1);
  auto r = co_await with_timeout(0s, [](tracked t) -> task<> {
    co_await sleep_for(1h);
    t.check();
  }(tracked(2)));
  require(!r);
  co_await point();
  here.check();
}
FORM(scopes_nested) {
  (void)co_await with_timeout(
      1h, when_all(take(tracked(1)), with_timeout(1h, make((co_await make(3)).value))));
}
FORM(shield_of_a_temporary) {
  co_await shield(take(tracked(1)));
  co_await point();
}
FORM(finally_with_references) {
  tracked t(1);
  co_await finally(take(tracked(2)), [&t]() -> task<> {
    co_await yield();
    t.check();
  });
}
FORM(finally_with_a_named_cleanup) {
  tracked t(1);
  auto cleanup = [t]() -> task<> {
    co_await yield();
    t.check();
  };
  co_await finally(take(tracked(2)), cleanup);
}
#if !EDDY_CANARY_GCC12  // (there the guard refuses them)
FORM(group_with_captures) {
  tracked t(1);
  co_await with_task_group([t](task_group&) -> task<> {
    co_await point();
    t.check();
  });
}
FORM(finally_with_captures) {
  tracked t(1);
  co_await finally(take(tracked(2)), [t]() -> task<> {
    co_await yield();
    t.check();
  });
}
#endif

// ---- Locks, channels, generators ----

FORM(mutex_guard) {
  mutex m;
  {
    auto guard = co_await m.lock();
    tracked t(1);
    co_await point();
    t.check();
  }
  co_await take(tracked(1));
}
FORM(semaphore_permit) {
  semaphore s(1);
  {
    auto permit = co_await s.acquire();
    co_await point();
  }
  co_await take(tracked(1));
}
FORM(channel_of_objects) {
  channel<tracked> c(1);
  auto sent = co_await c.send(tracked(1));
  require(static_cast<bool>(sent));
  auto received = co_await c.receive();
  received->check();
  co_await point();
}
FORM(channel_with_a_partner) {
  channel<tracked> c(0);
  co_await with_task_group([&c](task_group& group) -> task<> {
    group.spawn(
        [](channel<tracked>& to) -> task<> {
          for (int i = 0; i < 3; ++i) (void)co_await to.send(tracked(i));
          to.close();
        },
        std::ref(c));
    place();
    while (auto received = co_await c.receive()) {
      received->check();
      place();
    }
  });
}
FORM(generator_in_a_for) {
  auto numbers = [](tracked from) -> generator<tracked> {
    for (int i = 0; i < 3; ++i) co_yield tracked(from.value + i);
  };
  for (const tracked& each : numbers(tracked(1))) {
    co_await point();
    each.check();
  }
}
FORM(async_generator_in_a_while) {
  auto numbers = [](tracked from) -> async_generator<tracked> {
    for (int i = 0; i < 3; ++i) {
      co_await point();
      co_yield tracked(from.value + i);
    }
  };
  auto all = numbers(tracked(1));
  while (auto each = co_await all.next()) {
    each->check();
    co_await point();
  }
}

// ---- Awaitables of others ----

FORM(other_with_a_constructor) {
  tracked t = co_await other_awaiter(tracked(1));
  t.check();
}
FORM(other_with_a_constructor_in_braces) {
  co_await other_awaiter{tracked(1)};
}
FORM(other_from_a_function) {
  co_await make_other(tracked(1));
}
FORM_BAD_ON_GCC12(other_aggregate) {
  co_await other_aggregate_awaiter{tracked(1)};
}
FORM(other_that_makes_its_awaiter) {
  tracked t = co_await other_awaitable(tracked(1));
  t.check();
  co_await point();
}
FORM(other_named) {
  auto later = other_awaitable(tracked(1));
  co_await std::move(later);
}
