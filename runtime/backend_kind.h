// Which kind of kernel interface a loop stands on. Public.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>

namespace eddy {

/// `automatic`: EDDY_BACKEND=io_uring|epoll if it is set, else the best there is.
enum class backend_kind : std::uint8_t { automatic, io_uring, epoll, simulated };

}  // namespace eddy
