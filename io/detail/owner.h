// What all owners of a descriptor have in common, what all sockets, and what all streams: written
// once. A tcp_stream is a reading<…, writing<…, socket_owner>>. Not an interface by itself.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <eddy/io/buffer.h>
#include <eddy/io/chunks.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/file_send.h>
#include <eddy/io/detail/several.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/detail/whole.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/result.h>

namespace eddy::detail {

/// Owns a descriptor.
class owner {
 public:
  static constexpr bool is_socket = false;

  /// Ends what other tasks await on it (with operation_canceled), and closes it when the last of
  /// that has left the kernel, in the close phase.
  ///
  /// Result      success; the number is free again
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the object must outlive the await
  close_awaitable close() noexcept { return close_awaitable(of_); }

  /// The descriptor; -1 once closed. It stays the object's.
  int native_handle() const noexcept { return of_.number(); }

  /// Gives the descriptor away: the caller closes it, and this object is as closed. -1: it was.
  /// Nothing may be in flight.
  int release() noexcept { return of_.release(); }

 protected:
  explicit owner(descriptor d) noexcept : of_(std::move(d)) {}
  owner(owner&&) noexcept = default;
  owner& operator=(owner&&) noexcept = default;
  ~owner() = default;

  void abort_now(bool reset) noexcept {
    if (reset) static_cast<void>(set_linger(of_, true, 0));
    of_.abort();
  }

  descriptor of_;
};

/// Owns a socket.
class socket_owner : public owner {
 public:
  static constexpr bool is_socket = true;

  /// No address (family 0) where it has none, or is closed. IPv4 inside IPv6 is told as IPv4.
  socket_address local_address() const noexcept { return detail::local_address(of_); }

  /// Any option of the system's that has no name here: setsockopt(2). A bool is told as an int.
  /// invalid_argument, protocol_option_not_supported, …
  template <class T>
    requires(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>)
  result<void> set_option(int level, int name, const T& value) noexcept {
    if constexpr (std::is_same_v<T, bool>) {
      return void_result(set_number(of_, level, name, value));
    } else {
      return void_result(detail::set_option(of_, level, name, &value, sizeof value));
    }
  }
  /// What it is now. Of a larger T the rest is 0.
  template <class T>
    requires(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>)
  result<T> get_option(int level, int name) const noexcept {
    if constexpr (std::is_same_v<T, bool>) {
      const result<int> number = get_option<int>(level, name);
      if (!number) return number.error();
      return *number != 0;
    } else {
      T value{};
      const int answer = detail::get_option(of_, level, name, &value, sizeof value);
      if (answer < 0) return from_errno(-answer);
      return value;
    }
  }

  /// How many bytes may wait to be sent, and to be received. The system has a limit, beyond which
  /// more is not an error; and it says twice as much as was set, for it needs some itself.
  result<void> set_send_buffer(std::size_t bytes) noexcept {
    return set_buffer_size(of_, true, bytes);
  }
  result<void> set_receive_buffer(std::size_t bytes) noexcept {
    return set_buffer_size(of_, false, bytes);
  }
  result<std::size_t> send_buffer() const noexcept { return buffer_size(of_, true); }
  result<std::size_t> receive_buffer() const noexcept { return buffer_size(of_, false); }

 protected:
  using owner::owner;
};

// A stream S has S::names: those of its operations (read, write), and whether it resets the
// connection when it is aborted.
template <class S>
inline constexpr io_kind read_kind = make_io_kind(S::names::read, io_slot::reading);
template <class S>
inline constexpr io_kind terminal_read_kind =
    make_io_kind(S::names::read, io_slot::reading, true, &terminal_reported);
template <class S>
inline constexpr io_kind write_kind = make_io_kind(S::names::write, io_slot::writing);
template <class L>
inline constexpr io_kind accept_kind = make_accept_kind(L::names::accept);

/// Can be written.
template <class S, class Base>
class writing : public Base {
 public:
  /// Writes at least one byte: as much as the kernel takes. Never raises SIGPIPE.
  ///
  /// Result      bytes taken from the front of `data`, 1 to data.size(); 0 where it is empty. Taken
  ///             is not delivered
  /// Errors      broken_pipe, connection_reset, …; operation_canceled: another task has closed it;
  ///             bad_file_descriptor: it was closed before; what the terminal or device says
  /// Cancel      stops the task, and no byte is taken; if some were, their number is delivered
  /// Lifetime    stream and data must outlive the await, the data unchanged
  transfer write(const_buffer data) noexcept {
    if constexpr (Base::is_socket) {
      return send(this->of_, write_kind<S>, data);
    } else {
      return write_stream(this->of_, write_kind<S>, data);
    }
  }
  template <becomes_const_buffer B>
  transfer write(B&& data) noexcept {
    return write(static_cast<const_buffer>(std::forward<B>(data)));
  }

  /// The same from several buffers, the first one first, by one system call.
  ///
  /// Result      bytes taken from all of them; 0 where all are empty
  /// Errors      as write; invalid_argument: no buffer, or more than 1024
  /// Cancel      stops the task, and no byte is taken; if some were, their number is delivered
  /// Lifetime    stream, data and the array of buffers must outlive the await, unchanged
  several_transfer write(std::span<const const_buffer> data) noexcept {
    return several_transfer(this->of_, write_kind<S>, gathered, data);
  }

