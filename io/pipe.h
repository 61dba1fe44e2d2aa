// Pipes, and the program's standard input and outputs.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <utility>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/socket.h>
#include <eddy/io/detail/whole.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// The end of a pipe that is read from. The destructor closes it at once.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts.
/// Overlap   One read at a time; a second one aborts.
/// Moving    Moving or destroying it with something in flight aborts.
class pipe_reader {
 public:
  /// Reads what is there, at least one byte; 0: every writer has closed its end.
  ///
  /// Result      bytes at the front of `buffer`, 1 to buffer.size(); 0 at the end
  /// Errors      operation_canceled: another task has closed it; bad_file_descriptor: it was closed
  ///             before; invalid_argument: an empty buffer; what the terminal or device says
  /// Cancel      stops the task, and no byte is taken; bytes that have come are delivered
  /// Lifetime    reader and buffer must outlive the await; until then the buffer is the kernel's
  detail::transfer read(mutable_buffer buffer) noexcept;
  template <detail::becomes_mutable_buffer B>
  detail::transfer read(B&& buffer) noexcept {
    return read(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// Ends a read that another task awaits (with operation_canceled), and closes it in the close
  /// phase.
  ///
  /// Result      success
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the reader must outlive the await
  detail::close_awaitable close() noexcept { return detail::close_awaitable(pipe_); }

  /// The descriptor; -1 once closed. It stays the reader's.
  int native_handle() const noexcept { return pipe_.number(); }

  /// Gives the descriptor away: the caller closes it, and this object is as closed. -1: it was.
  int release() noexcept { return pipe_.release(); }

  /// Takes over a descriptor that comes from elsewhere: a pipe, a terminal, a device, a socket, a
  /// file. What it is is asked now; its flags stay as they are, for others may share them.
  /// bad_file_descriptor, …; where it fails the descriptor stays the caller's.
  static result<pipe_reader> adopt(int descriptor) noexcept;

  /// (for read_exactly)
  using moves_whole = pipe_reader;
  detail::whole_transfer read_whole(mutable_buffer b) {
    return detail::whole_transfer(pipe_, verb::read, b.data(), b.size());
  }
  /// (for the library)
  explicit pipe_reader(detail::descriptor pipe) noexcept : pipe_(std::move(pipe)) {}

 private:
  detail::descriptor pipe_;
};

/// The end of a pipe that is written to. The destructor closes it at once.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts.
/// Overlap   One write at a time; a second one aborts.
/// Moving    Moving or destroying it with something in flight aborts.
class pipe_writer {
 public:
  /// Writes at least one byte: as much as the pipe takes. Never raises SIGPIPE.
  ///
  /// Result      bytes taken from the front of `data`, 1 to data.size(); 0 where it is empty
  /// Errors      broken_pipe: no reader is left; operation_canceled: another task has closed it;
  ///             bad_file_descriptor: it was closed before; what the terminal or device says
  /// Cancel      stops the task, and no byte is taken; if some were, their number is delivered
  /// Lifetime    writer and data must outlive the await, the data unchanged
  detail::transfer write(const_buffer data) noexcept;
  template <detail::becomes_const_buffer B>
  detail::transfer write(B&& data) noexcept {
    return write(static_cast<const_buffer>(std::forward<B>(data)));
  }

  /// Ends a write that another task awaits (with operation_canceled), and closes it in the close
  /// phase.
  ///
  /// Result      success
  /// Errors      bad_file_descriptor: it is closed, or being closed, already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the writer must outlive the await
  detail::close_awaitable close() noexcept { return detail::close_awaitable(pipe_); }

  /// The descriptor; -1 once closed. It stays the writer's.
  int native_handle() const noexcept { return pipe_.number(); }

  /// Gives the descriptor away: the caller closes it, and this object is as closed. -1: it was.
  int release() noexcept { return pipe_.release(); }

  /// Takes over a descriptor that comes from elsewhere: a pipe, a terminal, a device, a socket, a
  /// file. What it is is asked now; its flags stay as they are, for others may share them.
  /// bad_file_descriptor, …; where it fails the descriptor stays the caller's.
  static result<pipe_writer> adopt(int descriptor) noexcept;

  /// (for write_all)
  using moves_whole = pipe_writer;
  detail::whole_transfer write_whole(const_buffer b) {
    return detail::whole_transfer(pipe_, verb::write, b.data(), b.size());
  }
  /// (for the library)
  explicit pipe_writer(detail::descriptor pipe) noexcept : pipe_(std::move(pipe)) {}

 private:
  detail::descriptor pipe_;
};

/// A new pipe. too_many_files_open, too_many_files_open_in_system.
result<std::pair<pipe_reader, pipe_writer>> make_pipe() noexcept;

/// The descriptors 0, 1 and 2, whatever stands behind them now (terminal, pipe, file, socket,
/// device); one that is closed answers bad_file_descriptor. They are lent: going, the object leaves
/// them open, and they are not made O_NONBLOCK, for other programs share them. close() does close
/// them. Use one object for each at a time.
///
/// Nothing that those others do holds up the loop: a terminal that was stopped (Ctrl-S) or a pipe
/// that nobody reads holds up its own write, which can be cancelled. While the process is in the
/// background a read of its terminal waits, and so does a write under `stty tostop`. (On epoll, a
/// terminal that this process may not open again, the other end of a pseudo-terminal and an unusual
/// device are read and written by a thread, and there what has begun is waited for.)
///
/// Ctrl-D ends one read with 0, and the next one goes on.
pipe_reader standard_input() noexcept;
pipe_writer standard_output() noexcept;
pipe_writer standard_error() noexcept;

}  // namespace eddy
