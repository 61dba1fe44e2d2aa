// The odometer of enumerated runs.
#include "simulation/enumeration.h"

namespace eddy::detail {

std::span<deviation> enumeration::next() {
  if (places_.empty() && at_most_ && !done_) places_.push_back({});
  return done_ ? std::span<deviation>{} : std::span<deviation>(places_);
}

bool enumeration::ran(std::size_t met) {
  const bool all = met == places_.size();
  if (met == 0) {
    // (Not even the first place is there: all places have been tried.) One more from now on.
    if (places_.size() == at_most_) {
      done_ = true;
    } else {
      places_.push_back({});
      for (std::size_t i = 0; i < places_.size(); ++i) places_[i] = {i, 0, 0};
    }
  } else {
    // What is beyond the run's end cannot move its beginning on: the last place that it came to does.
    advance(met - 1);
  }
  return all;
}

void enumeration::advance(std::size_t which) {
  deviation& d = places_[which];
  if (d.corner + 1 < d.corners) {
    ++d.corner;
  } else {
    d = {d.place + 1, 0, 0};
  }
  for (std::size_t i = which + 1; i < places_.size(); ++i)
    places_[i] = {places_[i - 1].place + 1, 0, 0};
}

}  // namespace eddy::detail
