// How a child process has ended.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>
#include <optional>
#include <string>

#include <eddy/runtime/clock.h>

namespace eddy {

/// What a child process, and those of its own children for which it has waited, have used.
struct resource_use {
  duration user_time = duration::zero();    ///< of the processor, in the program
  duration system_time = duration::zero();  ///< of the processor, in the kernel
  std::uint64_t memory_peak = 0;            ///< bytes that were resident at once, at most
};

/// Either a code or a signal. (128 and more are codes like any other: what a shell tells by them is
/// its own affair.)
struct exit_status {
  std::optional<int> code;    ///< what it has given to exit(), or main returned: 0 to 255
  std::optional<int> signal;  ///< what has ended it
  bool core_dumped = false;
  resource_use use;

  /// It has ended by itself, with code 0.
  bool success() const noexcept { return code && *code == 0; }
  /// "exit code 3", "signal 9 (Killed)", "signal 11 (Segmentation fault, core dumped)"
  std::string to_string() const;
};

}  // namespace eddy
