// Makes the kernel deny io_uring to this process, as containers do. It cannot be taken back: for a
// forked child (a death test). For a whole command: deny_uring.c.
#pragma once

namespace eddy::testing {

inline constexpr int kill_process = -1;

/// From now on every io_uring system call fails with `error`, or ends the process (SIGSYS) where
/// that is kill_process.
void deny_io_uring(int error);

}  // namespace eddy::testing
