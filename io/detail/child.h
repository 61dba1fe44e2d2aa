// A child process, as io/process.cc keeps it, and who reaps it in the end. Private.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>

#include <eddy/coro/task.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/one_at_a_time.h>
#include <eddy/io/exit_status.h>
#include <eddy/io/pipe.h>

#include "runtime/child.h"

namespace eddy::detail {

struct child {
  int pid = 0;
  descriptor handle;                 // readable once it has ended; none where the kernel has none
  std::unique_ptr<left_child> left;  // made with it: to leave it must not fail
  bool kill_when_dropped = true;
  bool has_group = false;  // of its own
  std::optional<pipe_writer> input;
  std::optional<pipe_reader> output, error_output;
  bool input_was_asked_for = false;
  one_at_a_time waiting;

  std::optional<exit_status> ended;
  int lost = 0;  // errno: it has ended, and nobody can say how

  /// Its end, if that has come: then it has been reaped.
  bool is_over() noexcept;
  int signal(int number, bool group) noexcept;
  /// SIGKILL, to its group as well if it has one of its own.
  void end() noexcept;
};

/// Ends when the child has.
task<void> end_of(child&);

/// Reaps a child that nobody waits for: by a task in the background, or, where there is none, or it
/// is to end, by the world that it came from.
void reap_later(std::unique_ptr<child>) noexcept;

}  // namespace eddy::detail
