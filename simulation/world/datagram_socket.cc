// Datagrams.
#include "simulation/world/datagram_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::size_t longest_v4 = 65507;
constexpr std::size_t longest_v6 = 65527;
constexpr std::size_t most_bytes = 212992;  // of UDP that nobody has taken yet
constexpr std::size_t most_queued = 10;     // of a Unix socket; one more comes in

template <class T = char>
T* at(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));  // NOLINT: as in a request
}

/// (No device of this world cuts a datagram.)
bool is_to_be_cut(const msghdr& m) noexcept {
  const auto* first = m.msg_control ? CMSG_FIRSTHDR(&m) : nullptr;
  return first && first->cmsg_level == SOL_UDP && first->cmsg_type == UDP_SEGMENT;
}

}  // namespace

datagram_socket::~datagram_socket() {
  for (const packet& p : queue_) let_go(p.passed);
}

void datagram_socket::join(datagram_socket& a, datagram_socket& b) {
  a.other_ = b.weak_from_this();
  b.other_ = a.weak_from_this();
  a.is_connected_ = b.is_connected_ = a.is_of_pair_ = b.is_of_pair_ = true;
}

int datagram_socket::connect(const request& r) {
  if (is_unix()) {
    int error = 0;
    const std::string path = path_of(at(r.address), r.length);
    socket* const found = find_unix(home(), path, error);
    if (!found) return error;
    if (found->type() != type()) return -EPROTOTYPE;
    other_ = found->weak_from_this();
    peer_path_ = path;
    is_connected_ = true;
    return 0;
  }
  sa_family_t family = AF_UNSPEC;
  if (r.length >= sizeof family) std::memcpy(&family, at(r.address), sizeof family);
  if (family == AF_UNSPEC) {  // nobody's any more
    is_connected_ = false;
    return 0;
  }
  endpoint to;
  if (const int error = read_endpoint(at(r.address), r.length, domain(), to)) return error;
  if (!route(to)) return -ENETUNREACH;
  if (const int error = name_itself(to)) return error;
  peer_ = to;
  is_connected_ = true;
  return 0;
}

int datagram_socket::hears(const endpoint& from) const noexcept {
  if (!is_connected_) return 1;
  return from == peer_ ? 2 : 0;
}

// ---- Out

int datagram_socket::write(const request& r, const msghdr& m) {
  if (no_more_out_) return -EPIPE;
  if (error_) return take_error();
  if (m.msg_iovlen > 1024) return -EMSGSIZE;
  packet p;
  for (std::size_t i = 0; i < m.msg_iovlen; ++i)
    p.bytes.append(static_cast<const char*>(m.msg_iov[i].iov_base), m.msg_iov[i].iov_len);
  const bool is_message = r.what == verb::send_message || r.what == verb::send_messages;
  const bool has_name = is_message && m.msg_name && m.msg_namelen;
  if (is_unix()) {
    if (is_message) {
      if (const int error = take_passed(home(), m, p.passed)) return error;
    }
    const int n =
        send_unix(has_name ? path_of(m.msg_name, m.msg_namelen) : peer_path_, std::move(p));
    return n;
  }
  endpoint to = peer_;
  if (has_name) {
    if (const int error = read_endpoint(m.msg_name, m.msg_namelen, domain(), to)) return error;
  } else if (!is_connected_) {
    return -EDESTADDRREQ;
  }
  if (is_message && is_to_be_cut(m)) return -EIO;
  return send_udp(to, std::move(p));
}

datagram_socket* datagram_socket::peer_of(const std::string& path, int& error) {
  const auto connected = other_.lock();
  if (is_connected_ && (is_of_pair_ || path == peer_path_)) {
    error = -ECONNREFUSED;
    return connected && connected->descriptors ? static_cast<datagram_socket*>(connected.get())
                                               : nullptr;
  }
  error = -ENOTCONN;
  if (path.empty()) return nullptr;
  socket* const found = find_unix(home(), path, error);
  if (found && found->type() != type()) error = -EPROTOTYPE;
  return found && found->type() == type() ? static_cast<datagram_socket*>(found) : nullptr;
}

