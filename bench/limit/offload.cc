// The limit of row 12: a pool with the same policy and nothing else. Each idle thread sleeps on a
// futex of its own; a job wakes the one that fell asleep last, and none where one is looking
// already. What is done goes back by a list with a state "asleep": who finds it there wakes the
// owner, by a futex.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/offload.h"

namespace {

using word = std::atomic<std::uint32_t>;

void wait_on(word& w, std::uint32_t while_it_is) noexcept {
  while (w.load(std::memory_order_acquire) == while_it_is) {
    syscall(SYS_futex, &w, FUTEX_WAIT_PRIVATE, while_it_is, nullptr, nullptr, 0);
  }
}
void wake(word& w) noexcept {
  w.store(1, std::memory_order_release);
  syscall(SYS_futex, &w, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

struct job {
  job* next = nullptr;
  long (*run)(long) = nullptr;
  long value = 0;
};

class pool {
 public:
  pool() {
    for (int i = 0; i < bench::pool_threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~pool() {
    {
      const std::lock_guard lock(lock_);
      ending_ = true;
    }
    while (idle* sleeper = pop_idle()) wake(sleeper->awake);
    for (auto& thread : threads_) thread.join();
  }

  void submit(job& j) {
    idle* woken = nullptr;
    {
      const std::lock_guard lock(lock_);
      j.next = nullptr;
      (first_ ? last_->next : first_) = &j;
      last_ = &j;
      ++queued_;
      if (queued_ > looking_) woken = take_idle();
    }
    if (woken) wake(woken->awake);
  }

  /// All that is done, newest first; sleeps until there is something.
  job* done() noexcept {
    job* list = done_.exchange(nullptr, std::memory_order_acquire);
    if (list) return list;
    owner_.store(0, std::memory_order_relaxed);
    job* nothing = nullptr;
    if (done_.compare_exchange_strong(nothing, &asleep, std::memory_order_release))
      wait_on(owner_, 0);
    return done_.exchange(nullptr, std::memory_order_acquire);
  }

 private:
  struct idle {
    word awake{1};
    idle* next = nullptr;
  };
  idle* take_idle() {
    idle* taken = idle_;
    if (taken) {
      idle_ = taken->next;
      ++looking_;
    }
    return taken;
  }
  idle* pop_idle() {
    const std::lock_guard lock(lock_);
    return take_idle();
  }
  void work() {
    idle self;
    std::unique_lock lock(lock_);
    ++looking_;
    for (;;) {
      job* j = first_;
      if (!j) {
        if (ending_) return;
        self.awake.store(0, std::memory_order_relaxed);
        self.next = idle_;
        idle_ = &self;
        --looking_;
        lock.unlock();
        wait_on(self.awake, 0);
        lock.lock();
        continue;
      }
      first_ = j->next;
      --queued_;
      --looking_;
      lock.unlock();
      j->value = j->run(j->value);
      lock.lock();
      ++looking_;
      lock.unlock();
      job* head = done_.load(std::memory_order_relaxed);
      do {
        j->next = head == &asleep ? nullptr : head;
      } while (!done_.compare_exchange_weak(head, j, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
      if (head == &asleep) wake(owner_);
      lock.lock();
    }
  }

  static inline job asleep{};
  std::mutex lock_;
  job* first_ = nullptr;
  job* last_ = nullptr;
  idle* idle_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t looking_ = 0;
  bool ending_ = false;
  std::atomic<job*> done_{nullptr};
  word owner_{1};
  std::vector<std::thread> threads_;
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  pool workers;
  for (const auto& row : bench::offload_rows) {
    rows.measure(row.name, row.operations, [&](long n) {
      const auto jobs = std::make_unique<job[]>(static_cast<std::size_t>(row.depth));
      long begun = 0;
      long sum = 0;
      for (int i = 0; i < row.depth && begun < n; ++i, ++begun) {
        jobs[static_cast<std::size_t>(i)].run = &bench::job;
        jobs[static_cast<std::size_t>(i)].value = begun;
        workers.submit(jobs[static_cast<std::size_t>(i)]);
      }
      for (long ended = 0; ended < n;) {
        for (job *j = workers.done(), *next; j; j = next) {
          next = j->next;
          sum += j->value;
          ++ended;
          if (begun < n) {
            j->value = begun++;
            workers.submit(*j);
          }
        }
      }
      bench::check(sum == n * (n + 1) / 2, "the jobs' results");
    });
  }
}
