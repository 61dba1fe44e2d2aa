// Operations on paths, and what they give. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

#include <eddy/io/detail/descriptor.h>

namespace eddy::detail {

/// Room for what the kernel tells about a file (struct statx).
struct alignas(8) status_block {
  status_block() noexcept {}
  std::array<std::byte, 256> bytes;
};

/// An operation on one path or two, which are kept here.
class path_wait : public io_wait {
 public:
  /// The request lacks the addresses of the paths; `refusal`: 0 or -errno.
  path_wait(const io_kind&, const request&, int refusal, std::string path,
            std::string to = {}) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_with_paths();
  }

 private:
  void begin_with_paths() noexcept;
  std::string path_;
  std::string to_;
};

using path_change = awaited_once<io_awaiter<void, path_wait>>;

}  // namespace eddy::detail
