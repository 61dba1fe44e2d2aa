// The last operations, for who wants to see them.
#include "simulation/world/trace.h"

#include <algorithm>

namespace eddy::detail::simulated {

void trace::keep(const record& r) {
  if (last_.size() < kept_) {
    last_.push_back(r);
    return;
  }
  last_[next_] = r;
  next_ = (next_ + 1) % kept_;
}

std::vector<record> trace::last() const {
  std::vector<record> all = last_;
  std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(next_), all.end());
  return all;
}

}  // namespace eddy::detail::simulated
