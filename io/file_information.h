// What the system knows about a file: of a name (io/filesystem.h) and of an open file (io/file.h).
#pragma once

#include <eddy/runtime/detail/language.h>

#include <chrono>
#include <cstdint>

#include <eddy/io/detail/path.h>

namespace eddy {

enum class file_kind : std::uint8_t {
  regular,
  directory,
  symbolic_link,
  pipe,
  socket,
  character_device,
  block_device,
  other
};

/// What the system knows about a file.
struct file_information {
  file_kind kind = file_kind::other;
  unsigned permissions = 0;  ///< the lower twelve bits of its mode
  std::uint64_t size = 0;
  std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds> modified;
};

namespace detail {
file_information information_of(const status_block&) noexcept;
}  // namespace detail

}  // namespace eddy
