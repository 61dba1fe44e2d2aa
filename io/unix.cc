// Unix stream sockets (unix.h).
#include <eddy/io/unix.h>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind connect_kind = make_io_kind("unix_stream::connect", io_slot::writing);

}  // namespace

detail::connect_awaitable<unix_stream> unix_stream::connect(std::string_view path) {
  const auto to = socket_address::from_path(path);
  return connect_awaitable<unix_stream>(connect_kind, to ? *to : socket_address(),
                                        to ? 0 : -to.error().value());
}

result<std::pair<unix_stream, unix_stream>> unix_stream::pair() noexcept {
  auto both = make_pair(stream_type);
  if (!both) return both.error();
  return std::pair(unix_stream(std::move(both->first)), unix_stream(std::move(both->second)));
}

result<unix_stream> unix_stream::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = true});
  if (!socket) return socket.error();
  return unix_stream(*std::move(socket));
}

result<unix_listener> unix_listener::bind(std::string_view path,
                                          const unix_listen_options& options) {
  const auto at = socket_address::from_path(path);
  if (!at) return at.error();
  const int number = make_socket(at->family(), stream_type);
  if (number < 0) return from_errno(-number);
  detail::descriptor socket(number, detail::descriptor::kind::stream);
  int answer = bind_socket(socket, *at);
  if (answer >= 0) answer = listen_on(socket, options.backlog);
  if (answer < 0) return from_errno(-answer);
  return unix_listener(std::move(socket));
}

result<unix_listener> unix_listener::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = true, .listens = true});
  if (!socket) return socket.error();
  return unix_listener(*std::move(socket));
}

}  // namespace eddy
