// A file into a socket (file_send.h).
#include <eddy/io/detail/file_send.h>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace eddy::detail {

namespace {

constexpr io_kind file_send_kind =
    make_io_kind("send_file", io_slot::writing, true, &file_send_wait::reported);

// A thread of the pool is held no longer than this takes to be read.
constexpr std::uint64_t most_of_a_piece = std::uint64_t{1} << 20;
constexpr std::uint64_t most_offset = std::numeric_limits<std::int64_t>::max();

int refusal(int file, std::uint64_t offset, std::uint64_t length) noexcept {
  if (file < 0) return -EBADF;
  return offset > most_offset || length > most_offset - offset ? -EINVAL : 0;
}

}  // namespace

file_send_wait::file_send_wait(descriptor& socket, int file, std::uint64_t offset,
                               std::uint64_t length) noexcept
    : io_wait(&socket, file_send_kind, {}, refusal(file, offset, length)),
      file_(file),
      offset_(offset),
      left_(length) {}

/// Nothing to send needs no socket.
bool file_send_wait::await_ready() noexcept {
  if (!left_) settled = true;
  return io_wait::await_ready();
}

void file_send_wait::ask_for_piece() noexcept {
  ask.what = verb::send_file;
  ask.second = held_.number();
  ask.offset = offset_;
  ask.length = static_cast<std::uint32_t>(std::min(left_, most_of_a_piece));
}

void file_send_wait::begin_send() noexcept {
  request r;
  r.what = verb::duplicate;
  r.descriptor = file_;
  const int number = ask_here(r);
  if (number < 0) {
    result = number;
    return make_ready(*this);
  }
  held_ = descriptor(number, descriptor::kind::stream);
  ask_for_piece();
  begin_io();
}

/// After a piece, or once there is room again.
bool file_send_wait::goes_on() noexcept {
  if (ask.what == verb::ready) {
    if (result < 0) return false;
    ask_for_piece();
  } else if (result == -EAGAIN) {
    ask.what = verb::ready;
    ask.options = POLLOUT;
  } else if (result > 0) {
    const auto moved = static_cast<std::uint64_t>(result);
    sent_ += moved;
    offset_ += moved;
    left_ -= moved;
    if (!left_) return false;
    ask_for_piece();
  } else {
    return false;  // the file's end, or an error
  }
  return begin_again();
}

void file_send_wait::reported(work* w) noexcept {
  auto& self = static_cast<file_send_wait&>(of(w));
  if (!self.claimed || !self.goes_on()) finish(w);
}

eddy::result<std::uint64_t> file_send_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  return sent_;
}

}  // namespace eddy::detail
