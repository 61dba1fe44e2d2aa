// The threads that take blocking work: lanes with threads of their own, a bounded queue, and no
// more wake-ups than there is work. Private.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include <eddy/runtime/operation.h>

namespace eddy::detail {

class mailbox;

struct pool_options {
  /// Per lane `compute`; 0: max(4, cores). Lanes `files` and `lookup`: at most this many each;
  /// `streams`: at most 64
  unsigned threads = 0;
  std::size_t queue = 1024;  ///< queued operations per lane before submit() refuses
};

/// Threads start lazily, each when there is queued work and no idle thread of its lane. Each
/// finished operation (its result set) is pushed to the mailbox; if the loop slept, the doorbell is
/// rung once.
///
/// submit() and remove() are for the loop's thread.
///
/// From submit() until it is taken back or has arrived, an operation's links are the pool's and
/// then the mailbox's: it must be put into no other list, so a cancel goes straight to remove() and
/// never through turn::cancel.
class pool {
 public:
  pool(const pool_options&, mailbox& inbox);
  /// Joins all threads. Nothing may be queued or running.
  ~pool();

  /// Rings the doorbell of the loop; called from pool threads. Set once the backend exists, before
  /// the first submit.
  void set_doorbell(void (*ring)(void*) noexcept, void* context) noexcept;

  /// Hands `o` over: a thread of o.ask.lane runs execute(o.ask, may_wait = true), sets o.result,
  /// and o comes back by the mailbox. Taken out of the list in which it stands. False: the lane's
  /// queue is full, and nothing has changed; room comes with a later arrival in the mailbox. Where
  /// the lane has no thread and none can be started, o comes back at once with -errno of that (a
  /// thread that is refused later is done without).
  [[nodiscard]] bool submit(operation& o) noexcept;

  /// Takes back what is still queued. False: a thread has it already, it will come back by the
  /// mailbox.
  [[nodiscard]] bool remove(operation& o) noexcept;

  /// Threads that have been started and not ended. The loop's thread.
  std::size_t threads() const noexcept;
  /// Ends the threads and joins them; later submits start new ones. Nothing may be queued or
  /// running. To be called before the doorbell goes: a thread may still be ringing when its result
  /// has been taken. In a child after fork, where the threads are not, it only frees.
  void stop() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace eddy::detail
