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

TEST_P(deferring, AFailureWithoutAnExceptionAborts) {
  deferred<int> d;
  EXPECT_DEATH(d.fail(nullptr), "eddy: a deferred");
}

}  // namespace
}  // namespace eddy::test
