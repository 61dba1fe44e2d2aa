// The class of the io_uring backend: uring.cc has what run() does, uring_chunks.cc what is lent.
// Private.
#pragma once

#include <liburing.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/backend/backlog.h"
#include "runtime/backend/chunk_pool.h"
#include "runtime/backend/pipe_signal.h"
#include "runtime/backend/uring.h"
#include "runtime/backend/uring_host.h"
#include "runtime/backend/uring_request.h"
#include "runtime/backend/uring_setup.h"

namespace eddy::detail {

class uring final : public backend, uring_ring {
 public:
  uring(const backend_parts&, const uring_limits&);
  ~uring() override;

  void run(turn&) override;
  int ask(const request& r) noexcept override {
    return r.what == verb::give_back ? give_back(r.second) : execute(r, false);
  }
  void wake() noexcept override;
  time_point now() noexcept override { return monotonic_now(); }
  int native_handle() noexcept override;
  time_point again() noexcept override;
  const char* name() const noexcept override { return "io_uring"; }

 private:
  static constexpr std::uint32_t none = 0xffffffff;

  /// One operation in the kernel, or on its way there again.
  struct slot {
    operation* whose = nullptr;  // null: free
    std::uint32_t generation = 0;
    // Bytes, of a file's read or write that takes several entries; else: waits so far
    std::uint32_t done = 0;
    std::uint32_t next = none;  // in the list of the free ones, or of those to be issued again
    bool waiting = false;    // the entry in the kernel only waits until there is sense in the next
    bool may_raise = false;  // SIGPIPE, in this kernel
    bool starved = false;    // found no chunk: stands in a list of its own, or has one kept for it
  };
  static_assert(sizeof(slot) == 24);

  // The steps of run().
  void look_at_backlogs(turn&) noexcept;
  void issue_again(turn&) noexcept;
  void cancel(turn&) noexcept;
  void take_over(turn&) noexcept;
  void poll(turn&) noexcept;
  void reap(turn&) noexcept;

  // Handing over.
  bool crowded() const noexcept;
  unsigned room_for_more() noexcept;
  bool free_slot() noexcept;
  void try_here(turn&, operation&) noexcept;
  io_uring_sqe* entry() noexcept;
  void issue(io_uring_sqe*, std::uint32_t) noexcept;
  void put_back(std::uint32_t) noexcept;
  bool to_pool(operation&) noexcept;
  int attempt(const request&, std::uint32_t& done) noexcept;
  int receive_here(operation&) noexcept;

  // Chunks.
  bool make_chunks() noexcept;
  int give_back(int chunk) noexcept;
  void chunk_came(turn&, std::uint32_t, const io_uring_cqe&) noexcept;
  void starve(std::uint32_t) noexcept;
  void feed_starved() noexcept;
  bool forget_starved(std::uint32_t) noexcept;

  // Waiting.
  bool may_sleep(turn&) noexcept;
  bool arm_doorbell() noexcept;
  time_point pause_over() noexcept;
  void settle_host() noexcept;
  void sleep(turn&) noexcept;
  int enter(unsigned submit, unsigned wait, time_point until) noexcept;
  bool accepted(int answer) noexcept;

  // Coming back.
  void arrived(turn&, std::uint32_t, int result) noexcept;
  void report(turn&, operation&, int result) noexcept;
  operation& take_out(std::uint32_t) noexcept;
  void leave(turn&, std::uint32_t, int result) noexcept;

  unsigned to_submit() const noexcept { return io_uring_sq_ready(&ring); }
  unsigned to_reap() const noexcept { return io_uring_cq_ready(&ring); }
  bool flagged() const noexcept {
    return io_uring_smp_load_acquire(ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
  }

  mailbox& inbox_;
  pool& workers_;
  int doorbell_ = -1;
  uring_host host_;
  pid_t process_ = ::getpid();
  pid_t thread_ = ::gettid();
  std::size_t most_inside_;

  std::vector<slot> slots_;
  backlog_waits backlogs_;
  chunk_pool chunks_;
  bool may_give_chunks_ = true;
  io_uring_buf_ring* chunk_ring_ = nullptr;  // null: this kernel has none, and we receive ourselves
  unsigned chunk_ring_entries_ = 0;
  std::size_t with_kernel_ = 0;  // chunks: in the ring, or chosen, and not reaped yet
  std::uint32_t starved_first_ = none;
  std::uint32_t starved_last_ = none;
  std::uint32_t free_ = none;
  std::uint32_t again_first_ = none;
  std::uint32_t again_last_ = none;
  bool doorbell_armed_ = false;
  bool rung_ = false;   // by a wake() that came while nobody slept: it ends the next sleep
  bool slept_ = false;  // in this run()
  // The kernel could start no thread (RLIMIT_NPROC, or a signal came in between): so long files go
  // to the pool.
  time_point workers_again_ = time_point::min();
  unsigned refusals_ = 0;      // enters in a row which the kernel had no room for
  std::size_t reported_ = 0;   // in this run()
  std::size_t may_raise_ = 0;  // operations inside that may raise SIGPIPE
  pipe_signal pipe_signal_;
};

inline void uring::report(turn& t, operation& o, int result) noexcept {
  if (o.is_linked()) o.unlink();
  o.result = result;
  o.where = operation::place::reported;
  t.done.push(o);
  ++reported_;
}

/// Frees its slot.
inline operation& uring::take_out(std::uint32_t i) noexcept {
  slot& s = slots_[i];
  operation& o = *s.whose;
  s.whose = nullptr;
  ++s.generation;
  if (s.may_raise && --may_raise_ == 0) pipe_signal_.unblock();
  if (!backlogs_.empty() && o.ask.what == verb::accept) backlogs_.look_soon();
  s.next = free_;
  free_ = i;
  --inside_;
  return o;
}

inline void uring::leave(turn& t, std::uint32_t i, int result) noexcept {
  report(t, take_out(i), result);
}

}  // namespace eddy::detail
