// What has happened, as a number that is equal where everything was, and, where it is asked for, as
// data. Private.
#pragma once

#include <cstdint>
#include <vector>

#include <eddy/runtime/operation.h>

namespace eddy::detail::simulated {

/// One operation that has ended.
struct record {
  std::int64_t at = 0;
  std::uint32_t host = 0;
  verb what = verb::nothing;
  std::int32_t result = 0;
  std::int32_t descriptor = -1;
  std::uint64_t object = 0;
};

class trace {
 public:
  void note(const record& r) {
    mix(static_cast<std::uint64_t>(r.at));
    mix(std::uint64_t{r.host} << 32 | static_cast<std::uint32_t>(r.what));
    mix(r.object << 32 | static_cast<std::uint32_t>(r.result));
    if (kept_) keep(r);
  }
  std::uint64_t hash() const noexcept { return hash_; }

  /// From now on the last `n` are kept, to be shown.
  void keep_last(std::size_t n) {
    kept_ = n;
    last_.reserve(n);
  }
  /// In the order in which they ended.
  std::vector<record> last() const;

 private:
  void mix(std::uint64_t value) noexcept {
    hash_ ^= value + 0x9e3779b97f4a7c15u + (hash_ << 6) + (hash_ >> 2);
    hash_ *= 0xff51afd7ed558ccdu;
    hash_ ^= hash_ >> 32;
  }
  void keep(const record&);

  std::uint64_t hash_ = 0x2545f4914f6cdd1du;
  std::size_t kept_ = 0;
  std::size_t next_ = 0;  // in last_, which is a ring once it is full
  std::vector<record> last_;
};

}  // namespace eddy::detail::simulated
