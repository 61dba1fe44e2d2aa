// What a simulated world is like: its options, links, and ranges to draw from.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <chrono>
#include <cstdint>

#include <eddy/runtime/clock.h>
#include <eddy/simulation/fault.h>

namespace eddy {

struct simulation_options {
  std::uint64_t seed = 1;
  faults preset = faults::ordinary;
  bool swarm = true;  ///< each seed draws which families of faults are on, and how strong
  /// One way, between hosts; half of the least inside one
  duration latency_min = std::chrono::microseconds(50), latency_max = std::chrono::milliseconds(1);
  duration tick_cost = std::chrono::microseconds(1);  ///< virtual time that a tick takes
  duration limit = std::chrono::hours(1);  ///< of virtual time: beyond, the run has failed
  std::uint64_t event_limit = 100'000'000;
  unsigned down_at_once = 1;  ///< hosts that may be down by chance at one time
};

/// From the ordinary to the other end, both included: what is drawn is `least` in an ordinary run.
/// {2s, 20ms} is 2 seconds or less.
template <class T>
struct between {
  T least, most;
};

/// Whose words to whom: of the first host named to the second, back, or both.
enum class direction : std::uint8_t { both, there, back };

/// Between two hosts, each way.
struct link_options {
  duration latency_min = std::chrono::microseconds(50), latency_max = std::chrono::milliseconds(1);
  std::uint32_t loss = 0;       ///< of a million packets, whatever the preset
  std::uint64_t bandwidth = 0;  ///< bytes a second; 0: no limit
  std::uint32_t mtu = 1500;
};

}  // namespace eddy
