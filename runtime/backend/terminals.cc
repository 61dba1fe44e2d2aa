// Raw mode of terminals (terminals.h). What a terminal was before is kept with it here, not in the
// objects of the program: those may be gone, or out of reach, when the process ends.
#include "runtime/backend/terminals.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <new>

#include "runtime/backend/backend.h"
#include "runtime/backend/signals.h"

namespace eddy::detail {
namespace {

/// Never freed, and used again by others: a signal handler may look at it at any time.
struct raw_terminal {
  std::atomic<bool> is_raw{false};
  int descriptor = -1;  // of our own: the program may close its one
  dev_t device = 0;
  pid_t owner = 0;
  termios before{};
  termios raw{};
  raw_terminal* next = nullptr;
};

std::mutex changing;
std::atomic<raw_terminal*> first{nullptr};

/// In the background the terminal is another's: it has settings of its own by now. (A terminal that
/// is not the process's controlling one has no background.)
bool is_ours(int descriptor) noexcept {
  const pid_t foreground = ::tcgetpgrp(descriptor);
  return foreground < 0 || foreground == ::getpgrp();
}

/// Now, and without waiting for what is still to be shown: safe in a signal handler. (If the process
/// goes to the background in this moment, it must not be stopped here.) 0 or an errno.
int set(int descriptor, const termios& to) noexcept {
  sigset_t stops;
  sigset_t kept;
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &stops, &kept);
  int result;
  do {
    result = ::tcsetattr(descriptor, TCSANOW, &to);
  } while (result < 0 && errno == EINTR);
  const int error = result < 0 ? errno : 0;
  ::pthread_sigmask(SIG_SETMASK, &kept, nullptr);
  return error;
}

template <class F>
void each_of_ours(F what) noexcept {
  const int kept = errno;
  for (raw_terminal* t = first.load(); t; t = t->next) {
    // (Not in a child process, which has a copy of this list.)
    if (t->is_raw.load() && t->owner == ::getpid() && is_ours(t->descriptor)) what(*t);
  }
  errno = kept;
}

bool any_raw() noexcept {
  for (raw_terminal* t = first.load(); t; t = t->next) {
    if (t->is_raw.load()) return true;
  }
  return false;
}

/// A free one, or a new one; null: no memory.
raw_terminal* add() noexcept {
  for (raw_terminal* t = first.load(); t; t = t->next) {
    if (!t->is_raw.load()) return t;
  }
  auto* t = new (std::nothrow) raw_terminal;
  if (!t) return nullptr;
  t->next = first.load();
  first.store(t);
  return t;
}

}  // namespace

void leave_raw() noexcept {
  each_of_ours([](const raw_terminal& t) noexcept { set(t.descriptor, t.before); });
}
void enter_raw() noexcept {
  each_of_ours([](const raw_terminal& t) noexcept { set(t.descriptor, t.raw); });
}

int terminal_size(const request& r) noexcept {
  auto* size = reinterpret_cast<winsize*>(static_cast<std::uintptr_t>(r.address));  // NOLINT
  if (::ioctl(r.descriptor, TIOCGWINSZ, size) < 0) return -errno;
  return ::tcgetsid(r.descriptor) == ::getsid(0);
}

int begin_raw(int terminal) noexcept {
  const std::lock_guard lock(changing);
  struct stat status{};
  termios before{};
  if (::fstat(terminal, &status) < 0 || ::tcgetattr(terminal, &before) < 0) return -errno;
  for (raw_terminal* t = first.load(); t; t = t->next) {
    if (t->is_raw.load() && t->owner == ::getpid() && t->device == status.st_rdev) return 0;
  }
  if (!is_ours(terminal)) return -EAGAIN;
  static const bool at_the_end = ::atexit(&leave_raw) == 0 && ::at_quick_exit(&leave_raw) == 0;
  if (!at_the_end) return -ENOMEM;
  raw_terminal* t = add();
  if (!t) return -ENOMEM;
  t->descriptor = ::fcntl(terminal, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (t->descriptor < 0) return -errno;
  t->device = status.st_rdev;
  t->owner = ::getpid();
  t->before = t->raw = before;
  ::cfmakeraw(&t->raw);
  if (!any_raw()) guard_ends(true);
  t->is_raw.store(true);  // from now on it is undone
  if (const int error = set(t->descriptor, t->raw)) {
    t->is_raw.store(false);
    ::close(t->descriptor);
    if (!any_raw()) guard_ends(false);
    return -error;
  }
  return t->descriptor;
}

int end_raw(int raw) noexcept {
  const std::lock_guard lock(changing);
  for (raw_terminal* t = first.load(); t; t = t->next) {
    if (!t->is_raw.load() || t->descriptor != raw || t->owner != ::getpid()) continue;
    const int error = is_ours(raw) ? set(raw, t->before) : 0;
    t->is_raw.store(false);
    ::close(raw);
    if (!any_raw()) guard_ends(false);
    return -error;
  }
  return -EBADF;
}

}  // namespace eddy::detail
