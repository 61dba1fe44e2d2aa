// Unix stream sockets (unix.h).
#include <eddy/io/unix.h>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind read_kind = make_io_kind("unix_stream::read", io_slot::reading);
constexpr io_kind write_kind = make_io_kind("unix_stream::write", io_slot::writing);
constexpr io_kind connect_kind = make_io_kind("unix_stream::connect", io_slot::writing);
constexpr io_kind accept_kind = make_accept_kind("unix_listener::accept");

}  // namespace

detail::connect_awaitable<unix_stream> unix_stream::connect(std::string_view path) {
  const auto to = socket_address::unix_path(path);
  return connect_awaitable<unix_stream>(connect_kind, to ? *to : socket_address(),
                                        to ? 0 : -to.error().value());
}

result<std::pair<unix_stream, unix_stream>> unix_stream::pair() noexcept {
  auto both = make_pair();
  if (!both) return both.error();
  return std::pair(unix_stream(std::move(both->first)), unix_stream(std::move(both->second)));
}

detail::transfer unix_stream::read(mutable_buffer buffer) noexcept {
  return receive(socket_, read_kind, buffer);
}
detail::transfer unix_stream::write(const_buffer data) noexcept {
  return send(socket_, write_kind, data);
}

result<unix_stream> unix_stream::adopt(int number) noexcept {
  auto socket = adopt_socket(number);
  if (!socket) return socket.error();
  return unix_stream(*std::move(socket));
}

result<unix_listener> unix_listener::bind(std::string_view path, const listen_options& options) {
  const auto at = socket_address::unix_path(path);
  if (!at) return at.error();
  auto made = make_listener(*at, options);
  if (!made) return made.error();
  return unix_listener(*std::move(made));
}

detail::accept_awaitable<unix_stream> unix_listener::accept() noexcept {
  return accept_awaitable<unix_stream>(listener_, accept_kind);
}

}  // namespace eddy
