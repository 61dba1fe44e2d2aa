// Unix connects that found their listener's backlog full, and datagrams for a Unix socket whose queue
// is full. No event tells when there is room, so both backends look again after pauses. Private.
#pragma once

#include <cerrno>
#include <cstddef>
#include <vector>

#include "runtime/backend/backend.h"

namespace eddy::detail {

bool goes_to_unix_address(const request&) noexcept;
/// Where the other side has no room, no event tells when it has.
inline bool has_no_event(const request& r) noexcept {
  return (r.what == verb::connect || r.what == verb::send_message) && goes_to_unix_address(r);
}

class backlog_waits {
 public:
  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t size() const noexcept { return waiting_.size(); }
  /// When to look again; time_point::max(): nobody waits.
  time_point next() const noexcept { return empty() ? time_point::max() : next_; }

  /// Throws std::bad_alloc.
  void add(operation&, time_point now);
  /// False: it does not wait here.
  bool remove(operation&) noexcept;
  /// A connection was taken here: there is room, if the listener is one of ours.
  void look_soon() noexcept { next_ = time_point::min(); }

  /// Tries again, if it is time: `ended(operation, result)` for each that no longer waits, at most
  /// while `goes_on()`. The first of those that wait for a listener tells of all of them whether
  /// there is room. Where one got in, more may soon: a crowd must not be let in by one after each of
  /// the longer pauses. Gives how often it has tried.
  template <class Ended, class GoesOn>
  std::size_t look(time_point now, Ended&& ended, GoesOn&& goes_on) {
    if (now < next_ || !goes_on()) return 0;
    const std::size_t before = waiting_.size();
    std::size_t tried = 0;
    const operation* full = nullptr;
    for (std::size_t i = 0; i < waiting_.size() && goes_on();) {
      operation& o = *waiting_[i];
      int result = -EAGAIN;
      if (!full || !is_same_listener(o.ask, full->ask)) {
        ++tried;
        result = execute(o.ask, false);
      }
      if (result == -EAGAIN) {
        full = &o;
        ++i;
      } else {
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        ended(o, result);
      }
    }
    pause(waiting_.size() < before, now);
    return tried;
  }

 private:
  static bool is_same_listener(const request&, const request&) noexcept;
  void pause(bool got_in, time_point now) noexcept;

  std::vector<operation*> waiting_;
  time_point next_{};
  duration pause_{};
};

}  // namespace eddy::detail
