// A ring is made and entered: the flags and sizes that this kernel takes, and what it can do.
#include "runtime/backend/uring_setup.h"

#include <liburing.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <thread>

#include "runtime/backend/uring_abi.h"

namespace eddy::detail {

uring_enter_function uring_enter_hook = nullptr;

int uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument,
                std::size_t size) noexcept {
  return io_uring_enter2(descriptor, submit, wait, flags, static_cast<sigset_t*>(argument), size);
}

namespace {

void learn_opcodes(uring_ring& made) {
  io_uring_probe* probe = io_uring_get_probe_ring(&made.ring);
  if (!probe) throw std::system_error(ENOMEM, std::system_category(), "IORING_REGISTER_PROBE");
  for (std::size_t v = 0; v < verbs; ++v) {
    const std::uint8_t code = uring_opcode(static_cast<verb>(v));
    made.has_opcode[v] = code != uring_no_opcode && io_uring_opcode_supported(probe, code);
  }
  io_uring_free_probe(probe);
}

/// Asks the kernel itself, by an enter that submits nothing and waits for nothing.
bool understands(const uring_ring& made, unsigned flags) noexcept {
  __kernel_timespec ts{};
  io_uring_getevents_arg extra{};
  extra.sigmask_sz = _NSIG / 8;
  extra.ts = reinterpret_cast<std::uintptr_t>(&ts);
  return uring_enter(static_cast<unsigned>(made.ring.enter_ring_fd), 0, 0,
                     made.enter_flags | IORING_ENTER_EXT_ARG | flags, &extra, sizeof extra) >= 0;
}

}  // namespace

int uring_ring::enter(unsigned submit, unsigned wait, time_point until) noexcept {
  ring.sq.sqe_head = ring.sq.sqe_tail;
  io_uring_smp_store_release(ring.sq.ktail, ring.sq.sqe_tail);
  unsigned flags = enter_flags;
  __kernel_timespec ts{};
  io_uring_getevents_arg extra{};
  void* argument = nullptr;
  std::size_t size = _NSIG / 8;
  if (wait) {
    flags |= sleep_flags;
    if (until != time_point::max()) {
      auto ns = until.time_since_epoch().count();
      if (absolute_timeouts) {
        flags |= uring_abi::enter_abs_timer;
      } else {
        ns -= monotonic_now().time_since_epoch().count();
      }
      if (ns <= 0) {
        wait = 0;
      } else {
        flags |= IORING_ENTER_EXT_ARG;
        ts.tv_sec = ns / 1'000'000'000;
        ts.tv_nsec = ns % 1'000'000'000;
        extra.sigmask_sz = _NSIG / 8;
        extra.ts = reinterpret_cast<std::uintptr_t>(&ts);
        argument = &extra;
        size = sizeof extra;
      }
    }
  }
  const uring_enter_function call = uring_enter_hook ? uring_enter_hook : uring_enter;
  return call(static_cast<unsigned>(ring.enter_ring_fd), submit, wait, flags, argument, size);
}

void make_ring(uring_ring& made, unsigned entries, const uring_limits& limits) {
  constexpr unsigned base = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  constexpr unsigned tellable = base | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
  // The newest is stripped first. TASKRUN_FLAG needs one of the two ways to defer task work.
  constexpr unsigned ladder[] = {
      tellable | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,  // 6.1
      tellable | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,   // 6.0
      tellable | IORING_SETUP_COOP_TASKRUN,                                // 5.19
      base | IORING_SETUP_SUBMIT_ALL,                                      // 5.18
      base,
  };
  std::size_t rung = 0;
  for (;;) {
    io_uring_params p{};
    p.flags = ladder[rung];
    p.cq_entries = limits.completion_entries ? limits.completion_entries : entries * 16;
    const int answer = io_uring_queue_init_params(entries, &made.ring, &p);
    if (answer == 0) break;
    if (answer == -EINVAL && rung + 1 < std::size(ladder)) {
      ++rung;
    } else if (answer == -ENOMEM && entries > least_ring_entries) {
      entries = std::max(entries / 2, least_ring_entries);
    } else {
      throw std::system_error(-answer, std::system_category(), "io_uring_setup");
    }
  }
  made.ring.ring_fd = made.ring.enter_ring_fd = above_standard_streams(made.ring.ring_fd);
  if (made.ring.ring_fd < 0) {
    const int error = errno;
    io_uring_queue_exit(&made.ring);
    throw std::system_error(error, std::system_category(), "io_uring_setup");
  }
  // Timeouts in the enter (5.11), nothing lost in an overflow (5.5), and polls that stay armed:
  // those have no bit of their own and came with RSRC_TAGS (5.13).
  constexpr unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_RSRC_TAGS;
  if ((made.ring.features & needed) != needed) {
    io_uring_queue_exit(&made.ring);
    throw std::system_error(ENOSYS, std::system_category(), "io_uring of a kernel before 5.13");
  }
  try {
    learn_opcodes(made);
  } catch (...) {
    io_uring_queue_exit(&made.ring);
    throw;
  }
  for (unsigned i = 0; i < made.ring.sq.ring_entries; ++i) made.ring.sq.array[i] = i;
  io_uring_ring_dontfork(&made.ring);  // a child's stray write must not reach the parent's ring
  if (io_uring_register_ring_fd(&made.ring) == 1) made.enter_flags |= IORING_ENTER_REGISTERED_RING;
  const unsigned cores = std::max(std::thread::hardware_concurrency(), 2u);
  // For files, and for what can wait for ever; without this, as many as there is memory for.
  unsigned workers[2] = {2 * cores, 64};
  io_uring_register_iowq_max_workers(&made.ring, workers);
  if (made.ring.features & uring_abi::feature_no_iowait)
    made.sleep_flags |= uring_abi::enter_no_iowait;
  if (made.ring.features & uring_abi::feature_bundles)
    made.accept_flags = uring_abi::accept_poll_first;
  made.absolute_timeouts = understands(made, uring_abi::enter_abs_timer);
}

}  // namespace eddy::detail
