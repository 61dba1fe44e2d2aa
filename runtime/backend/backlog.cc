// Full backlogs (backlog.h).
#include "runtime/backend/backlog.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace eddy::detail {
namespace {

constexpr duration first_pause = std::chrono::milliseconds(1);  // then 2, 4, …
constexpr duration longest_pause = std::chrono::milliseconds(64);

}  // namespace

void backlog_waits::add(operation& o, time_point now) {
  waiting_.push_back(&o);
  pause_ = first_pause;
  next_ = waiting_.size() == 1 ? later(now, pause_) : std::min(next_, later(now, pause_));
}

bool backlog_waits::remove(operation& o) noexcept {
  const auto found = std::find(waiting_.begin(), waiting_.end(), &o);
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  return true;
}

bool backlog_waits::is_same_listener(const request& a, const request& b) noexcept {
  const auto name = [](const request& r) noexcept {
    return reinterpret_cast<const char*>(static_cast<std::uintptr_t>(r.address));  // NOLINT
  };
  return a.length == b.length && std::memcmp(name(a), name(b), a.length) == 0;
}

void backlog_waits::pause(bool got_in, time_point now) noexcept {
  pause_ = got_in ? first_pause : std::min(pause_ * 2, longest_pause);
  next_ = later(now, pause_);
}

}  // namespace eddy::detail
