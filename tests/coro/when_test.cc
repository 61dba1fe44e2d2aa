// docs/semantics.md, rules 9 and 26: when_all and when_any.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <eddy/coro/deferred.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class when : public coro_test {
 public:
  task<int> logging(std::string name, duration d, int value) {
    const noted end(log, name + " gone");
    log(name + " starts");
    co_await sleep_for(d);
    log(name + " ends");
    co_return value;
  }
  event never;
};
EDDY_TEST_ON_EVERY_BACKEND(when);

// ---- when_all ----

TEST_P(when, AllGivesTheResultsInTheOrderGiven) {
  run([&]() -> task<> {
    const auto [a, b, c] = co_await when_all(value_after(2ms, 1), sleep_for(1ms), value_now(3));
    static_assert(std::is_same_v<decltype(b), const std::monostate>);
    EXPECT_EQ(a, 1);
    EXPECT_EQ(c, 3);
  });
}

TEST_P(when, Rule09BranchesStartAsCallsInOrder) {
  run([&]() -> task<> {
    const auto here = tick();
    static_cast<void>(co_await when_all(logging("a", 2ms, 1), logging("b", 1ms, 2)));
    EXPECT_GT(tick(), here);
  });
  EXPECT_EQ(log.text(), "a starts > b starts > b ends > b gone > a ends > a gone");
}

TEST_P(when, AllOfWhatIsReadyEndsAtOnce) {
  run([&]() -> task<> {
    const auto [a, b] = co_await when_all(value_now(1), value_now(2));
    EXPECT_EQ(a + b, 3);
    EXPECT_EQ(tick(), 0u);
    static_cast<void>(co_await when_all());
  });
}

TEST_P(when, Rule26AllOnTheFirstExceptionTheOthersAreCancelledAndWaitedFor) {
  run([&]() -> task<> {
    log(co_await thrown_in(
        when_all(logging("a", 1h, 1), failing_after(1ms, "first"), never.wait())));
    EXPECT_EQ(counted::live, 0);
  });
  EXPECT_EQ(log.text(), "a starts > a gone > first");
}

TEST_P(when, Rule26AllAnExceptionInTheFirstStepEndsTheOthersBeforeTheyBegin) {
  run([&]() -> task<> {
    log(co_await thrown_in(when_all(failing_now("first"), logging("b", 1h, 2))));
  });
  EXPECT_EQ(log.text(), "first");
}

TEST_P(when, Rule26AllAskedFromOutsideTheWholeStopsWhereABranchWasStopped) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      static_cast<void>(co_await when_all(value_now(1), logging("b", 1h, 2)));
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "b starts > b gone > stopped");
}

TEST_P(when, Rule23ABranchThatCancelsItsTaskBeforeTheNextBeganKeepsItFromBeginning) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    const auto cancels = [&]() -> task<> {
      h->cancel();
      co_return;
    };
    const auto both = [&]() -> task<> {
      static_cast<void>(co_await when_all(cancels(), logging("b", 1h, 2)));
      log("not reached");
    };
    h = spawn(both);
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(when, Rule23InATaskThatIsStoppingAlreadyTheBranchesAreEnteredAndStopAtTheirSuspensions) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> h;
    const auto enters = [&]() -> task<> {
      h->cancel();
      const auto [a, b] = co_await when_all(value_now(1), value_now(2));
      log("values", static_cast<unsigned>(a + b));
      static_cast<void>(co_await when_all(logging("a", 1h, 1), logging("b", 1h, 2)));
      log("not reached");
    };
    h = spawn(enters);
    log(co_await end_of(*h));
  });
  EXPECT_EQ(log.text(), "values 3 > a starts > a gone > b starts > b gone > stopped");
}

TEST_P(when, Rule26AllAskedFromOutsideWhereEveryBranchFinishedTheTupleIsDelivered) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const auto [a, b] =
          co_await when_all(shield(value_after(1ms, 1)), shield(value_after(2ms, 2)));
      log("delivered", static_cast<unsigned>(a + b));
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "delivered 3 > stopped");
}

// ---- when_all of a vector ----

