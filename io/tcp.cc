// TCP (tcp.h).
#include <eddy/io/tcp.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <eddy/coro/timeout.h>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind connect_kind = make_io_kind("tcp_stream::connect", io_slot::writing);

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

// ---- Options -----------------------------------------------------------------------------------

namespace {

/// Rounded up, for what is not nothing is not to become nothing.
template <class Unit>
int whole(duration time) noexcept {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  const auto count = time > duration::zero() ? std::chrono::ceil<Unit>(time).count() : 0;
  return static_cast<int>(std::min<std::int64_t>(count, most));
}
int seconds(duration time) noexcept {
  return std::max(whole<std::chrono::seconds>(time), 1);
}

/// The first error of several questions.
struct asking {
  const descriptor& of;
  std::error_code error;
  int number(int level, int name) noexcept {
    if (error) return 0;
    const result<int> n = get_number(of, level, name);
    if (!n) error = n.error();
    return n ? *n : 0;
  }
};

}  // namespace

result<bool> tcp_stream::no_delay() const noexcept {
  return get_option<bool>(IPPROTO_TCP, TCP_NODELAY);
}

result<void> tcp_stream::set_keep_alive(const eddy::keep_alive& how) noexcept {
  int answer = set_number(of_, IPPROTO_TCP, TCP_KEEPIDLE, seconds(how.idle));
  if (answer >= 0) answer = set_number(of_, IPPROTO_TCP, TCP_KEEPINTVL, seconds(how.interval));
  if (answer >= 0) answer = set_number(of_, IPPROTO_TCP, TCP_KEEPCNT, how.probes);
  if (answer < 0) return from_errno(-answer);
  return set_keep_alive(true);
}
result<void> tcp_stream::set_keep_alive(bool on) noexcept {
  return void_result(set_number(of_, SOL_SOCKET, SO_KEEPALIVE, on));
}
result<std::optional<keep_alive>> tcp_stream::keep_alive() const noexcept {
  asking ask{of_, {}};
  const bool on = ask.number(SOL_SOCKET, SO_KEEPALIVE) != 0;
  eddy::keep_alive how;
  how.idle = std::chrono::seconds(ask.number(IPPROTO_TCP, TCP_KEEPIDLE));
  how.interval = std::chrono::seconds(ask.number(IPPROTO_TCP, TCP_KEEPINTVL));
  how.probes = ask.number(IPPROTO_TCP, TCP_KEEPCNT);
  if (ask.error) return ask.error;
  return on ? std::optional(how) : std::nullopt;
}

result<void> tcp_stream::set_user_timeout(duration limit) noexcept {
  return void_result(
      set_number(of_, IPPROTO_TCP, TCP_USER_TIMEOUT, whole<std::chrono::milliseconds>(limit)));
}
result<duration> tcp_stream::user_timeout() const noexcept {
  const result<int> n = get_number(of_, IPPROTO_TCP, TCP_USER_TIMEOUT);
  if (!n) return n.error();
  return duration(std::chrono::milliseconds(*n));
}

result<void> tcp_stream::set_linger(std::optional<duration> time) noexcept {
  return void_result(detail::set_linger(
      of_, time.has_value(), whole<std::chrono::seconds>(time.value_or(duration::zero()))));
}
result<std::optional<duration>> tcp_stream::linger() const noexcept {
  const auto now = get_option<struct ::linger>(SOL_SOCKET, SO_LINGER);
  if (!now) return now.error();
  if (!now->l_onoff) return std::optional<duration>();
  return std::optional<duration>(std::chrono::seconds(now->l_linger));
}

result<tcp_information> tcp_stream::info() const noexcept {
  const auto known = get_option<tcp_info>(IPPROTO_TCP, TCP_INFO);
  if (!known) return known.error();
  tcp_information all;
  all.round_trip = std::chrono::microseconds(known->tcpi_rtt);
  all.round_trip_variation = std::chrono::microseconds(known->tcpi_rttvar);
  all.retransmits = known->tcpi_total_retrans;
  all.unacknowledged = known->tcpi_unacked;
  all.lost = known->tcpi_lost;
  all.window = known->tcpi_snd_cwnd;
  all.segment = known->tcpi_snd_mss;
  return all;
}

// ---- From elsewhere, and listeners -------------------------------------------------------------

result<tcp_stream> tcp_stream::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = false});
  if (!socket) return socket.error();
  return tcp_stream(*std::move(socket));
}

result<tcp_listener> tcp_listener::adopt(int number) noexcept {
  auto socket = adopt_socket(number, {.local = false, .listens = true});
  if (!socket) return socket.error();
  static_cast<void>(detail::set_no_delay(*socket, true));  // what is accepted inherits it
  return tcp_listener(*std::move(socket));
}

result<tcp_listener> tcp_listener::bind(const socket_address& at,
                                        const listen_options& options) noexcept {
  if (!is_internet(at)) return from_errno(EAFNOSUPPORT);
  auto made = make_listener(at, options);
  if (!made) return made.error();
  return tcp_listener(*std::move(made));
}

}  // namespace eddy
