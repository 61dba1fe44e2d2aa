// Results that are checked (-Dcheck_results): an error that nobody has looked at is told, once for each
// place. This file alone is built so, with a result.cc of its own.
#include <string>
#include <system_error>
#include <utility>

#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/result.h>

#include <gtest/gtest.h>

#ifndef EDDY_CHECK_RESULTS
#error "this test is about results that are checked"
#endif

namespace eddy::test {
namespace {

/// What `f` leaves on stderr.
template <class F>
std::string said_by(F f) {
  testing::internal::CaptureStderr();
  f();
  return testing::internal::GetCapturedStderr();
}
/// An error of its own each time: what is told once is not told again.
result<int> next_error() {
  static int code = 1000;
  return std::error_code(++code, std::generic_category());
}
constexpr const char* told = "eddy: an error is dropped that nobody has looked at: ";

TEST(checked_result, AnErrorThatNobodyLooksAtIsTold) {
  EXPECT_EQ(said_by([] { static_cast<void>(next_error()); }).find(told), 0u);
  EXPECT_EQ(said_by([] { static_cast<void>(result<void>(std::errc::io_error)); }),
            std::string(told) + "Input/output error\n");
  EXPECT_EQ(said_by([] { static_cast<void>(result<std::string>(errc::closed)); }),
            std::string(told) + "closed\n");
}

TEST(checked_result, ItIsToldOnce) {
  const auto drops = [] { static_cast<void>(result<void>(std::errc::bad_message)); };
  EXPECT_NE(said_by(drops), "");
  EXPECT_EQ(said_by(drops), "");
}

TEST(checked_result, WhoeverLooksInAnyWayHasLooked) {
  EXPECT_EQ(said_by([] {
              if (next_error()) FAIL();
              EXPECT_FALSE(next_error().has_value());
              EXPECT_TRUE(next_error().error());
              EXPECT_EQ(next_error().value_or(3), 3);
              const result<int> named = next_error();
              EXPECT_EQ(named.value_or(3), 3);
              EXPECT_THROW(static_cast<void>(next_error().value()), std::system_error);
              EXPECT_THROW(result<void>(errc::closed).value(), std::system_error);
              EXPECT_FALSE(result<void>(errc::closed));
            }),
            "");
}

TEST(checked_result, AValueIsNoError) {
  EXPECT_EQ(said_by([] {
              static_cast<void>(result<int>(3));
              static_cast<void>(result<void>());
              result<std::string> text("a");
              text = result<std::string>("b");
            }),
            "");
}

TEST(checked_result, WhatIsCopiedOrMovedTellsWhereItEnds) {
  EXPECT_EQ(said_by([] {
              result<int> a = next_error();
              result<int> b = a;
              result<int> c = std::move(b);
              result<long> d = c;  // (converted: c was looked at)
              EXPECT_FALSE(d);
            }),
            "");
  const std::string said = said_by([] {
    result<std::string> a = errc::timed_out;
    result<std::string> b = std::move(a);
    result<std::string> c("c");
    c = std::move(b);
  });
  EXPECT_EQ(said, std::string(told) + "timed out\n");
  EXPECT_NE(said_by([] {
              result<int> a = next_error();
              a = 3;  // over an error that nobody has looked at
            }),
            "");
}

task<result<void>> fails(std::errc with) {
  co_return with;
}

TEST(checked_result, ThePlaceIsTheAwaitThatHasGivenIt) {
  int line = 0;
  const std::string said = said_by([&] {
    run([&]() -> task<void> {
      line = __LINE__ + 1;
      static_cast<void>(co_await fails(std::errc::broken_pipe));
      EXPECT_FALSE(co_await fails(std::errc::broken_pipe));
      for (int i = 0; i < 3; ++i) static_cast<void>(co_await fails(std::errc::file_exists));
    });
  });
  const auto after = [&](int l) {
    return " (after checked_result_test.cc:" + std::to_string(l) + ")\n";
  };
  EXPECT_EQ(said, told + ("Broken pipe" + after(line)) + told + ("File exists" + after(line + 2)));
}

}  // namespace
}  // namespace eddy::test
