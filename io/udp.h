// UDP: sockets for datagrams, one by one, in batches, and cut from one buffer or joined in one by
// the kernel.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/datagram.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// How a UDP socket is bound.
struct udp_options {
  bool reuse_address = false;  ///< several may bind the address: for groups, each gets a copy
  bool reuse_port = false;     ///< several share the port: each datagram goes to one of them
  bool v6_only = false;        ///< an IPv6 socket takes no IPv4
  bool broadcast = false;      ///< may send to a broadcast address
  bool destination = false;    ///< datagram::to says to which address it was sent
  /// Datagrams of one sender that came together are given as one, cut by datagram::segment (GRO).
  /// Buffers should have 64 KiB: what does not fit is gone. Kernels before 5.0 give each by itself.
  bool coalesce = false;
};

/// A UDP socket. What is sent may be lost, doubled and overtaken on its way; each datagram arrives
/// whole, or not at all. One of IPv6 sends and receives IPv4, too, unless `v6_only`; the addresses
/// are those of IPv4 then.
///
/// Errors of the network (connection_refused: nobody listens there) reach connected sockets alone,
/// and each is told once, to whatever is sent or received next; in a batch, as its first. Others
/// never hear of them.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts. A fresh
///           one may go to any.
/// Overlap   Something to receive and something to send may be in flight together; a second of
///           either kind aborts.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class udp_socket {
 public:
  /// Binds to `at`: `any(0)` for one that only asks. With port 0 the kernel chooses one, see
  /// local_address().
  ///
  /// Errors      address_in_use, permission_denied, address_not_available, too_many_files_open,
  ///             address_family_not_supported
  static result<udp_socket> bind(const socket_address& at,
                                 const udp_options& options = {}) noexcept;

  /// From now on send() goes to `to`, and only what comes from there is received. (What has come
  /// before from others stays.) Asks nobody, and waits for nothing; again: to another address.
  ///
  /// Errors      network_unreachable, permission_denied (broadcast), address_family_not_supported
  result<void> connect(const socket_address& to) noexcept;

  /// Receives a datagram. What does not fit is gone, without a word: receive_from() tells.
  ///
  /// Result      bytes at the front of `buffer`; 0 is a datagram, too
  /// Errors      connection_refused, …: once (connected); operation_canceled: another task has
  ///             closed the socket; bad_file_descriptor: it was closed before; invalid_argument: an
  ///             empty buffer
  /// Cancel      stops the task, and no datagram is taken; one that has come is delivered
  /// Lifetime    socket and buffer must outlive the await; until then the buffer is the kernel's
  detail::transfer receive(mutable_buffer buffer) noexcept;
  template <detail::becomes_mutable_buffer B>
  detail::transfer receive(B&& buffer) noexcept {
    return receive(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// Receives a datagram, and who has sent it.
  ///
  /// Result      its size, its sender, whether it was cut off at the buffer's end
  /// Errors      as for receive()
  /// Cancel      stops the task, and no datagram is taken; one that has come is delivered
  /// Lifetime    socket and buffer must outlive the await; until then the buffer is the kernel's
  detail::datagram_receive receive_from(mutable_buffer buffer);
  template <detail::becomes_mutable_buffer B>
  detail::datagram_receive receive_from(B&& buffer) {
    return receive_from(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// Sends one datagram, perhaps an empty one, to the address that the socket is connected to. With
  /// options.segment the data is cut into datagrams of that length, at most 128; by the kernel,
  /// or, where it refuses (the device, or the way, may not cut), here.
  ///
  /// Result      data.size(); less where of several datagrams not all went. Sent is not delivered
  /// Errors      destination_address_required: it is not connected; message_too_long: more than
  ///             65,507 bytes (IPv6: 65,527), or more than 128 segments, and nothing was sent;
  ///             connection_refused, …: once, and nothing was sent; permission_denied,
  ///             network_unreachable, no_buffer_space; invalid_argument: options.from is no address
  ///             of this machine, or of another family; operation_canceled: another task has closed
  ///             the socket; bad_file_descriptor: it was closed before
  /// Cancel      stops the task, and nothing is sent; what was sent is delivered as such
  /// Lifetime    socket and data must outlive the await, the data unchanged; options are copied
  detail::datagram_send send(const_buffer data, const send_options& options = {});
  template <detail::becomes_const_buffer B>
  detail::datagram_send send(B&& data, const send_options& options = {}) {
    return send(static_cast<const_buffer>(std::forward<B>(data)), options);
  }

  /// The same to `to`, whether the socket is connected or not.
  ///
  /// Result      data.size(); less where of several datagrams not all went. Sent is not delivered
  /// Errors      as for send(); address_family_not_supported
  /// Cancel      stops the task, and nothing is sent; what was sent is delivered as such
  /// Lifetime    socket and data must outlive the await, the data unchanged; the rest is copied
  detail::datagram_send send_to(const_buffer data, const socket_address& to,
                                const send_options& options = {});
  template <detail::becomes_const_buffer B>
  detail::datagram_send send_to(B&& data, const socket_address& to,
                                const send_options& options = {}) {
    return send_to(static_cast<const_buffer>(std::forward<B>(data)), to, options);
  }

  /// Receives the datagrams that are there, one for each buffer, by one system call. Waits for the
  /// first.
  ///
  /// Result      how many: they are told by the front of `told`, and lie in the buffers of the same
  ///             place; at least 1, at most the smaller number of both
  /// Errors      as for receive(); invalid_argument: no buffer, an empty one, or more than 1024;
  ///             not_enough_memory
  /// Cancel      stops the task, and no datagram is taken; those that have come are delivered
  /// Lifetime    socket, both spans and the buffers must outlive the await
  detail::batch_receive receive_batch(std::span<const mutable_buffer> buffers,
                                      std::span<datagram> told) noexcept;

  /// Sends datagrams in their order by one system call, as many as go at once. Waits for room for
  /// the first.
  ///
  /// Result      how many went, at least 1. Where one cannot be sent, those before it went: begun
  ///             with it, the next batch tells why
  /// Errors      as for send(), of the first; invalid_argument: none, or more than 1024;
  ///             not_enough_memory
  /// Cancel      stops the task, and nothing is sent; what was sent is delivered as such
  /// Lifetime    socket, span, addresses and data must outlive the await, unchanged
  detail::batch_send send_batch(std::span<const outgoing> all) noexcept;

  /// Receives, from now on, what is sent to a group: an address of 224.0.0.0/4 or ff00::/8 (its
  /// port does not count). `interface`: by name or number; empty: the kernel, or the address's
  /// zone, chooses one.
  ///
  /// Errors      no_such_device; invalid_argument: no group; address_in_use: joined already;
  ///             address_not_available (left: it was not joined)
  result<void> join_group(const socket_address& group, std::string_view interface = {});
  result<void> leave_group(const socket_address& group, std::string_view interface = {});
  /// The interface through which groups are sent to, by name or number; empty: the kernel chooses.
  result<void> set_multicast_interface(std::string_view interface);
  /// Whether what is sent to a group comes back to this machine. On by default.
  result<void> set_multicast_loop(bool on) noexcept;
  /// How many routers what is sent to a group may pass, 0 (none, this machine alone) to 255; by
  /// default 1: this network alone.
  result<void> set_multicast_hops(int hops) noexcept;
  /// The same of everything else, 1 to 255.
  result<void> set_hops(int hops) noexcept;
  /// How many bytes, with what the kernel needs itself, may wait to be received or sent. What finds
  /// no room when it arrives is lost; the system has a limit, beyond which more is not an error.
  result<void> set_receive_buffer(std::size_t bytes) noexcept;
  result<void> set_send_buffer(std::size_t bytes) noexcept;

  /// No address (family 0) where the socket is closed or, for the peer's, not connected.
  socket_address local_address() const noexcept;
  socket_address peer_address() const noexcept;

  /// Ends what other tasks await on the socket (with operation_canceled), and closes it when the
  /// last of it has left the kernel, in the close phase.
  ///
  /// Result      success; the number is free again
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the socket must outlive the await
  detail::close_awaitable close() noexcept { return detail::close_awaitable(of_.socket); }

  /// The descriptor, for options that have no name here; -1 once closed. It stays the socket's.
  int native_handle() const noexcept { return of_.socket.number(); }
  /// Gives the descriptor away: it is the caller's to close. Nothing may be in flight.
  int release() noexcept { return of_.socket.release(); }
  /// Takes over a UDP socket, which is made O_NONBLOCK. An error leaves it with the caller:
  /// not_a_socket, wrong_protocol_type, address_family_not_supported, bad_file_descriptor. Whether
  /// it is close-on-exec is the caller's choice.
  static result<udp_socket> adopt(int descriptor) noexcept;

 private:
  explicit udp_socket(detail::descriptor socket) noexcept;
  result<void> change_group(int option, const socket_address& group, std::string_view interface);

  detail::datagram_socket of_;
};

}  // namespace eddy
