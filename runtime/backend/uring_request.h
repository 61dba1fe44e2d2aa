// Requests as submission entries of io_uring. Private.
#pragma once

#include <cstdint>

#include <eddy/runtime/operation.h>

struct io_uring_sqe;

namespace eddy::detail {

inline constexpr std::uint8_t uring_no_opcode = 255;

/// The opcode of a verb; uring_no_opcode: io_uring has none.
std::uint8_t uring_opcode(verb) noexcept;

/// Writes all of an entry but its user_data. The verb must have an opcode.
void uring_prepare(io_uring_sqe&, const request&) noexcept;

template <class T = void>
T* uring_pointer(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

}  // namespace eddy::detail
