// UDP sockets (udp.h).
#include <eddy/io/udp.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind receive_batch_kind = make_io_kind("udp_socket::receive_batch", io_slot::reading);
constexpr io_kind send_batch_kind = make_io_kind("udp_socket::send_batch", io_slot::writing);

bool is_internet(const socket_address& address) noexcept {
  return address.family() == AF_INET || address.family() == AF_INET6;
}

int apply(const descriptor& socket, int family, const udp_options& options) noexcept {
  const auto set = [&](bool wanted, int level, int name) {
    return wanted ? set_number(socket, level, name, 1) : 0;
  };
  const bool v6 = family == AF_INET6;
  int answer = 0;
  // (The system's default may be either.)
  if (v6) answer = set_number(socket, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only);
  if (!answer) answer = set(options.reuse_address, SOL_SOCKET, SO_REUSEADDR);
  if (!answer) answer = set(options.reuse_port, SOL_SOCKET, SO_REUSEPORT);
  if (!answer) answer = set(options.broadcast, SOL_SOCKET, SO_BROADCAST);
  if (!answer) {
    answer = v6 ? set(options.destination, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                : set(options.destination, IPPROTO_IP, IP_PKTINFO);
  }
  // (Where that is not to be had, each comes by itself.)
  static_cast<void>(set(options.coalesce, SOL_UDP, UDP_GRO));
  return answer;
}

/// An option that both families have. An IPv6 socket has IPv4's as well, for what it sends there.
result<void> set_for_both(const descriptor& socket, int family, int v4, int v6,
                          int value) noexcept {
  int answer = 0;
  if (family == AF_INET6) answer = set_number(socket, IPPROTO_IPV6, v6, value);
  if (answer >= 0) answer = set_number(socket, IPPROTO_IP, v4, value);
  return void_result(answer);
}

/// -1: there is none of that name.
int index_of(std::string_view interface) {
  if (interface.empty()) return 0;
  const std::uint32_t index = interface_of(interface);
  return index && index <= std::numeric_limits<int>::max() ? static_cast<int>(index) : -1;
}

}  // namespace

udp_socket::udp_socket(detail::descriptor socket) noexcept : datagrams(std::move(socket)) {
  const socket_address own = local_address();
  more_.port = own.port();
  more_.family = static_cast<std::uint16_t>(own.family());
  more_.peer_family = static_cast<std::uint16_t>(peer_address().family());
}

result<udp_socket> udp_socket::bind(const socket_address& at, const udp_options& options) noexcept {
  if (!is_internet(at)) return from_errno(EAFNOSUPPORT);
  const int number = make_socket(at.family(), datagram_type);
  if (number < 0) return from_errno(-number);
  detail::descriptor socket(number, detail::descriptor::kind::stream);
  int answer = apply(socket, at.family(), options);
  if (answer >= 0) answer = bind_socket(socket, at);
  if (answer < 0) return from_errno(-answer);
  return udp_socket(std::move(socket));
}

result<udp_socket> udp_socket::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = false, .type = datagram_type});
  if (!socket) return socket.error();
  return udp_socket(*std::move(socket));
}

result<void> udp_socket::connect(const socket_address& to) noexcept {
  if (!is_internet(to)) return from_errno(EAFNOSUPPORT);
  return void_result(connect_to(to));
}

detail::datagram_send udp_socket::send(const_buffer data, const send_options& options) {
  return datagram_send(of_, more_, send_kind<udp_socket>, data, nullptr, options, 0);
}
detail::datagram_send udp_socket::send_to(const_buffer data, const socket_address& to,
                                          const send_options& options) {
  return datagram_send(of_, more_, send_to_kind<udp_socket>, data, &to, options,
                       is_internet(to) ? 0 : -EAFNOSUPPORT);
}
detail::batch_receive udp_socket::receive_batch(std::span<const mutable_buffer> buffers,
                                                std::span<datagram> told) noexcept {
  return batch_receive(of_, more_, receive_batch_kind, buffers, told);
}
detail::batch_send udp_socket::send_batch(std::span<const outgoing> all) noexcept {
  return batch_send(of_, more_, send_batch_kind, all);
}

result<void> udp_socket::change_group(int option, const socket_address& group,
                                      std::string_view interface) {
  if (!is_internet(group)) return from_errno(EAFNOSUPPORT);
  const int index = index_of(interface);
  if (index < 0) return from_errno(ENODEV);
  group_req r{};
  std::memcpy(&r.gr_group, group.data(), group.size());
  r.gr_interface = static_cast<std::uint32_t>(index);
  const bool v6 = group.family() == AF_INET6;
  if (v6 && !index)
    r.gr_interface = reinterpret_cast<const sockaddr_in6&>(r.gr_group).sin6_scope_id;
  return set_option(v6 ? IPPROTO_IPV6 : IPPROTO_IP, option, r);
}
result<void> udp_socket::join_group(const socket_address& group, std::string_view interface) {
  return change_group(MCAST_JOIN_GROUP, group, interface);
}
result<void> udp_socket::leave_group(const socket_address& group, std::string_view interface) {
  return change_group(MCAST_LEAVE_GROUP, group, interface);
}
result<void> udp_socket::set_multicast_interface(std::string_view interface) {
  const int index = index_of(interface);
  if (index < 0) return from_errno(ENODEV);
  int answer = 0;
  if (more_.family == AF_INET6) answer = set_number(of_, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
  ip_mreqn r{};
  r.imr_ifindex = index;
  if (answer < 0) return from_errno(-answer);
  return set_option(IPPROTO_IP, IP_MULTICAST_IF, r);
}
result<void> udp_socket::set_multicast_loop(bool on) noexcept {
  return set_for_both(of_, more_.family, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, on);
}
result<void> udp_socket::set_multicast_hops(int hops) noexcept {
  if (hops < 0) return from_errno(EINVAL);
  return set_for_both(of_, more_.family, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, hops);
}
result<void> udp_socket::set_hops(int hops) noexcept {
  if (hops < 1) return from_errno(EINVAL);
  return set_for_both(of_, more_.family, IP_TTL, IPV6_UNICAST_HOPS, hops);
}

}  // namespace eddy
