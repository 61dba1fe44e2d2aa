// Unix stream sockets: between programs of one machine, by a path or an abstract name, and pairs
// within one.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <string_view>
#include <utility>

#include <eddy/io/detail/owner.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// A connected Unix stream. Beside what stands here it has what all streams and sockets have: read,
/// write (into or from one buffer or several), try_read, try_write, abort, close, native_handle,
/// release, local_address, set_option, …
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts. A fresh
///           one may go to any.
/// Overlap   A read and a write may be in flight together; a second of either kind aborts.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class unix_stream
    : public detail::reading<unix_stream, detail::writing<unix_stream, detail::socket_owner>> {
 public:
  /// Connects to the listener at `path` (a leading '\0': the abstract namespace). Where its backlog
  /// is full, waits.
  ///
  /// Result      the stream
  /// Errors      no_such_file_or_directory, connection_refused, permission_denied,
  ///             filename_too_long, invalid_argument
  /// Cancel      stops the task, and the socket is closed; once connected, the stream is delivered
  /// Lifetime    the path is copied
  static detail::connect_awaitable<unix_stream> connect(std::string_view path);

  /// Two streams connected with each other.
  static result<std::pair<unix_stream, unix_stream>> pair() noexcept;

  /// Ends our side: the peer reads to the end of what was written, and then 0. Reading goes on.
  result<void> shutdown_write() noexcept { return detail::shutdown_write(of_); }

  /// No address (family 0) where there is none: most clients, and both ends of a pair.
  socket_address peer_address() const noexcept { return detail::peer_address(of_); }

  /// Takes over a connected Unix stream socket, which is made O_NONBLOCK. An error leaves it with
  /// the caller: not_a_socket, wrong_protocol_type (no stream), address_family_not_supported (no
  /// Unix socket), invalid_argument (it listens), bad_file_descriptor. Whether it is close-on-exec
  /// is the caller's choice.
  static result<unix_stream> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* read = "unix_stream::read";
    static constexpr const char* write = "unix_stream::write";
    static constexpr bool resets = false;
  };
  explicit unix_stream(detail::descriptor socket) noexcept : reading(std::move(socket)) {}
  static unix_stream connected(detail::descriptor socket) noexcept {
    return unix_stream(std::move(socket));
  }
};

/// How a Unix listener listens.
struct unix_listen_options {
  int backlog = 4096;  ///< connections that wait for accept(); the system may have a lower limit
};

/// Accepts Unix stream connections: accept(). Threads, Overlap and Moving as for a stream; close,
/// native_handle, release, local_address, set_option, … as well.
class unix_listener : public detail::listening<unix_listener, unix_stream> {
 public:
  /// Listens at `path` (a leading '\0': the abstract namespace). A path becomes a file, which stays
  /// when the listener is closed, and is in the way of the next one: remove_file() it.
  ///
  /// Errors      address_in_use (the file is there already), no_such_file_or_directory,
  ///             permission_denied, filename_too_long, invalid_argument, too_many_files_open
  static result<unix_listener> bind(std::string_view path, const unix_listen_options& options = {});

  /// Takes over a Unix stream socket that listens, which is made O_NONBLOCK. An error leaves it with
  /// the caller: as for unix_stream; invalid_argument: it does not listen.
  static result<unix_listener> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* accept = "unix_listener::accept";
  };

 private:
  explicit unix_listener(detail::descriptor socket) noexcept : listening(std::move(socket)) {}
};

}  // namespace eddy
