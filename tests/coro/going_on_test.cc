// docs/semantics.md, rule 33: what goes on after a stop, or in a chain that is stopping, counts
// against the budget: a loop around it holds up nothing.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class going_on : public coro_test {
 public:
  static constexpr unsigned budget = 8;

  void SetUp() override {
    coro_test::SetUp();
    runtime_options options;
    options.callback_budget = budget;
    make(options);
  }

  /// Goes round until somebody else has had a turn, or for far too long.
  template <class Round>
  task<> rounds(Round round) {
    const counted frame;
    while (!others_had_a_turn && count < 1000 * budget) {
      ++count;
      static_cast<void>(co_await round());
    }
  }
  /// No loop around `round` in a task that was cancelled holds up the check phase of its tick.
  template <class Round>
  void in_a_stopping_task(Round round) {
    in(true, [this, round]() -> task<> { co_await rounds(round); });
  }
  template <class Round>
  void in_a_task(Round round) {
    in(false, [this, round]() -> task<> { co_await rounds(round); });
  }
  template <class Body>
  void in(bool stopping, Body body) {
    others_had_a_turn = false;
    count = 0;
    run([&]() -> task<> {
      co_await sleep_for(0ns);
      rt().set_immediate([this] { others_had_a_turn = true; });
      std::optional<join_handle<void>> h;
      h = spawn([&]() -> task<> {
        if (stopping) h->cancel();
        co_await body();
      });
      static_cast<void>(co_await h->join());
    });
    EXPECT_TRUE(others_had_a_turn) << count << " rounds";
    EXPECT_LE(count, 2 * budget);
    EXPECT_GE(count, 2u) << "it goes on all the same";
  }

  static task<> sleeps() {
    const counted frame;
    co_await sleep_for(1h);
  }
  static task<result<int>> good_now() { co_return 1; }
  static task<> nothing() { co_return; }

  bool others_had_a_turn = false;
  unsigned count = 0;
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(going_on);

TEST_P(going_on, Rule33AfterCatchStopped) {
  in_a_stopping_task([] { return catch_stopped(sleeps()); });
  in_a_stopping_task([] { return catch_stopped(sleep_for(1h)); });
  in_a_stopping_task([] { return catch_stopped(next_tick()); });
  in_a_stopping_task([this] { return catch_stopped(never.wait()); });
  in_a_stopping_task([] { return catch_stopped(value_now(1)); });
}

TEST_P(going_on, Rule33AfterAScopeThatWasStopped) {
  in_a_stopping_task([] { return catch_stopped(with_timeout(1h, sleeps())); });
  in_a_stopping_task([] { return catch_stopped(when_all(sleeps(), sleeps())); });
  in_a_stopping_task([] { return catch_stopped(when_any(sleeps(), sleeps())); });
  in_a_stopping_task([] {
    std::vector<task<>> all;
    all.push_back(sleeps());
    return catch_stopped(when_all(std::move(all)));
  });
  in_a_stopping_task([] { return catch_stopped(catch_stopped(sleeps())); });
  in_a_stopping_task([] {
    const auto body = [](task_group& g) -> task<> {
      g.spawn(sleeps());
      co_await sleeps();
    };
    return catch_stopped(with_task_group(body));
  });
}

TEST_P(going_on, Rule33AfterAJoinThatWasStopped) {
  in(true, [this]() -> task<> {
    const auto child = spawn([this]() -> task<> { co_await never.wait(); });
    co_await rounds([&] { return catch_stopped(child.join()); });
    never.set();
  });
}

TEST_P(going_on, Rule33AfterAGeneratorThatWasNotBegun) {
  in(true, [this]() -> task<> {
    const auto ones = []() -> async_generator<int> {
      while (true) co_yield 1;
    };
    auto values = ones();
    co_await rounds([&] { return catch_stopped(values.next()); });
  });
}

TEST_P(going_on, Rule33AfterAShieldThatEndsAtOnce) {
  in_a_stopping_task([] { return shield(value_now(1)); });
  in_a_stopping_task([] { return shield(catch_stopped(value_now(1))); });
}

TEST_P(going_on, Rule33AfterACleanupThatEndsAtOnce) {
  in_a_stopping_task([] { return finally(value_now(1), nothing); });
  in_a_stopping_task([] { return catch_stopped(finally(sleeps(), nothing)); });
}

TEST_P(going_on, Rule33AfterScopesThatEndAtOnceInAStoppingTask) {
  in_a_stopping_task([] { return with_timeout(1h, value_now(1)); });
  in_a_stopping_task([] { return ok(good_now()); });
  in_a_stopping_task([] { return when_all(value_now(1), value_now(2)); });
  in_a_stopping_task([] { return when_any(value_now(1), value_now(2)); });
  in_a_stopping_task([] {
    const auto body = [](task_group&) -> task<> { co_return; };
    return with_task_group(body);
  });
}

TEST_P(going_on, Rule33AfterAStopOfItsOwnInATaskThatIsNotStopping) {
  in_a_task([] {
    const auto body = [](task_group& g) -> task<> {
      g.cancel();
      co_await sleeps();
    };
    return with_task_group(body);
  });
  in_a_task([] { return when_any(sleeps(), value_now(1)); });
}

TEST_P(going_on, Rule33InsideAShieldAndACleanup) {
  const auto stops_its_own = [] {
    const auto body = [](task_group& g) -> task<> {
      g.cancel();
      co_await sleeps();
    };
    return with_task_group(body);
  };
  in(true, [&]() -> task<> { co_await shield(rounds(stops_its_own)); });
  event set;
  set.set();
  const auto awaits_what_is_there = [&] { return set.wait(); };
  in(true, [&]() -> task<> { co_await shield(rounds(awaits_what_is_there)); });
  in(true, [&]() -> task<> {
    const auto cleanup = [&]() -> task<> { co_await rounds(awaits_what_is_there); };
    co_await finally(sleeps(), cleanup);
  });
}

TEST_P(going_on, Rule33AtTheEndOfEverythingToo) {
  others_had_a_turn = false;
  count = 0;
  const auto body = [&]() -> task<> {
    co_await catch_stopped(never.wait());
    log("asked by force");
    rt().set_immediate([&] { others_had_a_turn = true; });
    co_await rounds([&] { return catch_stopped(never.wait()); });
  };
  EXPECT_THROW(run([&]() -> task<> { co_await shield(body()); }), deadlock);
  EXPECT_TRUE(others_had_a_turn);
  EXPECT_LE(count, 2 * budget);
  EXPECT_EQ(log.text(), "asked by force");
}

TEST_P(going_on, Rule33WhatItCaughtIsDeliveredInItsTurn) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      const counted frame;
      h->cancel();
      for (unsigned i = 0; i < 3 * budget; ++i) {
        EXPECT_EQ(co_await shield(value_now(7)), 7);
        EXPECT_EQ(co_await catch_stopped(sleeps()), std::nullopt);
        const auto [one, other] = co_await when_any(value_now(1), sleeps());
        EXPECT_TRUE(one == 1 && !other);
      }
      log("all rounds");
      co_await next_tick();
      log("not reached");
    });
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "all rounds > stopped");
}

}  // namespace
}  // namespace eddy::test
