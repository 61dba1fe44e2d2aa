// Files: opened, read and written by offset or in order; and whole files in one call. Names are in
// <eddy/io/filesystem.h>.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/path.h>
#include <eddy/io/file_information.h>
#include <eddy/runtime/result.h>
#include <eddy/runtime/timers.h>

namespace eddy {

/// How a file is opened; combined with `|`.
enum class open_mode : unsigned {
  read = 1,
  write = 2,
  append = 4,      ///< write, and every write goes to the end
  create = 8,      ///< make it where it is not there
  truncate = 16,   ///< make it empty (with write)
  exclusive = 32,  ///< with create: it must not be there yet
  direct = 64,     ///< past the page cache: the caller aligns buffers, lengths and offsets
};
constexpr open_mode operator|(open_mode a, open_mode b) noexcept {
  return static_cast<open_mode>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(open_mode all, open_mode one) noexcept {
  return (static_cast<unsigned>(all) & static_cast<unsigned>(one)) != 0;
}

/// An open file. The destructor closes it at once, which may block on some file systems; close()
/// does not.
///
/// Threads   From its first operation it belongs to one runtime, and use in another aborts.
/// Overlap   read() and write() share the object's position: one at a time, a second aborts. Any
///           number of the others.
/// Moving    Moving or destroying it with something in flight aborts. One that was moved from, or
///           closed, answers with bad_file_descriptor.
class file {
  class open_wait;
  class position_wait;
  class status_wait;
  class size_wait;

 public:
  /// Opens `path`. What it makes has `permissions`, less the process's umask. A named pipe is open
  /// once its other end is open as well (to read and write: at once).
  ///
  /// Result      the file, its position at the beginning
  /// Errors      no_such_file_or_directory, permission_denied, is_a_directory (to write),
  ///             not_a_directory, file_exists, too_many_files_open, …; invalid_argument: neither
  ///             read, write nor append; truncate without write; a '\0' in the path
  /// Cancel      not begun, or waiting for the other end of a pipe: stops the task. Begun: waited
  ///             for, and the file is delivered
  /// Lifetime    the path is kept in the awaitable
  static detail::awaited_once<open_wait> open(std::string path, open_mode mode,
                                              unsigned permissions = 0666) noexcept;

  /// Reads from `offset`, all of the buffer where the file has as much.
  ///
  /// Result      bytes at the front of `buffer`: fewer than its size only at the end of the file;
  ///             0: there
  /// Errors      is_a_directory, io_error, …; bad_file_descriptor: not open to read, or closed;
  ///             invalid_seek: it has no offsets (a pipe, a terminal); invalid_argument: an empty
  ///             buffer, an end beyond 2^63 - 1; operation_canceled: another task closes it, and
  ///             nothing was done
  /// Cancel      not begun: stops the task. Begun: waited for, and the bytes are delivered
  /// Lifetime    file and buffer must outlive the await; until then the buffer is the kernel's
  detail::file_transfer read_at(mutable_buffer buffer, std::uint64_t offset) noexcept;

  /// Writes at `offset` (opened with append: at the end), all of the data where there is room.
  ///
  /// Result      bytes taken from the front of `data`: fewer than its size only where an error came
  ///             after some; 0 where it is empty
  /// Errors      no_space_on_device, file_too_large, io_error, …; bad_file_descriptor: not open to
  ///             write, or closed; invalid_seek, invalid_argument: as read_at;
  ///             operation_canceled: another task closes it, and nothing was done
  /// Cancel      not begun: stops the task. Begun: waited for, and the number is delivered
  /// Lifetime    file and data must outlive the await, the data unchanged
  detail::file_transfer write_at(const_buffer data, std::uint64_t offset) noexcept;

  /// Reads at this object's position, which moves behind what was read. A pipe, a terminal or a
  /// device is read as a stream: what is there, at least one byte, 0 at its end, and it can be
  /// cancelled.
  ///
  /// Result      as read_at
  /// Errors      as read_at
  /// Cancel      not begun: stops the task. Begun: waited for, and the bytes are delivered
  /// Lifetime    file and buffer must outlive the await; until then the buffer is the kernel's
  detail::awaited_once<position_wait> read(mutable_buffer buffer) noexcept;

  /// Writes at this object's position, which moves behind what was written; opened with append, at
  /// the end, and the position stays. A pipe, a terminal or a device is written as a stream: at least
  /// one byte.
  ///
  /// Result      as write_at
  /// Errors      as write_at; broken_pipe
  /// Cancel      not begun: stops the task. Begun: waited for, and the number is delivered
  /// Lifetime    file and data must outlive the await, the data unchanged
  detail::awaited_once<position_wait> write(const_buffer data) noexcept;

  /// Asks how large it is.
  ///
  /// Result      bytes; 0 for what has no size
  /// Errors      bad_file_descriptor, io_error; operation_canceled: another task closes it
  /// Cancel      not begun: stops the task. Begun: waited for, and the size is delivered
  /// Lifetime    the file must outlive the await
  detail::awaited_once<size_wait> size() noexcept;

  /// Asks what it is: kind, permissions, size, and when it was modified.
  ///
  /// Result      a file_information
  /// Errors      bad_file_descriptor, io_error; operation_canceled: another task closes it
  /// Cancel      not begun: stops the task. Begun: waited for, and the answer is delivered
  /// Lifetime    the file must outlive the await
  detail::awaited_once<status_wait> status() noexcept;

  /// Cuts it off, or fills it up with zeros, to `size` bytes. The position stays.
  ///
  /// Result      success
  /// Errors      invalid_argument (not open to write, no file, or too large for the system's
  ///             offsets), file_too_large, io_error, …; bad_file_descriptor: closed;
  ///             operation_canceled: another task closes it
  /// Cancel      not begun: stops the task. Begun: waited for
  /// Lifetime    the file must outlive the await
  detail::file_operation<void> truncate(std::uint64_t size) noexcept;

  /// Waits until everything written has reached the device.
  ///
  /// Result      success
  /// Errors      io_error, no_space_on_device: something written earlier is lost; invalid_argument:
  ///             no file; bad_file_descriptor: closed; operation_canceled: another task closes it
  /// Cancel      not begun: stops the task. Begun: waited for
  /// Lifetime    the file must outlive the await
  detail::file_operation<void> sync() noexcept;

  /// Waits until the content written has reached the device, with no more of its attributes than
  /// reading it needs.
  ///
  /// Result      success
  /// Errors      as sync
  /// Cancel      not begun: stops the task. Begun: waited for
  /// Lifetime    the file must outlive the await
  detail::file_operation<void> sync_data() noexcept;

  /// Ends what other tasks await on the file and has not begun (with operation_canceled), waits for
  /// the rest, and closes it.
  ///
  /// Result      success
  /// Errors      bad_file_descriptor: it is closed, or being closed, already; io_error,
  ///             no_space_on_device: what was written earlier is lost (it is closed all the same)
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the file must outlive the await
  detail::close_awaitable close() noexcept { return detail::close_awaitable(descriptor_); }

  /// The descriptor; -1 once closed. It stays the file's.
  int native_handle() const noexcept { return descriptor_.number(); }

  /// Gives the descriptor away: the caller closes it, and this object is as closed. -1: it was.
  int release() noexcept { return descriptor_.release(); }

  /// Takes over a descriptor that comes from elsewhere. What it is is asked now; its flags stay as
  /// they are, and read() and write() use the position that it shares with others.
  /// bad_file_descriptor, …; where it fails the descriptor stays the caller's.
  static result<file> adopt(int descriptor) noexcept;

 private:
  enum class position : std::uint8_t {
    own,       // this object's
    appended,  // this object's to read; every write goes to the end
    shared,    // the descriptor's
  };
  file(detail::descriptor d, position p, bool has_offsets) noexcept
      : descriptor_(std::move(d)), kept_(p), has_offsets_(has_offsets) {}
  friend task<result<std::string>> read_file(std::string path);
  bool is_stream() const noexcept { return descriptor_.through() != nature::file; }
  detail::file_transfer at(const detail::io_kind&, verb, const void*, std::size_t,
                           std::uint64_t offset) noexcept;

  detail::descriptor descriptor_;
  std::uint64_t position_ = 0;
  position kept_ = position::own;
  bool has_offsets_ = true;
};

/// A pipe without its other end, and a file on which another program has a lease, are opened by
/// trying again: no event tells, and a thread that waited in the call could not be called back.
class file::open_wait : public detail::path_wait {
 public:
  open_wait(const detail::io_kind&, const request&, int refusal, std::string path) noexcept;
  open_wait(open_wait&& other) noexcept
      : path_wait(static_cast<path_wait&&>(other)), flags_(other.flags_) {}
  eddy::result<file> await_resume() const noexcept;
  static void reported(detail::work*) noexcept;
  static void interrupt(detail::io_wait&) noexcept;

 private:
  struct pause_timer : detail::timer {
    open_wait* of = nullptr;
  };
  bool goes_on() noexcept;
  bool opened(int number) noexcept;
  bool found(int number) noexcept;
  bool is_written() noexcept;
  bool pause() noexcept;
  void give_up() noexcept;
  static const detail::work_type pause_over;

  std::uint32_t flags_;
  int half_ = -1;     // a pipe's end to read, which nobody writes to yet
  int examined_ = 0;  // what was opened
  unsigned pauses_ = 0;
  pause_timer pause_;
};

class file::position_wait : public detail::in_parts<detail::io_wait> {
 public:
  position_wait(file& f, const detail::io_kind& kind, const request& r, std::size_t size) noexcept
      : in_parts(f.descriptor_, kind, r, 0, size), file_(&f) {}
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_at_position();
  }
  eddy::result<std::size_t> await_resume() const noexcept;
  static void reported(detail::work*) noexcept;

 private:
  void begin_at_position() noexcept;
  void become_stream() noexcept;
  file* file_;
};

class file::status_wait : public detail::shared_io_wait {
 public:
  status_wait(file& f, const detail::io_kind& kind) noexcept;
  status_wait(status_wait&& other) noexcept : shared_io_wait(std::move(other)) {}
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    ask.offset = detail::address_of(&status_);
    shared_io_wait::await_suspend(h, at);
  }
  eddy::result<file_information> await_resume() const noexcept;

 private:
  detail::status_block status_;
};

class file::size_wait : public file::status_wait {
 public:
  using status_wait::status_wait;
  eddy::result<std::uint64_t> await_resume() const noexcept;
};

/// Reads all of a file, also where the system does not know its size (/proc), or a pipe to its end.
///
/// Result      its content
/// Errors      those of open and read; std::bad_alloc, std::length_error are thrown where it does
///             not fit in memory
/// Cancel      stops the task
/// Lifetime    nothing is referred to
task<result<std::string>> read_file(std::string path);

/// Makes the file, or makes it empty, and writes `data`. Not in one step: whoever reads meanwhile
/// sees a part.
///
/// Result      success: all of it is written (not yet on the device: see file::sync)
/// Errors      those of open, write and close; an unknown part has then been written
/// Cancel      stops the task; an unknown part has been written
/// Lifetime    the data must outlive the await, unchanged
task<result<void>> write_file(std::string path, const_buffer data);

}  // namespace eddy
