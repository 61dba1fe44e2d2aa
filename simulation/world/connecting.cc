// How connections come about: handshakes over the network, and at once inside a machine.
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "simulation/world/machine.h"
#include "simulation/world/stream_socket.h"

namespace eddy::detail::simulated {
namespace {

/// When a first message that got no answer is sent again, in seconds since the first time; at the
/// last of them it is given up.
constexpr std::array<instant, 11> again_at{1, 2, 3, 4, 5, 7, 11, 19, 35, 67, 131};

constexpr std::uint32_t longest_backlog = 4096;

}  // namespace

int stream_socket::connect(const request& r) {
  switch (state_) {
    case state::fresh:
      return is_tcp() ? begin_tcp(r) : connect_unix(r);
    case state::connecting:
      return -EAGAIN;
    case state::failed:
      if (error_) return take_error();
      state_ = state::fresh;
      return -ECONNABORTED;
    case state::connected:
      return std::exchange(is_news_, false) ? 0 : -EISCONN;
    default:
      return -EISCONN;
  }
}

// ---- TCP

int stream_socket::begin_tcp(const request& r) {
  endpoint to;
  if (const int error = read_endpoint(reinterpret_cast<const void*>(  // NOLINT: as in a request
                                          static_cast<std::uintptr_t>(r.address)),
                                      r.length, domain(), to))
    return error;
  if (to.is_any())
    to = to.is_v4() ? endpoint::v4(0x7f000001, to.port) : endpoint::loopback_v6(to.port);
  if (!route(to)) return -ENETUNREACH;
  if (const int error = name_itself(to)) return error;
  peer_ = to;
  began_ = home().in().now();
  state_ = state::connecting;
  if (begin_badly()) return -EAGAIN;
  send_syn(0);
  return connect(r);
}

/// It comes to nothing, whoever is there.
bool stream_socket::begin_badly() {
  world& in = home().in();
  machine& there = *route(peer_);
  if (&there == &home()) return false;
  if (in.chance(home(), label::connect_hangs)) {
    in.after<&stream_socket::refused>(again_at.back() * second, self(), ETIMEDOUT);
    return true;
  }
  const bool refuses = in.chance(home(), label::connect_refused);
  const bool is_unreachable = in.chance(home(), label::net_unreachable);
  if (!refuses && !is_unreachable) return false;
  const instant takes = in.delay(home(), there, 0);
  in.after<&stream_socket::refused>(takes * 2, self(), refuses ? ECONNREFUSED : EHOSTUNREACH);
  return true;
}

void stream_socket::send_syn(std::uint64_t tries) {
  if (state_ != state::connecting) return;
  world& in = home().in();
  const instant way = in.delay(home(), *route(peer_), 0);
  if (way) {
    in.after<&stream_socket::syn_arrives>(way, self(), tries);
  } else {
    syn_arrives(tries);
  }
}

void stream_socket::syn_arrives(std::uint64_t tries) {
  if (state_ != state::connecting) return;
  world& in = home().in();
  machine& there = *route(peer_);
  const bool both_ways = in.is_open(home(), there) && in.is_open(there, home());
  auto* const listener =
      both_ways ? static_cast<stream_socket*>(there.tcp.find(peer_, local())) : nullptr;
  const bool is_full =
      listener && listener->arrived_.size() + listener->half_open_ > listener->backlog_;
  if (!both_ways || is_full) {  // it is lost
    const instant next = began_ + again_at[tries] * second;
    if (tries + 1 == again_at.size()) {
      in.at<&stream_socket::refused>(next, self(), ETIMEDOUT);
    } else {
      in.at<&stream_socket::send_syn>(next, self(), tries + 1);
    }
    return;
  }
  if (listener) answer_ = listener->make_peer(*this);
  const instant back = in.delay(there, home(), 0);
  if (!back) {
    listener ? answered(0) : refused(ECONNREFUSED);
  } else if (listener) {
    in.after<&stream_socket::answered>(back, self());
  } else {
    in.after<&stream_socket::refused>(back, self(), ECONNREFUSED);
  }
}

void stream_socket::refused(std::uint64_t error) {
  if (state_ != state::connecting) return;
  error_ = static_cast<int>(error);
  state_ = state::failed;
  wake_all();
}

/// At a listener: the other end of what comes from there.
std::shared_ptr<stream_socket> stream_socket::make_peer(stream_socket& client) {
  auto made = std::make_shared<stream_socket>(home(), domain(), type());
  made->inherit(*this);
  made->came_to_ = weak_from_this();
  made->peer_ = client.local();
  made->peer_path_ = client.local_path();
  made->share_name(*this, client.peer_);
  if (is_tcp()) {
    made->is_half_open_ = true;
    made->held_ = made;
    ++half_open_;
  }
  return made;
}

void stream_socket::answered(std::uint64_t /*unused*/) {
  if (state_ != state::connecting || !answer_) return;
  const auto other = std::exchange(answer_, nullptr);
  join(*this, *other, false);
  is_news_ = true;
  out_->establish();
  wake_all();
}

void stream_socket::is_established() {
  if (!std::exchange(is_half_open_, false)) return;
  const std::shared_ptr<object> self = std::exchange(held_, nullptr);
  const auto listener = std::static_pointer_cast<stream_socket>(came_to_.lock());
  if (listener) --listener->half_open_;
  if (listener && listener->is_listening()) {
    listener->queue(std::static_pointer_cast<stream_socket>(self));
  } else {
    abort();
  }
}

// ---- Unix

int stream_socket::connect_unix(const request& r) {
  const std::string path = path_of(reinterpret_cast<const void*>(  // NOLINT: as in a request
                                       static_cast<std::uintptr_t>(r.address)),
                                   r.length);
  int error = 0;
  socket* const found = find_unix(home(), path, error);
  if (!found) return error;
  if (found->type() != type()) return -EPROTOTYPE;
  auto& listener = static_cast<stream_socket&>(*found);
  if (!listener.is_listening()) return -ECONNREFUSED;
  if (listener.arrived_.size() > listener.backlog_) {
    listener.crowd_.push(weak_from_this());
    return -EAGAIN;
  }
  peer_path_ = listener.local_path();
  auto other = listener.make_peer(*this);
  join(*this, *other, true);
  listener.queue(std::move(other));
  return 0;
}

// ---- The listener

int stream_socket::listen(std::uint32_t backlog) {
  if (state_ != state::fresh && state_ != state::listening) return -EINVAL;
  if (is_unix() && !is_bound()) return -EINVAL;
  if (!is_bound()) {
    if (const int error = name_itself(domain() == AF_INET ? endpoint::v4(0, 0) : endpoint()))
      return error;
  }
  state_ = state::listening;
  backlog_ = std::min(backlog, longest_backlog);
  return 0;
}

void stream_socket::queue(std::shared_ptr<stream_socket> one) {
  arrived_.push(std::move(one));
  wake(side::reading);
}

int stream_socket::accept(std::uint32_t options) {
  if (!is_listening()) return -EINVAL;
  if (arrived_.empty()) return -EAGAIN;
  if (home().is_full() || home().in().chance(home(), label::out_of_descriptors)) return -EMFILE;
  std::shared_ptr<stream_socket> one = std::move(arrived_.front());
  arrived_.drop();
  one->flags = O_RDWR | (options & SOCK_NONBLOCK ? O_NONBLOCK : 0);
  const int number = home().add(std::move(one));
  let_somebody_in();
  return number;
}

/// The first of those that found no room and still wait.
void stream_socket::let_somebody_in() {
  while (!crowd_.empty()) {
    const std::shared_ptr<object> first = crowd_.front().lock();
    crowd_.drop();
    if (!first || first->waits[static_cast<std::size_t>(side::writing)].empty()) continue;
    first->wake(side::writing);
    return;
  }
}

}  // namespace eddy::detail::simulated
