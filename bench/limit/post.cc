// The limits of row 13. Sleeping: an eventfd that is written by the posting thread and never read;
// the loop sleeps in the ring, under a multishot poll, or in epoll_wait. Busy: an atomic list that
// is taken whole; a post is a node made by new, for it may be of any size and number, and called
// through a pointer.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <optional>

#include "bench/limit/ring.h"
#include "bench/post.h"

namespace {

struct node {
  node* next = nullptr;
  void (*run)(node*) = nullptr;
  void* context = nullptr;
};

class inbox {
 public:
  void push(node& n) noexcept {
    n.next = head_.load(std::memory_order_relaxed);
    while (!head_.compare_exchange_weak(n.next, &n, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
  }
  /// Runs all that is there, in the order of arrival.
  void run() noexcept {
    if (!head_.load(std::memory_order_relaxed)) return;
    node* newest = head_.exchange(nullptr, std::memory_order_acquire);
    node* oldest = nullptr;
    while (newest) {
      node* before = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = before;
    }
    while (oldest) {
      node* after = oldest->next;
      oldest->run(oldest);
      oldest = after;
    }
  }

 private:
  alignas(64) std::atomic<node*> head_{nullptr};
};

class sleeper {
 public:
  explicit sleeper(bool in_epoll)
      : in_epoll_(in_epoll), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (in_epoll_) {
      epoll_ = epoll_create1(EPOLL_CLOEXEC);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLET;
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event)) limit::fail("epoll_ctl", errno);
    } else {
      ring_.emplace();
      arm();
      ring_->enter(false);
    }
  }
  ~sleeper() {
    close(bell_);
    if (in_epoll_) close(epoll_);
  }
  void sleep() {
    if (in_epoll_) {
      epoll_event event;
      epoll_wait(epoll_, &event, 1, -1);
    } else {
      ring_->enter(true);
      ring_->reap([this](void*, std::uint64_t, const io_uring_cqe& c) {
        if (!(c.flags & IORING_CQE_F_MORE)) arm();
      });
    }
  }
  void ring() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(bell_, &one, sizeof one);
  }

 private:
  void arm() { io_uring_prep_poll_multishot(ring_->entry(nullptr), bell_, POLLIN); }
  bool in_epoll_;
  int bell_;
  int epoll_ = -1;
  std::optional<limit::ring> ring_;
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments, {"ring", "epoll"});
  rows.measure(bench::post_sleeping, bench::sleeping_posts, [&](long n) {
    sleeper loop(rows.variant() == "epoll");
    bench::answer answer;
    std::atomic<long> posted{0};
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        posted.store(i + 1, std::memory_order_release);
        loop.ring();
        answer.wait();
      }
    });
    bench::pin_thread(0);
    for (long ran = 0; ran < n;) {
      loop.sleep();
      for (; ran < posted.load(std::memory_order_acquire); ++ran) answer.set();
    }
    poster.join();
  });
  rows.measure(bench::post_busy, bench::busy_posts, [&](long n) {
    inbox posts;
    bench::window window;
    bench::unpin_thread();
    std::thread poster([&] {
      bench::pin_thread(1);
      for (long i = 0; i < n; ++i) {
        window.wait_for_room(i);
        auto* made = new node;
        made->context = &window;
        made->run = [](node* ran) {
          static_cast<bench::window*>(ran->context)->ran();
          delete ran;
        };
        posts.push(*made);
      }
    });
    bench::pin_thread(0);
    while (window.done() < n) posts.run();
    poster.join();
  });
}
