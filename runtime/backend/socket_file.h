// Unix sockets that listen at a path: taking over what a program has left there, and removing what is
// ours. Private.
#pragma once

#include "runtime/backend/backend.h"

namespace eddy::detail {

/// Carries out verb::listen_at: 0 or -errno. Where that fails no file of ours is left.
int listen_at(const request&) noexcept;

/// Carries out verb::leave_path: 0 or -errno.
int leave_path(const request&) noexcept;

}  // namespace eddy::detail
