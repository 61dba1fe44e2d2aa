// The io_uring backend as its tests see it; everybody else calls make_uring_backend() (backend.h).
// Private.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/backend/backend.h"

namespace eddy::detail {

/// io_uring_enter: what it consumed, or -errno.
using uring_enter_function = int (*)(unsigned descriptor, unsigned submit, unsigned wait,
                                     unsigned flags, void* argument, std::size_t size) noexcept;

/// The real one.
int uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument,
                std::size_t size) noexcept;

/// Null, except in tests, which put a function here that fails where the kernel hardly ever does.
extern uring_enter_function uring_enter_hook;

struct uring_limits {
  unsigned completion_entries = 0;  ///< of the completion ring; 0: 16 for each submission entry
  std::size_t inside = std::size_t{1} << 20;  ///< operations in the kernel; more stay listed
  verb lacking =
      verb::nothing;  ///< as if this kernel had no opcode for it (receive_chunk: no buffer rings)
};

std::unique_ptr<backend> make_uring_backend(const backend_parts&, const uring_limits&);

}  // namespace eddy::detail
