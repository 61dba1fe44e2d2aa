// Files of Unix sockets (socket_file.h).
#include "runtime/backend/socket_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace eddy::detail {
namespace {

template <class T>
T& at(std::uint64_t address) noexcept {
  return *reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));  // NOLINT: as in execute.cc
}

/// A path, terminated, with room for the name of its lock.
struct terminated {
  char text[sizeof(sockaddr_un::sun_path) + 8] = {};
};

/// Empty: it has none, as names of the abstract namespace.
terminated path_in(const sockaddr_un& name, std::size_t size) noexcept {
  terminated path;
  constexpr std::size_t offset = offsetof(sockaddr_un, sun_path);
  if (size > offset) {
    std::memcpy(path.text, name.sun_path,
                std::min<std::size_t>(size - offset, sizeof name.sun_path));
  }
  return path;
}

/// Keeps others from probing, removing and binding the same path meanwhile. The lock is a file beside
/// it, which goes with the lock: who waited for one that has gone begins anew.
class path_lock {
 public:
  explicit path_lock(terminated path) noexcept : name_(path) {
    std::memcpy(name_.text + std::strlen(name_.text), ".lock", sizeof ".lock");
  }
  path_lock(const path_lock&) = delete;
  path_lock& operator=(const path_lock&) = delete;
  ~path_lock() {
    if (file_ < 0) return;
    ::unlink(name_.text);
    ::close(file_);
  }

  /// 0 or -errno. What others do under it takes microseconds; whoever holds it longer has the path.
  int take() noexcept {
    constexpr int patience = 50;  // milliseconds
    for (int tries = 0; tries < patience; ++tries) {
      const int file =
          ::open(name_.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
      if (file < 0) return -errno;
      if (::flock(file, LOCK_EX | LOCK_NB) == 0) {
        if (is_there(file)) {
          file_ = file;
          return 0;
        }
        ::close(file);
        continue;
      }
      const int error = errno;
      ::close(file);
      if (error != EWOULDBLOCK) return -error;
      ::poll(nullptr, 0, 1);
    }
    return -EADDRINUSE;
  }

 private:
  bool is_there(int file) const noexcept {
    struct stat ours{};
    struct stat there{};
    return ::fstat(file, &ours) == 0 && ::lstat(name_.text, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
  }

  terminated name_;
  int file_ = -1;
};

int bind_now(const request& r) noexcept {
  return ::bind(r.descriptor, &at<const sockaddr>(r.address), r.length) < 0 ? -errno : 0;
}

/// 1: nobody listens at the socket that is there; 0: somebody does, or it is something else;
/// -errno: that could not be asked. (Only a refusal is an answer: a full backlog is a server's.)
int is_stale(const terminated& path, const request& r) noexcept {
  struct stat status{};
  if (::lstat(path.text, &status) < 0) return errno == ENOENT ? 1 : -errno;
  if (!S_ISSOCK(status.st_mode)) return 0;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return -errno;
  const bool refused =
      ::connect(probe, &at<const sockaddr>(r.address), r.length) < 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

bool is_ours(const terminated& path, const listening_path& made) noexcept {
  struct stat status{};
  return ::lstat(path.text, &status) == 0 && status.st_dev == made.device &&
         status.st_ino == made.inode;
}

/// It is bound: permissions come before anybody can connect.
int go_on(const terminated& path, const request& r, listening_path& how) noexcept {
  if (path.text[0]) {
    struct stat status{};
    if (::lstat(path.text, &status) < 0) return -errno;
    how.device = status.st_dev;
    how.inode = status.st_ino;
    how.process = ::getpid();
    if (how.permissions && ::chmod(path.text, how.permissions) < 0) return -errno;
  }
  return ::listen(r.descriptor, how.backlog) < 0 ? -errno : 0;
}

}  // namespace

int listen_at(const request& r) noexcept {
  auto& how = at<listening_path>(r.offset);
  const terminated path = path_in(at<const sockaddr_un>(r.address), r.length);
  const bool replaces = how.replace_stale && path.text[0];
  path_lock lock(path);
  // (Who takes over nothing holds it, too: what is bound and does not listen yet looks stale to
  // others. Where it is not to be had, it goes without.)
  int answer = path.text[0] ? lock.take() : 0;
  if (answer < 0 && replaces) return answer;
  answer = bind_now(r);
  if (answer == -EADDRINUSE && replaces) {
    const int stale = is_stale(path, r);
    if (stale < 0) return stale;
    if (stale && ::unlink(path.text) < 0 && errno != ENOENT) return -errno;
    if (stale) answer = bind_now(r);
  }
  if (answer < 0) return answer;
  answer = go_on(path, r, how);
  if (answer < 0 && is_ours(path, how)) ::unlink(path.text);
  return answer;
}

int leave_path(const request& r) noexcept {
  const auto& made = at<const listening_path>(r.offset);
  if (made.process != ::getpid()) return 0;  // a child has what its parent listens at
  terminated path;
  std::strncpy(path.text, &at<const char>(r.address), sizeof(sockaddr_un::sun_path) - 1);
  path_lock lock(path);
  if (const int answer = lock.take(); answer < 0) return answer;
  if (!is_ours(path, made)) return 0;
  return ::unlink(path.text) < 0 ? -errno : 0;
}

}  // namespace eddy::detail
