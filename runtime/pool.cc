// The pool's threads and queues. One lock per lane, held for a few instructions; each idle thread
// sleeps on a word of its own, so that one piece of work wakes one thread, the one that fell asleep
// last.
#include "runtime/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <new>
#include <thread>

#include "runtime/backend/backend.h"
#include "runtime/mailbox.h"

namespace eddy::detail {
namespace {

constexpr std::size_t lanes = 4;
constexpr unsigned most_lookups = 4;
constexpr unsigned most_streams = 64;  // each may wait for somebody for long
constexpr const char* thread_names[lanes] = {"eddy-compute", "eddy-files", "eddy-lookup",
                                             "eddy-streams"};

struct lane;

struct worker {
  explicit worker(lane& l) noexcept : home(l) {}

  void wake() noexcept {
    awake.store(1, std::memory_order_release);
    syscall(SYS_futex, &awake, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void sleep() noexcept {
    // Woken by a signal or for nothing (EINTR, EAGAIN): the word decides.
    while (!awake.load(std::memory_order_acquire)) {
      syscall(SYS_futex, &awake, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }

  lane& home;
  pthread_t thread{};
  std::atomic<std::uint32_t> awake{1};
  worker* next_idle = nullptr;  // under the lane's lock
  worker* next_made = nullptr;  // the loop's thread
};
static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "a futex is a word");

/// What the threads of a lane share. `queue`, `queued`, `running`, `sleeping`, `idle` and `ending`
/// belong to the lock; the rest belongs to the loop's thread.
struct alignas(64) lane {
  /// Threads that are neither asleep nor at work: each looks at the queue before it sleeps.
  std::size_t looking() const noexcept { return threads - running - sleeping; }

  std::mutex lock;
  operation_list queue;
  std::size_t queued = 0;
  std::size_t running = 0;
  std::size_t sleeping = 0;
  worker* idle = nullptr;  ///< those that sleep, the latest first
  bool ending = false;

  std::size_t threads = 0;
  std::size_t most = 0;
  worker* made = nullptr;
  mailbox* inbox = nullptr;
  void (*ring)(void*) noexcept = nullptr;
  void* ring_context = nullptr;
  const char* name = nullptr;
  const sigset_t* mask = nullptr;
};

operation* take(lane& l) noexcept {
  operation* o = l.queue.pop();
  if (o) {
    --l.queued;
    ++l.running;
  }
  return o;
}

/// Sends a finished operation home, which may be gone on return.
void deliver(lane& l, operation& o) noexcept {
  if (l.inbox->push(o)) l.ring(l.ring_context);
}

void work_on(worker& self) noexcept {
  lane& l = self.home;
  std::unique_lock lock(l.lock);
  for (;;) {
    operation* o = take(l);
    if (!o) {
      if (l.ending) return;
      self.awake.store(0, std::memory_order_relaxed);
      self.next_idle = l.idle;
      l.idle = &self;
      ++l.sleeping;
      lock.unlock();
      self.sleep();
      lock.lock();
      continue;
    }
    lock.unlock();
    while (o) {
      o->result = execute(o->ask, true);
      lock.lock();
      // No longer at work before the result is on its way: what the loop submits in answer finds
      // this thread looking, and neither wakes nor starts another. The next piece is taken under
      // the same lock.
      --l.running;
      operation* next = take(l);
      lock.unlock();
      deliver(l, *o);
      o = next;
    }
    lock.lock();
  }
}

void* thread_main(void* argument) noexcept {
  auto& self = *static_cast<worker*>(argument);
  pthread_sigmask(SIG_SETMASK, self.home.mask, nullptr);
  pthread_setname_np(pthread_self(), self.home.name);
  work_on(self);
  return nullptr;
}

/// 0, or the errno that refused it. Offloaded code runs with the signals blocked that were blocked
/// where the pool was made, and so do the programs that it starts. (The thread is born with all of
/// them blocked: the mask of the one that starts it now may be another.)
int start_thread(lane& l) noexcept {
  auto* w = new (std::nothrow) worker(l);
  if (!w) return ENOMEM;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&w->thread, nullptr, thread_main, w);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error) {
    delete w;
    return error;
  }
  w->next_made = l.made;
  l.made = w;
  return 0;
}

worker* pop_idle(lane& l) noexcept {
  worker* w = l.idle;
  if (w) {
    l.idle = w->next_idle;
    --l.sleeping;
  }
  return w;
}

/// `here`: the threads live in this process (after a fork, in the child, they do not).
void stop_lane(lane& l, bool here) noexcept {
  if (here) {
    worker* asleep;
    {
      const std::lock_guard lock(l.lock);
      l.ending = true;
      asleep = l.idle;
      l.idle = nullptr;
      l.sleeping = 0;
    }
    while (asleep) {
      worker* after = asleep->next_idle;  // before it wakes and is free to go
      asleep->wake();
      asleep = after;
    }
  }
  while (worker* w = l.made) {
    l.made = w->next_made;
    if (here) pthread_join(w->thread, nullptr);
    delete w;
  }
  l.threads = 0;
  l.ending = false;
}

unsigned most_of(pool_lane which, unsigned most) noexcept {
  switch (which) {
    case pool_lane::lookup:
      return std::min(most, most_lookups);
    case pool_lane::streams:
      return most_streams;
    default:
      return most;
  }
}

}  // namespace

struct pool::state {
  lane& of(const operation& o) noexcept { return lanes_[static_cast<std::size_t>(o.ask.lane)]; }

