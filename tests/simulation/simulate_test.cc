// simulate(): which runs there are, what fails, what is said of it, and how it is run again. Without
// hosts: the world's own choices are others' tests.
#include <eddy/simulation/simulate.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/simulation/assert.h>
#include <eddy/simulation/gtest.h>

#include "tests/support/temporary_directory.h"

namespace eddy {
namespace {

/// Recordings of failures go where they are removed; what the environment says holds for one test.
class Simulate : public testing::Test {
 protected:
  Simulate() {
    for (const char* name : {"EDDY_SEED", "EDDY_SEEDS", "EDDY_SIMULATION"}) unsetenv(name);
    setenv("EDDY_SIMULATION_KEEP", folder_.path().c_str(), 1);
  }
  ~Simulate() override {
    for (const char* name :
         {"EDDY_SEED", "EDDY_SEEDS", "EDDY_SIMULATION", "EDDY_SIMULATION_KEEP"}) {
      unsetenv(name);
    }
  }

  template <class F>
  static simulation_failure failure_of(const simulate_options& options, F f) {
    try {
      simulate(options, f);
    } catch (const simulation_failure& e) {
      return e;
    }
    return {"no failure", 0, 0, "none", ""};
  }

  test::temporary_directory folder_;
};

std::string text_in(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// ---- Runs ----

TEST_F(Simulate, RunsTheOrdinaryWorldAndThenEachSeed) {
  std::vector<std::uint64_t> seeds;
  std::vector<std::uint64_t> first;
  const simulation_report report =
      simulate({.seed = 10, .seeds = 5, .check_every = 0}, [&](simulation& sim) {
        seeds.push_back(sim.seed());
        first.push_back(sim.choose(1000, "x"));
      });
  EXPECT_EQ(seeds, (std::vector<std::uint64_t>{0, 10, 11, 12, 13, 14}));
  EXPECT_EQ(first[0], 0U);
  EXPECT_EQ(std::set<std::uint64_t>(first.begin(), first.end()).size(), 6U);
  EXPECT_EQ(report.runs, 6U);
  EXPECT_EQ(report.faults, 5U);
}

TEST_F(Simulate, IsTheSameEachTime) {
  const auto body = [](simulation& sim) {
    for (int i = 0; i < 20; ++i) sim.choose(7, "x");
  };
  const simulation_report one = simulate(body);
  const simulation_report two = simulate(body);
  EXPECT_EQ(one.hash, two.hash);
  EXPECT_EQ(one.runs, 101U);
  EXPECT_NE(simulate({.seed = 2}, body).hash, one.hash);
  EXPECT_EQ(simulate({.jobs = 3}, body).hash, one.hash);
  EXPECT_EQ(simulate({.jobs = 3}, body).runs, one.runs);
}

TEST_F(Simulate, RepeatsEachNthRun) {
  int calls = 0;
  simulate({.seeds = 20, .check_every = 5}, [&](simulation&) { ++calls; });
  EXPECT_EQ(calls, 21 + 5);
}

TEST_F(Simulate, PicksFromBothEndsOfARange) {
  std::set<int> down, up;
  std::set<duration> times;
  simulate([&](simulation& sim) {
    using namespace std::chrono_literals;
    const int d = sim.pick("down", between<int>{3, -2});
    const auto u = sim.pick("up", between<unsigned char>{254, 255});
    const duration t = sim.pick("time", {2s, 2s - 3ns});
    const std::int64_t wide = sim.pick("wide", {INT64_MIN, INT64_MAX});
    if (!sim.seed()) {
      EXPECT_EQ(d, 3);
      EXPECT_EQ(t, 2s);
      EXPECT_EQ(wide, INT64_MIN);
    }
    down.insert(d);
    up.insert(u);
    times.insert(t);
  });
  EXPECT_EQ(down, (std::set<int>{-2, -1, 0, 1, 2, 3}));
  EXPECT_EQ(up, (std::set<int>{254, 255}));
  EXPECT_EQ(times.size(), 4U);
}

TEST_F(Simulate, LeavesTheOrdinaryWorldInEveryPlace) {
  std::multiset<std::string> runs;
  const simulation_report report = simulate({.at_most_faults = 2}, [&](simulation& sim) {
    std::string run;
    for (int i = 0; i < 3; ++i) run += std::to_string(sim.choose(3, "x"));
    runs.insert(run);
  });
  EXPECT_EQ(report.runs, 1U + 3 * 2 + 3 * 4);
  for (const char* run : {"000", "100", "002", "120", "021"}) EXPECT_GE(runs.count(run), 1U) << run;
  EXPECT_EQ(runs.count("111"), 0U);
}

TEST_F(Simulate, IsAFuzzersBytes) {
  const unsigned char bytes[] = {2, 1};
  std::string run;
  simulate({.check_every = 0, .bytes = bytes}, [&](simulation& sim) {
    for (int i = 0; i < 3; ++i) run += std::to_string(sim.choose(3, "x"));
  });
  EXPECT_EQ(run, "210");
}

// ---- Failures ----

void two_of_many(simulation& sim) {
  int bad = 0;
  for (int i = 0; i < 30; ++i) bad += sim.chance("coin", 0.3) ? 1 : 0;
  if (bad >= 2) sim.fail("two are too many");
}

TEST_F(Simulate, ShrinksAFailureToWhatMatters) {
  const simulation_failure failure = failure_of({.name = "coins"}, two_of_many);
  EXPECT_EQ(failure.seed(), 1U);
  EXPECT_EQ(failure.faults(), 2U);
  EXPECT_EQ(failure.reason(), "failed: two are too many");
  const std::string what = failure.what();
  EXPECT_EQ(what.find("eddy: simulation coins failed: seed 1, at 0.000 s\n"
                      "  failed: two are too many"),
            0U)
      << what;
  EXPECT_NE(what.find("simulate_test.cc:"), std::string::npos) << what;
  EXPECT_NE(what.find(" faults in 30 choices, shrunk in "), std::string::npos) << what;
  EXPECT_NE(
      what.find(" s) to 2:\n     0.000 s  -  coin\n     0.000 s  -  coin\n  again: EDDY_SEED=1 "),
      std::string::npos)
      << what;
  const std::string file = folder_.path() + "/coins-1.choices";
  EXPECT_NE(what.find("     short: EDDY_SIMULATION=" + file + " "), std::string::npos) << what;
  EXPECT_EQ(text_in(file), failure.recording());
}

TEST_F(Simulate, FailsFromItsRecordingEachTimeAlike) {
  const simulation_failure failure = failure_of({.name = "coins"}, two_of_many);
  setenv("EDDY_SIMULATION", (folder_.path() + "/coins-1.choices").c_str(), 1);
  for (int i = 0; i < 3; ++i) {
    const simulation_failure again = failure_of({.name = "coins"}, two_of_many);
    EXPECT_EQ(again.reason(), failure.reason());
    EXPECT_EQ(again.recording(), failure.recording());
  }
  EXPECT_EQ(failure_of({.name = "coins"}, [](simulation&) {}).reason(),
            "the recording does not fit: it has - coin #" +
                failure.recording().substr(
                    failure.recording().find('#') + 1,
                    failure.recording().find('=') - failure.recording().find('#') - 2) +
                " = 1 of 2 (line 4), and this run never comes to that choice");
}

TEST_F(Simulate, DoesNotSlideToAnotherFailure) {
  const simulation_failure failure = failure_of({}, [](simulation& sim) {
    const auto x = sim.choose(1000, "x");
    if (x > 500) sim.fail("large");
    if (x > 2) sim.fail("small");
  });
  const bool large = failure.reason() == "failed: large";
  EXPECT_NE(failure.recording().find(large ? "= 501 of" : "= 3 of"), std::string::npos)
      << failure.what();
}

TEST_F(Simulate, FailsByAnExceptionOfAnyType) {
  EXPECT_EQ(failure_of({}, [](simulation&) { throw std::runtime_error("broken"); }).reason(),
            "exception: std::runtime_error: broken");
  EXPECT_EQ(failure_of({}, [](simulation&) { throw 7; }).reason(),
            "exception: int, not a std::exception");
  EXPECT_EQ(failure_of({}, [](simulation&) { throw std::bad_alloc(); }).reason(),
            "exception: std::bad_alloc: std::bad_alloc");
  EXPECT_NE(std::string(failure_of({}, [](simulation&) { throw 7; }).what())
                .find("seed 0 (the ordinary world)"),
            std::string::npos);
}

TEST_F(Simulate, FailsByTheLowestSeedInAnyNumberOfProcesses) {
  const auto body = [](simulation& sim) {
    if (sim.choose(20, "x") == 7) sim.fail("seven");
  };
  const simulation_failure one = failure_of({}, body);
  const simulation_failure three = failure_of({.jobs = 3}, body);
  EXPECT_EQ(three.seed(), one.seed());
  EXPECT_EQ(three.recording(), one.recording());
}

TEST_F(Simulate, SaysWhichSeedEndedAProcess) {
  const simulation_failure failure = failure_of({.jobs = 2}, [](simulation& sim) {
    if (sim.seed() == 5) _exit(3);
  });
  EXPECT_EQ(failure.seed(), 5U);
  EXPECT_EQ(failure.reason(), "died: exit with 3 ended the process");
}

TEST_F(Simulate, NamesAProgramThatIsNotTheSameTwice) {
  std::uint64_t outside = 0;
  const simulation_failure failure = failure_of({.name = "leaky"}, [&](simulation& sim) {
    sim.choose(2, "before");
    sim.choose(1000 + ++outside, "x");
  });
  EXPECT_EQ(failure.reason(), "not the same twice: the trace differs from its repetition");
  EXPECT_NE(std::string(failure.what()).find("the first choice that differs; once:"),
            std::string::npos)
      << failure.what();
}

TEST_F(Simulate, SaysThatARecordingCouldNotBeWritten) {
  setenv("EDDY_SIMULATION_KEEP", "/nowhere/at/all", 1);
  const simulation_failure failure = failure_of({.name = "coins"}, two_of_many);
  EXPECT_NE(
      std::string(failure.what())
          .find("the recording could not be written to /nowhere/at/all/coins-1.choices: No such "
                "file or directory"),
      std::string::npos)
      << failure.what();
}

// ---- The environment ----

TEST_F(Simulate, DoesAsTheEnvironmentSays) {
  std::set<std::uint64_t> seeds;
  const auto body = [&](simulation& sim) { seeds.insert(sim.seed()); };
  setenv("EDDY_SEEDS", "7", 1);
  EXPECT_EQ(simulate(body).runs, 8U);
  setenv("EDDY_SEEDS", "1s", 1);
  EXPECT_GT(simulate(body).runs, 100U);
  setenv("EDDY_SEED", "417", 1);
  seeds.clear();
  EXPECT_EQ(simulate(body).runs, 1U);
  EXPECT_EQ(seeds, (std::set<std::uint64_t>{417}));
}

TEST_F(Simulate, RefusesWhatNobodyUnderstands) {
  const auto refusal = [](const char* name, const char* value) {
    setenv(name, value, 1);
    std::string text = "none";
    try {
      simulate([](simulation&) {});
    } catch (const std::invalid_argument& e) {
      text = e.what();
    }
    unsetenv(name);
    return text;
  };
  EXPECT_EQ(refusal("EDDY_SEEDS", "many"),
            "eddy: EDDY_SEEDS=many: how many seeds, as 5000, or how long, as 60s");
  EXPECT_EQ(refusal("EDDY_SEEDS", "10m"),
            "eddy: EDDY_SEEDS=10m: how many seeds, as 5000, or how long, as 60s");
  EXPECT_EQ(refusal("EDDY_SEED", "-1"), "eddy: EDDY_SEED=-1: a seed is a whole number");
  EXPECT_EQ(refusal("EDDY_SIMULATION", "/nowhere"),
            "eddy: the recording /nowhere cannot be read: No such file or directory");
  const std::string other = folder_.path() + "/other.choices";
  std::ofstream(other) << "eddy simulation 1\nname another\nseed 1\n";
  EXPECT_EQ(
      refusal("EDDY_SIMULATION", other.c_str()),
      "eddy: the recording " + other +
          " is of another, and this is Simulate.RefusesWhatNobodyUnderstands: run that one alone");
}

using SimulateDeathTest = Simulate;

TEST_F(SimulateDeathTest, AbortsForACallersBug) {
  EXPECT_DEATH(simulate([](simulation&) { simulate([](simulation&) {}); }),
               "eddy: simulate\\(\\) inside a simulate\\(\\)");
  EXPECT_DEATH(simulate([](simulation& sim) { sim.choose(0, "x"); }),
               "eddy: simulation::choose\\(0\\): there is nothing to choose from: x");
  EXPECT_DEATH(simulate([](simulation& sim) { sim.chance("x", 1.5); }),
               "eddy: a rate is a share, from 0 to 1: x, 1.5");
  EXPECT_DEATH(simulate([](simulation& sim) { sim.rate(fault::loss, -0.1); }),
               "eddy: a rate is a share, from 0 to 1: loss, -0.1");
  EXPECT_DEATH(simulate({.seeds = 10, .name = "dying"},
                        [](simulation& sim) {
                          if (sim.seed() == 7) std::abort();
                        }),
               "eddy: the program was aborted in simulation dying, seed 7; again: EDDY_SEED=7");
}

// ---- Expectations ----

TEST_F(Simulate, FailsByWhatGoogleTestExpectsInVain) {
  const simulation_failure failure = failure_of({}, [](simulation& sim) {
    int bad = 0;
    for (int i = 0; i < 30; ++i) bad += sim.chance("coin", 0.3) ? 1 : 0;
    EXPECT_LT(bad, 3) << "coins";
  });
  EXPECT_EQ(failure.faults(), 3U) << failure.what();
  EXPECT_EQ(failure.reason(), "EXPECT: Expected: (bad) < (3) coins");
  const std::string what = failure.what();
  EXPECT_EQ(what.find("eddy: simulation Simulate.FailsByWhatGoogleTestExpectsInVain failed"), 0U);
  EXPECT_NE(what.find("--gtest_filter=Simulate.FailsByWhatGoogleTestExpectsInVain"),
            std::string::npos);
}

}  // namespace
}  // namespace eddy
