// Which backend a loop gets, and why. Private.
#pragma once

#include <memory>
#include <string>

#include <eddy/runtime/backend_kind.h>

#include "runtime/backend/backend.h"

namespace eddy::detail {

struct chosen {
  std::unique_ptr<backend> made;
  backend_kind kind;   ///< what it is; never `automatic`
  std::string reason;  ///< one sentence
};

/// `wanted`, or where that is automatic what EDDY_BACKEND says (io_uring or epoll), or where that
/// is unset the best that can be had here. Makes it on the calling thread, to which it then
/// belongs, and gives the pool its doorbell.
///
/// An explicit choice that cannot be had throws std::system_error with the reason and the errno
/// that refused it; a name in EDDY_BACKEND that is none, std::invalid_argument.
chosen choose_backend(backend_kind wanted, const backend_parts&);

/// Does EDDY_BACKEND choose (or try to), so that it has to be said before anything begins where it
/// cannot be had?
bool backend_is_forced() noexcept;

}  // namespace eddy::detail
