// What has happened, as a number that is equal where everything was. Private.
#pragma once

#include <cstdint>

#include <eddy/runtime/operation.h>

#include "simulation/labels.h"

namespace eddy::detail::simulated {

class trace {
 public:
  /// An operation has ended.
  void note(std::int64_t at, std::uint32_t host, verb what, std::int32_t result,
            std::uint64_t object) noexcept {
    hash_ = mix(hash_ ^ static_cast<std::uint64_t>(at));
    hash_ = mix(hash_ ^ (std::uint64_t{host} << 32 | static_cast<std::uint32_t>(what)));
    hash_ = mix(hash_ ^ (object << 32 | static_cast<std::uint32_t>(result)));
  }
  std::uint64_t hash() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = golden;
};

}  // namespace eddy::detail::simulated
