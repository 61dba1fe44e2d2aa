// The pool's threads; what they do stands in work_lane.h. One lock per lane, held for a few
// instructions; each idle thread sleeps on a word of its own, so that one piece of work wakes one
// thread, the one that fell asleep last.
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
#include "runtime/work_lane.h"

namespace eddy::detail {
namespace {

constexpr std::size_t lanes = 4;
constexpr unsigned most_lookups = 4;
constexpr unsigned most_streams = 64;  // each may wait for somebody for long
constexpr const char* thread_names[lanes] = {"eddy-compute", "eddy-files", "eddy-lookup",
                                             "eddy-streams"};

struct threads {
  using mutex = std::mutex;
  template <class T>
  using atomic = std::atomic<T>;
  using thread = pthread_t;
  using mailbox = detail::mailbox;
  static void futex_wake(std::atomic<std::uint32_t>& word) noexcept {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  static void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  }
  static int execute(const request& r) noexcept { return detail::execute(r, true); }
};
static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "a futex is a word");

struct lane : work_lane<threads> {
  const char* name = nullptr;
  const sigset_t* mask = nullptr;
};
using worker = lane::worker;

void* thread_main(void* argument) noexcept {
  auto& self = *static_cast<worker*>(argument);
  auto& home = static_cast<lane&>(self.home);
  pthread_sigmask(SIG_SETMASK, home.mask, nullptr);
  pthread_setname_np(pthread_self(), home.name);
  home.work(self);
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

/// `here`: the threads live in this process (after a fork, in the child, they do not).
void stop_lane(lane& l, bool here) noexcept {
  if (here) l.end();
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
  const auto answer = l.submit(o, state_->limit);
  if (answer == lane::answer::full) return false;
  if (answer == lane::answer::queued) return true;
  state_->process = getpid();
  const int error = start_thread(l);
  if (error && l.thread_refused(o)) {
    o.result = -error;
    l.deliver(o);
  }
  return true;
}

bool pool::remove(operation& o) noexcept {
  return state_->of(o).remove(o);
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
