// Exhaustive cancel of what the language offers: tasks, groups, combinators, time, locks, channels,
// generators, the pool.
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/deferred.h>
#include <eddy/coro/latch.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/run_on.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/cancel/harness.h"

namespace eddy::test {
namespace {

// ---- Tasks and time ----

task<int> deep(world& w, int depth) {
  const counted frame;
  if (!depth) co_return co_await w.hopping(2);
  co_return 1 + co_await deep(w, depth - 1);
}
task<> a_deep_chain(world& w) {
  static_cast<void>(co_await deep(w, 20));
}

task<> every_hop(world&) {
  const counted frame;
  co_await next_tick();
  co_await yield();
  co_await immediate();
  co_await sleep_for(0ns);
  co_await sleep_for(20us);
}

task<> an_interval(world&) {
  interval every(20us);
  for (int i = 0; i < 3; ++i) static_cast<void>(co_await every.tick());
}

task<> spawned_and_joined(world& w) {
  auto h = spawn(&world::hopping, &w, 3);
  EXPECT_EQ(co_await h, 3);
}

task<> spawned_and_left(world& w) {
  spawn(&world::pausing, &w, 30us);
  co_await next_tick();
}

task<> joined_by_two(world& w) {
  const auto h = spawn(&world::hopping, &w, 4);
  const auto joins = [h]() -> task<> {
    const counted frame;
    static_cast<void>(co_await h.join());
  };
  static_cast<void>(co_await when_all(joins(), joins()));
}

task<> cancels_its_child_before_it_begins(world& w) {
  const auto h = spawn(&world::waiting, &w);
  h.cancel();
  EXPECT_TRUE((co_await h.join()).stopped());
}

task<> cancels_its_child_while_it_waits(world& w) {
  const auto h = spawn(&world::waiting, &w);
  const auto last = [h]() -> task<> {
    h.cancel();
    co_return;
  };
  co_await finally(w.hopping(2), last);
  EXPECT_TRUE((co_await h.join()).stopped());
}

task<> cancelled_by_its_own_child(world& w) {
  const auto body = [&w](task_group& g) -> task<> {
    g.spawn(
        [](task_group& of) -> task<> {
          const counted frame;
          co_await next_tick();
          of.cancel();
          co_await next_tick();
        },
        std::ref(g));
    co_await w.never.wait();
  };
  co_await with_task_group(body);
}

task<> fails(world& w) {
  co_await w.hopping(2);
  throw std::runtime_error("on purpose");
}

task<> catches(world& w) {
  bool caught = false;
  try {
    co_await fails(w);
  } catch (const std::runtime_error&) {
    caught = true;
  }
  EXPECT_TRUE(caught);
  co_await w.hopping(1);
}

// ---- Groups ----

task<> a_group_of_three(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    g.spawn(&world::hopping, &w, 3);
    g.spawn(&world::pausing, &w, 20us);
    g.spawn(&world::pausing, &w, 0us);
    co_await next_tick();
  });
}

task<> nested_groups_three_deep(world& w) {
  const auto third = [&w](task_group& g) -> task<int> {
    const counted frame;
    g.spawn(&world::hopping, &w, 2);
    co_await yield();
    co_return 1;
  };
  const auto second = [&](task_group& g) -> task<int> {
    const counted frame;
    g.spawn(&world::pausing, &w, 20us);
    co_return 1 + co_await with_task_group(third);
  };
  const auto first = [&](task_group& g) -> task<int> {
    const counted frame;
    g.spawn(&world::hopping, &w, 4);
    co_return 1 + co_await with_task_group(second);
  };
  EXPECT_EQ(co_await with_task_group(first), 3);
}

task<> a_group_cancelled_by_a_sibling(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    const auto victim = g.spawn(&world::waiting, &w);
    g.spawn(
        [](join_handle<void> of) -> task<> {
          const counted inner;
          co_await next_tick();
          of.cancel();
        },
        victim);
    co_await g.wait();
  });
}

task<> a_group_cancelled_by_a_timer(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    g.spawn(&world::waiting, &w);
    g.spawn(
        [](task_group& of) -> task<> {
          const counted inner;
          co_await sleep_for(20us);
          of.cancel();
        },
        std::ref(g));
    co_await w.never.wait();
  });
}

task<> a_group_cancelled_by_its_body(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    g.spawn(&world::waiting, &w);
    g.spawn(&world::hopping, &w, 5);
    co_await next_tick();
    g.cancel();
    co_await next_tick();
  });
  co_await next_tick();
}

task<> a_group_whose_child_fails(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    g.spawn(&world::waiting, &w);
    g.spawn(&fails, std::ref(w));
    co_await w.never.wait();
  });
}

