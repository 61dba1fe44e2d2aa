// Pipes, and the program's standard input and outputs.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <utility>

#include <eddy/io/detail/owner.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// The end of a pipe that is read from: read (into one buffer or several), try_read, abort, close,
/// native_handle, release. The destructor closes it at once.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts.
/// Overlap   One read at a time; a second one aborts.
/// Moving    Moving or destroying it with something in flight aborts.
class pipe_reader : public detail::reading<pipe_reader, detail::owner> {
 public:
  /// Takes over a descriptor that comes from elsewhere: a pipe, a terminal, a device, a socket, a
  /// file. What it is is asked now; its flags stay as they are, for others may share them.
  /// bad_file_descriptor, …; where it fails the descriptor stays the caller's.
  static result<pipe_reader> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* read = "pipe_reader::read";
    static constexpr bool resets = false;
  };
  explicit pipe_reader(detail::descriptor pipe) noexcept : reading(std::move(pipe)) {}
};

/// The end of a pipe that is written to: write (from one buffer or several), try_write, abort, close,
/// native_handle, release. The destructor closes it at once.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts.
/// Overlap   One write at a time; a second one aborts.
/// Moving    Moving or destroying it with something in flight aborts.
class pipe_writer : public detail::writing<pipe_writer, detail::owner> {
 public:
  /// Takes over a descriptor that comes from elsewhere: a pipe, a terminal, a device, a socket, a
  /// file. What it is is asked now; its flags stay as they are, for others may share them.
  /// bad_file_descriptor, …; where it fails the descriptor stays the caller's.
  static result<pipe_writer> adopt(int descriptor) noexcept;

  /// (for the library)
  struct names {
    static constexpr const char* write = "pipe_writer::write";
    static constexpr bool resets = false;
  };
  explicit pipe_writer(detail::descriptor pipe) noexcept : writing(std::move(pipe)) {}
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
