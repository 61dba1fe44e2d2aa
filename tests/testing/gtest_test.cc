// <eddy/testing/gtest.h>: what passes here, and what a program of failing tests says.
#include <eddy/testing/gtest.h>

#include <array>
#include <cstdio>
#include <set>
#include <string>

#include <sys/wait.h>

#include <eddy/eddy.h>

// (As many programs do: GoogleTest's own namespace stays what it is.)
using namespace eddy;
using namespace std::chrono_literals;

namespace {

static_assert(std::is_class_v<testing::Test>);

task<std::string> text() {
  co_await yield();
  co_return std::string(100, 'x');
}

EDDY_TEST(Body, IsATask) {
  EXPECT_EQ(co_await text(), std::string(100, 'x')) << "some more";
  ASSERT_EQ(co_await text(), std::string(100, 'x')) << "some more";
  ASSERT_TRUE((co_await text()).ends_with('x'));
  ASSERT_NO_THROW(std::ignore = co_await text());
  const auto throws = []() -> task<> {
    co_await yield();
    throw std::runtime_error("on purpose");
  };
  ASSERT_THROW(co_await throws(), std::runtime_error);
}

EDDY_TEST(Body, HasNothingButAnAssertion) {
  ASSERT_EQ(co_await text(), std::string(100, 'x'));
}

EDDY_TEST(Body, RunsOnTheBackendThatItsNameSays) {
  co_await yield();
  const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
  const bool uring = runtime::current().backend() == backend_kind::io_uring;
  EXPECT_TRUE(name.ends_with(uring ? "/io_uring" : "/epoll")) << name;
}

EDDY_TEST(Body, EndsWhenNothingIsPending) {
  spawn(sleep_for(1ms));
  spawn_background(sleep_for(1h));
  co_return;
}

EDDY_TEST(Body, MayHaveADeadlineOfItsOwn, 1min) {
  co_await sleep_for(1ms);
}

EDDY_TEST(Body, MayHaveNone, std::chrono::hours::max()) {
  co_await sleep_for(1ms);
}

class Fixture : public testing::Test {
 protected:
  void SetUp() override { number = 7; }
  void TearDown() override { EXPECT_EQ(number, 8); }
  int number = 0;
};
EDDY_TEST_F(Fixture, IsSeenByTheBody) {
  co_await yield();
  ASSERT_EQ(number, 7);
  ++number;
}

// ---- What fails ----

struct end_of_program {
  std::string said;
  int status = 0;
  bool says(const std::string& what) const { return said.find(what) != std::string::npos; }
};

/// Runs some of the failing tests in a process of their own.
end_of_program run_failing(const std::string& filter, const std::string& environment = "") {
  const std::string command = "EDDY_TEST_BACKENDS=io_uring,epoll " + environment +
                              " ASAN_OPTIONS=detect_leaks=0 " FAILING_PROGRAM
                              " --gtest_color=no --gtest_filter='" +
                              filter + "' 2>&1";
  end_of_program end;
  std::FILE* output = ::popen(command.c_str(), "r");
  EXPECT_TRUE(output);
  std::array<char, 4096> part;
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), output))
    end.said.append(part.data(), n);
  end.status = ::pclose(output);
  return end;
}

class Failing : public testing::TestWithParam<std::string> {
 protected:
  end_of_program run_on_this(const std::string& name, const std::string& environment = "") {
    return run_failing(name + "/" + GetParam(), environment);
  }
  std::string place() const { return "on " + GetParam() + "\n"; }
};
INSTANTIATE_TEST_SUITE_P(On, Failing, testing::ValuesIn(detail::test_backends()),
                         [](const auto& one) { return one.param; });

TEST_P(Failing, AnExpectationSaysWhereItWasAndGoesOn) {
  const end_of_program end = run_on_this("failing.AnExpectationGoesOn");
  EXPECT_NE(end.status, 0);
  EXPECT_TRUE(end.says("failing_program.cc:21: Failure")) << end.said;
  EXPECT_TRUE(end.says("some more")) << end.said;
  EXPECT_TRUE(end.says(place())) << end.said;
  EXPECT_TRUE(end.says("it went on")) << end.said;
}

