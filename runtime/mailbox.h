// What other threads and signal handlers send to a loop: one lock-free list, looked at in each
// poll. Private.
#pragma once

#include <atomic>

#include <eddy/runtime/detail/work.h>

namespace eddy::detail {

/// An atomic list head with three states: empty, a list (newest first), asleep. Any thread may
/// push; only the loop's thread takes, falls asleep and wakes up. Whoever replaces "asleep" rings
/// the doorbell (backend::wake), so that no wake-up is written while the loop is awake.
///
/// All that passes between threads passes through this one word, so its own order of changes
/// decides: no wake-up can be lost, and no fence is needed. (Every change is a read-modify-write,
/// so a release goes on through later ones.)
///
/// `Atomic`: tests/runtime/interleavings_test.cc has one that goes step by step.
template <template <class> class Atomic>
class basic_mailbox {
 public:
  basic_mailbox() noexcept = default;
  basic_mailbox(const basic_mailbox&) = delete;
  basic_mailbox& operator=(const basic_mailbox&) = delete;

  /// Any thread, signal handlers. True: the loop was asleep, and the caller must now ring the
  /// doorbell. From this call on `w` belongs to the loop.
  [[nodiscard]] bool push(work& w) noexcept {
    work* head = head_.load(std::memory_order_relaxed);
    do {
      w.next = head == asleep() ? nullptr : head;
      // Release, for take(): the loop sees the item and all that was written before. Acquire, for
      // fall_asleep(): whoever rings sees the doorbell. A failed attempt needs neither, it is made
      // again.
    } while (!head_.compare_exchange_weak(head, &w, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return head == asleep();
  }

  /// The loop's thread: is there anything? One load. (Relaxed: who acts on the answer takes, and
  /// take() acquires.)
  bool empty() const noexcept {
    const work* head = head_.load(std::memory_order_relaxed);
    return !head || head == asleep();
  }

  /// The loop's thread: moves everything that has arrived behind `into`, in the order of arrival.
  void take(work_queue& into) noexcept {
    // Only this thread takes or writes `asleep`: what is a list now is still one, perhaps a longer
    // one, below.
    if (empty()) return;
    // Acquire, for the release of every push in the list: later pushes carry on the earlier ones'
    // release.
    work* newest = head_.exchange(nullptr, std::memory_order_acquire);
    work* oldest = nullptr;
    while (newest) {
      work* before = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = before;
    }
    while (oldest) {
      work* after = oldest->next;
      into.push(*oldest);
      oldest = after;
    }
  }

  /// The loop's thread, just before it sleeps. False: something has arrived, do not sleep.
  [[nodiscard]] bool fall_asleep() noexcept {
    work* nothing = nullptr;
    // Release, for the acquire of the push that replaces it: whoever is told to ring finds the
    // doorbell made.
    return head_.compare_exchange_strong(nothing, asleep(), std::memory_order_release,
                                         std::memory_order_relaxed);
  }
  /// The loop's thread, after the sleep. What arrived stays. Harmless where it has not slept.
  void wake_up() noexcept {
    work* sleeping = asleep();
    // Relaxed: it publishes nothing, and what has arrived instead is acquired by take().
    head_.compare_exchange_strong(sleeping, nullptr, std::memory_order_relaxed,
                                  std::memory_order_relaxed);
  }

 private:
  /// Stands for "asleep"; never looked into. (No object of its own: g++ would make it unique among all
  /// libraries of a process, and one that has such a thing is never unloaded.)
  static work* asleep() noexcept {
    return reinterpret_cast<work*>(1);  // NOLINT(performance-no-int-to-ptr)
  }

  Atomic<work*> head_{nullptr};
  static_assert(Atomic<work*>::is_always_lock_free, "push() is called in signal handlers");
};

class mailbox : public basic_mailbox<std::atomic> {};

}  // namespace eddy::detail