  lane lanes_[lanes];
  std::size_t limit = 0;
  sigset_t mask;      ///< of the thread that made the pool
  pid_t process = 0;  ///< where the threads are
};

pool::pool(const pool_options& options, mailbox& inbox) : state_(std::make_unique<state>()) {
  const unsigned most =
      options.threads ? options.threads : std::max(4u, std::thread::hardware_concurrency());
  state_->limit = std::max<std::size_t>(1, options.queue);
  pthread_sigmask(SIG_SETMASK, nullptr, &state_->mask);
  for (std::size_t i = 0; i < lanes; ++i) {
    lane& l = state_->lanes_[i];
    l.most = most_of(static_cast<pool_lane>(i), most);
    l.inbox = &inbox;
    l.name = thread_names[i];
    l.mask = &state_->mask;
    l.ring = [](void*) noexcept {};
  }
}

pool::~pool() {
  stop();
}

void pool::set_doorbell(void (*ring)(void*) noexcept, void* context) noexcept {
  for (lane& l : state_->lanes_) {
    l.ring = ring;
    l.ring_context = context;
  }
}

bool pool::submit(operation& o) noexcept {
  lane& l = state_->of(o);
  worker* woken = nullptr;
  bool start = false;
  {
    const std::lock_guard lock(l.lock);
    if (l.queued == state_->limit) return false;
    if (o.is_linked()) o.unlink();
    o.from_pool = true;
    l.queue.push(o);
    ++l.queued;
    if (l.queued > l.looking()) {
      woken = pop_idle(l);
      // Counted at once as looking; only this thread starts any, so nobody relies on it before it
      // exists.
      start = !woken && l.threads < l.most;
      l.threads += start;
    }
  }
  if (woken) woken->wake();
  if (!start) return true;
  state_->process = getpid();
  const int error = start_thread(l);
  if (!error) return true;
  {
    const std::lock_guard lock(l.lock);
    if (--l.threads) return true;  // the others will come to it
    o.unlink();
    --l.queued;
  }
  o.result = -error;
  deliver(l, o);
  return true;
}

bool pool::remove(operation& o) noexcept {
  lane& l = state_->of(o);
  const std::lock_guard lock(l.lock);
  if (!o.is_linked()) return false;
  o.unlink();
  --l.queued;
  return true;
}

std::size_t pool::threads() const noexcept {
  std::size_t all = 0;
  for (const lane& l : state_->lanes_) all += l.threads;
  return all;
}

void pool::stop() noexcept {
  const bool here = state_->process == getpid();
  for (lane& l : state_->lanes_) stop_lane(l, here);
}

}  // namespace eddy::detail