task<> a_child_that_ignores_cancel(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    g.spawn(
        [](world& in) -> task<> {
          const counted inner;
          EXPECT_EQ(co_await shield(in.hopping(3)), 3);
          co_await shield(in.pausing(20us));
        },
        std::ref(w));
    co_await next_tick();
    g.cancel();
  });
}

task<> a_group_with_cleanups(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    g.spawn(w.cleaned(w.pausing(20us), 2));
    g.spawn(w.cleaned(w.hopping(2), 1));
    co_await w.cleaned(w.hopping(1), 3);
  });
}

task<> a_group_that_grows(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    const counted frame;
    for (int i = 0; i < 3; ++i) {
      g.spawn(
          [](world& in, task_group& of) -> task<> {
            const counted inner;
            co_await next_tick();
            of.spawn(&world::hopping, &in, 1);
          },
          std::ref(w), std::ref(g));
      co_await next_tick();
    }
    co_await g.wait();
  });
}

/// A destructor of the unwinding that starts something: it never begins.
task<> spawns_while_unwinding(world& w) {
  struct spawner {
    world& in;
    task_group& to;
    spawner(world& x, task_group& t) : in(x), to(t) {}
    ~spawner() { to.spawn(&world::hopping, &in, 1); }
  };
  co_await with_task_group([&w](task_group& g) -> task<> {
    const spawner last(w, g);
    g.spawn(&world::hopping, &w, 2);
    co_await w.pausing(20us);
  });
}

// ---- Combinators ----

task<> all_of_three(world& w) {
  const auto [a, b, c] = co_await when_all(w.hopping(3), w.pausing(20us), w.hopping(0));
  EXPECT_EQ(a + c, 3);
}

task<> all_with_a_failure(world& w) {
  static_cast<void>(co_await when_all(w.hopping(5), fails(w), w.waiting()));
}

task<> all_of_a_vector_two_at_a_time(world& w) {
  std::vector<task<int>> tasks;
  for (int i = 0; i < 6; ++i) tasks.push_back(w.hopping(i % 3));
  const auto values = co_await when_all(std::move(tasks), 2);
  EXPECT_EQ(values, (std::vector<int>{0, 1, 2, 0, 1, 2}));
}

task<> any_of_three(world& w) {
  const auto [a, b, c] = co_await when_any(w.hopping(3), w.waiting(), w.pausing(20us));
  EXPECT_TRUE(a || b || c);
  EXPECT_FALSE(b);
}

task<> any_with_both_ready(world& w) {
  const time_point due = now() + 20us;
  const auto [a, b] = co_await when_any(sleep_until(due), sleep_until(due));
  EXPECT_TRUE(a || b);
  static_cast<void>(co_await when_any(w.hopping(1), w.hopping(1)));
}

task<> any_whose_losers_clean_up(world& w) {
  const auto [a, b] = co_await when_any(w.hopping(2), w.cleaned(w.waiting(), 3));
  EXPECT_TRUE(a);
  EXPECT_FALSE(b);
}

task<> all_in_any_in_all(world& w) {
  const auto inner = [&w]() -> task<> {
    const counted frame;
    static_cast<void>(co_await when_all(w.hopping(2), w.pausing(20us)));
  };
  const auto middle = [&]() -> task<> {
    const counted frame;
    static_cast<void>(co_await when_any(inner(), w.waiting()));
  };
  static_cast<void>(co_await when_all(middle(), w.hopping(1)));
}

// ---- Deadlines ----

task<> a_timeout_in_time(world& w) {
  EXPECT_TRUE(co_await with_timeout(1h, w.hopping(2)));
}

task<> a_timeout_that_expires(world& w) {
  const auto r = co_await with_timeout(20us, w.waiting());
  EXPECT_EQ(r.error(), errc::timed_out);
  co_await next_tick();
}

task<> a_timeout_that_expires_as_its_body_ends(world& w) {
  const time_point due = now() + 20us;
  const auto body = [&]() -> task<int> {
    const counted frame;
    co_await sleep_until(due);
    co_await next_tick();
    co_return co_await w.hopping(1);
  };
  static_cast<void>(co_await with_deadline(due, body()));
}

task<> nested_deadlines(world& w) {
  const auto inner = [&w]() -> task<int> {
    const counted frame;
    static_cast<void>(co_await with_timeout(20us, w.waiting()));
    co_return co_await w.hopping(1);
  };
  const auto r = co_await with_timeout(1h, inner());
  EXPECT_EQ(r.value(), 1);
  static_cast<void>(co_await with_timeout(10us, with_timeout(20us, w.waiting())));
}

