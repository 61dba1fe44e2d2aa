// The shape of row 21, for all contenders: a connection to a listener of the same process is made,
// accepted, and closed at both ends. By its address, or by a host's name that is an address.
#pragma once

#include <unistd.h>

#include "bench/loopback.h"

namespace bench {

inline constexpr const char* connect_row = "connect_address";
inline constexpr const char* connect_numeric_row = "connect_numeric";
inline constexpr double connect_operations = 40000;

/// What is closed so leaves nothing behind in the kernel: a hundred thousand old connections would
/// take all ports.
inline void reset_at_close(int socket) noexcept {
  const linger now{1, 0};
  check(setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0, "SO_LINGER");
}

}  // namespace bench
