// The ring of an io_uring backend, and what its kernel can do. Private.
#pragma once

#include <liburing.h>

#include <cstdint>

#include "runtime/backend/uring.h"
#include "runtime/backend/uring_request.h"

namespace eddy::detail {

inline constexpr unsigned least_ring_entries = 8;
inline constexpr unsigned most_ring_entries = 32768;  // the kernel clamps to it too

constexpr std::size_t index(verb v) noexcept {
  return static_cast<std::size_t>(v);
}
inline constexpr std::size_t verbs = index(verb::call) + 1;  // those that can be begun

struct uring_ring {
  io_uring ring{};
  bool has_opcode[verbs] = {};  // by verb: this kernel has its opcode
  unsigned enter_flags = IORING_ENTER_GETEVENTS;
  unsigned sleep_flags = 0;
  std::uint16_t accept_flags = 0;
  bool absolute_timeouts = false;  // timeouts are points in time

  /// The one place that calls io_uring_enter: what it consumed, or -errno. All that is in the ring
  /// is offered, whatever `submit`.
  int enter(unsigned submit, unsigned wait, time_point until) noexcept;
};

/// Strips flags that this kernel does not know, one by one, and halves the entries where there is
/// no memory for them. Throws std::system_error with the errno that refused it.
void make_ring(uring_ring& made, unsigned entries, const uring_limits&);

}  // namespace eddy::detail