int datagram_socket::send_unix(const std::string& path, packet&& p) {
  int error = 0;
  datagram_socket* const to = peer_of(path, error);
  if (to && to->is_connected_ && to->other_.lock().get() != this) error = -EPERM;
  if (!to || error == -EPERM) {
    let_go(p.passed);
    return error;
  }
  if (to->no_more_in_) {
    let_go(p.passed);
    return -EPIPE;
  }
  if (to->queue_.size() > most_queued) {
    to->crowd_.push(weak_from_this());
    let_go(p.passed);
    return -EAGAIN;
  }
  const auto size = static_cast<int>(p.bytes.size());
  p.from_path = local_path();
  to->take(std::move(p));
  return size;
}

int datagram_socket::send_udp(const endpoint& to, packet&& p) {
  const auto size = p.bytes.size();
  if (size > (domain() == AF_INET || to.is_v4() ? longest_v4 : longest_v6)) return -EMSGSIZE;
  machine* const there = route(to);
  if (!there) return -ENETUNREACH;
  if (const int error = is_bound() ? 0 : name_itself(to)) return error;
  p.from = local();
  if (p.from.is_any()) {
    p.from = there == &home() ? to : endpoint::v4(home().address(), 0);
    p.from.port = local().port;
  }
  p.to = to;
  p.source = &home();
  p.target = there;
  p.sender = weak_from_this();
  world& in = home().in();
  const instant way = in.delay(home(), *there, size);
  if (there != &home()) {
    send_over(std::move(p), way);
  } else if (way) {
    in.after<&packet::arrives>(way, std::make_shared<packet>(std::move(p)));
  } else {
    p.arrives(0);
  }
  return static_cast<int>(size);
}

