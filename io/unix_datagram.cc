// Unix sockets for datagrams (unix_datagram.h).
#include <eddy/io/unix_datagram.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include <eddy/io/detail/socket.h>
#include <eddy/io/socket_address.h>

namespace eddy {

using namespace detail;

namespace {

result<descriptor> make_datagrams() noexcept {
  const int number = make_socket(AF_UNIX, datagram_type);
  if (number < 0) return from_errno(-number);
  return descriptor(number, descriptor::kind::stream);
}

}  // namespace

unix_datagram::unix_datagram(detail::descriptor socket) noexcept : passing(std::move(socket)) {
  more_.family = AF_UNIX;
  more_.peer_family = AF_UNIX;  // also where it has none yet: what is sent has no limit of UDP's
}

result<unix_datagram> unix_datagram::bind(std::string_view path) {
  const auto at = socket_address::from_path(path);
  if (!at) return at.error();
  auto socket = make_datagrams();
  if (!socket) return socket.error();
  if (const int answer = bind_socket(*socket, *at); answer < 0) return from_errno(-answer);
  return unix_datagram(*std::move(socket));
}

result<unix_datagram> unix_datagram::connect(std::string_view path) {
  auto socket = make_datagrams();
  if (!socket) return socket.error();
  unix_datagram made(*std::move(socket));
  if (const result<void> connected = made.connect_to(path); !connected) return connected.error();
  return made;
}

result<std::pair<unix_datagram, unix_datagram>> unix_datagram::pair() noexcept {
  auto both = make_pair(datagram_type);
  if (!both) return both.error();
  return std::pair(unix_datagram(std::move(both->first)), unix_datagram(std::move(both->second)));
}

result<void> unix_datagram::connect_to(std::string_view path) {
  const auto to = socket_address::from_path(path);
  if (!to) return to.error();
  return void_result(datagrams::connect_to(*to));
}

detail::datagram_send unix_datagram::send(const_buffer data) {
  return datagram_send(of_, more_, send_kind<unix_datagram>, data, nullptr, send_options(), 0);
}
detail::datagram_send unix_datagram::send_to(const_buffer data, std::string_view path) {
  const auto to = socket_address::from_path(path);
  const socket_address* address = to ? &*to : nullptr;
  return datagram_send(of_, more_, send_to_kind<unix_datagram>, data, address, send_options(),
                       to ? 0 : -to.error().value());
}

result<unix_datagram> unix_datagram::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = true, .type = datagram_type});
  if (!socket) return socket.error();
  return unix_datagram(*std::move(socket));
}

}  // namespace eddy
