// The mailbox's two ends: pushing from any thread, taking on the loop's.
#include "runtime/mailbox.h"

namespace eddy::detail {

bool mailbox::push(work& w) noexcept {
  work* head = head_.load(std::memory_order_relaxed);
  do {
    w.next = head == asleep() ? nullptr : head;
    // Release, for take(): the loop sees the item and all that was written before. Acquire, for
    // fall_asleep(): whoever rings sees the doorbell. A failed attempt needs neither, it is made
    // again.
  } while (
      !head_.compare_exchange_weak(head, &w, std::memory_order_acq_rel, std::memory_order_relaxed));
  return head == asleep();
}

void mailbox::take(work_queue& into) noexcept {
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

}  // namespace eddy::detail
