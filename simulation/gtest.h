// EXPECT_ and ASSERT_ of GoogleTest inside a run of simulate() fail that run, which is then made small
// and reported; and the test's name is the simulation's. Include it in any file of the test program.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>

#include <eddy/simulation/detail/test_hooks.h>
#include <eddy/simulation/simulate.h>

namespace eddy::detail {

/// While it lives, what GoogleTest would report is told to the run.
class expectations final : public ::testing::ScopedFakeTestPartResultReporter {
 public:
  expectations() : ScopedFakeTestPartResultReporter(INTERCEPT_ONLY_CURRENT_THREAD, &nowhere_) {}

  void ReportTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    expectation_failed(result.file_name() ? result.file_name() : "", result.line_number(),
                       result.message());
  }

 private:
  ::testing::TestPartResultArray nowhere_;
};

inline std::string gtest_name() {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  return test ? std::string(test->test_suite_name()) + "." + test->name() : "";
}

inline constexpr test_hooks gtest_hooks = {
    &gtest_name,
    [] {
      const std::string name = gtest_name();
      return name.empty() ? name : "--gtest_filter=" + name;
    },
    []() -> void* { return new expectations; },
    [](void* e) noexcept { delete static_cast<expectations*>(e); },
};

inline const bool gtest_hooked = (installed_test_hooks = &gtest_hooks, true);

}  // namespace eddy::detail
