// What others share, on epoll: terminals, pipes and devices on which O_NONBLOCK must not be set, for
// it would be theirs as well. Private.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/backend/backend.h"

namespace eddy::detail {

// What attempts answer beside results and errors. The one can only be waited for on a thread; of the
// other no event tells.
inline constexpr int on_a_thread = -5000;
inline constexpr int no_event = -5001;

/// The same file once more, with O_NONBLOCK, for us alone: a terminal or a named pipe. -1: it cannot
/// be had.
int open_again(int descriptor) noexcept;

/// Reads and writes of a terminal by a process in its background: no event tells of its coming to
/// the foreground.
class background_waits {
 public:
  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t size() const noexcept { return waiting_.size(); }
  /// When to look again; time_point::max(): nobody waits.
  time_point next() const noexcept { return empty() ? time_point::max() : next_; }

  /// Throws std::bad_alloc.
  void add(operation&, time_point now);
  /// False: it does not wait here.
  bool remove(operation&) noexcept;
  operation& take_first() noexcept;

 private:
  std::vector<operation*> waiting_;
  time_point next_{};
};

}  // namespace eddy::detail
