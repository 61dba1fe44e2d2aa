// always, unreachable, sometimes, reachable: in a run, at the end of all runs, and where nothing is
// simulated.
#include <eddy/simulation/assert.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include <eddy/simulation/simulate.h>

#include "tests/support/temporary_directory.h"

namespace eddy {
namespace {

class Assertions : public testing::Test {
 protected:
  Assertions() { setenv("EDDY_SIMULATION_KEEP", folder_.path().c_str(), 1); }
  ~Assertions() override { unsetenv("EDDY_SIMULATION_KEEP"); }

  test::temporary_directory folder_;
};

template <class F>
std::string reason_of(const simulate_options& options, F f) {
  try {
    simulate(options, f);
  } catch (const simulation_failure& e) {
    return e.reason();
  }
  return "none";
}

TEST_F(Assertions, ThatAreBrokenFailTheRunWithTextAndPlace) {
  try {
    simulate([](simulation& sim) {
      always(sim.choose(10, "x") < 4, "x is small");
      always(false, sim.choose(2, "y") ? "the second" : "counts no more");
    });
    FAIL();
  } catch (const simulation_failure& e) {
    EXPECT_EQ(e.reason(), "always: counts no more");
    EXPECT_EQ(e.seed(), 0U);
    EXPECT_NE(std::string(e.what()).find("assert_test.cc:"), std::string::npos) << e.what();
  }
  EXPECT_EQ(reason_of({}, [](simulation&) { unreachable("nobody comes here"); }),
            "unreachable: nobody comes here");
  EXPECT_EQ(reason_of({}, [](simulation& sim) { always(sim.choose(10, "x") < 4, "x is small"); }),
            "always: x is small");
}

TEST_F(Assertions, OfSometimesAreCountedInRuns) {
  std::uint64_t runs = 0;
  const simulation_report report = simulate({.seeds = 50}, [&](simulation& sim) {
    const bool seven = sim.choose(8, "x") == 7;
    for (int i = 0; i < 3; ++i) sometimes<"seven">(seven);
    runs += seven;
    if (!seven) reachable<"another number">();
  });
  EXPECT_EQ(report.runs, 51U);
  EXPECT_GT(report.counted("seven"), 0U);
  EXPECT_GT(report.counted("another number"), report.counted("seven"));
  EXPECT_EQ(report.counted("nothing"), 0U);
}

TEST_F(Assertions, CountARunOnceWhereItIsRepeated) {
  simulate_options options;
  options.check_every = 2;
  const auto report = simulate(options, [](simulation&) { sometimes<"there is a run">(true); });
  EXPECT_EQ(report.counted("there is a run"), report.runs);
}

TEST_F(Assertions, OfSometimesMustHoldInOneRunOfAHundred) {
  const auto never = [](simulation& sim) { sometimes<"never true">(sim.choose(3, "x") > 2); };
  EXPECT_EQ(reason_of({}, never), "sometimes: never true");
  EXPECT_EQ(reason_of({.jobs = 2}, never), "sometimes: never true");
  EXPECT_EQ(reason_of({.seeds = 98}, never), "none");
  EXPECT_EQ(reason_of({}, [](simulation& sim) { sometimes<"true once">(sim.seed() == 100); }),
            "none");
}

TEST_F(Assertions, OfRatesMustComeTrueInOneRunOfAHundred) {
  EXPECT_EQ(reason_of({}, [](simulation& sim) { sim.rate(fault::loss, 0.5); }), "rate: loss");
  EXPECT_EQ(reason_of({}, [](simulation& sim) { sim.rate(fault::loss, 0); }), "none");
}

TEST(AssertionsDeathTest, AbortOutsideOfASimulation) {
  always(true, "fine");
  sometimes<"true once">(false);
  EXPECT_DEATH(always(false, "broken"), "eddy: always: broken \\(.*assert_test.cc:");
  EXPECT_DEATH(unreachable("reached"), "eddy: unreachable: reached \\(.*assert_test.cc:");
}

}  // namespace
}  // namespace eddy
