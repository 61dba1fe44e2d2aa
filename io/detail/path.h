// Operations on paths, and what they give. Not an interface for users.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <eddy/io/detail/descriptor.h>

namespace eddy::detail {

/// Room for what the kernel tells about a file (struct statx).
struct alignas(8) status_block {
  status_block() noexcept {}
  std::array<std::byte, 256> bytes;
};

/// An operation on one path or two, which are kept in the awaitable. Awaiter: made from (kind,
/// refusal, request).
template <class Awaiter>
class [[nodiscard]] path_awaitable {
 public:
  /// The request lacks the addresses of the paths; `refusal`: 0 or -errno.
  path_awaitable(const io_kind& kind, const request& r, int refusal, std::string path,
                 std::string to = {}) noexcept
      : kind_(&kind), ask_(r), refusal_(refusal), path_(std::move(path)), to_(std::move(to)) {
    // The kernel's paths end at their first '\0': what comes after it would be ignored.
    if (path_.find('\0') != path_.npos || to_.find('\0') != to_.npos) refusal_ = -EINVAL;
  }
  Awaiter operator co_await() && noexcept {
    if (refusal_) return Awaiter(*kind_, refusal_);
    ask_.address = address_of(path_.c_str());
    if (ask_.what == verb::rename) ask_.offset = address_of(to_.c_str());
    return Awaiter(nullptr, *kind_, ask_);
  }

 private:
  const io_kind* kind_;
  request ask_;
  int refusal_;
  std::string path_;
  std::string to_;
};

}  // namespace eddy::detail
