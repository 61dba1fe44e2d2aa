// Child processes: started, told of their end, reaped. No SIGCHLD: each is known by a pidfd, where
// the kernel has them, and by nothing else's exit. Private.
#pragma once

#include <eddy/runtime/operation.h>

namespace eddy::detail {

struct child_order;

/// verb::start_child: 0 or -errno; then there is no child.
int start_child(child_order&) noexcept;
/// verb::take_child.
int take_child(const request&) noexcept;
/// verb::signal_child.
int signal_child(const request&) noexcept;
/// verb::leave_child.
int leave_child(const request&) noexcept;
/// Reaps those that were left and have ended since.
void reap_left_children() noexcept;

}  // namespace eddy::detail
