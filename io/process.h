// Child processes: process, and run_process() for a program that is run to its end.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <memory>
#include <source_location>
#include <string>

#include <eddy/coro/task.h>
#include <eddy/io/exit_status.h>
#include <eddy/io/pipe.h>
#include <eddy/io/process_options.h>
#include <eddy/runtime/result.h>

namespace eddy {

namespace detail {
struct child;
struct child_deleter {
  void operator()(child*) const noexcept;
};
}  // namespace detail

/// A child process. It is watched by a descriptor of its own (a pidfd): no handler of SIGCHLD is
/// installed, and nobody else's child is reaped. Where the kernel has none, or forbids it, the child
/// is looked at every few milliseconds.
///
/// Going, the object kills a child that has not ended (unless kill_when_dropped is false), and the
/// runtime reaps it in the background: it is no zombie, and holds nothing up. The end of a run, or a
/// place where no runtime runs, waits for a killed one, a second at most.
///
/// Threads   From its first wait() it belongs to one runtime, and use in another aborts.
/// Overlap   One wait() at a time; a second one aborts. Its streams are objects of their own.
/// Moving    May be moved at any time; destroying it while a task waits aborts. Use after that, or
///           after detach(), aborts.
class process {
 public:
  /// Starts it. The thread stands still until the program has begun: half a millisecond as a rule,
  /// whatever memory is held here; as long as the file system takes to load it.
  ///
  /// Errors    what exec says: no_such_file_or_directory, permission_denied,
  ///           executable_format_error, argument_list_too_long, text_file_busy (after some tries)
  ///           …; too_many_files_open, resource_unavailable_try_again (no more processes are
  ///           allowed); what opening a file of its streams, `directory`, `user` or `group` says;
  ///           invalid_argument: a '\0' somewhere, a variable's name with '=', a number that is
  ///           passed twice or is a standard stream that is asked for otherwise. Then there is no
  ///           child.
  static result<process> spawn(const process_options& options);

  process(process&&) noexcept = default;
  process& operator=(process&&) noexcept = default;
  ~process() = default;

  int pid() const noexcept;

  /// Waits for its end. An input pipe that nobody has asked for is closed first: the child would
  /// wait for it. What it writes has to be read meanwhile, or it may never end.
  ///
  /// Result      how it has ended; called again, the same
  /// Errors      no_child_process: it has ended, and how is not known, since the program ignores
  ///             SIGCHLD, or has waited for it itself
  /// Cancel      stops the task; the child goes on, and nothing is lost
  /// Lifetime    the process must outlive the await (it may be moved)
  task<result<exit_status>> wait(std::source_location where = std::source_location::current());

  /// Sends it a signal; 0: asks whether it is there. Never reaches another process.
  ///
  /// Errors    no_such_process: it has ended; operation_not_permitted; invalid_argument
  result<void> kill(int signal = 9) noexcept;
  /// Sends one to its process group (new_group, new_session or terminal): also to what it has
  /// started, and after its own end, too. (Before Linux 6.9 only until its end is known here.)
  ///
  /// Errors    no_such_process: nobody is left in it, or it has none of its own; as kill()
  result<void> kill_group(int signal = 9) noexcept;

  /// Our ends of the streams that are pipes, or of its terminal (input and output). Others abort.
  /// They may be moved out.
  pipe_writer& input() noexcept;
  pipe_reader& output() noexcept;
  pipe_reader& error_output() noexcept;

  /// Lets it go on without this object, which is as moved from; its pipes are closed. It does not
  /// hold the loop. This run reaps it, if it ends before that; later ones are reaped as more children
  /// are started.
  void detach() noexcept;

 private:
  explicit process(std::unique_ptr<detail::child, detail::child_deleter> c) noexcept
      : child_(std::move(c)) {}
  detail::child& child_here() const noexcept;
  std::unique_ptr<detail::child, detail::child_deleter> child_;
};

struct process_output {
  exit_status status;
  std::string output, error_output;
  bool output_incomplete = false;  ///< another process held an output, longer than the grace
};

/// Runs a program: writes `input` to it, reads both outputs, and waits for its end, all at once, so
/// that no size of any of them holds up another. Streams of the options that are `inherit` are pipes
/// here; others stay what they are, and give nothing. (stdio::of(1) is our own output.) That it does
/// not read all of its input is no error.
///
/// Result      its end and what it has written. A failure of the program's is a value, too
/// Errors      process::spawn's and wait's; message_too_long: it has written more than output_limit,
///             and was killed; invalid_argument: there is input, and its stream is something else
/// Cancel      kills the child, and its group if it has one of its own, waits for its end, and stops
///             the task
/// Lifetime    both are kept in the task
task<result<process_output>> run_process(process_options options, std::string input = {});

}  // namespace eddy
