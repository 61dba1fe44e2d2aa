// Unix stream sockets (unix.h).
#include <eddy/io/unix.h>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind connect_kind = make_io_kind("unix_stream::connect", io_slot::writing);

}  // namespace

void detail::socket_file::remove() noexcept {
  if (!of_) return;
  request r;
  r.what = verb::leave_path;
  r.address = address_of(of_->path.c_str());
  r.offset = address_of(&of_->made);
  ask_here(r);  // (Where that fails, it is in the way of nobody who replaces what is stale.)
  of_.reset();
}

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
  listening_path how;
  how.backlog = options.backlog;
  how.permissions = options.permissions;
  how.replace_stale = options.replace_stale;
  request r;
  r.what = verb::listen_at;
  r.address = address_of(at->data());
  r.length = at->size();
  r.offset = address_of(&how);
  if (const int answer = socket.ask(r); answer < 0) return from_errno(-answer);
  unix_listener made(std::move(socket));
  if (how.replace_stale && how.process) made.file_ = socket_file(std::string(path), how);
  return made;
}

result<unix_listener> unix_listener::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = true, .listens = true});
  if (!socket) return socket.error();
  return unix_listener(*std::move(socket));
}

}  // namespace eddy
