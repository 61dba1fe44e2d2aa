// TCP: listeners and connected streams. Whole-buffer helpers (read_exactly, write_all) are in
// <eddy/io/algorithm.h>.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/io/chunks.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/detail/whole.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// A connected TCP stream. The destructor closes it at once; close() first ends what others await
/// on it.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts. A fresh
///           one may go to any.
/// Overlap   A read and a write may be in flight together; a second of either kind aborts.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class tcp_stream {
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

  /// Reads what is there, at least one byte; 0: the peer has ended its side.
  ///
  /// Result      bytes at the front of `buffer`, 1 to buffer.size(); 0 at the end
  /// Errors      connection_reset, timed_out, …; operation_canceled: another task has closed the
  ///             stream; bad_file_descriptor: it was closed before; invalid_argument: an empty
  ///             buffer
  /// Cancel      stops the task, and no byte is taken; bytes that have come are delivered
  /// Lifetime    stream and buffer must outlive the await; until then the buffer is the kernel's
  detail::transfer read(mutable_buffer buffer) noexcept;
  template <detail::becomes_mutable_buffer B>
  detail::transfer read(B&& buffer) noexcept {
    return read(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// From now on the stream is read by chunks only (a read aborts), which takes no buffer while it
  /// waits. The stream must outlive what this gives, and stay where it is.
  chunk_stream chunks() noexcept { return chunk_stream(socket_); }

  /// Writes at least one byte: as much as the kernel takes. Never raises SIGPIPE.
  ///
  /// Result      bytes taken from the front of `data`, 1 to data.size(); 0 where it is empty. Taken
  ///             is not delivered
  /// Errors      broken_pipe, connection_reset, …; operation_canceled: another task has closed the
  ///             stream; bad_file_descriptor: it was closed before
  /// Cancel      stops the task, and no byte is taken; if some were, their number is delivered
  /// Lifetime    stream and data must outlive the await, the data unchanged
  detail::transfer write(const_buffer data) noexcept;
  template <detail::becomes_const_buffer B>
  detail::transfer write(B&& data) noexcept {
    return write(static_cast<const_buffer>(std::forward<B>(data)));
  }

  /// Ends our side: the peer reads to the end of what was written, and then 0. Reading goes on.
  /// not_connected: the connection is gone.
  result<void> shutdown_write() noexcept { return detail::shutdown_write(socket_); }

  /// Ends what other tasks await on the stream (with operation_canceled), and closes it when the
  /// last of it has left the kernel, in the close phase.
  ///
  /// Result      success; the number is free again
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the stream must outlive the await
  detail::close_awaitable close() noexcept { return detail::close_awaitable(socket_); }

  /// On (the default for accepted and connected streams): small writes go out at once, and do not
  /// wait to be joined with later ones (TCP_NODELAY).
  result<void> set_no_delay(bool on) noexcept { return detail::set_no_delay(socket_, on); }

  /// No address (family 0) where the stream is closed or, for the peer's, where the connection is
  /// gone.
  socket_address local_address() const noexcept { return detail::local_address(socket_); }
  socket_address peer_address() const noexcept { return detail::peer_address(socket_); }

  /// The descriptor, for options that have no name here; -1 once closed. It stays the stream's.
  int native_handle() const noexcept { return socket_.number(); }
  /// Gives the descriptor away: it is the caller's to close. Nothing may be in flight.
  int release() noexcept { return socket_.release(); }
  /// Takes over a connected stream socket, which is made O_NONBLOCK. An error leaves it with the
  /// caller: not_a_socket, wrong_protocol_type (no stream socket), bad_file_descriptor. Whether it
  /// is close-on-exec is the caller's choice.
  static result<tcp_stream> adopt(int descriptor) noexcept;

  /// (for read_exactly and write_all)
  using moves_whole = tcp_stream;
  detail::whole_transfer read_whole(mutable_buffer b) {
    return detail::whole_transfer(socket_, verb::receive, b.data(), b.size());
  }
  detail::whole_transfer write_whole(const_buffer b) {
    return detail::whole_transfer(socket_, verb::send, b.data(), b.size());
  }
  /// (for the library)
  explicit tcp_stream(detail::descriptor socket) noexcept : socket_(std::move(socket)) {}
  static tcp_stream connected(detail::descriptor socket) noexcept;

 private:
  detail::descriptor socket_;
};

/// Accepts TCP connections. Threads, Overlap and Moving as for a stream.
class tcp_listener {
 public:
  /// Listens at `at`; with port 0 the kernel chooses one, see local_address().
  ///
  /// Errors      address_in_use, permission_denied, address_not_available, too_many_files_open,
  ///             address_family_not_supported
  static result<tcp_listener> bind(const socket_address& at,
                                   const listen_options& options = {}) noexcept;

  /// Waits for the next connection. One that failed before it was accepted is skipped.
  ///
  /// Result      the stream, with set_no_delay
  /// Errors      too_many_files_open, too_many_files_open_in_system, no_buffer_space,
  ///             not_enough_memory: once; the next accept() on this listener then waits until a
  ///             descriptor was closed on this thread, or for 100 ms, so that a loop around
  ///             accept() does not spin. operation_canceled: another task has closed the listener;
  ///             bad_file_descriptor: it was closed before
  /// Cancel      stops the task, and no connection is taken; one that was accepted is delivered
  /// Lifetime    the listener must outlive the await
  detail::accept_awaitable<tcp_stream> accept() noexcept;

  /// Where it listens, with the port that was chosen. No address (family 0) once closed.
  socket_address local_address() const noexcept { return detail::local_address(listener_.socket); }

  /// Ends an accept() that another task awaits (with operation_canceled), and closes the listener
  /// in the close phase.
  ///
  /// Result      success
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the listener must outlive the await
  detail::close_awaitable close() noexcept { return detail::close_awaitable(listener_.socket); }

  /// The descriptor, for options that have no name here; -1 once closed. It stays the listener's.
  int native_handle() const noexcept { return listener_.socket.number(); }

 private:
  explicit tcp_listener(detail::listener l) noexcept : listener_(std::move(l)) {}
  detail::listener listener_;
};

}  // namespace eddy
