// The runs of one simulate(). Private.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <eddy/simulation/simulate.h>

#include "simulation/dying_words.h"
#include "simulation/run_state.h"

namespace eddy::detail {

/// What EDDY_SEED, EDDY_SEEDS, EDDY_SIMULATION and EDDY_SIMULATION_KEEP say.
struct environment_wishes {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> seeds;
  std::optional<std::chrono::seconds> time;
  std::string recording;  // a file
  std::string folder;     // for recordings of failures
};
/// Throws std::invalid_argument.
environment_wishes wishes_of_environment();

/// Sums over runs, as plain numbers: processes send them to each other.
struct run_sums {
  std::uint64_t runs = 0, events = 0, faults = 0, hash = 0;
  std::uint64_t families[fault_count] = {};  // runs in which it came true
  std::uint64_t rated = 0;                   // families that the program gave a rate
  void add(const run_sums&) noexcept;
};

class search {
 public:
  search(const simulate_options&, simulated_body, simulate_call&);
  ~search();
  search(const search&) = delete;
  search& operator=(const search&) = delete;

  simulation_report run();

 private:
  choice_source of_seed(std::uint64_t seed) const noexcept;
  /// One run; false: it has failed.
  bool once(const choice_source&, bool explained);
  enum class outcome : std::uint8_t { good, failed, differs };
  /// One that counts, and its repetition where it is due.
  outcome counted(const choice_source&, std::uint64_t index);
  /// The same, and what follows if it is not good.
  void counted_well(const choice_source&, std::uint64_t index);
  /// Run 0 is the ordinary world.
  std::uint64_t seed_at(std::uint64_t index) const noexcept;
  std::uint64_t indices() const noexcept;
  bool time_is_up() const;
  void seeds_in_turn();
  void seeds_in_processes();
  /// Every `step`-th, until one is not good. Then it lowers `lowest`, beyond which nobody goes on.
  void every_nth(std::uint64_t first, std::uint64_t step, std::atomic<std::uint64_t>& lowest,
                 std::atomic<std::uint64_t>& now);
  void enumerated();
  void recorded();
  void one_seed(std::uint64_t seed);
  void check_that_all_came_true();
  simulation_report report() const;

  /// The run that was last has failed: shrinks, reports, throws.
  [[noreturn]] void failed(const choice_source&);
  /// Two runs of one seed were not the same: finds where, and throws.
  [[noreturn]] void not_the_same(const choice_source&);
  [[noreturn]] void report_all(const std::string& reason, const std::string& lines);
  [[noreturn]] void process_died(std::uint64_t seed, int status);
  std::string keep(const recording&, std::string& remark) const;
  std::string command(const std::string& variable) const;

  simulate_options options_;
  simulation_options world_;
  simulated_body body_;
  simulate_call& call_;
  environment_wishes wishes_;
  std::string name_;
  dying_words words_;
  run_state run_;
  run_sums sums_;
  std::chrono::steady_clock::time_point until_;  // with EDDY_SEEDS=60s
};

}  // namespace eddy::detail
