// One lane of the pool: its queue, the threads that sleep, who is woken for what. The system below it
// is a parameter: the threads' own, or, in tests/runtime/interleavings_test.cc, one that goes step
// by step. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include <eddy/runtime/operation.h>

namespace eddy::detail {

/// `System`: mutex; atomic<T>; thread; mailbox; futex_wait(atomic&, value), futex_wake(atomic&);
/// execute(request).
template <class System>
struct lane_worker;

/// What the threads of a lane share. `queue`, `queued`, `running`, `sleeping`, `idle` and `ending`
/// belong to the lock; the rest belongs to the loop's thread.
template <class System>
struct alignas(64) work_lane {
  using worker = lane_worker<System>;

  /// Threads that are neither asleep nor at work: each looks at the queue before it sleeps.
  std::size_t looking() const noexcept { return threads - running - sleeping; }

  // ---- The lane's threads ----

  /// The whole of a thread's life.
  void work(worker& self) noexcept {
    std::unique_lock held(lock);
    for (;;) {
      operation* o = take();
      if (!o) {
        if (ending) return;
        self.may_sleep();
        self.next_idle = idle;
        idle = &self;
        ++sleeping;
        held.unlock();
        self.sleep();
        held.lock();
        continue;
      }
      held.unlock();
      while (o) {
        o->result = System::execute(o->ask);
        held.lock();
        // No longer at work before the result is on its way: what the loop submits in answer finds
        // this thread looking, and neither wakes nor starts another. The next piece is taken under
        // the same lock.
        --running;
        operation* next = take();
        held.unlock();
        deliver(*o);
        o = next;
      }
      held.lock();
    }
  }

  // ---- The loop's thread ----

  enum class answer : unsigned char { full, queued, needs_thread };

  /// At most `limit` may be queued. `needs_thread`: queued, and counted as looking is a thread that
  /// the caller starts now.
  answer submit(operation& o, std::size_t limit) noexcept {
    worker* woken = nullptr;
    bool start = false;
    {
      const std::lock_guard held(lock);
      if (queued == limit) return answer::full;
      if (o.is_linked()) o.unlink();
      o.from_pool = true;
      queue.push(o);
      ++queued;
      if (queued > looking()) {
        woken = pop_idle();
        // Counted at once as looking; only this thread starts any, so nobody relies on it before it
        // exists.
        start = !woken && threads < most;
        threads += start;
      }
    }
    if (woken) woken->wake();
    return start ? answer::needs_thread : answer::queued;
  }
  /// The thread that was needed cannot be had. False: the others will come to it; true: there are
  /// none, and `o` is taken back.
  bool thread_refused(operation& o) noexcept {
    const std::lock_guard held(lock);
    if (--threads) return false;
    take_out(o);
    return true;
  }
  /// Takes back what is still queued. False: a thread has it already.
  bool remove(operation& o) noexcept {
    const std::lock_guard held(lock);
    if (!o.is_linked()) return false;
    take_out(o);
    return true;
  }
  /// Nothing is queued or running: each thread ends, now or when it wakes up.
  void end() noexcept {
    worker* asleep;
    {
      const std::lock_guard held(lock);
      ending = true;
      asleep = idle;
      idle = nullptr;
      sleeping = 0;
    }
    while (asleep) {
      worker* after = asleep->next_idle;  // before it wakes and is free to go
      asleep->wake();
      asleep = after;
    }
  }

  /// Sends a finished operation home, which may be gone on return.
  void deliver(operation& o) noexcept {
    if (inbox->push(o)) ring(ring_context);
  }

  typename System::mutex lock;
  work_list<operation> queue;
  std::size_t queued = 0;
  std::size_t running = 0;
  std::size_t sleeping = 0;
  worker* idle = nullptr;  ///< those that sleep, the latest first
  bool ending = false;

  std::size_t threads = 0;
  std::size_t most = 0;
  worker* made = nullptr;
  typename System::mailbox* inbox = nullptr;
  void (*ring)(void*) noexcept = nullptr;
  void* ring_context = nullptr;

 private:
  operation* take() noexcept {
    operation* o = queue.pop();
    if (o) {
      --queued;
      ++running;
    }
    return o;
  }
  void take_out(operation& o) noexcept {
    o.unlink();
    --queued;
  }
  worker* pop_idle() noexcept {
    worker* w = idle;
    if (w) {
      idle = w->next_idle;
      --sleeping;
    }
    return w;
  }
};

/// A thread of a lane, and the word on which it sleeps.
template <class System>
struct lane_worker {
  explicit lane_worker(work_lane<System>& l) noexcept : home(l) {}

  void may_sleep() noexcept { awake.store(0, std::memory_order_relaxed); }
  void wake() noexcept {
    awake.store(1, std::memory_order_release);
    System::futex_wake(awake);
  }
  void sleep() noexcept {
    // Woken by a signal or for nothing (EINTR, EAGAIN): the word decides.
    while (!awake.load(std::memory_order_acquire)) System::futex_wait(awake, 0);
  }

  work_lane<System>& home;
  typename System::thread thread{};
  typename System::template atomic<std::uint32_t> awake{1};
  lane_worker* next_idle = nullptr;  // under the lane's lock
  lane_worker* next_made = nullptr;  // the loop's thread
};

}  // namespace eddy::detail
