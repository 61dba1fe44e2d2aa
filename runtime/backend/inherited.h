// What a service manager passes to the programs that it starts. Private.
#pragma once

#include <cstddef>

namespace eddy::detail {

/// Of LISTEN_FDS and its kin, which are taken away: how many descriptors there are from 3 on, and,
/// in the room that is given, their names (LISTEN_FDNAMES as it stands, terminated). They are
/// close-on-exec from now on. -1 and errno: EINVAL (no number), EBADF (one is not open), E2BIG.
long take_inherited(char* names, std::size_t room) noexcept;

}  // namespace eddy::detail
