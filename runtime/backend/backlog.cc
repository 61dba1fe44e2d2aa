// Full backlogs (backlog.h).
#include "runtime/backend/backlog.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

#include <sys/socket.h>

namespace eddy::detail {
namespace {

constexpr duration first_pause = std::chrono::milliseconds(1);  // then 2, 4, …
constexpr duration longest_pause = std::chrono::milliseconds(64);

/// Where a connect, or a send to somebody, goes.
struct destination {
  const char* name = nullptr;
  std::size_t size = 0;
};
destination destination_of(const request& r) noexcept {
  const auto address = static_cast<std::uintptr_t>(r.address);
  if (r.what != verb::send_message)
    return {reinterpret_cast<const char*>(address), r.length};  // NOLINT
  const auto& m = *reinterpret_cast<const msghdr*>(address);    // NOLINT
  return {static_cast<const char*>(m.msg_name), m.msg_namelen};
}

}  // namespace

bool goes_to_unix_address(const request& r) noexcept {
  const destination to = destination_of(r);
  sa_family_t family = AF_UNSPEC;
  if (to.size >= sizeof family) std::memcpy(&family, to.name, sizeof family);
  return family == AF_UNIX;
}

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
  const destination one = destination_of(a);
  const destination other = destination_of(b);
  return one.size == other.size && std::memcmp(one.name, other.name, one.size) == 0;
}

void backlog_waits::pause(bool got_in, time_point now) noexcept {
  pause_ = got_in ? first_pause : std::min(pause_ * 2, longest_pause);
  next_ = later(now, pause_);
}

}  // namespace eddy::detail
