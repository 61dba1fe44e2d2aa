// Makes a failing run small: to fewest, then least choices. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "simulation/recording.h"

namespace eddy::detail {

/// Looks for the shortest list of choices, of those the least, with which a run fails in the same way.
class shrinker {
 public:
  /// Runs with these choices. Where it fails in the same way it leaves in them those that the run came
  /// to.
  using attempt = std::function<bool(std::vector<recorded_choice>&)>;

  shrinker(std::vector<recorded_choice> choices, attempt fails, std::uint64_t most_runs)
      : best_(std::move(choices)), fails_(std::move(fails)), most_runs_(most_runs) {}

  /// False: not even the same choices fail again.
  bool run();
  const std::vector<recorded_choice>& best() const noexcept { return best_; }
  std::uint64_t runs() const noexcept { return runs_; }

 private:
  bool exhausted() const noexcept;
  bool holds(std::vector<recorded_choice>);
  void drop_the_tail();
  void drop_kinds();
  void drop_blocks();
  void lower_values();

  std::vector<recorded_choice> best_;
  attempt fails_;
  std::uint64_t most_runs_;
  std::uint64_t runs_ = 0;
  std::uint64_t fruitless_ = 0;
};

}  // namespace eddy::detail