  /// Writes what is possible now; resource_unavailable_try_again: nothing is. Beside a write in
  /// flight it aborts. operation_not_supported: a terminal, a device or a file, of which nobody can
  /// tell without waiting.
  result<std::size_t> try_write(const_buffer data) noexcept {
    return try_transfer(this->of_, write_kind<S>, Base::is_socket ? verb::send : verb::write,
                        data.data(), data.size());
  }

  /// Closes it at once, and drops what was not sent; on TCP the peer is told so, by a reset. What
  /// other tasks await on it ends with operation_canceled, and the descriptor is closed when the last
  /// of that has left the kernel.
  void abort() noexcept { this->abort_now(S::names::resets); }

  /// (for send_file)
  file_send send_file_whole(int file, std::uint64_t offset, std::uint64_t length)
    requires(Base::is_socket)
  {
    return file_send(this->of_, file, offset, length);
  }
  /// (for write_all)
  using moves_whole = S;
  whole_transfer write_whole(const_buffer b) {
    return whole_transfer(this->of_, Base::is_socket ? verb::send : verb::write, b.data(),
                          b.size());
  }
  template <std::size_t N>
  whole_array_transfer<N> write_whole(const std::array<const_buffer, N>& all) {
    return whole_array_transfer<N>(this->of_, gathered, all);
  }

 protected:
  using Base::Base;
  static constexpr verb gathered = Base::is_socket ? verb::send_message : verb::write_gathered;
};

/// Can be read.
template <class S, class Base>
class reading : public Base {
 public:
  /// Reads what is there, at least one byte; 0: the peer, or every writer, has ended its side.
  ///
  /// Result      bytes at the front of `buffer`, 1 to buffer.size(); 0 at the end
  /// Errors      connection_reset, timed_out, …; operation_canceled: another task has closed it;
  ///             bad_file_descriptor: it was closed before; invalid_argument: an empty buffer; what
  ///             the terminal or device says
  /// Cancel      stops the task, and no byte is taken; bytes that have come are delivered
  /// Lifetime    stream and buffer must outlive the await; until then the buffer is the kernel's
  transfer read(mutable_buffer buffer) noexcept {
    if constexpr (Base::is_socket) {
      return receive(this->of_, kind(), buffer);
    } else {
      return read_stream(this->of_, kind(), buffer);
    }
  }
  template <becomes_mutable_buffer B>
  transfer read(B&& buffer) noexcept {
    return read(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// The same into several buffers, the first one first, by one system call.
  ///
  /// Result      bytes in all of them; 0 at the end
  /// Errors      as read; invalid_argument: no buffer, more than 1024, or all of them empty
  /// Cancel      stops the task, and no byte is taken; bytes that have come are delivered
  /// Lifetime    stream, buffers and the array of them must outlive the await
  several_transfer read(std::span<const mutable_buffer> buffers) noexcept {
    constexpr verb what = Base::is_socket ? verb::receive_message : verb::read_scattered;
    return several_transfer(this->of_, kind(), what, buffers);
  }

  /// Reads what is there now; resource_unavailable_try_again: nothing is. Beside a read in flight it
  /// aborts. operation_not_supported: as for try_write().
  result<std::size_t> try_read(mutable_buffer buffer) noexcept {
    return try_transfer(this->of_, kind(), Base::is_socket ? verb::receive : verb::read,
                        buffer.data(), buffer.size());
  }

  /// From now on the stream is read by chunks only (a read aborts), which takes no buffer while it
  /// waits. The stream must outlive what this gives, and stay where it is.
  chunk_stream chunks() noexcept
    requires(Base::is_socket)
  {
    return chunk_stream(this->of_);
  }

  /// Closes it at once: as abort() of what is written.
  void abort() noexcept { this->abort_now(S::names::resets); }

  /// (for read_exactly)
  using moves_whole = S;
  whole_transfer read_whole(mutable_buffer b) {
    return whole_transfer(this->of_, Base::is_socket ? verb::receive : verb::read, b.data(),
                          b.size());
  }

 protected:
  using Base::Base;

 private:
  const io_kind& kind() const noexcept {
    if constexpr (!Base::is_socket) {
      if (this->of_.is_terminal()) return terminal_read_kind<S>;
    }
    return read_kind<S>;
  }
};

/// Accepts connections, as streams S.
template <class L, class S>
class listening : public socket_owner {
 public:
  /// Waits for the next connection. One that failed before it was accepted is skipped.
  ///
  /// Result      the stream (of TCP: with set_no_delay)
  /// Errors      too_many_files_open, too_many_files_open_in_system, no_buffer_space,
  ///             not_enough_memory: once; the next accept() on this listener then waits until a
  ///             descriptor was closed on this thread, or for 100 ms, so that a loop around
  ///             accept() does not spin. operation_canceled: another task has closed the listener;
  ///             bad_file_descriptor: it was closed before
  /// Cancel      stops the task, and no connection is taken; one that was accepted is delivered
  /// Lifetime    the listener must outlive the await
  accept_awaitable<S> accept() noexcept {
    return accept_awaitable<S>(this->of_, state_, accept_kind<L>);
  }

 protected:
  explicit listening(descriptor socket) noexcept : socket_owner(std::move(socket)) {}

 private:
  accept_state state_;
};

}  // namespace eddy::detail
