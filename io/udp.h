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
class udp_socket : public detail::datagrams<udp_socket> {
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
  /// Takes over a UDP socket, which is made O_NONBLOCK. An error leaves it with the caller:
  /// not_a_socket, wrong_protocol_type, address_family_not_supported, bad_file_descriptor. Whether
  /// it is close-on-exec is the caller's choice.
  static result<udp_socket> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* receive = "udp_socket::receive";
    static constexpr const char* receive_from = "udp_socket::receive_from";
    static constexpr const char* send = "udp_socket::send";
    static constexpr const char* send_to = "udp_socket::send_to";
  };

 private:
  explicit udp_socket(detail::descriptor socket) noexcept;
  result<void> change_group(int option, const socket_address& group, std::string_view interface);
};

}  // namespace eddy
