// TCP: listeners and connected streams. Whole-buffer helpers (read_exactly, write_all) are in
// <eddy/io/algorithm.h>; what streams and sockets have in common is in <eddy/io/detail/owner.h>.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/io/detail/owner.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>
#include <eddy/runtime/timers.h>

namespace eddy {

/// How a connection on which nothing comes is asked whether its peer is still there. (In whole
/// seconds, at least one.)
struct keep_alive {
  duration idle = std::chrono::seconds(60);      ///< so long after the last that came, first
  duration interval = std::chrono::seconds(10);  ///< and then again and again,
  int probes = 5;                                ///< so often before it is given up (timed_out)
};

/// What the kernel knows of a connection.
struct tcp_information {
  duration round_trip{};             ///< from what is sent to its acknowledgement, smoothed
  duration round_trip_variation{};   ///< mean deviation of that
  std::uint32_t retransmits = 0;     ///< segments that were sent again, in all
  std::uint32_t unacknowledged = 0;  ///< segments on their way
  std::uint32_t lost = 0;            ///< of them, those that are taken for lost
  std::uint32_t window = 0;          ///< segments that may be on their way (congestion window)
  std::uint32_t segment = 0;         ///< bytes in one segment, at most
};

/// A connected TCP stream. Beside what stands here it has what all streams and sockets have: read,
/// write (into or from one buffer or several), try_read, try_write, abort, close, native_handle,
/// release, local_address, set_option, get_option, set_send_buffer, … The destructor closes it at
/// once; close() first ends what others await on it.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts. A fresh
///           one may go to any.
/// Overlap   A read and a write may be in flight together; a second of either kind aborts.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class tcp_stream
    : public detail::reading<tcp_stream, detail::writing<tcp_stream, detail::socket_owner>> {
 public:
  /// Connects to an IPv4 or IPv6 address. Small writes then go out at once (set_no_delay).
  ///
  /// Result      the stream
  /// Errors      connection_refused, timed_out, network_unreachable, …; too_many_files_open;
  ///             address_family_not_supported
  /// Cancel      stops the task, and the socket is closed; once connected, the stream is delivered
  /// Lifetime    nothing is referred to
  static detail::connect_awaitable<tcp_stream> connect(const socket_address& to) noexcept;
  /// The same from an address of ours, or within a time.
  ///
  /// Result      the stream
  /// Errors      as above; address_not_available, address_in_use: the local address;
  ///             errc::timed_out
  /// Cancel      as above
  /// Lifetime    nothing is referred to
  static task<result<tcp_stream>> connect(const socket_address& to, const connect_options& options);

  /// Ends our side: the peer reads to the end of what was written, and then 0. Reading goes on.
  /// not_connected: the connection is gone.
  result<void> shutdown_write() noexcept { return detail::shutdown_write(of_); }

  /// On (the default for accepted and connected streams): small writes go out at once, and do not
  /// wait to be joined with later ones (TCP_NODELAY).
  result<void> set_no_delay(bool on) noexcept { return detail::set_no_delay(of_, on); }
  result<bool> no_delay() const noexcept;

  /// Asks a peer of whom nothing comes whether it is there. Off by default. `true`: with the
  /// system's times, which are hours.
  result<void> set_keep_alive(const eddy::keep_alive& how) noexcept;
  result<void> set_keep_alive(bool on) noexcept;
  /// No value: off.
  result<std::optional<eddy::keep_alive>> keep_alive() const noexcept;

  /// So long what was written may wait for its acknowledgement before the connection is given up
  /// (timed_out); zero: the system's own patience, about a quarter of an hour. In milliseconds.
  result<void> set_user_timeout(duration limit) noexcept;
  result<duration> user_timeout() const noexcept;

  /// What happens at the end to what was not sent yet. No value, the default: the kernel goes on
  /// sending it. A time (in whole seconds): closing blocks for so long until it is sent, the loop
  /// with it: for programs that end. Zero: it is dropped, and the peer gets a reset (abort() does
  /// this).
  result<void> set_linger(std::optional<duration> time) noexcept;
  result<std::optional<duration>> linger() const noexcept;

  /// What the kernel knows of the connection now.
  result<tcp_information> info() const noexcept;

  /// No address (family 0) where the connection is gone, or closed.
  socket_address peer_address() const noexcept { return detail::peer_address(of_); }

  /// Takes over a connected TCP socket, which is made O_NONBLOCK. An error leaves it with the
  /// caller: not_a_socket, wrong_protocol_type (no TCP), address_family_not_supported (no IPv4 or
  /// IPv6), invalid_argument (it listens), bad_file_descriptor. Whether it is close-on-exec is the
  /// caller's choice.
  static result<tcp_stream> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* read = "tcp_stream::read";
    static constexpr const char* write = "tcp_stream::write";
    static constexpr bool resets = true;
  };
  explicit tcp_stream(detail::descriptor socket) noexcept : reading(std::move(socket)) {}
  static tcp_stream connected(detail::descriptor socket) noexcept;
};

/// Accepts TCP connections: accept(). Threads, Overlap and Moving as for a stream; close,
/// native_handle, release, local_address (with the port that was chosen), set_option, … as well.
class tcp_listener : public detail::listening<tcp_listener, tcp_stream> {
 public:
  /// Listens at `at`; with port 0 the kernel chooses one, see local_address(). At
  /// socket_address::any_v6 it takes IPv4, too, unless `v6_only`.
  ///
  /// Errors      address_in_use, permission_denied, address_not_available, too_many_files_open,
  ///             address_family_not_supported
  static result<tcp_listener> bind(const socket_address& at,
                                   const listen_options& options = {}) noexcept;

  /// Takes over a TCP socket that listens, which is made O_NONBLOCK, and what it accepts not to be
  /// delayed (set_no_delay). An error leaves it with the caller: as for tcp_stream;
  /// invalid_argument: it does not listen.
  static result<tcp_listener> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* accept = "tcp_listener::accept";
  };

 private:
  explicit tcp_listener(detail::descriptor socket) noexcept : listening(std::move(socket)) {}
};

}  // namespace eddy
