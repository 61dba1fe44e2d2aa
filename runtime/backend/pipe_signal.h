// Why a write to a pipe that nobody reads gives EPIPE and no SIGPIPE: the kernel is told so, or the
// signal is blocked meanwhile, and no longer. A mask that stayed would be inherited by the programs
// that the user starts. Private.
#pragma once

namespace eddy::detail {

/// RWF_NOSIGNAL where the kernel has it (Linux 6.18), else 0.
int no_signal_flag() noexcept;

/// For kernels that have it not. Keeps SIGPIPE from this thread between block() and unblock(), and
/// takes away what was raised meanwhile; what the program holds back itself stays as it is. Both do
/// nothing where they have been called already, and keep errno.
class pipe_signal {
 public:
  void block() noexcept {
    if (!blocked_) block_now();
  }
  void unblock() noexcept {
    if (blocked_) unblock_now();
  }

 private:
  void block_now() noexcept;
  void unblock_now() noexcept;

  bool blocked_ = false;
  bool was_blocked_ = false;
  bool was_pending_ = false;
};

}  // namespace eddy::detail