task<> a_timeout_around_a_cleanup(world& w) {
  static_cast<void>(co_await with_timeout(10us, w.cleaned(w.waiting(), 3)));
}

task<> many_timeouts_at_once(world& w) {
  const time_point due = now() + 20us;
  co_await with_task_group([&](task_group& g) -> task<> {
    for (int i = 0; i < 20; ++i) {
      g.spawn(
          [](world& in, time_point at) -> task<> {
            const counted frame;
            EXPECT_EQ((co_await with_deadline(at, in.waiting())).error(), errc::timed_out);
          },
          std::ref(w), due);
    }
    co_return;
  });
}

// ---- shield, finally, catch_stopped, ok ----

task<> a_shield(world& w) {
  EXPECT_EQ(co_await shield(w.hopping(3)), 3);
  co_await w.hopping(1);
}

task<> a_shield_with_everything_inside(world& w) {
  const auto inside = [&w]() -> task<> {
    const counted frame;
    EXPECT_EQ((co_await with_timeout(10us, w.waiting())).error(), errc::timed_out);
    static_cast<void>(co_await when_any(w.hopping(1), w.waiting()));
    co_await with_task_group([&w](task_group& g) -> task<> {
      g.spawn(&world::hopping, &w, 1);
      co_return;
    });
    EXPECT_FALSE(stop_requested());
  };
  co_await shield(inside());
}

task<> a_cleanup_after_a_value(world& w) {
  co_await w.cleaned(w.hopping(2), 2);
}

task<> a_cleanup_after_an_exception(world& w) {
  co_await w.cleaned(fails(w), 2);
}

task<> cleanups_in_cleanups(world& w) {
  const auto last = [&w] { return w.cleaned(w.hopping(1), 1); };
  co_await finally(w.cleaned(w.pausing(10us), 1), last);
}

task<> a_stop_that_is_caught(world& w) {
  const auto r = co_await catch_stopped(w.hopping(2));
  EXPECT_TRUE(r || stop_requested());
  co_await w.hopping(1);
}

task<result<int>> gives_an_error(world& w) {
  const counted frame;
  co_await w.hopping(1);
  co_return std::errc::io_error;
}
task<result<int>> is_left_with_it(world& w) {
  const counted frame;
  const int value = co_await ok(gives_an_error(w));
  ADD_FAILURE() << "not reached";
  co_return value;
}
task<> left_with_an_error(world& w) {
  const auto r = co_await is_left_with_it(w);
  EXPECT_EQ(r.error(), std::errc::io_error);
}

// ---- Locks ----

task<> a_lock_for_three(world& w) {
  static_cast<void>(co_await when_all(w.holding(0us), w.holding(10us), w.holding(0us)));
}

task<> a_lock_handed_to_one_being_cancelled(world& w) {
  const auto gives = [&w]() -> task<> {
    const counted frame;
    std::optional<mutex::guard> guard(co_await w.lock.lock());
    const auto next = spawn(&world::holding, &w, 0us);
    const auto after = spawn(&world::holding, &w, 0us);
    co_await shield(w.hopping(2));
    guard.reset();
    next.cancel();
    static_cast<void>(co_await next.join());
    static_cast<void>(co_await after.join());
  };
  co_await gives();
}

task<> a_lock_under_a_deadline(world& w) {
  const auto holder = spawn(&world::holding, &w, 30us);
  co_await next_tick();
  const auto guard = co_await with_timeout(10us, w.lock.lock());
  co_await holder;
}

task<> permits_for_four(world& w) {
  static_cast<void>(
      co_await when_all(w.permitted(10us), w.permitted(0us), w.permitted(10us), w.permitted(0us)));
}

task<> an_event_for_three(world& w) {
  const auto waits = [&w]() -> task<> {
    const counted frame;
    co_await w.go.wait();
    co_await next_tick();
  };
  const auto sets = [&w]() -> task<> {
    const counted frame;
    co_await next_tick();
    w.go.set();
  };
  static_cast<void>(co_await when_all(waits(), sets(), waits(), waits()));
}

task<> a_latch_for_two(world& w) {
  latch both(2);
  const auto counts = [&]() -> task<> {
    co_await w.hopping(1);
    both.count_down();
  };
  static_cast<void>(co_await when_all(counts(), both.wait(), counts()));
}

task<> a_deferred_for_two(world& w) {
  deferred<int> reply;
  const auto sets = [&]() -> task<> {
    co_await w.hopping(2);
    EXPECT_TRUE(reply.set(4));
  };
  static_cast<void>(co_await when_all(reply.wait(), sets(), reply.wait()));
}

