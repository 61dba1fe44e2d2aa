// All runs that leave the ordinary world in one, then in two … places. Private.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "simulation/choices.h"

namespace eddy::detail {

/// An odometer over places (the n-th choice of a run) and what is tried there instead of 0. It learns
/// from each run how far the next may go, so it needs no list of them.
class enumeration {
 public:
  explicit enumeration(unsigned at_most) : at_most_(at_most) {}

  /// The places of the next run; empty: there is none.
  std::span<deviation> next();
  /// That run came to so many of them. False: not to all, so it was a run that had been before.
  bool ran(std::size_t met);

 private:
  void advance(std::size_t which);

  unsigned at_most_;
  std::vector<deviation> places_;
  bool done_ = false;
};

}  // namespace eddy::detail
