// Worlds of the simulation in which nothing takes time by itself, for tests that go from one instant
// to the next.
#pragma once

#include <memory>

#include <eddy/runtime/runtime.h>

#include "simulation/world/alone.h"
#include "simulation/world/machine.h"

namespace eddy::test {

inline detail::simulated::world_options without_delay() {
  detail::simulated::world_options o;
  o.latency_min = o.latency_max = o.tick_cost = o.disk_latency = o.sync_latency = 0;
  return o;
}

inline std::unique_ptr<detail::backend> make_simulated_backend(const detail::backend_parts& parts,
                                                               void* /*context*/) {
  return detail::simulated::make_alone(parts, without_delay());
}
inline void use_simulated_backend(runtime& rt) {
  detail::use_backend(rt, &make_simulated_backend);
}

}  // namespace eddy::test
