// The shape of row 12, for all contenders: a job that adds one, on another thread, and its result
// back; one at a time, or 64 on their way. Where there are two cores, the threads of the pool are
// free to run on either.
#pragma once

#include <array>

#include "bench/measure.h"

namespace bench {

struct offload_row {
  const char* name;
  int depth;
  double operations;
};
inline constexpr std::array<offload_row, 2> offload_rows{{
    {"offload_1", 1, 1e5},
    {"offload_64", 64, 4e5},
}};
inline constexpr int pool_threads = 4;

inline long job(long x) noexcept {
  return x + 1;
}

}  // namespace bench
