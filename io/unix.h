// Unix stream sockets: between programs of one machine, by a path or an abstract name, and pairs
// within one.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/io/detail/owner.h>
#include <eddy/io/detail/passing.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// A connected Unix stream. Beside what stands here it has what all streams and sockets have: read,
/// write (into or from one buffer or several), try_read, try_write, abort, close, native_handle,
/// release, local_address, set_option, …; and what Unix sockets have: send_descriptors,
/// receive_descriptors, peer_credentials.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts. A fresh
///           one may go to any.
/// Overlap   A read and a write may be in flight together; a second of either kind aborts.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class unix_stream
    : public detail::passing<
          unix_stream,
          detail::reading<unix_stream, detail::writing<unix_stream, detail::socket_owner>>> {
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
    static constexpr const char* send_descriptors = "unix_stream::send_descriptors";
    static constexpr const char* receive_descriptors = "unix_stream::receive_descriptors";
    static constexpr bool resets = false;
  };
  explicit unix_stream(detail::descriptor socket) noexcept : passing(std::move(socket)) {}
  static unix_stream connected(detail::descriptor socket) noexcept {
    return unix_stream(std::move(socket));
  }
};

/// How a Unix listener listens.
struct unix_listen_options {
  int backlog = 4096;  ///< connections that wait for accept(); the system may have a lower limit
  /// Of the file; connecting needs the one to write. Nobody can connect before they are set. 0: 0777
  /// less the process's umask
  unsigned permissions = 0;
  /// A socket's file at which nobody listens, as a program leaves it that was killed, is taken over;
  /// of several that start at once one listens. (Who listens there sees one connection that ends at
  /// once.) At the listener's end the file is removed, if it is still its own.
  bool replace_stale = false;
};

namespace detail {

/// The file of a listener that is to go with it.
class socket_file {
 public:
  socket_file() noexcept = default;
  socket_file(std::string path, const listening_path& made)
      : of_(std::make_unique<kept>(kept{std::move(path), made})) {}
  socket_file(socket_file&&) noexcept = default;
  socket_file& operator=(socket_file&& other) noexcept {
    if (this != &other) {
      remove();
      of_ = std::move(other.of_);
    }
    return *this;
  }
  ~socket_file() { remove(); }
  void remove() noexcept;
  void leave() noexcept { of_.reset(); }

 private:
  struct kept {
    std::string path;
    listening_path made;
  };
  std::unique_ptr<kept> of_;
};

/// close() of a listener whose file goes before nobody listens there any more.
class file_close_wait : public close_wait {
 public:
  file_close_wait(descriptor& d, socket_file& f) noexcept : close_wait(d), file_(&f) {}
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (!enter_io(h.promise(), at)) return;
    file_->remove();
    begin_close();
  }

 private:
  socket_file* file_;
};
using file_close_awaitable = awaited_once<file_close_wait>;

}  // namespace detail

/// Accepts Unix stream connections: accept(). Threads, Overlap and Moving as for a stream;
/// native_handle, local_address, set_option, … as well.
class unix_listener : public detail::listening<unix_listener, unix_stream> {
 public:
  /// Listens at `path` (a leading '\0': the abstract namespace, which has no files). A path becomes
  /// a file, which stays when the listener is closed, and is in the way of the next one, unless
  /// `replace_stale`.
  ///
  /// Errors      address_in_use (there is a file, and with replace_stale somebody listens there, or
  ///             it is no socket), no_such_file_or_directory, permission_denied, filename_too_long,
  ///             invalid_argument, too_many_files_open; nothing is left then
  static result<unix_listener> bind(std::string_view path, const unix_listen_options& options = {});

  /// Ends an accept() that another task awaits (with operation_canceled), and closes the listener
  /// in the close phase; with replace_stale its file is removed before.
  ///
  /// Result      success
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the listener must outlive the await
  detail::file_close_awaitable close() noexcept { return detail::file_close_awaitable(of_, file_); }

  /// Gives the descriptor away: the caller closes it, and this object is as closed. Its file stays.
  int release() noexcept {
    file_.leave();
    return listening::release();
  }

  /// Takes over a Unix stream socket that listens, which is made O_NONBLOCK. An error leaves it with
  /// the caller: as for unix_stream; invalid_argument: it does not listen.
  static result<unix_listener> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* accept = "unix_listener::accept";
  };

 private:
  explicit unix_listener(detail::descriptor socket) noexcept : listening(std::move(socket)) {}
  detail::socket_file file_;
};

}  // namespace eddy
