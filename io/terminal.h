// terminal: its size, and raw mode, in which a program gets each key.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <optional>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/io/signals.h>
#include <eddy/runtime/result.h>

namespace eddy {

struct terminal_size {
  int columns = 0;
  int rows = 0;
  friend bool operator==(const terminal_size&, const terminal_size&) = default;
};

/// For as long as this lives the terminal is raw: each key comes at once, as it is (Ctrl-C too), and
/// is not shown. Then it is as it was before. That is so too where the process ends by exit(),
/// quick_exit(), abort(), an exception that nobody catches, or a signal for which the program has
/// installed nothing; and while it is stopped by SIGTSTP. (Not by SIGKILL, _exit() or exec.) A
/// process that has gone to the background leaves the terminal alone, for it is another's by then.
///
/// Threads   any, one at a time
class raw_mode {
 public:
  raw_mode(raw_mode&& other) noexcept : raw_(std::exchange(other.raw_, 0)) {}
  raw_mode& operator=(raw_mode&& other) noexcept {
    if (this != &other) {
      end();
      raw_ = std::exchange(other.raw_, 0);
    }
    return *this;
  }
  ~raw_mode() { end(); }

 private:
  friend class terminal;
  explicit raw_mode(int raw) noexcept : raw_(raw) {}
  void end() noexcept;
  int raw_;  // 0: it was raw already, and stays so
};

/// A terminal, for what is neither reading nor writing: that do standard_input(), standard_output()
/// and pipes that were adopted.
///
/// Threads   From its first resized() it belongs to one runtime, and use in another aborts.
/// Moving    Moving or destroying it with a resized() in flight aborts.
class terminal {
 public:
  /// The terminal behind a descriptor, which stays the caller's and must stay open.
  /// inappropriate_io_control_operation: it is none; bad_file_descriptor.
  static result<terminal> open(int descriptor) noexcept;

  /// The one from which the process was started, whatever its standard streams are.
  /// no_such_device_or_address: there is none; too_many_files_open.
  static result<terminal> controlling() noexcept;

  terminal(terminal&& other) noexcept;
  terminal& operator=(terminal&& other) noexcept;
  ~terminal();

  result<terminal_size> size() const noexcept;

  /// Makes it raw until what this gives has gone, whether the terminal object lives or not. Where it
  /// is raw already nothing changes, now or then. resource_unavailable_try_again: the process is in
  /// the background; io_error, …
  result<raw_mode> raw() const noexcept;

  /// Waits until the size is another one than this object has told last (in its beginning: than it
  /// was when it was made), so that no change is missed between two calls.
  ///
  /// Result      the new size
  /// Errors      inappropriate_io_control_operation: it is not the controlling terminal of this
  ///             process, and then nobody tells of a change; too_many_files_open
  /// Cancel      stops the task; the next call tells what changed meanwhile
  /// Lifetime    the terminal must outlive the await
  task<result<terminal_size>> resized();

  int native_handle() const noexcept { return number_; }

 private:
  terminal(int number, bool owned, terminal_size told) noexcept
      : number_(number), owned_(owned), told_(told) {}
  static result<terminal> make(int number, bool owned) noexcept;

  int number_;
  bool owned_;
  terminal_size told_;
  std::optional<signal_set> signals_;
};

}  // namespace eddy
