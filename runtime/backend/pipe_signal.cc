// SIGPIPE is kept away (pipe_signal.h).
#include "runtime/backend/pipe_signal.h"

#include <cerrno>

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

namespace eddy::detail {
namespace {

constexpr int flag = 0x100;  // RWF_NOSIGNAL: newer than the headers that we build with

/// Asked of a pipe of our own. (Where none can be had the flag is done without.)
bool is_known() noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  char byte = 0;
  iovec part{&byte, 1};
  const bool known = ::syscall(SYS_pwritev2, ends[1], &part, 1ul, -1l, -1l, flag) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  return known;
}

sigset_t only_it() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGPIPE);
  return set;
}

}  // namespace

int no_signal_flag() noexcept {
  static const int known = is_known() ? flag : 0;
  return known;
}

void pipe_signal::block_now() noexcept {
  const sigset_t it = only_it();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &it, &before);
  was_blocked_ = ::sigismember(&before, SIGPIPE) == 1;
  was_pending_ = false;
  if (was_blocked_) {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
  }
  blocked_ = true;
}

void pipe_signal::unblock_now() noexcept {
  const int kept = errno;
  const sigset_t it = only_it();
  const timespec none{};
  while (!was_pending_ && ::sigtimedwait(&it, nullptr, &none) == SIGPIPE) {
  }
  if (!was_blocked_) ::pthread_sigmask(SIG_UNBLOCK, &it, nullptr);
  blocked_ = false;
  errno = kept;
}

}  // namespace eddy::detail