TEST_P(when, AllOfAVectorGivesTheValuesInTheOrderGiven) {
  run([&]() -> task<> {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(value_after((10 - i) * 100us, i));
    const std::vector<int> values = co_await when_all(std::move(tasks));
    EXPECT_EQ(values, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    std::vector<task<int>> none;
    EXPECT_TRUE((co_await when_all(std::move(none))).empty());
    std::vector<task<void>> of_void;
    of_void.push_back(settled());
    co_await when_all(std::move(of_void));
  });
}

TEST_P(when, AllOfAVectorRunsAtMostSoManyAtATime) {
  for (const std::size_t at_most : {1u, 3u, 10u, 100u}) {
    run([&]() -> task<> {
      std::size_t running = 0;
      std::size_t most = 0;
      std::vector<int> started;
      const auto one = [&](int i) -> task<int> {
        started.push_back(i);
        most = std::max(most, ++running);
        if (i % 3) co_await sleep_for(i % 2 ? 100us : 0us);
        --running;
        co_return i;
      };
      std::vector<task<int>> tasks;
      for (int i = 0; i < 10; ++i) tasks.push_back(one(i));
      const auto values = co_await when_all(std::move(tasks), at_most);
      EXPECT_EQ(values, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
      EXPECT_EQ(started, values) << "they start in order; at most " << at_most;
      EXPECT_LE(most, at_most);
      EXPECT_EQ(running, 0u);
    });
  }
}

TEST_P(when, AllOfAVectorWithLateAndAtOnceMixedNeverExceedsItsLimit) {
  run([&]() -> task<> {
    for (unsigned pattern = 0; pattern < 64; ++pattern) {
      std::size_t running = 0;
      std::vector<int> started;
      const auto one = [&](int i) -> task<> {
        started.push_back(i);
        EXPECT_LE(++running, 2u);
        if (pattern >> i & 1u) co_await next_tick();
        --running;
      };
      std::vector<task<>> tasks;
      for (int i = 0; i < 6; ++i) tasks.push_back(one(i));
      co_await when_all(std::move(tasks), 2);
      EXPECT_EQ(started, (std::vector<int>{0, 1, 2, 3, 4, 5})) << pattern;
    }
  });
}

TEST_P(when, Rule26AllOfAVectorOnAnExceptionTheRestIsNotStarted) {
  run([&]() -> task<> {
    std::vector<task<int>> tasks;
    tasks.push_back(logging("a", 1h, 1));
    tasks.push_back(failing_after(1ms, "boom"));
    tasks.push_back(logging("c", 1h, 3));
    tasks.push_back(logging("d", 1h, 4));
    log(co_await thrown_in(when_all(std::move(tasks), 2)));
  });
  EXPECT_EQ(log.text(), "a starts > a gone > boom");
}

TEST_P(when, Rule26AllOfAVectorAskedFromOutsideStops) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      std::vector<task<int>> tasks;
      for (int i = 0; i < 4; ++i)
        tasks.push_back(logging(std::string(1, static_cast<char>('a' + i)), 1h, i));
      static_cast<void>(co_await when_all(std::move(tasks), 2));
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "a starts > b starts > a gone > b gone > stopped")
      << "what had not begun never begins";
}

TEST_P(when, AllOfAVectorAtMostZeroAtATimeAborts) {
  EXPECT_DEATH(static_cast<void>(when_all(std::vector<task<int>>(), 0)), "eddy: when_all");
}

TEST_P(when, AllOfAVectorOfAHundredThousandEnds) {
  run([&]() -> task<> {
    std::vector<task<int>> at_once;
    std::vector<task<int>> late;
    for (int i = 0; i < 100'000; ++i) {
      at_once.push_back(value_now(i));
      late.push_back(value_after(0ns, i));
    }
    EXPECT_EQ((co_await when_all(std::move(at_once), 7)).size(), 100'000u);
    EXPECT_EQ((co_await when_all(std::move(late))).back(), 99'999);
  });
}

// ---- when_any ----

TEST_P(when, Rule26AnyTheFirstEndWinsAndTheRestIsCancelledAndWaitedFor) {
  run([&]() -> task<> {
    const auto [a, b, c] =
        co_await when_any(logging("a", 1h, 1), value_after(1ms, 2), sleep_for(1h));
    EXPECT_FALSE(a);
    EXPECT_EQ(b, 2);
    EXPECT_FALSE(c);
    log("any");
  });
  EXPECT_EQ(log.text(), "a starts > a gone > any");
}

TEST_P(when, Rule26AnyWhatEndsInItsFirstStepKeepsTheRestFromStarting) {
  run([&]() -> task<> {
    const auto [a, b] = co_await when_any(value_now(1), logging("b", 1h, 2));
    EXPECT_EQ(a, 1);
    EXPECT_FALSE(b);
  });
  EXPECT_EQ(log.text(), "");
}

TEST_P(when, Rule26AnyOfTwoThatAreDueInTheSameTickTheFirstStartedWinsAlone) {
  run([&]() -> task<> {
    const time_point due = now() + 1ms;
    const auto [a, b] = co_await when_any(sleep_until(due), sleep_until(due));
    EXPECT_TRUE(a);
    EXPECT_FALSE(b);
  });
}

TEST_P(when, Rule19AnyWithBothReadyInTheKernelTheLosersBytesAreThereToo) {
  stream_pair one(rt());
  stream_pair other(rt());
  run([&]() -> task<> {
    one.say("1");
    other.say("22");
    co_await immediate();
    const auto [a, b] = co_await when_any(one.read(), other.read());
    EXPECT_EQ(a, 1);
    // Either it was reported, or its bytes are still in the stream: never lost.
    EXPECT_EQ((b ? std::string(other.buffer, static_cast<std::size_t>(*b)) : std::string()) +
                  other.hear(),
              "22");
  });
}

TEST_P(when, Rule26AnyAnExceptionIsRethrownBeforeOrAfterTheWinner) {
  run([&]() -> task<> {
    log(co_await thrown_in(when_any(failing_after(1ms, "first"), logging("b", 1h, 2))));
    const auto failing_cleanup = []() -> task<> {
      throw std::runtime_error("after the winner");
      co_return;
    };
    log(co_await thrown_in(when_any(value_after(1ms, 1), finally(never.wait(), failing_cleanup))));
  });
  EXPECT_EQ(log.text(), "b starts > b gone > first > after the winner");
}

TEST_P(when, Rule26AnyCancelledFromOutsideStopsWhereNothingHasAValue) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      static_cast<void>(co_await when_any(never.wait(), logging("b", 1h, 2)));
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "b starts > b gone > stopped");
}

