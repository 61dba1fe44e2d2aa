// The world of a simulation: virtual time, and what happens in it in which order. Private.
#pragma once

#include <cstdint>

namespace eddy::simulated {

/// Nanoseconds of the world's own time, from its beginning.
using instant = std::int64_t;

class world {
 public:
  instant now() const noexcept { return now_; }

 private:
  instant now_ = 0;
};

}  // namespace eddy::simulated
