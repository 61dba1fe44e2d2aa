// The families of faults that a simulation may draw, and the presets that switch them on.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>

namespace eddy {

/// How unkind a world is. Each is the one before it and more.
enum class faults : std::uint8_t {
  none,      ///< fixed latencies, everything whole and in order
  ordinary,  ///< what every correct program survives
  rough,     ///< the network breaks, hosts freeze, disks are slow, the wall clock jumps
  hostile,   ///< resources and disks end, syncs fail, hosts die
};

/// What may go wrong, by kind. simulation::rate() sets how often one does: the share of the occasions
/// (a read, a datagram, a second of a host's life) at which it comes true.
enum class fault : std::uint8_t {
  // faults::ordinary
  delay,           ///< what is under way takes longer than the least
  short_transfer,  ///< a stream's read or write moves fewer bytes than it could
  report_order,    ///< operations of different objects are reported in another order
  cancel_race,     ///< what could still end when it is cancelled does, or the end comes late
  listing_order,   ///< a directory is listed, or a name resolved, in another order
  pool_time,       ///< the pool's work takes longer
  // faults::rough
  loss,          ///< a packet is lost: a stream's is sent again later, a datagram is gone
  twice,         ///< a datagram arrives twice
  reordering,    ///< a datagram is overtaken
  reset,         ///< a connection is reset
  refusal,       ///< a connection is refused, or its host unreachable
  hang,          ///< a connection is never answered
  partition,     ///< two hosts do not hear each other, or one not the other (a pair's second)
  freeze,        ///< a host stands still (its second)
  slow_disk,     ///< a disk takes very long
  clock_jump,    ///< a host's wall clock is set (its second)
  name_failure,  ///< a name is not resolved, or late
  // faults::hostile
  resources,   ///< no descriptors, no buffers, no memory in the kernel: EMFILE and kin
  no_space,    ///< a disk is full
  disk_error,  ///< a disk fails to read or write: EIO
  sync_error,  ///< a sync fails, and what it was for may be gone
  kill,        ///< a restartable host's process dies (its second)
  power_cut,   ///< a restartable host loses its power (its second)
  // by simulation::rate() alone
  corruption,  ///< a disk gives other bytes than were written
};

inline constexpr std::size_t fault_count = static_cast<std::size_t>(fault::corruption) + 1;

/// "short_transfer": as it stands in reports, and in simulation_report::counted().
const char* name_of(fault) noexcept;

}  // namespace eddy
