// What others share, on epoll (shared_streams.h).
#include "runtime/backend/shared_streams.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace eddy::detail {
namespace {

constexpr duration pause = std::chrono::milliseconds(50);

/// (The other end of a pseudo-terminal, opened again, would be another terminal.)
bool is_terminal(int descriptor) noexcept {
  unsigned number = 0;
  return ::isatty(descriptor) && ::ioctl(descriptor, TIOCGPTN, &number) < 0;
}

}  // namespace

/// (A device may be something new with each open.)
int open_again(int descriptor) noexcept {
  struct stat status{};
  if (::fstat(descriptor, &status) < 0) return -1;
  if (!S_ISFIFO(status.st_mode) && !is_terminal(descriptor)) return -1;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  const int access = ::fcntl(descriptor, F_GETFL) & O_ACCMODE;
  return above_standard_streams(::open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

void background_waits::add(operation& o, time_point now) {
  waiting_.push_back(&o);
  if (now >= next_) next_ = later(now, pause);
}

bool background_waits::remove(operation& o) noexcept {
  const auto found = std::find(waiting_.begin(), waiting_.end(), &o);
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  return true;
}

operation& background_waits::take_first() noexcept {
  operation& o = *waiting_.front();
  waiting_.erase(waiting_.begin());
  return o;
}

}  // namespace eddy::detail