/// What a network makes of it: nothing, one, or two, one of them late.
void datagram_socket::send_over(packet&& p, instant way) {
  world& in = home().in();
  const bool is_lost = in.chance(home(), label::datagram_lost);
  if (is_lost || in.lost_on_link(home(), *p.target)) return;
  const bool comes_twice = in.chance(home(), label::datagram_twice);
  const auto late = static_cast<instant>(in.draw(home(), label::datagram_late, 10'001)) * 1'000;
  if (comes_twice) {
    const instant again = in.delay(home(), *p.target, p.bytes.size());
    in.after<&packet::arrives>(again, std::make_shared<packet>(p));
  }
  in.after<&packet::arrives>(way + late, std::make_shared<packet>(std::move(p)));
}

void packet::arrives(std::uint64_t /*unused*/) {
  world& in = source->in();
  if (!in.is_open(*source, *target)) return;
  if (socket* const found = target->udp.find(to, from)) {
    static_cast<datagram_socket*>(found)->take(std::move(*this));
    return;
  }
  const auto who = sender.lock();
  if (!who || !in.is_open(*target, *source)) return;
  const instant back = in.delay(*target, *source, 0);
  const auto told = std::static_pointer_cast<datagram_socket>(who);
  if (back) {
    in.after<&datagram_socket::refused>(back, told);
  } else {
    told->refused(0);
  }
}

/// Nobody is there: who is connected hears of it.
void datagram_socket::refused(std::uint64_t /*unused*/) {
  if (!is_connected_) return;
  error_ = ECONNREFUSED;
  wake_all();
}

// ---- In

/// Where there is no room it is lost.
void datagram_socket::take(packet&& p) {
  if (!is_unix() && queued_bytes_ + p.bytes.size() + 768 > most_bytes) return;
  queued_bytes_ += p.bytes.size() + 768;  // (each takes memory beside its bytes)
  queue_.push(std::move(p));
  wake(side::reading);
}

int datagram_socket::read(const request& r, msghdr& m) {
  if (queue_.empty()) {
    if (error_) return take_error();
    return no_more_in_ ? 0 : -EAGAIN;
  }
  if (error_) return take_error();
  const bool peek = (r.options & MSG_PEEK) != 0;
  packet& p = queue_.front();
  const std::size_t n = std::min(size_of(m), p.bytes.size());
  std::size_t done = 0;
  for (std::size_t i = 0; done < n; ++i) {
    const std::size_t part = std::min(m.msg_iov[i].iov_len, n - done);
    std::memcpy(m.msg_iov[i].iov_base, p.bytes.data() + done, part);
    done += part;
  }
  const bool cut = p.bytes.size() > n;
  m.msg_flags = cut ? MSG_TRUNC : 0;
  if (m.msg_name) {
    std::uint32_t length = m.msg_namelen;
    if (is_unix()) {
      sockaddr_un from{};
      from.sun_family = AF_UNIX;
      std::memcpy(from.sun_path, p.from_path.data(),
                  std::min(p.from_path.size(), sizeof from.sun_path));
      const bool is_file = !p.from_path.empty() && p.from_path[0];
      const std::size_t size =
          p.from_path.empty() ? 0 : offsetof(sockaddr_un, sun_path) + p.from_path.size() + is_file;
      std::memcpy(m.msg_name, &from, std::min<std::size_t>(length, size));
      length = static_cast<std::uint32_t>(size);
    } else {
      give_endpoint(p.from, domain(), m.msg_name, length);
    }
    m.msg_namelen = length;
  }
  const int answer = static_cast<int>(r.options & MSG_TRUNC ? p.bytes.size() : n);
  if (!is_unix()) give_control(p, m);
  if (peek) return answer;
  if (is_unix()) give_passed(home(), p.passed, m, r);
  queued_bytes_ -= p.bytes.size() + 768;
  p.passed.clear();
  queue_.drop();
  while (!crowd_.empty()) {
    const std::shared_ptr<object> first = crowd_.front().lock();
    crowd_.drop();
    if (first) first->wake(side::writing);
  }
  return answer;
}

/// Which address it was sent to, where that is asked for.
void datagram_socket::give_control(const packet& p, msghdr& m) const {
  const std::size_t room = m.msg_control ? m.msg_controllen : 0;
  m.msg_controllen = 0;
  const auto give = [&](int level, int type, const auto& value) {
    if (room < CMSG_SPACE(sizeof value)) {
      m.msg_flags |= MSG_CTRUNC;
      return;
    }
    const cmsghdr head{CMSG_LEN(sizeof value), level, type};
    std::memcpy(m.msg_control, &head, sizeof head);
    std::memcpy(static_cast<char*>(m.msg_control) + CMSG_LEN(0), &value, sizeof value);
    m.msg_controllen = CMSG_SPACE(sizeof value);
  };
  if (domain() == AF_INET && option(IPPROTO_IP, IP_PKTINFO)) {
    in_pktinfo info{};
    info.ipi_ifindex = 1;
    info.ipi_addr.s_addr = info.ipi_spec_dst.s_addr = htonl(p.to.as_v4());
    give(IPPROTO_IP, IP_PKTINFO, info);
  }
  if (domain() == AF_INET6 && option(IPPROTO_IPV6, IPV6_RECVPKTINFO)) {
    in6_pktinfo info{};
    info.ipi6_ifindex = 1;
    std::memcpy(&info.ipi6_addr, p.to.ip.data(), p.to.ip.size());
    give(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

std::uint32_t datagram_socket::events() const {
  std::uint32_t is = POLLOUT;
  if (is_unix()) {
    const auto other = other_.lock();
    if (other && static_cast<datagram_socket&>(*other).queue_.size() > most_queued) is = 0;
  }
  if (!queue_.empty() || no_more_in_) is |= POLLIN;
  if (error_) is |= POLLERR | POLLIN;
  if (no_more_in_) is |= POLLRDHUP;
  if (no_more_in_ && no_more_out_) is |= POLLHUP;
  return is;
}

// ---- Ends

int datagram_socket::shut(int how) {
  if (!is_connected_) return -ENOTCONN;
  no_more_in_ = no_more_in_ || how != SHUT_WR;
  no_more_out_ = no_more_out_ || how != SHUT_RD;
  wake_all();
  return 0;
}

void datagram_socket::end() {
  leave_name();
  for (const auto& one : crowd_) {
    if (const auto sender = one.lock()) sender->wake(side::writing);
  }
  crowd_.clear();
  vanish();
}

void datagram_socket::vanish() {
  for (const packet& p : queue_) let_go(p.passed);
  queue_.clear();
  other_.reset();
}

}  // namespace eddy::detail::simulated
