// What is asked of the start of a child process, and what is told of its end (verb::start_child and
// those behind it). Private: io/ fills it, a backend answers it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace eddy::detail {

/// What one of its standard streams is to be.
struct child_stream {
  enum class source : std::uint8_t { inherit, discard, pipe, number, read, write, append };
  source what = source::inherit;
  int number = -1;
  const char* path = nullptr;
};

struct child_order {
  // The question. (All that is pointed at belongs to the caller.)
  const std::string* program = nullptr;
  std::span<const std::string> arguments;
  const std::vector<std::string>* environment = nullptr;  // null: ours
  std::span<const std::pair<std::string, std::string>> variables;
  const char* directory = nullptr;
  std::array<child_stream, 3> streams;
  std::span<const std::pair<int, int>> passed;
  std::optional<std::uint32_t> user, group;
  std::uint16_t columns = 0, rows = 0;  // of the terminal
  bool error_to_output = false;
  bool terminal = false;
  bool new_group = false;
  bool new_session = false;
  bool die_with_parent = false;

  // The answer.
  int pid = 0;
  int descriptor = -1;                     // readable when it has ended; -1: the kernel has none
  std::array<int, 3> ends = {-1, -1, -1};  // ours, of what is a pipe, or the terminal's (0 and 1)
};

/// How it has ended, as the kernel says it.
struct child_end {
  bool by_signal = false;
  bool dumped = false;
  int number = 0;  // the code, or the signal
  std::int64_t user_microseconds = 0;
  std::int64_t system_microseconds = 0;
  std::uint64_t memory_peak = 0;  // bytes
};

/// A child that nobody waits for any more, and that has not ended. It belongs to the backend from
/// verb::leave_child on.
struct left_child {
  int pid = 0;
  int descriptor = -1;
  bool is_killed = false;
  left_child* next = nullptr;
};

}  // namespace eddy::detail
