// TCP (tcp.h).
#include <eddy/io/tcp.h>

#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>

#include <eddy/coro/timeout.h>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind read_kind = make_io_kind("tcp_stream::read", io_slot::reading);
constexpr io_kind write_kind = make_io_kind("tcp_stream::write", io_slot::writing);
constexpr io_kind connect_kind = make_io_kind("tcp_stream::connect", io_slot::writing);
constexpr io_kind accept_kind = make_accept_kind("tcp_listener::accept");

bool is_internet(const socket_address& a) noexcept {
  return a.family() == AF_INET || a.family() == AF_INET6;
}

}  // namespace

detail::connect_awaitable<tcp_stream> tcp_stream::connect(const socket_address& to) noexcept {
  return connect_awaitable<tcp_stream>(connect_kind, to, is_internet(to) ? 0 : -EAFNOSUPPORT);
}

namespace {

task<result<tcp_stream>> connect_from(socket_address to, std::optional<socket_address> from,
                                      duration timeout) {
  connect_awaitable<tcp_stream> connecting(connect_kind, to, is_internet(to) ? 0 : -EAFNOSUPPORT,
                                           from ? &*from : nullptr);
  if (timeout <= duration::zero()) co_return co_await std::move(connecting);
  co_return co_await with_timeout(timeout, std::move(connecting));
}

}  // namespace

task<result<tcp_stream>> tcp_stream::connect(const socket_address& to,
                                             const connect_options& options) {
  return connect_from(to, options.local ? std::optional(*options.local) : std::nullopt,
                      options.timeout);
}

tcp_stream tcp_stream::connected(detail::descriptor socket) noexcept {
  // It only says how small writes are sent: a connection that is gone already is for its first user
  // to find.
  static_cast<void>(detail::set_no_delay(socket, true));
  return tcp_stream(std::move(socket));
}

detail::transfer tcp_stream::read(mutable_buffer buffer) noexcept {
  return receive(socket_, read_kind, buffer);
}
detail::transfer tcp_stream::write(const_buffer data) noexcept {
  return send(socket_, write_kind, data);
}

result<tcp_stream> tcp_stream::adopt(int number) noexcept {
  auto socket = adopt_socket(number);
  if (!socket) return socket.error();
  return tcp_stream(*std::move(socket));
}

result<tcp_listener> tcp_listener::bind(const socket_address& at,
                                        const listen_options& options) noexcept {
  if (!is_internet(at)) return from_errno(EAFNOSUPPORT);
  auto made = make_listener(at, options);
  if (!made) return made.error();
  return tcp_listener(*std::move(made));
}

detail::accept_awaitable<tcp_stream> tcp_listener::accept() noexcept {
  return accept_awaitable<tcp_stream>(listener_, accept_kind);
}

}  // namespace eddy
