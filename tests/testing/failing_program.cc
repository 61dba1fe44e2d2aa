// Tests that fail, each in its own way: run by tests/testing/gtest_test.cc, which reads what is said.
#include <eddy/testing/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <eddy/eddy.h>

namespace {

using namespace std::chrono_literals;

eddy::task<int> two() {
  co_await eddy::yield();
  co_return 2;
}

EDDY_TEST(failing, AnExpectationGoesOn) {
  EXPECT_EQ(co_await two(), 3) << "some more";
  std::puts("it went on");
}

EDDY_TEST(failing, AnAssertionEndsTheTest) {
  ASSERT_EQ(co_await two(), 3) << "some more";
  std::puts("never printed");
}

eddy::task<int> asserts_inside() {
  const int number = co_await two();
  ASSERT_GT(number, 2);
  co_return number;
}

EDDY_TEST(failing, AnAssertionInATaskThatGivesAValue) {
  const int number = co_await asserts_inside();
  std::printf("never printed %d\n", number);
}

EDDY_TEST(failing, AnAssertionInASpawnedTask) {
  eddy::spawn([]() -> eddy::task<> {
    co_await eddy::yield();
    FAIL() << "in a spawned task";
  });
  co_await eddy::sleep_for(1h);
  std::puts("never printed");
}

EDDY_TEST(failing, AnException) {
  co_await eddy::yield();
  throw std::runtime_error("from the body");
}

EDDY_TEST(failing, ADeadlock) {
  eddy::event never;
  co_await never.wait();
}

EDDY_TEST(failing, AStop) {
  eddy::runtime::current().request_stop();
  co_await eddy::sleep_for(1h);
}

EDDY_TEST(late, Sleeps, 30ms) {
  co_await eddy::sleep_for(1h);
  std::puts("never printed");
}

EDDY_TEST(late, LeavesATaskBehind, 30ms) {
  eddy::spawn(eddy::sleep_for(1h));
  co_return;
}

EDDY_TEST(late, ByTheEnvironment) {
  co_await eddy::sleep_for(1h);
}

EDDY_TEST(stuck, BlocksTheLoop, 30ms) {
  co_await eddy::yield();
  for (volatile bool goes_on = true; goes_on;) {
  }
}

EDDY_TEST(skipped, InTheMiddle) {
  co_await eddy::yield();
  GTEST_SKIP() << "on purpose";
  std::puts("never printed");
}

TEST(ordinary, AnAssertionEndsTheTestFromAFunction) {
  const auto helper = [] { ASSERT_EQ(1, 2) << "in a function"; };
  helper();
  std::puts("never printed");
}

}  // namespace
