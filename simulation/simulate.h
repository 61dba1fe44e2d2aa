// simulate: many runs of a simulated world, each with other choices; a failing one is made small.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/simulation/failure.h>
#include <eddy/simulation/options.h>
#include <eddy/simulation/simulation.h>

namespace eddy {

struct simulate_options {
  /// Seeds from the first on. EDDY_SEED=n runs that one alone, and prints its trace; EDDY_SEEDS=n or
  /// EDDY_SEEDS=60s runs so many, or so long.
  std::uint64_t seed = 1, seeds = 100;
  simulation_options world = {};     ///< its seed is set for each run
  std::uint64_t check_every = 10;    ///< each n-th run twice, which must be the same; 0: none
  std::uint64_t shrink_runs = 2000;  ///< at most, to make a failure small; 0: none
  /// Above 0: instead of seeds, every run that leaves the ordinary world in that many places at most
  unsigned at_most_faults = 0;
  const char* name = "";  ///< in messages; GoogleTest's current test with <eddy/simulation/gtest.h>
  unsigned jobs = 1;      ///< processes that share the seeds
  /// A fuzzer's input: instead of seeds one run, whose choices are these bytes, and 0 behind their end
  std::span<const unsigned char> bytes = {};
};

struct simulation_report {
  std::uint64_t runs = 0;    ///< without repetitions
  std::uint64_t events = 0;  ///< of all runs
  std::uint64_t faults = 0;  ///< choices that were not 0
  std::uint64_t hash = 0;    ///< over all runs: equal for equal programs and options
  /// In how many runs it came true: the text of a `sometimes` or `reachable`, or the name of a family
  /// of faults ("short_transfer").
  std::uint64_t counted(std::string_view text) const {
    const auto found = counts.find(text);
    return found == counts.end() ? 0 : found->second;
  }
  std::map<std::string, std::uint64_t, std::less<>> counts;
};

namespace detail {

/// What is run, without its type.
struct simulated_body {
  void* callable;
  void (*call)(void*, simulation&);
};

/// A call of simulate() in the program, known from the program's start on.
struct simulate_call {
  simulate_call() noexcept : next(all) { all = this; }
  std::uint64_t runs = 0;
  simulate_call* next;
  static inline constinit simulate_call* all = nullptr;
};
template <class F>
inline simulate_call call_of{};

simulation_report simulate(const simulate_options&, simulated_body, simulate_call&);

}  // namespace detail

/// Calls `body(simulation&)`, which builds a world and runs it, once for the ordinary world (seed 0:
/// every choice is 0), then once for each seed.
///
/// The first failing run is made small: to fewest, then least choices with which it fails in the same
/// way. Then simulation_failure is thrown, whose what() says all; the small run's recording is written to
/// a file in the current folder, or in that of EDDY_SIMULATION_KEEP. EDDY_SIMULATION=file runs a
/// recording, and nothing else.
///
/// Fails too where a run's repetition differs (the program reaches outside), and, after 100 runs and
/// more, where a `sometimes` or a fault that the program gave a rate has never come true.
///
/// Throws std::invalid_argument for what the environment has and nobody understands. A simulate()
/// inside another aborts.
template <class F>
  requires std::is_invocable_v<F&, simulation&>
simulation_report simulate(const simulate_options& options, F body) {
  return detail::simulate(
      options, {std::addressof(body), [](void* f, simulation& s) { (*static_cast<F*>(f))(s); }},
      detail::call_of<F>);
}
template <class F>
  requires std::is_invocable_v<F&, simulation&>
simulation_report simulate(F body) {
  return simulate(simulate_options{}, std::move(body));
}

}  // namespace eddy
