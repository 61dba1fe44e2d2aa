// Worlds of the simulation in which nothing takes time by itself, for tests that go from one instant
// to the next.
#pragma once

#include "simulation/world/alone.h"
#include "simulation/world/machine.h"

namespace eddy::test {

inline detail::simulated::world_options without_delay() {
  detail::simulated::world_options o;
  o.latency_min = o.latency_max = o.tick_cost = o.disk_latency = o.sync_latency = 0;
  return o;
}

}  // namespace eddy::test
