// deferred: a value that is set once, for any number of waiters.
#include <memory>
#include <string>

#include <eddy/coro/deferred.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class deferring : public coro_test {};
EDDY_TEST_ON_EVERY_BACKEND(deferring);

TEST_P(deferring, AllWaitersGetTheSameValueInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    deferred<std::string> d;
    const std::string* seen = nullptr;
    const auto waits = [&](std::string name) -> task<> {
      const std::string& value = co_await d.wait();
      EXPECT_TRUE(!seen || seen == &value) << "a reference to the one value";
      seen = &value;
      log(name + " " + value);
    };
    for (const char* name : {"a", "b"}) spawn(waits, std::string(name));
    co_await settled();
    EXPECT_TRUE(d.set("x"));
    EXPECT_FALSE(d.set("y"));
    EXPECT_FALSE(d.fail(std::make_exception_ptr(std::runtime_error("z"))));
    co_await settled();
    EXPECT_EQ(co_await d.wait(), "x");
  });
  EXPECT_EQ(log.text(), "a x > b x");
}

TEST_P(deferring, AFailureIsRethrownToEach) {
  run([&]() -> task<> {
    deferred<int> d;
    const auto early = spawn([&]() -> task<> { static_cast<void>(co_await d.wait()); });
    co_await settled();
    EXPECT_TRUE(d.fail(std::make_exception_ptr(std::runtime_error("failed"))));
    EXPECT_FALSE(d.set(1));
    log(co_await end_of(early));
    log(co_await thrown_in(d.wait()));
  });
  EXPECT_EQ(log.text(), "failed > failed");
}

TEST_P(deferring, Rule21ACancelledWaiterEndsInTheSameDrainAndTheOthersGoOn) {
  run([&]() -> task<> {
    deferred<std::unique_ptr<int>> d;
    const auto waits = [&]() -> task<int> { co_return *co_await d.wait(); };
    const auto a = spawn(waits);
    auto b = spawn(waits);
    co_await settled();
    a.cancel();
    co_await next_tick();
    EXPECT_TRUE(a.done());
    EXPECT_TRUE(d.set(std::make_unique<int>(3)));
    EXPECT_EQ(co_await b, 3);
    log(co_await end_of(a));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(deferring, Rule30DestroyedWithWaitersItAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([&]() -> task<> {
                 auto d = std::make_unique<deferred<int>>();
                 spawn(d->wait());
                 co_await settled();
                 d.reset();
               }),
               "eddy: .*destroyed");
}

// ---- take ----

TEST_P(deferring, TakeMovesTheValueOutForOneWaiter) {
  run([&]() -> task<> {
    deferred<std::unique_ptr<int>> before;
    const auto waits = spawn([&]() -> task<int> {
      const std::unique_ptr<int> mine = co_await before.take();
      co_return *mine;
    });
    co_await settled();
    EXPECT_TRUE(before.set(std::make_unique<int>(3)));
    EXPECT_FALSE(before.set(std::make_unique<int>(4)));
    EXPECT_EQ(co_await waits, 3);
    deferred<std::unique_ptr<int>> after;
    after.set(std::make_unique<int>(5));
    EXPECT_EQ(*co_await after.take(), 5);
    deferred<int> failed;
    failed.fail(std::make_exception_ptr(std::runtime_error("failed")));
    log(co_await thrown_in(failed.take()));
  });
  EXPECT_EQ(log.text(), "failed");
}

TEST_P(deferring, Rule19ATakeThatIsCancelledLeavesTheValueForAnother) {
  run([&]() -> task<> {
    deferred<std::unique_ptr<int>> d;
    const auto takes = [&]() -> task<int> { co_return *co_await d.take(); };
    const auto first = spawn(takes);
    co_await settled();
    first.cancel();
    log(co_await end_of(first));
    const auto second = spawn(takes);
    co_await settled();
    d.set(std::make_unique<int>(3));
    second.cancel();  // told, and not yet taken
    const auto third = spawn(takes);
    log(co_await end_of(second));
    EXPECT_EQ(co_await third, 3);
  });
  EXPECT_EQ(log.text(), "stopped > stopped");
}

TEST_P(deferring, ASecondWaiterBesideOrAfterATakeAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string said = "^eddy: take.. of a deferred is for one waiter";
  const auto with = [&](bool first_takes, bool second_takes, bool is_set) {
    return [=, this] {
      run([&]() -> task<> {
        deferred<int> d;
        if (is_set) d.set(1);
        const auto gets = [&](bool take) -> task<> {
          if (take) {
            static_cast<void>(co_await d.take());
          } else {
            static_cast<void>(co_await d.wait());
          }
        };
        spawn(gets, first_takes);
        co_await settled();
        spawn(gets, second_takes);
        co_await settled();
      });
    };
  };
  EXPECT_DEATH(with(true, true, false)(), said);
  EXPECT_DEATH(with(true, false, false)(), said);
  EXPECT_DEATH(with(false, true, false)(), said);
  EXPECT_DEATH(with(true, true, true)(), said);
  EXPECT_DEATH(with(true, false, true)(), said);
  with(false, true, true)();  // who has waited has its value
}

TEST_P(deferring, AFailureWithoutAnExceptionAborts) {
  deferred<int> d;
  EXPECT_DEATH(d.fail(nullptr), "eddy: a deferred");
}

}  // namespace
}  // namespace eddy::test
