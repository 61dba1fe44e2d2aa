// The shape of row 13, for all contenders: another thread posts to a loop that sleeps, and waits
// until it has run, and that again; or it posts as fast as it can to a loop that is busy, which
// runs all of it. The loop has a core of its own where there are two.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "bench/measure.h"

namespace bench {

inline constexpr const char* post_sleeping = "post_sleeping";
inline constexpr const char* post_busy = "post_busy";
inline constexpr double sleeping_posts = 1e5;
inline constexpr double busy_posts = 3e6;
inline constexpr long most_waiting = 1024;  ///< the producer waits while so many have not run

/// How the posting thread learns that its post has run.
class answer {
 public:
  void set() noexcept {
    word_.store(1, std::memory_order_release);
    syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void wait() noexcept {
    while (!word_.load(std::memory_order_acquire)) {
      syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    word_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

/// How the producer of the busy row keeps from running ahead without end.
class window {
 public:
  void ran() noexcept {
    done_.store(done_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  long done() const noexcept { return done_.load(std::memory_order_acquire); }
  void wait_for_room(long posted) const noexcept {
    while (posted - done() >= most_waiting) __builtin_ia32_pause();
  }

 private:
  alignas(64) std::atomic<long> done_{0};
};

}  // namespace bench
