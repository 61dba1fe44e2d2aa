// Unix sockets for datagrams: whole messages, in order, between programs of one machine.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <string_view>
#include <utility>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/datagram.h>
#include <eddy/io/detail/passing.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// A Unix socket for datagrams. Nothing is lost, and each arrives whole, in order: where the receiver
/// has no room, sending waits. Beside what stands here it has receive, receive_from (whose `from` has
/// the path of who has sent it, where it has one), send_descriptors and receive_descriptors,
/// peer_credentials (of a pair), close, native_handle, release, local_address, peer_address,
/// set_option, …
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts. A fresh
///           one may go to any.
/// Overlap   Something to receive and something to send may be in flight together; a second of
///           either kind aborts.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class unix_datagram : public detail::passing<unix_datagram, detail::datagrams<unix_datagram>> {
 public:
  /// One that receives at `path` (a leading '\0': the abstract namespace). A path becomes a file,
  /// which stays, and is in the way of the next one: remove_file() it.
  ///
  /// Errors      address_in_use (the file is there already), no_such_file_or_directory,
  ///             permission_denied, filename_too_long, invalid_argument, too_many_files_open
  static result<unix_datagram> bind(std::string_view path);
  /// One without a path of its own, whose send() goes to the one at `path`.
  ///
  /// Errors      no_such_file_or_directory, connection_refused, permission_denied,
  ///             wrong_protocol_type (a stream's), filename_too_long, invalid_argument,
  ///             too_many_files_open
  static result<unix_datagram> connect(std::string_view path);
  /// Two connected with each other.
  static result<std::pair<unix_datagram, unix_datagram>> pair() noexcept;

  /// From now on send() goes to the one at `path`, and only what comes from there is received.
  /// Errors as for connect(); permission_denied: that one is connected to another.
  result<void> connect_to(std::string_view path);

  /// Sends one datagram, perhaps an empty one, to whom the socket is connected to.
  ///
  /// Result      data.size()
  /// Errors      not_connected; connection_refused: the other end is gone; message_too_long: more
  ///             than the send buffer holds (set_send_buffer), and nothing was sent;
  ///             operation_canceled: another task has closed the socket; bad_file_descriptor: it was
  ///             closed before
  /// Cancel      stops the task, and nothing is sent; what was sent is delivered as such
  /// Lifetime    socket and data must outlive the await, the data unchanged
  detail::datagram_send send(const_buffer data);
  template <detail::becomes_const_buffer B>
  detail::datagram_send send(B&& data) {
    return send(static_cast<const_buffer>(std::forward<B>(data)));
  }

  /// The same to the one at `path`. (Of room there no event tells: it is tried again after 1, 2, 4 …
  /// 64 ms. A connected socket hears of it at once.)
  ///
  /// Result      data.size()
  /// Errors      as for send(), and as for connect()
  /// Cancel      stops the task, and nothing is sent; what was sent is delivered as such
  /// Lifetime    socket and data must outlive the await, the data unchanged; the path is copied
  detail::datagram_send send_to(const_buffer data, std::string_view path);
  template <detail::becomes_const_buffer B>
  detail::datagram_send send_to(B&& data, std::string_view path) {
    return send_to(static_cast<const_buffer>(std::forward<B>(data)), path);
  }

  /// Takes over a Unix socket for datagrams, which is made O_NONBLOCK. An error leaves it with the
  /// caller: not_a_socket, wrong_protocol_type (no datagrams), address_family_not_supported (no Unix
  /// socket), bad_file_descriptor. Whether it is close-on-exec is the caller's choice.
  static result<unix_datagram> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* receive = "unix_datagram::receive";
    static constexpr const char* receive_from = "unix_datagram::receive_from";
    static constexpr const char* send = "unix_datagram::send";
    static constexpr const char* send_to = "unix_datagram::send_to";
    static constexpr const char* send_descriptors = "unix_datagram::send_descriptors";
    static constexpr const char* receive_descriptors = "unix_datagram::receive_descriptors";
  };

 private:
  explicit unix_datagram(detail::descriptor socket) noexcept;
};

}  // namespace eddy