// ---- Channels ----

task<> a_rendezvous(world& w) {
  static_cast<void>(co_await when_all(w.send(w.rendezvous, 1), w.receive(w.rendezvous)));
  static_cast<void>(co_await when_all(w.receive(w.rendezvous), w.send(w.rendezvous, 2)));
}

task<> a_buffered_channel(world& w) {
  const auto sends = [&w]() -> task<> {
    for (int i = 1; i <= 5; ++i) co_await w.send(w.buffer, i);
    w.buffer.close();
  };
  const auto receives = [&w]() -> task<> {
    const counted frame;
    while (const auto element = co_await w.buffer.receive()) w.received += *element;
  };
  static_cast<void>(co_await when_all(sends(), receives()));
}

task<> a_receiver_cancelled_as_it_gets_a_value(world& w) {
  const auto receiver = spawn(&world::receive, &w, std::ref(w.rendezvous));
  co_await shield(w.hopping(1));
  // (a stop ends the receiver first)
  static_cast<void>(co_await shield(with_timeout(20us, w.send(w.rendezvous, 7))));
  receiver.cancel();
  static_cast<void>(co_await receiver.join());
}

task<> a_sender_cancelled_as_it_is_received(world& w) {
  const auto sender = spawn(&world::send, &w, std::ref(w.rendezvous), 7);
  co_await shield(w.hopping(1));
  static_cast<void>(co_await shield(with_timeout(20us, w.receive(w.rendezvous))));
  sender.cancel();
  static_cast<void>(co_await sender.join());
}

task<> a_receive_under_a_deadline(world& w) {
  w.beside([](world& in) -> task<> {
    co_await in.pausing(20us);
    co_await in.send(in.rendezvous, 5);
  }(w));
  static_cast<void>(co_await with_timeout(20us, w.receive(w.rendezvous)));
}

task<> a_channel_closed_under_its_waiters(world& w) {
  const auto closes = [&w]() -> task<> {
    co_await w.hopping(2);
    w.rendezvous.close();
  };
  static_cast<void>(co_await when_all(w.receive(w.rendezvous), w.receive(w.rendezvous), closes()));
}

task<> two_producers_two_consumers(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    for (int p = 0; p < 2; ++p) {
      g.spawn(
          [](world& in) -> task<> {
            for (int i = 1; i <= 3; ++i) co_await in.send(in.buffer, i);
          },
          std::ref(w));
      g.spawn(
          [](world& in) -> task<> {
            for (int i = 1; i <= 3; ++i) co_await in.receive(in.buffer);
          },
          std::ref(w));
    }
    co_return;
  });
}

// ---- Generators ----

async_generator<int> numbers(world& w, int n) {
  const counted frame;
  for (int i = 1; i <= n; ++i) {
    co_await w.hopping(1);
    co_yield i;
  }
}

task<> a_generator(world& w) {
  auto g = numbers(w, 3);
  int sum = 0;
  while (const auto i = co_await g.next()) sum += *i;
  EXPECT_EQ(sum, 6);
}

task<> a_generator_stopped_by_a_deadline(world& w) {
  const auto slow = [](world& in) -> async_generator<int> {
    const counted frame;
    co_yield 1;
    co_await in.never.wait();
    co_yield 2;
  };
  auto g = slow(w);
  EXPECT_TRUE(co_await g.next());
  EXPECT_EQ((co_await with_timeout(10us, g.next())).error(), errc::timed_out);
  EXPECT_FALSE(co_await g.next());
}

// ---- The pool ----

task<> offloads_one(world&) {
  const auto job = [] { return 3; };
  EXPECT_EQ(co_await offload(job), 3);
}

task<> offloads_queued_and_running(world& w) {
  co_await with_task_group([&w](task_group& g) -> task<> {
    for (int i = 0; i < 3; ++i) {
      g.spawn(
          [](world&) -> task<> {
            const counted frame;
            const auto job = [] { return 1; };
            EXPECT_EQ(co_await offload(job), 1);
          },
          std::ref(w));
    }
    co_return;
  });
}

task<> an_offload_under_a_deadline(world&) {
  const auto job = [] {};
  static_cast<void>(co_await with_timeout(0ns, offload(job)));
}

// ---- run_on ----

task<> runs_on_its_own_runtime(world& w) {
  const auto there = [&w]() -> task<int> {
    const counted frame;
    co_return co_await w.hopping(2);
  };
  EXPECT_EQ(co_await run_on(w.rt, there), 2);
}

