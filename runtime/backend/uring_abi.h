// What the kernel's io_uring interface has and liburing 2.3's headers do not name. Each is probed
// at run time. Private.
#pragma once

#include <cstdint>

namespace eddy::detail::uring_abi {

inline constexpr std::uint8_t op_ftruncate = 55;  // Linux 6.9

// 6.10: an accept first looks whether anybody is there. (Tried before, it makes a socket for nobody and
// takes it apart again.) It has no bit of its own, and came with that of bundles
inline constexpr std::uint16_t accept_poll_first = 1u << 2;
inline constexpr unsigned feature_bundles = 1u << 14;
// 6.12: the timeout is a point in time, not a duration
inline constexpr unsigned enter_abs_timer = 1u << 5;
// 6.15: a sleeping loop is not shown as waiting for a disk
inline constexpr unsigned enter_no_iowait = 1u << 7;
inline constexpr unsigned feature_no_iowait = 1u << 17;

/// Not in any user header: how an interrupted system call ends inside the kernel (ERESTARTSYS …
/// ERESTART_RESTARTBLOCK). They can show as the result of a cancelled operation.
inline constexpr int restart_first = 512;
inline constexpr int restart_last = 516;

}  // namespace eddy::detail::uring_abi