TEST_P(when, Rule26AnyCancelledFromOutsideDeliversWhereOneHasAValue) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const auto [a, b] = co_await when_any(never.wait(), shield(value_after(1ms, 2)));
      EXPECT_FALSE(a);
      EXPECT_EQ(b, 2);
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "delivered > stopped");
}

TEST_P(when, AnyALockThatTheLoserWasHandedIsThereOrFree) {
  run([&]() -> task<> {
    mutex m;
    auto held = m.try_lock();
    event both;
    const auto h = spawn([&]() -> task<> {
      auto [locked, woken] = co_await when_any(m.lock(), both.wait());
      EXPECT_TRUE(locked);
      EXPECT_FALSE(m.try_lock());
    });
    co_await settled();
    held.reset();  // handed over, and then the other one: both are ready
    both.set();
    co_await h;
    EXPECT_TRUE(m.try_lock());
  });
}

TEST_P(when, CombinatorsNestATenThousandDeep) {
  struct nest {
    static task<int> in_any(int depth, event& wait) {
      const counted frame;
      if (!depth) {
        co_await wait.wait();
        co_return 1;
      }
      const auto [a, b] = co_await when_any(in_any(depth - 1, wait), sleep_for(1h));
      co_return a ? *a + 1 : 0;
    }
    static task<int> in_all(int depth, event& wait) {
      const counted frame;
      if (!depth) {
        co_await wait.wait();
        co_return 1;
      }
      const auto [a, b] = co_await when_all(in_all(depth - 1, wait), next_tick());
      co_return a + 1;
    }
  };
  run([&]() -> task<> {
    for (const auto nested : {&nest::in_any, &nest::in_all}) {
      event go;
      const auto one = spawn(nested, 10'000, std::ref(go));
      co_await settled();
      go.set();
      EXPECT_EQ(co_await one, 10'001);
      const auto other = spawn(nested, 10'000, std::ref(never));
      co_await sleep_for(1ms);
      other.cancel();
      EXPECT_TRUE((co_await other.join()).stopped());
      EXPECT_EQ(counted::live, 0);
    }
  });
}

TEST_P(when, ResultsThatAreOnlyMovedPass) {
  run([&]() -> task<> {
    const auto make = [](int i) -> task<std::unique_ptr<int>> {
      co_return std::make_unique<int>(i);
    };
    auto [a, b] = co_await when_all(make(1), make(2));
    EXPECT_EQ(*a + *b, 3);
    auto [c, d] = co_await when_any(make(4), make(5));
    EXPECT_EQ(**c, 4);
    std::vector<task<std::unique_ptr<int>>> tasks;
    tasks.push_back(make(6));
    const auto values = co_await when_all(std::move(tasks));
    EXPECT_EQ(*values[0], 6);
    deferred<int> reference;
    reference.set(7);
    const auto [e] = co_await when_all(reference.wait());
    EXPECT_EQ(e, 7);
  });
}

}  // namespace
}  // namespace eddy::test
