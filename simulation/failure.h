// simulation_failure: a run of a simulated world that did not go well.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace eddy {

/// what() is the whole report, for people: seed, reason, faults, the last events, how to run it
/// again.
class simulation_failure : public std::runtime_error {
 public:
  simulation_failure(const std::string& report, std::uint64_t seed, std::size_t faults,
                     std::string reason, std::string recording)
      : std::runtime_error(report),
        seed_(seed),
        faults_(faults),
        reason_(std::move(reason)),
        recording_(std::move(recording)) {}

  /// 0: the ordinary world, or not one run but all of them have failed.
  std::uint64_t seed() const noexcept { return seed_; }
  /// The choices that are not 0, after shrinking.
  std::size_t faults() const noexcept { return faults_; }
  /// "always: kept".
  const std::string& reason() const noexcept { return reason_; }
  /// Of the run with those faults alone; the text that EDDY_SIMULATION takes in a file.
  const std::string& recording() const noexcept { return recording_; }

 private:
  std::uint64_t seed_;
  std::size_t faults_;
  std::string reason_;
  std::string recording_;
};

}  // namespace eddy