TEST_P(Failing, AnAssertionEndsTheTestFromWhereverItIs) {
  for (const std::string name :
       {"failing.AnAssertionEndsTheTest", "failing.AnAssertionInATaskThatGivesAValue",
        "failing.AnAssertionInASpawnedTask"}) {
    const end_of_program end = run_on_this(name);
    EXPECT_NE(end.status, 0);
    EXPECT_TRUE(end.says(place())) << end.said;
    EXPECT_TRUE(end.says("[  FAILED  ] 1 test")) << end.said;
    EXPECT_FALSE(end.says("never printed")) << end.said;
    EXPECT_FALSE(end.says("exception")) << end.said;  // (it is told once, as a failure)
  }
}

TEST_P(Failing, ExceptionsDeadlocksAndStopsAreFailures) {
  const end_of_program exception = run_on_this("failing.AnException");
  EXPECT_NE(exception.status, 0);
  EXPECT_TRUE(
      exception.says("an exception came out of the test: std::runtime_error: from the body"))
      << exception.said;
  EXPECT_TRUE(exception.says(place())) << exception.said;
  const end_of_program deadlock = run_on_this("failing.ADeadlock");
  EXPECT_NE(deadlock.status, 0);
  EXPECT_TRUE(deadlock.says("event::wait at failing_program.cc:")) << deadlock.said;
  EXPECT_TRUE(deadlock.says(place())) << deadlock.said;
  const end_of_program stop = run_on_this("failing.AStop");
  EXPECT_NE(stop.status, 0);
  EXPECT_TRUE(stop.says("the task was stopped")) << stop.said;
}

TEST_P(Failing, WhatIsLateIsStoppedAndSaysWhatItWaitsFor) {
  const end_of_program sleeps = run_on_this("late.Sleeps");
  EXPECT_TRUE(WIFEXITED(sleeps.status) && WEXITSTATUS(sleeps.status) == 1) << sleeps.said;
  EXPECT_TRUE(sleeps.says("has not ended within 0.03 s")) << sleeps.said;
  EXPECT_TRUE(sleeps.says("main: sleep at failing_program.cc:")) << sleeps.said;
  EXPECT_TRUE(sleeps.says(place())) << sleeps.said;
  EXPECT_FALSE(sleeps.says("never printed")) << sleeps.said;
  const end_of_program behind = run_on_this("late.LeavesATaskBehind");
  EXPECT_TRUE(WIFEXITED(behind.status) && WEXITSTATUS(behind.status) == 1) << behind.said;
  EXPECT_TRUE(behind.says("a spawned task: sleep")) << behind.said;
  const end_of_program all = run_on_this("late.ByTheEnvironment", "EDDY_TEST_DEADLINE=0.02");
  EXPECT_TRUE(all.says("has not ended within 0.02 s")) << all.said;
}

TEST_P(Failing, WhatBlocksTheLoopEndsTheProgram) {
  const end_of_program end = run_on_this("stuck.BlocksTheLoop");
  EXPECT_NE(end.status, 0);
  EXPECT_TRUE(end.says("eddy: on " + GetParam() + " the test blocks the loop")) << end.said;
}

TEST_P(Failing, ASkipIsOne) {
  const end_of_program end = run_on_this("skipped.InTheMiddle");
  EXPECT_EQ(end.status, 0) << end.said;
  EXPECT_TRUE(end.says("[  SKIPPED ] 1 test")) << end.said;
  EXPECT_FALSE(end.says("never printed")) << end.said;
}

TEST(FailingProgram, OrdinaryTestsOfTheFileEndByTheirAssertionsToo) {
  const end_of_program end = run_failing("ordinary.*");
  EXPECT_NE(end.status, 0);
  EXPECT_TRUE(end.says("in a function")) << end.said;
  EXPECT_FALSE(end.says("never printed")) << end.said;
  EXPECT_FALSE(end.says("exception")) << end.said;
}

TEST(FailingProgram, TheEnvironmentChoosesTheBackends) {
  const auto lists = [](const std::string& chosen) {
    const end_of_program end =
        run_failing("failing.ADeadlock*", "EDDY_TEST_BACKENDS=" + chosen + " ");
    return std::set<std::string>{end.says("ADeadlock/io_uring") ? "io_uring" : "",
                                 end.says("ADeadlock/epoll") ? "epoll" : "",
                                 end.says("no backend is called other") ? "other" : ""};
  };
  EXPECT_EQ(lists("epoll"), (std::set<std::string>{"", "epoll"}));
  EXPECT_EQ(lists("io_uring"), (std::set<std::string>{"", "io_uring"}));
  EXPECT_EQ(lists("epoll,io_uring,other"), (std::set<std::string>{"io_uring", "epoll", "other"}));
  EXPECT_EQ(lists("simulation"), (std::set<std::string>{""}));
}

}  // namespace
