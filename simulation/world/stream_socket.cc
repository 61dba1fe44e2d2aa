// What a stream socket does once it is connected, and how it ends.
#include "simulation/world/stream_socket.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "simulation/world/machine.h"
#include "simulation/world/passing.h"

namespace eddy::detail::simulated {

stream_socket::~stream_socket() {
  if (in_ && in_->reader == this) in_->reader = nullptr;
  if (out_ && out_->writer == this) out_->writer = nullptr;
}

void stream_socket::join(stream_socket& a, stream_socket& b, bool at_once) {
  a.out_ = b.in_ = std::make_shared<flow>(a.home(), b.home(), at_once);
  b.out_ = a.in_ = std::make_shared<flow>(b.home(), a.home(), at_once);
  for (stream_socket* s : {&a, &b}) {
    s->in_->reader = s;
    s->out_->writer = s;
    s->state_ = state::connected;
  }
}

// ---- Bytes

int stream_socket::read(const request& r, msghdr& m) {
  if (state_ == state::connecting) return -EAGAIN;
  if (!in_) return is_tcp() ? -ENOTCONN : -EINVAL;
  const std::size_t room = size_of(m);
  std::size_t n = std::min(in_->readable_together(), room);
  if (n) {
    n -= home().in().draw(home(), label::stream_short_read, n);
    in_->get(m, n, (r.options & MSG_PEEK) != 0);
    if (!is_tcp()) give_passed(home(), in_->passed(), m, r);
    return static_cast<int>(n);
  }
  if (in_->readable()) return 0;  // no room for it
  // An end that was heard of hides what came behind it; a Unix socket tells the error first.
  if (is_tcp() && in_->is_at_end()) return 0;
  if (error_) return take_error();
  if (in_->is_at_end() || state_ == state::dead || no_more_in_ || !room) return 0;
  return -EAGAIN;
}

int stream_socket::write(const request& r, const msghdr& m) {
  if (state_ == state::connecting) return -EAGAIN;
  if (!out_) return is_tcp() ? -EPIPE : -ENOTCONN;
  if (is_tcp() && error_) return take_error();
  if (no_more_out_ || state_ == state::dead) return -EPIPE;
  if (!is_tcp() && !out_->reader) return -EPIPE;
  const std::size_t size = size_of(m);
  std::size_t n = std::min(size, out_->room());
  if (!n) return size ? -EAGAIN : 0;
  n -= home().in().draw(home(), label::stream_short_write, n);
  if (!is_tcp() && r.what == verb::send_message) {
    passed_objects passed;
    if (const int error = take_passed(home(), m, passed)) return error;
    if (!passed.empty()) out_->attach(std::move(passed), n);
  }
  out_->put(m, n);
  return static_cast<int>(n);
}

std::uint32_t stream_socket::events() const {
  switch (state_) {
    case state::fresh:
    case state::failed:
      return POLLOUT | POLLHUP | (error_ ? POLLERR : 0);
    case state::connecting:
      return 0;
    case state::listening:
      return arrived_.empty() ? 0 : POLLIN;
    default:
      break;
  }
  const bool in_over = in_->is_at_end() || no_more_in_;
  std::uint32_t is = 0;
  if (in_->readable() || in_over || error_) is |= POLLIN;
  if (in_over) is |= POLLRDHUP;
  if (error_) is |= POLLERR;
  if (state_ == state::dead) return is | POLLIN | POLLOUT | POLLRDHUP | POLLHUP;
  if (in_over && no_more_out_) is |= POLLHUP;
  if (!is_tcp() && in_over && !out_->reader) is |= POLLHUP;
  if (out_->room() || (!is_tcp() && !out_->reader)) is |= POLLOUT;
  return is;
}

// ---- Ends

int stream_socket::shut(int how) {
  if (state_ != state::connected) return -ENOTCONN;
  if (how != SHUT_WR) {
    no_more_in_ = true;
    if (!is_tcp()) {
      in_->reader = nullptr;
      if (in_->writer) in_->writer->has_room();
    }
  }
  if (how != SHUT_RD) {
    no_more_out_ = true;
    out_->end();
  }
  wake_all();
  return 0;
}

/// Bytes for whom both sides are shut reset him, and who has sent them.
void stream_socket::has_arrived() {
  if (is_tcp() && no_more_in_ && no_more_out_ && in_->readable() && state_ == state::connected) {
    out_->reset();
    in_->stop_reading();
    is_cut(ECONNRESET);
    return;
  }
  wake(side::reading);
}

/// The other end was reset, or does not answer any more.
void stream_socket::is_cut(int error) {
  if (state_ == state::dead) return;
  state_ = state::dead;
  error_ = is_tcp() && in_->is_at_end() && error == ECONNRESET ? EPIPE : error;
  in_->reader = nullptr;
  out_->abandon();
  leave_name();
  wake_all();
}

void stream_socket::end() {
  if (state_ == state::listening) {
    for (const auto& one : arrived_) one->abort();
    arrived_.clear();
    state_ = state::fresh;
    for (const auto& one : crowd_) {
      if (const auto client = one.lock()) client->wake(side::writing);
    }
    crowd_.clear();
  }
  if (state_ != state::connected) {
    if (state_ != state::dead) leave_name();
    if (answer_) answer_->abort();
    answer_ = nullptr;
    state_ = state::fresh;
    return;
  }
  const bool resets = in_->readable() || (is_tcp() && resets_at_close());
  if (resets) {
    abort();
    return;
  }
  const bool lingers = !in_->is_at_end();  // who ends first waits for stragglers
  close_connection(false);
  leave_name(lingers);
}

void stream_socket::abort() {
  if (state_ != state::connected) return;
  close_connection(true);
  leave_name();
}

void stream_socket::close_connection(bool resets) {
  state_ = state::dead;
  const auto in = in_;
  const auto out = out_;
  in->stop_reading();
  resets ? out->reset() : out->end();
  out->writer = nullptr;
  if (!is_tcp() && in->writer) in->writer->has_room();
  held_ = nullptr;
}

void stream_socket::vanish() {
  if (in_) in_->reader = nullptr;
  if (out_) out_->abandon();
  state_ = state::fresh;
  in_ = out_ = nullptr;
  answer_ = nullptr;
  arrived_.clear();
  held_ = nullptr;
}

}  // namespace eddy::detail::simulated
