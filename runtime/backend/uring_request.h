// Requests as submission entries of io_uring. Private.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <cstdint>

#include <eddy/runtime/operation.h>

namespace eddy::detail {

inline constexpr std::uint8_t uring_no_opcode = 255;

/// The opcode of a verb; uring_no_opcode: io_uring has none.
std::uint8_t uring_opcode(verb) noexcept;

template <class T = void>
T* uring_pointer(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

void uring_prepare_any(io_uring_sqe&, const request&) noexcept;

/// Writes all of an entry but its user_data. The verb must have an opcode. (What there is most of
/// goes ahead of the switch over all verbs.)
inline void uring_prepare(io_uring_sqe& entry, const request& r) noexcept {
  if (r.what == verb::receive) {
    io_uring_prep_recv(&entry, r.descriptor, uring_pointer(r.address), r.length,
                       static_cast<int>(r.options));
  } else if (r.what == verb::send) {
    io_uring_prep_send(&entry, r.descriptor, uring_pointer(r.address), r.length,
                       static_cast<int>(r.options) | MSG_NOSIGNAL);
  } else {
    uring_prepare_any(entry, r);
  }
}

}  // namespace eddy::detail
