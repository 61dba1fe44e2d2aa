// Requests as system calls, one line per verb: what the epoll backend attempts, what pool threads
// run, and what every backend asks synchronously.
#include <algorithm>
#include <cerrno>
#include <chrono>

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/backend/backend.h"
#include "runtime/backend/children.h"
#include "runtime/backend/inherited.h"
#include "runtime/backend/look_up.h"
#include "runtime/backend/pipe_signal.h"
#include "runtime/backend/signals.h"
#include "runtime/backend/socket_file.h"
#include "runtime/backend/terminals.h"

namespace eddy::detail {
namespace {

template <class T = void>
T* at(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(
      static_cast<std::uintptr_t>(address));  // NOLINT: a request holds addresses as numbers
}
const char* path(const request& r) noexcept {
  return at<const char>(r.address);
}
const sockaddr* name(const request& r) noexcept {
  return at<const sockaddr>(r.address);
}

bool is_input(verb v) noexcept {
  return v == verb::read || v == verb::read_scattered;
}

/// The events of a descriptor now, or, where it may wait, once there are some.
long poll_for(int descriptor, short events, bool may_wait) noexcept {
  pollfd p{descriptor, events, 0};
  long n = ::poll(&p, 1, may_wait ? -1 : 0);
  if (n > 0 && (p.revents & POLLNVAL)) {
    errno = EBADF;
    return -1;
  }
  if (n == 0) {
    errno = EAGAIN;
    return -1;
  }
  return n < 0 ? n : p.revents;
}

/// (Not preadv2: where there are threads, the C library makes each such call a point of
/// cancellation, which costs a twentieth of a cached read.)
long read_cached(int descriptor, iovec& part, std::uint64_t offset) noexcept {
  return ::syscall(SYS_preadv2, descriptor, &part, 1ul, static_cast<unsigned long>(offset),
                   static_cast<unsigned long>(offset >> 16 >> 16), RWF_NOWAIT);
}

/// One read or write of what is left behind the first `skip` bytes. An offset of current_position
/// is the kernel's -1.
long transfer(const request& r, std::uint32_t skip, int flags) noexcept {
  iovec part{at<char>(r.address) + skip, r.length - skip};
  const bool several = r.what == verb::read_scattered || r.what == verb::write_gathered;
  const std::uint64_t offset = r.offset == current_position ? r.offset : r.offset + skip;
  return ::syscall(
      is_input(r.what) ? SYS_preadv2 : SYS_pwritev2, r.descriptor,
      several ? at<iovec>(r.address) : &part, several ? static_cast<unsigned long>(r.length) : 1ul,
      static_cast<unsigned long>(offset), static_cast<unsigned long>(offset >> 16 >> 16), flags);
}

/// Several buffers of a regular file move at once, as far as one call goes; only a thread may wait
/// for that.
long transfer_several(const request& r, bool may_wait) noexcept {
  if (may_wait) return transfer(r, 0, 0);
  errno = EAGAIN;
  return -1;
}

/// A regular file: all of it, up to its end or an error; what came before an error is the result.
/// Without waiting: a read all of which is cached, else -1 and EAGAIN (a read that came short in
/// the middle is for the pool as a whole). `moved`: so much of it is done already.
long transfer_file(const request& r, bool may_wait, std::uint32_t moved = 0) noexcept {
  if (!may_wait && (r.what == verb::write || r.offset == current_position)) {
    // A write may block on memory; at the descriptor's own position nothing can be tried twice.
    errno = EAGAIN;
    return -1;
  }
  do {
    long n = transfer(r, moved, may_wait ? 0 : RWF_NOWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && !may_wait && (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS)) {
      errno = EAGAIN;
      return -1;
    }
    if (n < 0) return moved ? static_cast<long>(moved) : -1;
    if (n == 0) break;
    moved += static_cast<std::uint32_t>(n);
  } while (moved < r.length && moved < 0x7ffff000u);
  return moved;
}

/// A pipe, a terminal, a device. Where others may share it, and so it need not be O_NONBLOCK, only
/// RWF_NOWAIT keeps an attempt from waiting: not to be had is -1 and EOPNOTSUPP.
long transfer_stream(const request& r, bool may_wait, int flags) noexcept {
  if (!may_wait) {
    long n = transfer(r, 0, RWF_NOWAIT | flags);
    if (n >= 0 || errno != EOPNOTSUPP) return n;
    if (r.through != nature::stream) return -1;
    n = poll_for(r.descriptor, is_input(r.what) ? POLLIN : POLLOUT, false);
    if (n < 0) return n;
  }
  const long n = transfer(r, 0, flags);
  // (A device that knows no flags at all is no pipe.)
  return n >= 0 || errno != EOPNOTSUPP || !flags ? n : transfer(r, 0, 0);
}

/// A write to a pipe that nobody reads raises SIGPIPE where the kernel is not told otherwise. (Sends
/// are told by MSG_NOSIGNAL.)
long write_stream(const request& r, bool may_wait) noexcept {
  if (const int flag = no_signal_flag()) return transfer_stream(r, may_wait, flag);
  pipe_signal held;
  held.block();
  const long n = transfer_stream(r, may_wait, 0);
  held.unblock();
  return n;
}

/// (The kernel has no way to be told.)
long send_file(const request& r) noexcept {
  pipe_signal held;
  held.block();
  auto offset = static_cast<off_t>(r.offset);
  const long n = ::sendfile(r.descriptor, r.second, &offset, r.length);
  held.unblock();
  return n;
}

/// Starts to connect, or says how that goes on: 0, EINPROGRESS, EALREADY, …
long start_connect(const request& r) noexcept {
  long n = ::connect(r.descriptor, name(r), r.length);
  if (n < 0 && errno == EINTR)
    errno = EINPROGRESS;  // it goes on without us, as it does for a descriptor O_NONBLOCK
  return n;
}

/// A descriptor is closed when close() returns, whatever it returns; EINTR says no more than that.
long close_now(int descriptor) noexcept {
  long n = ::close(descriptor);
  return n < 0 && errno == EINTR ? 0 : n;
}

long set_file_flags(const request& r) noexcept {
  return r.options ? ::fcntl(r.descriptor, F_SETFL, static_cast<int>(r.options))
                   : ::fcntl(r.descriptor, F_GETFL);
}

/// What a descriptor is. (As far as it is known here: a file server is not asked.)
long examine(const request& r) noexcept {
  struct statx status{};
  if (::statx(r.descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
    return -1;
  const auto of = [&r](nature shared) {
    return static_cast<long>(r.options ? nature::stream : shared);
  };
  switch (status.stx_mode & S_IFMT) {
    case S_IFREG:
    case S_IFBLK:
    case S_IFDIR:
    case S_IFLNK:
      if (r.options)
        (void)::fcntl(r.descriptor, F_SETFL, static_cast<int>(r.options) & ~O_NONBLOCK);
      return static_cast<long>(nature::file);
    case S_IFIFO:
      return of(nature::shared_pipe) | examined::pipe;
    case S_IFSOCK:
      return of(nature::shared_pipe);
    case S_IFCHR: {
      const bool ours = r.options && ::isatty(r.descriptor);  // (many drivers ignore O_NONBLOCK)
      return static_cast<long>(ours ? nature::stream : nature::shared_device) |
             (::lseek(r.descriptor, 0, SEEK_CUR) < 0 ? 0 : examined::offsets);
    }
    default:  // eventfd, inotify and the like
      return of(nature::shared_device);
  }
}

/// Data, or the end that a writer has left behind, shows in its events. One who is silent shows in
/// what a read says to the first byte, which has no place to go to and so stays where it is.
long has_writer(const request& r) noexcept {
  if (poll_for(r.descriptor, POLLIN, false) >= 0) return 1;
  if (errno != EAGAIN) return -1;
  const long n = ::syscall(SYS_read, r.descriptor, nullptr, 1ul);
  return n < 0 && (errno == EAGAIN || errno == EFAULT);
}

/// (0 is no interface.)
long interface_index(const char* name) noexcept {
  const unsigned index = ::if_nametoindex(name);
  return index ? static_cast<long>(index) : -1;
}

/// (The kernel follows the wall clock: where that is set, the timer is early or late with it.)
long make_wall_timer(const request& r) noexcept {
  const int fd = ::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return -1;
  // (The instant 0 would be no timer at all.)
  const auto when = std::max<std::int64_t>(static_cast<std::int64_t>(r.offset), 1);
  itimerspec at{};
  at.it_value.tv_sec = when / 1'000'000'000;
  at.it_value.tv_nsec = when % 1'000'000'000;
  if (::timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, nullptr) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

/// The one system call of a request: its result, or -1 and errno.
long once(const request& r, bool may_wait) noexcept {
  const int fd = r.descriptor;
  const int options = static_cast<int>(r.options);
  const int now = options | MSG_DONTWAIT;
  constexpr int ours = SOCK_CLOEXEC | SOCK_NONBLOCK;
  switch (r.what) {
    case verb::nothing:
      return 0;
    case verb::read:
      return r.is_file() ? transfer_file(r, may_wait) : transfer_stream(r, may_wait, 0);
    case verb::write:
      return r.is_file() ? transfer_file(r, may_wait) : write_stream(r, may_wait);
    case verb::read_scattered:
      return r.is_file() ? transfer_several(r, may_wait) : transfer_stream(r, may_wait, 0);
    case verb::write_gathered:
      return r.is_file() ? transfer_several(r, may_wait) : write_stream(r, may_wait);
    case verb::receive:
      return ::recv(fd, at(r.address), r.length, now);
    case verb::send:
      return ::send(fd, at(r.address), r.length, now | MSG_NOSIGNAL);
    case verb::receive_message:
      return ::recvmsg(fd, at<msghdr>(r.address), now);
    case verb::send_message:
      return ::sendmsg(fd, at<msghdr>(r.address), now | MSG_NOSIGNAL);
    case verb::receive_messages:
      return ::recvmmsg(fd, at<mmsghdr>(r.address), r.length, now, nullptr);
    case verb::send_messages:
      return ::sendmmsg(fd, at<mmsghdr>(r.address), r.length, now | MSG_NOSIGNAL);
    case verb::accept:
      return ::accept4(fd, nullptr, nullptr, options);
    case verb::connect:
      return start_connect(r);
    case verb::ready:
      return poll_for(fd, static_cast<short>(options), false);
    case verb::open:
      return ::openat(AT_FDCWD, path(r), options | O_CLOEXEC, r.length);
    case verb::close:
      return close_now(fd);
    case verb::status:
      return r.address ? ::statx(AT_FDCWD, path(r), options, STATX_BASIC_STATS | STATX_BTIME,
                                 at<struct statx>(r.offset))
                       : ::statx(fd, "", options | AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
                                 at<struct statx>(r.offset));
    case verb::send_file:
      return send_file(r);
    case verb::sync:
      return r.options == 1 ? ::fdatasync(fd) : ::fsync(fd);
    case verb::truncate:
      return ::ftruncate(fd, static_cast<off_t>(r.offset));
    case verb::list:
      return ::getdents64(fd, at(r.address), r.length);
    case verb::rename:
      return ::renameat(AT_FDCWD, path(r), AT_FDCWD, at<const char>(r.offset));
    case verb::remove:
      return ::unlinkat(AT_FDCWD, path(r), options);
    case verb::make_directory:
      return ::mkdirat(AT_FDCWD, path(r), r.length);
    case verb::look_up:
    case verb::call:
      break;  // execute() calls them
    case verb::socket:
      return ::socket(fd, options | ours, static_cast<int>(r.length));
    case verb::bind:
      return ::bind(fd, name(r), r.length);
    case verb::listen:
      return ::listen(fd, static_cast<int>(r.length));
    case verb::local_name:
      return ::getsockname(fd, at<sockaddr>(r.address), at<socklen_t>(r.offset));
    case verb::peer_name:
      return ::getpeername(fd, at<sockaddr>(r.address), at<socklen_t>(r.offset));
    case verb::set_option:
      return ::setsockopt(fd, options, r.second, at(r.address), r.length);
    case verb::get_option:
      return ::getsockopt(fd, options, r.second, at(r.address), at<socklen_t>(r.offset));
    case verb::shutdown:
      return ::shutdown(fd, options);
    case verb::pair:
      return ::socketpair(fd, options | ours, 0, at<int>(r.address));
    case verb::pipe:
      return ::pipe2(at<int>(r.address), options | O_CLOEXEC | O_NONBLOCK);
    case verb::duplicate:
      return ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    case verb::forget:
      return 0;
    case verb::wall_timer:
      return make_wall_timer(r);
    case verb::file_flags:
      return set_file_flags(r);
    case verb::examine:
      return examine(r);
    case verb::has_writer:
      return has_writer(r);
    case verb::interface_index:
      return interface_index(at<const char>(r.address));
    case verb::take_inherited:
      return take_inherited(at<char>(r.address), r.length);
    case verb::watch_signals:
    case verb::take_signal:
    case verb::listen_at:
    case verb::leave_path:
    case verb::start_child:
    case verb::take_child:
    case verb::signal_child:
    case verb::leave_child:
    case verb::terminal_size:
    case verb::begin_raw:
    case verb::end_raw:
    case verb::receive_chunk:
    case verb::give_back:
      break;  // execute() asks those who know of them; each backend has chunks of its own
  }
  errno = ENOSYS;
  return -1;
}

/// What a stream's request waits for where it cannot be answered now; 0: it is no such request.
short waits_for(const request& r) noexcept {
  switch (r.what) {
    case verb::read:
    case verb::read_scattered:
      return r.is_file() ? 0 : POLLIN;
    case verb::write:
    case verb::write_gathered:
      return r.is_file() ? 0 : POLLOUT;
    case verb::receive:
    case verb::receive_message:
    case verb::receive_messages:
    case verb::receive_chunk:
    case verb::accept:
      return POLLIN;
    case verb::send:
    case verb::send_message:
    case verb::send_messages:
    case verb::connect:
      return POLLOUT;
    case verb::ready:
      return static_cast<short>(r.options);
    default:
      return 0;
  }
}

[[gnu::noinline]] int execute_any(const request& r, bool may_wait) noexcept {
  if (r.what == verb::call) return at<int(void*)>(r.address)(at(r.offset));
  if (r.what == verb::look_up) return ask_resolver(*at<name_query>(r.address));
  if (r.what == verb::watch_signals) return watch_signals(r);
  if (r.what == verb::take_signal) return take_signal(r.descriptor);
  if (r.what == verb::listen_at) return listen_at(r);
  if (r.what == verb::leave_path) return leave_path(r);
  if (r.what == verb::start_child) return start_child(*at<child_order>(r.address));
  if (r.what == verb::take_child) return take_child(r);
  if (r.what == verb::signal_child) return signal_child(r);
  if (r.what == verb::leave_child) return leave_child(r);
  if (r.what == verb::terminal_size) return terminal_size(r);
  if (r.what == verb::begin_raw) return begin_raw(r.descriptor);
  if (r.what == verb::end_raw) return end_raw(r.descriptor);
  bool connecting = false;
  for (;;) {
    long n = once(r, may_wait);
    if (n >= 0) return static_cast<int>(n);
    int error = errno;
    if (error == EINTR) continue;
    if (connecting && error == EISCONN) return 0;
    bool later = error == EAGAIN || (r.what == verb::connect &&
                                     (error == EINPROGRESS || (connecting && error == EALREADY)));
    const short events = may_wait && later ? waits_for(r) : short{0};
    if (!events) return -error;
    // On a pool thread: descriptors are O_NONBLOCK, so that the waiting is done here. A Unix
    // connect to a full backlog gives EAGAIN and no event ever; poll() then returns at once, and a
    // pause stands in for the event.
    if (r.what == verb::connect && error == EAGAIN) {
      ::poll(nullptr, 0, 1);
    } else {
      connecting = r.what == verb::connect;
      (void)poll_for(r.descriptor, events, true);
    }
  }
}

}  // namespace

time_point monotonic_now() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

bool in_background(const request& r) noexcept {
  const pid_t foreground = ::tcgetpgrp(r.descriptor);  // fails where it is not our terminal
  if (foreground <= 0 || foreground == ::getpgrp()) return false;
  if (is_input(r.what)) return true;
  termios settings{};
  return ::tcgetattr(r.descriptor, &settings) == 0 && (settings.c_lflag & TOSTOP);
}

int above_standard_streams(int descriptor) noexcept {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return moved;
}

/// What is attempted most often goes ahead of all others.
int execute(const request& r, bool may_wait) noexcept {
  if (may_wait) return execute_any(r, true);
  for (;;) {
    long n;
    const int flags = static_cast<int>(r.options) | MSG_DONTWAIT;
    if (r.what == verb::receive) {
      n = ::recv(r.descriptor, at(r.address), r.length, flags);
    } else if (r.what == verb::send) {
      n = ::send(r.descriptor, at(r.address), r.length, flags | MSG_NOSIGNAL);
    } else if (r.what == verb::read && r.is_file() && r.offset != current_position) {
      iovec whole{at<char>(r.address), r.length};
      n = read_cached(r.descriptor, whole, r.offset);
      if (n != static_cast<long>(r.length) && n != 0 && (n > 0 || errno != EAGAIN)) [[unlikely]]
        n = transfer_file(r, false, n > 0 ? static_cast<std::uint32_t>(n) : 0);
    } else {
      return execute_any(r, false);
    }
    if (n >= 0) [[likely]]
      return static_cast<int>(n);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace eddy::detail