constexpr scenario table[] = {
    {"ADeepChain", a_deep_chain},
    {"EveryHop", every_hop},
    {"AnInterval", an_interval},
    {"SpawnedAndJoined", spawned_and_joined},
    {"SpawnedAndLeft", spawned_and_left},
    {"JoinedByTwo", joined_by_two},
    {"CancelsItsChildBeforeItBegins", cancels_its_child_before_it_begins},
    {"CancelsItsChildWhileItWaits", cancels_its_child_while_it_waits},
    {"CancelledByItsOwnChild", cancelled_by_its_own_child},
    {"Fails", fails, false, "on purpose"},
    {"Catches", catches},
    {"AGroupOfThree", a_group_of_three},
    {"NestedGroupsThreeDeep", nested_groups_three_deep},
    {"AGroupCancelledByASibling", a_group_cancelled_by_a_sibling},
    {"AGroupCancelledByATimer", a_group_cancelled_by_a_timer},
    {"AGroupCancelledByItsBody", a_group_cancelled_by_its_body},
    {"AGroupWhoseChildFails", a_group_whose_child_fails, false, "on purpose"},
    {"AChildThatIgnoresCancel", a_child_that_ignores_cancel},
    {"AGroupWithCleanups", a_group_with_cleanups},
    {"AGroupThatGrows", a_group_that_grows},
    {"SpawnsWhileUnwinding", spawns_while_unwinding},
    {"AllOfThree", all_of_three},
    {"AllWithAFailure", all_with_a_failure, false, "on purpose"},
    {"AllOfAVectorTwoAtATime", all_of_a_vector_two_at_a_time},
    {"AnyOfThree", any_of_three},
    {"AnyWithBothReady", any_with_both_ready},
    {"AnyWhoseLosersCleanUp", any_whose_losers_clean_up},
    {"AllInAnyInAll", all_in_any_in_all},
    {"ATimeoutInTime", a_timeout_in_time},
    {"ATimeoutThatExpires", a_timeout_that_expires},
    {"ATimeoutThatExpiresAsItsBodyEnds", a_timeout_that_expires_as_its_body_ends},
    {"NestedDeadlines", nested_deadlines},
    {"ATimeoutAroundACleanup", a_timeout_around_a_cleanup},
    {"ManyTimeoutsAtOnce", many_timeouts_at_once},
    {"AShield", a_shield},
    {"AShieldWithEverythingInside", a_shield_with_everything_inside},
    {"ACleanupAfterAValue", a_cleanup_after_a_value},
    {"ACleanupAfterAnException", a_cleanup_after_an_exception, false, "on purpose"},
    {"CleanupsInCleanups", cleanups_in_cleanups},
    {"AStopThatIsCaught", a_stop_that_is_caught},
    {"LeftWithAnError", left_with_an_error},
    {"ALockForThree", a_lock_for_three},
    {"ALockHandedToOneBeingCancelled", a_lock_handed_to_one_being_cancelled},
    {"ALockUnderADeadline", a_lock_under_a_deadline},
    {"PermitsForFour", permits_for_four},
    {"AnEventForThree", an_event_for_three},
    {"ALatchForTwo", a_latch_for_two},
    {"ADeferredForTwo", a_deferred_for_two},
    {"ARendezvous", a_rendezvous},
    {"ABufferedChannel", a_buffered_channel},
    {"AReceiverCancelledAsItGetsAValue", a_receiver_cancelled_as_it_gets_a_value},
    {"ASenderCancelledAsItIsReceived", a_sender_cancelled_as_it_is_received},
    {"AReceiveUnderADeadline", a_receive_under_a_deadline},
    {"AChannelClosedUnderItsWaiters", a_channel_closed_under_its_waiters},
    {"TwoProducersTwoConsumers", two_producers_two_consumers},
    {"AGenerator", a_generator},
    {"AGeneratorStoppedByADeadline", a_generator_stopped_by_a_deadline},
    {"OffloadsOne", offloads_one},
    {"OffloadsQueuedAndRunning", offloads_queued_and_running},
    {"AnOffloadUnderADeadline", an_offload_under_a_deadline},
    {"RunsOnItsOwnRuntime", runs_on_its_own_runtime},
};

class exhaustive_cancel : public ::testing::TestWithParam<case_of_table> {};
INSTANTIATE_TEST_SUITE_P(language, exhaustive_cancel, ::testing::ValuesIn(every_case(table)),
                         case_name);

TEST_P(exhaustive_cancel, NothingIsLeftLostOrDoneTwice) {
  RecordProperty("plays", static_cast<int>(play_all(*GetParam().what, GetParam().backend)));
}

}  // namespace
}  // namespace eddy::test
