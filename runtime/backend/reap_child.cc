// The end of children (children.h): taken, brought about, and waited for where nobody else does.
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>

#include "runtime/backend/children.h"
#include "runtime/child.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

namespace eddy::detail {
namespace {

std::int64_t microseconds(const timeval& t) noexcept {
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec;
}

/// 1: it has ended, and is reaped; 0: it has not; -errno. (The system call itself: the C library's
/// does not tell of the resources.)
int take(int pidfd, int pid, child_end* into) noexcept {
  siginfo_t information{};
  rusage used{};
  const auto ask = [&](int type, int id) noexcept {
    long answer;
    do {
      answer = ::syscall(SYS_waitid, type, id, &information, WEXITED | WNOHANG, &used);
    } while (answer < 0 && errno == EINTR);
    return answer;
  };
  long answer = pidfd >= 0 ? ask(P_PIDFD, pidfd) : ask(P_PID, pid);
  if (answer < 0 && errno == EINVAL) answer = ask(P_PID, pid);
  if (answer < 0) return -errno;
  if (information.si_pid == 0) return 0;
  if (into) {
    into->by_signal = information.si_code != CLD_EXITED;
    into->dumped = information.si_code == CLD_DUMPED;
    into->number = information.si_status;
    into->user_microseconds = microseconds(used.ru_utime);
    into->system_microseconds = microseconds(used.ru_stime);
    into->memory_peak = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  }
  return 1;
}

bool is_over(const left_child& c) noexcept {
  return take(c.descriptor, c.pid, nullptr) != 0;
}

void forget(left_child* c) noexcept {
  if (c->descriptor >= 0) ::close(c->descriptor);
  delete c;
}

/// A second at most: one whose end is asked for ends, but for what the kernel itself waits for.
bool ends_soon(const left_child& c) noexcept {
  for (int left = 1000; left > 0;) {
    int pause = 1;
    if (c.descriptor >= 0) {
      pollfd p{c.descriptor, POLLIN, 0};
      pause = left;
      if (::poll(&p, 1, left) > 0) pause = 1;
    } else {
      ::poll(nullptr, 0, 1);
    }
    if (is_over(c)) return true;
    left -= pause;
  }
  return false;
}

std::mutex leaving;
left_child* left = nullptr;  // under the lock

}  // namespace

int take_child(const request& r) noexcept {
  return take(r.descriptor, r.second,
              reinterpret_cast<child_end*>(static_cast<std::uintptr_t>(r.address)));
}

/// By its pidfd it is never another's that is meant. By its number it is not either, as long as it
/// has not been reaped.
int signal_child(const request& r) noexcept {
  constexpr unsigned to_group = 4;  // PIDFD_SIGNAL_PROCESS_GROUP, since 6.9
  const int number = static_cast<int>(r.options);
  const bool group = r.length & signal_group;
  if (r.descriptor >= 0) {
    if (::syscall(SYS_pidfd_send_signal, r.descriptor, number, nullptr, group ? to_group : 0u) == 0)
      return 0;
    if (errno != ENOSYS && errno != EPERM && !(group && errno == EINVAL)) return -errno;
  }
  if (r.length & signal_reaped) return -ESRCH;
  return ::kill(group ? -r.second : r.second, number) == 0 ? 0 : -errno;
}

void reap_left_children() noexcept {
  const std::lock_guard lock(leaving);
  for (left_child** c = &left; *c;) {
    if (!is_over(**c)) {
      c = &(*c)->next;
      continue;
    }
    left_child* const gone = *c;
    *c = gone->next;
    forget(gone);
  }
}

int leave_child(const request& r) noexcept {
  auto* c = reinterpret_cast<left_child*>(static_cast<std::uintptr_t>(r.address));
  reap_left_children();
  if (is_over(*c) || (c->is_killed && ends_soon(*c))) {
    forget(c);
    return 0;
  }
  const std::lock_guard lock(leaving);
  c->next = left;
  left = c;
  return 0;
}

}  // namespace eddy::detail
