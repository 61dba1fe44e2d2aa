// What stands behind a child's descriptors (child_descriptors.h).
#include "runtime/backend/child_descriptors.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "runtime/backend/backend.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

namespace eddy::detail {
namespace {

/// Nobody is waited for: a named pipe without a writer is empty, one without a reader is an error.
int open_path(const char* path, int flags) noexcept {
  const int made =
      above_standard_streams(::open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666));
  if (made >= 0) static_cast<void>(::fcntl(made, F_SETFL, ::fcntl(made, F_GETFL) & ~O_NONBLOCK));
  return made;
}

/// (By its name only where the kernel is older than 4.13: /dev/pts may be another one's.)
int open_other_end(int master) noexcept {
  const int made = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (made >= 0) return above_standard_streams(made);
  char name[64];
  if (::ptsname_r(master, name, sizeof name)) return -1;
  return above_standard_streams(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
}

}  // namespace

int child_descriptors::make(const child_order& o) {
  if (o.terminal) {
    if (const int error = make_terminal(o)) return error;
  }
  for (int i = 0; !o.terminal && i < 3; ++i) {
    if (i == 2 && o.error_to_output) {
      moves_.push_back({moves_[1].from, 2, moves_[1].may_be_closed});
    } else if (const int error = make_stream(o.streams[static_cast<std::size_t>(i)], i)) {
      return error;
    }
  }
  for (const auto& [here, there] : o.passed) {
    if (there < 3) {
      moves_[static_cast<std::size_t>(there)] = {here, there, false};
    } else {
      moves_.push_back({here, there, false});
    }
  }
  return 0;
}

void child_descriptors::put_into(child_plan& p) noexcept {
  p.moves = moves_.data();
  p.move_count = moves_.size();
}

void child_descriptors::give_ends(child_order& o) noexcept {
  for (std::size_t i = 0; i < o.ends.size(); ++i) o.ends[i] = ours_[i].give();
}

int child_descriptors::use(int from, int to) {
  if (from < 0) return errno;
  theirs_[static_cast<std::size_t>(to)] = owned(from);
  moves_.push_back({from, to, false});
  return 0;
}

int child_descriptors::make_stream(const child_stream& s, int which) {
  switch (s.what) {
    case child_stream::source::inherit:
      moves_.push_back({which, which, true});
      return 0;
    case child_stream::source::number:
      moves_.push_back({s.number, which, false});
      return s.number < 0 ? EBADF : 0;
    case child_stream::source::discard:
      return use(above_standard_streams(::open("/dev/null", O_RDWR | O_CLOEXEC)), which);
    case child_stream::source::read:
      return use(open_path(s.path, O_RDONLY), which);
    case child_stream::source::write:
      return use(open_path(s.path, O_WRONLY | O_CREAT | O_TRUNC), which);
    case child_stream::source::append:
      return use(open_path(s.path, O_WRONLY | O_CREAT | O_APPEND), which);
    case child_stream::source::pipe:
      break;
  }
  return make_pipe(which);
}

/// (Each end has flags of its own: the child's waits, as programs expect.)
int child_descriptors::make_pipe(int which) {
  int both[2];
  if (::pipe2(both, O_CLOEXEC) < 0) return errno;
  const int ours = which == 0 ? 1 : 0;
  owned mine(above_standard_streams(both[ours]));
  const int error = mine.get() < 0 ? errno : 0;
  owned other(above_standard_streams(both[1 - ours]));
  if (error) return error;
  if (::fcntl(mine.get(), F_SETFL, O_NONBLOCK) < 0) return errno;
  ours_[static_cast<std::size_t>(which)] = std::move(mine);
  return use(other.give(), which);
}

int child_descriptors::make_terminal(const child_order& o) {
  owned master(
      above_standard_streams(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)));
  if (master.get() < 0) return errno;
  int unlocked = 0;
  if (::ioctl(master.get(), TIOCSPTLCK, &unlocked) < 0) return errno;
  const winsize size{o.rows, o.columns, 0, 0};
  if (::ioctl(master.get(), TIOCSWINSZ, &size) < 0) return errno;
  owned reads(::fcntl(master.get(), F_DUPFD_CLOEXEC, 3));
  if (reads.get() < 0) return errno;
  const int slave = open_other_end(master.get());
  if (const int error = use(slave, 0)) return error;
  moves_.push_back({slave, 1, false});
  moves_.push_back({slave, 2, false});
  ours_[0] = std::move(master);
  ours_[1] = std::move(reads);
  return 0;
}

}  // namespace eddy::detail
