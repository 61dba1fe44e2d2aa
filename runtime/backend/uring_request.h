// Requests as submission entries of io_uring, and how the ring takes them. Private.
#pragma once

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <eddy/runtime/operation.h>

#include "runtime/backend/backend.h"

namespace eddy::detail {

inline constexpr std::uint8_t uring_no_opcode = 255;

/// The buffers that receive_chunk receives into, for the kernel.
inline constexpr std::uint16_t chunk_group = 1;

/// The opcode of a verb; uring_no_opcode: io_uring has none.
std::uint8_t uring_opcode(verb) noexcept;

template <class T = void>
T* uring_pointer(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

void uring_prepare_any(io_uring_sqe&, const request&, std::uint16_t accept_flags) noexcept;

/// Writes all of an entry but its user_data. The verb must have an opcode. (What there is most of
/// goes ahead of the switch over all verbs.)
inline void uring_prepare(io_uring_sqe& entry, const request& r,
                          std::uint16_t accept_flags) noexcept {
  if (r.what == verb::receive) {
    io_uring_prep_recv(&entry, r.descriptor, uring_pointer(r.address), r.length,
                       static_cast<int>(r.options));
  } else if (r.what == verb::send) {
    io_uring_prep_send(&entry, r.descriptor, uring_pointer(r.address), r.length,
                       static_cast<int>(r.options) | MSG_NOSIGNAL);
  } else {
    uring_prepare_any(entry, r, accept_flags);
  }
}

// Of one read or write, as for the system calls; of an attempt, for a longer copy would hold up the
// loop.
inline constexpr std::uint32_t most_bytes = 0x7ffff000;
inline constexpr std::uint32_t attempt_bytes = 64 * 1024;

inline bool is_output(verb v) noexcept {
  return v == verb::write || v == verb::write_gathered || v == verb::send ||
         v == verb::send_message || v == verb::send_messages;
}

/// A read or write of what is no socket.
inline bool is_transfer(verb v) noexcept {
  return v >= verb::read && v <= verb::write_gathered;
}

/// What the ring can only wait for: the call itself is made here. (And what it says of urgent data is
/// what whoever has woken it said, who as a rule names that beside all other data.)
inline bool only_polled(const request& r) noexcept {
  return r.what == verb::receive_messages || r.what == verb::send_messages ||
         (r.what == verb::ready && (r.options & POLLPRI));
}

/// Requests whose -EAGAIN means "wait": streams, in kernels that honour O_NONBLOCK inside the ring.
inline bool waits_when_asked_again(const request& r) noexcept {
  return !r.is_file() && r.what >= verb::read && r.what <= verb::accept;
}

/// The process was in the background of this terminal (issue() then waits until it is no longer).
/// The terminal has stopped it, and the enter was left; a worker, who hears no signal, got EIO.
inline bool stopped_in_background(const request& r, int result) noexcept {
  if (r.is_file() || !is_transfer(r.what)) return false;
  return result == -EINTR ||
         (result == -EIO && r.through == nature::shared_device && in_background(r));
}

/// What does not end or wait at once is done by a thread of the kernel's. Where that cannot be
/// started it ends so, without anybody having asked; a thread of ours has to do it.
inline bool found_no_worker(const request& r, int result) noexcept {
  return r.must_finish() ? result == -ECANCELED || result == -EAGAIN
                         : result == -ECANCELED && is_transfer(r.what);
}
/// What is done of it cannot be done again.
inline bool is_taken_by_parts(const request& r) noexcept {
  return r.is_file() && (r.what == verb::write || r.offset == current_position);
}

/// (What a stream's receive waits for has usually not come yet; datagrams come one behind the other.)
inline bool worth_an_attempt(const request& r) noexcept {
  return r.what == verb::send || r.what == verb::send_message || only_polled(r) ||
         r.through == nature::datagrams ||
         (r.what == verb::read && r.is_file() && r.length <= attempt_bytes);
}

inline std::uint32_t length_of(const request& r) noexcept {
  return std::min(r.length, most_bytes);
}

/// What is left of a read or write of which `done` bytes are done.
inline request rest_of(const request& r, std::uint32_t done) noexcept {
  request rest = r;
  rest.address += done;
  rest.length = length_of(r) - done;
  if (rest.offset != current_position) rest.offset += done;
  return rest;
}

}  // namespace eddy::detail
