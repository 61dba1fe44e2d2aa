// A ring as a program without the library would set it up: the same flags, nothing else.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace limit {

[[noreturn]] inline void fail(const char* what, int error) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(error));
  std::exit(1);
}

class ring {
 public:
  explicit ring(unsigned entries = 256) {
    io_uring_params p{};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    p.cq_entries = entries * 16;
    if (const int answer = io_uring_queue_init_params(entries, &ring_, &p))
      fail("io_uring", -answer);
    io_uring_register_ring_fd(&ring_);
  }
  ~ring() { io_uring_queue_exit(&ring_); }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  io_uring* get() noexcept { return &ring_; }
  /// An entry, whatever it takes.
  io_uring_sqe* entry(void* data, std::uint64_t tag = 0) noexcept {
    io_uring_sqe* q;
    while (!(q = io_uring_get_sqe(&ring_))) io_uring_submit(&ring_);
    q->user_data = reinterpret_cast<std::uintptr_t>(data) | tag;
    return q;
  }
  /// Submits, and waits for one completion at least (or only takes what is there).
  void enter(bool wait) noexcept {
    if (wait) {
      io_uring_submit_and_wait(&ring_, 1);
    } else {
      io_uring_submit_and_get_events(&ring_);
    }
  }
  /// Calls f(data, tag, completion) for each completion that is there. Tags are less than 8.
  template <class F>
  unsigned reap(F f) {
    io_uring_cqe* c;
    unsigned head;
    unsigned n = 0;
    io_uring_for_each_cqe(&ring_, head, c) {
      ++n;
      f(reinterpret_cast<void*>(c->user_data & ~std::uint64_t{7}), c->user_data & 7, *c);
    }
    io_uring_cq_advance(&ring_, n);
    return n;
  }

 private:
  io_uring ring_{};
};

}  // namespace limit
