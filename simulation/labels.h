// What the simulated kernel itself may choose, each with the family that switches it. Private.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <eddy/simulation/fault.h>

namespace eddy::detail {

/// One kind of choice. 0 is always the ordinary, least thing.
enum class label : std::uint8_t {
  net_delay,
  net_lost,
  net_unreachable,
  stream_short_read,
  stream_short_write,
  stream_reset,
  stream_told,  // which of two sides hears of it
  report_order,
  cancel_race,
  cancel_late,
  list_order,
  pool_time,
  datagram_lost,
  datagram_twice,
  datagram_late,
  connect_refused,
  connect_hangs,
  partition_begins,
  partition_lasts,
  partition_direction,
  freeze_begins,
  freeze_lasts,
  disk_delay,
  disk_slow,
  disk_slow_by,
  clock_jumps,
  clock_jumps_by,
  name_fails,
  name_late,
  name_order,
  out_of_descriptors,
  disk_full,
  disk_error,
  disk_error_at,
  disk_corrupt,
  sync_error,
  host_killed,
  host_power_cut,
  host_back_after,
  power_names,
  power_page,
  port,
  script_every,
};

inline constexpr std::size_t label_count = static_cast<std::size_t>(label::script_every) + 1;

/// No family: never switched off.
inline constexpr std::uint8_t no_family = fault_count;

struct label_facts {
  const char* text;     // in reports and recordings
  std::uint8_t family;  // a fault, or no_family
  // Leaves 0 at the family's rate. Else every value is equally likely: how much, once it was chosen
  // that; or a consequence of something that has happened.
  bool at_rate;
  // Instead of "3 of 9" in reports: %v is the value, %m the greatest possible one. Null: as it is.
  const char* phrase;
};

constexpr std::uint8_t family(fault f) noexcept {
  return static_cast<std::uint8_t>(f);
}

inline constexpr std::array<label_facts, label_count> all_labels = {{
    {"net.delay", family(fault::delay), true, nullptr},
    {"net.lost", family(fault::loss), true, nullptr},
    {"net.unreachable", family(fault::refusal), true, nullptr},
    {"stream.short_read", family(fault::short_transfer), true, nullptr},
    {"stream.short_write", family(fault::short_transfer), true, nullptr},
    {"stream.reset", family(fault::reset), true, nullptr},
    {"stream.told", family(fault::reset), false, nullptr},
    {"report.order", family(fault::report_order), true, nullptr},
    {"cancel.race", family(fault::cancel_race), true, nullptr},
    {"cancel.late", family(fault::cancel_race), true, "after %v ticks"},
    {"list.order", family(fault::listing_order), true, nullptr},
    {"pool.time", family(fault::pool_time), true, nullptr},
    {"datagram.lost", family(fault::loss), true, nullptr},
    {"datagram.twice", family(fault::twice), true, nullptr},
    {"datagram.late", family(fault::reordering), true, nullptr},
    {"connect.refused", family(fault::refusal), true, nullptr},
    {"connect.hangs", family(fault::hang), true, nullptr},
    {"partition.begins", family(fault::partition), true, nullptr},
    {"partition.lasts", family(fault::partition), false, nullptr},
    {"partition.direction", family(fault::partition), false, nullptr},
    {"freeze.begins", family(fault::freeze), true, nullptr},
    {"freeze.lasts", family(fault::freeze), false, nullptr},
    {"disk.delay", family(fault::delay), true, nullptr},
    {"disk.slow", family(fault::slow_disk), true, nullptr},
    {"disk.slow_by", family(fault::slow_disk), false, nullptr},
    {"clock.jumps", family(fault::clock_jump), true, nullptr},
    {"clock.jumps_by", family(fault::clock_jump), false, nullptr},
    {"name.fails", family(fault::name_failure), true, nullptr},
    {"name.late", family(fault::name_failure), true, nullptr},
    {"name.order", family(fault::listing_order), true, nullptr},
    {"out_of.descriptors", family(fault::resources), true, nullptr},
    {"disk.full", family(fault::no_space), true, nullptr},
    {"disk.error", family(fault::disk_error), true, nullptr},
    {"disk.error_at", family(fault::disk_error), false, nullptr},
    {"disk.corrupt", family(fault::corruption), true, nullptr},
    {"sync.error", family(fault::sync_error), true, nullptr},
    {"host.killed", family(fault::kill), true, nullptr},
    {"power.cut", family(fault::power_cut), true, nullptr},
    {"host.back_after", no_family, false, nullptr},
    {"disk.names", no_family, false, "keeps %v of %m"},
    {"disk.page", no_family, false, nullptr},
    {"port", no_family, false, nullptr},
    {"script.every", no_family, false, nullptr},
}};

constexpr const label_facts& facts_of(label l) noexcept {
  return all_labels[static_cast<std::size_t>(l)];
}

/// FNV-1a: the same on every machine.
constexpr std::uint64_t hash_of(const char* text, std::size_t size) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < size; ++i) {
    hash = (hash ^ static_cast<unsigned char>(text[i])) * 0x100000001b3;
  }
  return hash;
}

/// Every bit of the result depends on every bit of `x` (the end of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

inline constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;

/// The families' rates in ppm under a preset, without what swarm and rate() make of them.
using rate_table = std::array<std::uint32_t, fault_count>;
const rate_table& rates_of(faults preset) noexcept;

}  // namespace eddy::detail
