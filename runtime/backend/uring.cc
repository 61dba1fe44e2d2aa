// The io_uring backend: one ring for each loop, one io_uring_enter a tick, which submits, waits and
// carries the timeout. (liburing is known to the files uring* alone.)
//
// What holds everywhere here:
// - A submission entry, once written, is in flight, whatever the enter that should carry it
//   answers. What the kernel has not consumed stays in the ring and goes with the next enter. How
//   much that is, is always read from the ring's head.
// - With DEFER_TASKRUN the kernel posts completions inside our own enters only. So an overflow is
//   prevented by bounding what is handed over between two reaps (crowded()), not by bounding how
//   many operations wait in the kernel: ten thousand idle connections are ten thousand operations
//   inside. Where it overflows nevertheless, the kernel keeps the rest (FEAT_NODROP), raises a
//   flag, and the next enter brings it.
#include "runtime/backend/uring_backend.h"

#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <new>
#include <system_error>
#include <vector>

#include <eddy/runtime/detail/abort.h>

#include "runtime/backend/uring_abi.h"
#include "runtime/mailbox.h"
#include "runtime/pool.h"

namespace eddy::detail {

namespace {

// Attempts pay where little begins in a tick: then there is no batch whose one enter they could
// share.
constexpr unsigned few_operations = 4;

// One enter runs 20 to 40 items of task work. So many enters in one run() at most; the next run()
// goes on.
constexpr unsigned most_enters = 8;

// Where more operations are inside, not all that belongs to them finds room in the processor's
// caches: what has been received is then best answered before much more is (unless other work is
// ready, which would have its turn after each batch).
constexpr std::size_t most_in_cache = 256;
constexpr std::size_t enough_when_cold = 64;

// So often does a poll that said "ready" lead to -EAGAIN before that is answered by pauses.
constexpr std::uint32_t patience = 16;

// user_data is slot | generation << 32. These values are no slots.
constexpr std::uint64_t doorbell_data = 0xffffffff;
constexpr std::uint64_t cancel_data = 0xfffffffe;

// What a poll calls ready again and again while it is not is tried again after these.
constexpr __kernel_timespec pauses[] = {{0, 1'000'000}, {0, 2'000'000},  {0, 4'000'000},
                                        {0, 8'000'000}, {0, 16'000'000}, {0, 32'000'000},
                                        {0, 64'000'000}};

}  // namespace

// ---- setting up

uring::uring(const backend_parts& parts, const uring_limits& limits)
    : inbox_(parts.inbox),
      workers_(parts.workers),
      most_inside_(limits.inside),
      chunks_(parts.chunk_size, parts.chunk_count) {
  const unsigned entries = std::clamp(parts.ring_entries, least_ring_entries, most_ring_entries);
  slots_.reserve(entries);
  doorbell_ = above_standard_streams(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (doorbell_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
  try {
    make_ring(*this, entries, limits);
  } catch (...) {
    ::close(doorbell_);
    throw;
  }
  may_give_chunks_ = limits.lacking != verb::receive_chunk;
  if (limits.lacking != verb::nothing && may_give_chunks_)
    has_opcode[index(limits.lacking)] = false;
}

uring::~uring() {
  if (::getpid() == process_) {
    io_uring_queue_exit(&ring);
    if (chunk_ring_) ::munmap(chunk_ring_, chunk_ring_entries_ * sizeof(io_uring_buf));
  } else {
    ::close(ring.ring_fd);  // after a fork: the ring's memory is not mapped here, perhaps other is
  }
  ::close(doorbell_);
}

// ---- run()

void uring::run(turn& t) {
  reported_ = 0;
  slept_ = false;
  if (!backlogs_.empty()) look_at_backlogs(t);
  issue_again(t);
  cancel(t);
  take_over(t);
  poll(t);
  counts_.completions += reported_;
  if (host_.is_there()) settle_host();
}

/// Makes the host's descriptor readable exactly where something is left to do.
void uring::settle_host() noexcept {
  host_.quiet();
  // What came before that is flagged, what comes later rings.
  if (flagged() || to_reap() || again_first_ != none) host_.ring();
}

void uring::look_at_backlogs(turn& t) noexcept {
  const auto report_it = [&](operation& o, int result) {
    --inside_;
    report(t, o, result);
  };
  counts_.attempts += backlogs_.look(now(), report_it, [&] { return reported_ < t.limit; });
}

void uring::issue_again(turn& t) noexcept {
  while (again_first_ != none) {
    const std::uint32_t i = again_first_;
    slot& s = slots_[i];
    operation& o = *s.whose;
    const bool drop = o.cancel_asked && !o.ask.must_finish();  // it has done nothing so far
    io_uring_sqe* q = nullptr;
    if (drop || s.starved ? reported_ >= t.limit : !(q = entry())) return;
    again_first_ = s.next;
    if (s.starved) {  // a chunk is kept for it
      s.starved = false;
      chunks_.keep_no_more();
    }
    if (drop) {
      leave(t, i, -ECANCELED);
      feed_starved();
    } else if (q) {
      issue(q, i);
    } else {
      ++counts_.attempts;
      const int answer = receive_here(o);
      answer == -EAGAIN ? put_back(i) : leave(t, i, answer);
      feed_starved();
    }
  }
}

/// What the pool has never stands here: the pool keeps it in a list of its own, by the same links.
void uring::cancel(turn& t) noexcept {
  for (operation *o = t.cancel.front(), *following; o; o = following) {
    following = t.cancel.after(*o);
    if (o->ask.must_finish()) {
      o->unlink();
    } else if ((has_no_event(o->ask) || o->ask.what == verb::receive_chunk) &&
               reported_ >= t.limit) {
      continue;  // may wait for a backlog or a chunk, and so end here
    } else if (o->ask.what == verb::receive_chunk &&
               forget_starved(static_cast<std::uint32_t>(o->handle))) {
      leave(t, static_cast<std::uint32_t>(o->handle), -ECANCELED);
    } else if (has_no_event(o->ask) && backlogs_.remove(*o)) {
      --inside_;
      report(t, *o, -ECANCELED);
    } else {
      io_uring_sqe* q = crowded() ? nullptr : entry();
      if (!q) return;
      o->unlink();
      io_uring_prep_cancel64(q, o->handle, 0);
      q->user_data = cancel_data;
    }
  }
}

void uring::take_over(turn& t) noexcept {
  bool few = true;
  {
    unsigned n = 0;
    for (operation* o = t.start.front(); o && few; o = t.start.after(*o))
      few = ++n <= few_operations;
  }
  const bool lacks_workers = workers_again_ != time_point::min() && now() < workers_again_;
  unsigned full_lanes = 0;
  unsigned room = 0;
  bool full = false;
  for (operation *o = t.start.front(), *following; o; o = following) {
    following = t.start.after(*o);
    const request& r = o->ask;
    if (r.what > verb::call) {
      if (reported_ < t.limit) report(t, *o, execute(r, false));
      continue;
    }
    if (!has_opcode[index(r.what)] || (lacks_workers && r.must_finish())) {
      const unsigned lane = 1u << static_cast<unsigned>(r.lane);
      if (full_lanes & lane) continue;  // behind one that was refused: their order stays
      if (!to_pool(*o)) full_lanes |= lane;
      continue;
    }
    if (has_no_event(r)) {
      if (reported_ < t.limit) try_here(t, *o);
      continue;
    }
    const bool by_chunk = r.what == verb::receive_chunk;
    if (by_chunk && !chunks_.is_made() && !make_chunks()) {
      if (reported_ < t.limit) report(t, *o, -ENOMEM);
      continue;
    }
    // (All or nothing, so that one which finds no room afterwards is listed as before.)
    const bool polled = only_polled(r) || (by_chunk && !chunk_ring_);
    if ((few || polled) && !full && reported_ < t.limit && worth_an_attempt(r)) {
      ++counts_.attempts;
      const int answer = execute(r, false);
      if (answer != -EAGAIN) {
        report(t, *o, answer);
        continue;
      }
    }
    if (full || (!room && !(room = room_for_more())) || !free_slot()) {
      full = true;
      continue;
    }
    --room;
    o->unlink();
    const std::uint32_t i = free_;
    slot& s = slots_[i];
    free_ = s.next;
    s.whose = o;
    s.done = 0;
    s.waiting = polled;
    s.may_raise = (r.what == verb::write || r.what == verb::write_gathered) && !r.is_file() &&
                  !no_signal_flag();
    may_raise_ += s.may_raise;
    o->where = operation::place::inside;
    o->handle = static_cast<std::uint64_t>(s.generation) << 32 | i;
    ++inside_;
    io_uring_sqe* q = io_uring_get_sqe(&ring);
    uring_prepare(*q, r, accept_flags);
    q->user_data = o->handle;
    if (r.through == nature::shared_device) issue(q, i);  // perhaps it has to pause first
  }
}

/// A Unix connect never has to wait in the kernel, and neither has a datagram for a Unix address;
/// where there is no room, the ring would have a thread find that out.
void uring::try_here(turn& t, operation& o) noexcept {
  ++counts_.attempts;
  const int answer = execute(o.ask, false);
  if (answer != -EAGAIN) return report(t, o, answer);
  try {
    backlogs_.add(o, now());
  } catch (const std::bad_alloc&) {
    return report(t, o, -ENOMEM);
  }
  o.unlink();
  o.where = operation::place::inside;
  ++inside_;
}

/// Enters, once as a rule, and takes what has come.
void uring::poll(turn& t) noexcept {
  if (may_sleep(t)) {
    sleep(t);
  } else if (to_submit() || flagged()) {
    accepted(enter(to_submit(), 0, time_point::min()));
  }
  reap(t);
  const bool cold = inside_ > most_in_cache && t.until != time_point::min();
  const std::size_t enough = cold ? std::min(t.limit, enough_when_cold) : t.limit;
  for (unsigned n = 1; n < most_enters && reported_ < enough && flagged(); ++n) {
    if (!accepted(enter(to_submit(), 0, time_point::min()))) break;
    reap(t);
  }
}

void uring::reap(turn& t) noexcept {
  unsigned head = *ring.cq.khead;
  const unsigned tail = io_uring_smp_load_acquire(ring.cq.ktail);
  if (head == tail) return;
  const std::size_t size = slots_.size();
  for (unsigned ahead = head + 1; ahead != tail; ++ahead) {  // of many, each is cold
    const auto i = static_cast<std::uint32_t>(ring.cq.cqes[ahead & ring.cq.ring_mask].user_data);
    if (i >= size || !slots_[i].whose) continue;
    __builtin_prefetch(slots_[i].whose);
    __builtin_prefetch(reinterpret_cast<const char*>(slots_[i].whose) + 64);
  }
  for (; head != tail; ++head) {
    const io_uring_cqe& c = ring.cq.cqes[head & ring.cq.ring_mask];
    if (c.user_data == doorbell_data) {
      rung_ = !slept_;
      if (!(c.flags & IORING_CQE_F_MORE)) doorbell_armed_ = false;
      continue;
    }
    if (c.user_data == cancel_data) continue;
    const auto i = static_cast<std::uint32_t>(c.user_data);
    if (i >= size) continue;
    const slot& s = slots_[i];
    if (!s.whose || s.generation != c.user_data >> 32) continue;
    if (reported_ >= t.limit) break;
    if (c.flags & IORING_CQE_F_BUFFER) [[unlikely]] {
      chunk_came(t, i, c);
    } else if (c.res >= 0 && !s.waiting && !s.whose->ask.is_file()) {
      leave(t, i, c.res);
    } else {
      arrived(t, i, c.res);
    }
  }
  io_uring_smp_store_release(ring.cq.khead, head);
}

// ---- handing over

/// Would what is handed over now, if it all ended at once, find no room in the completion ring?
bool uring::crowded() const noexcept {
  return to_reap() + to_submit() + 1 >= ring.cq.ring_entries;  // 1: the doorbell
}

/// So many operations may be handed over, each with an entry. Where no entry is free, what is there
/// is submitted first.
unsigned uring::room_for_more() noexcept {
  if (crowded()) return 0;
  if (!io_uring_sq_space_left(&ring) && !refusals_) {
    accepted(enter(to_submit(), 0, time_point::min()));
    if (crowded()) return 0;
  }
  return std::min(ring.cq.ring_entries - 1 - to_reap() - to_submit(),
                  io_uring_sq_space_left(&ring));
}

/// Makes sure that there is a free slot.
bool uring::free_slot() noexcept {
  if (free_ != none) return true;
  if (slots_.size() >= most_inside_) return false;
  try {
    slots_.emplace_back();
  } catch (const std::bad_alloc&) {
    return false;  // it stays listed until another has ended
  }
  free_ = static_cast<std::uint32_t>(slots_.size() - 1);
  return true;
}

/// A submission entry to be written at once; where there is none, what is there is submitted first.
/// Null: the kernel does not take it.
io_uring_sqe* uring::entry() noexcept {
  io_uring_sqe* q = io_uring_get_sqe(&ring);
  if (q || refusals_) return q;
  accepted(enter(to_submit(), 0, time_point::min()));
  return io_uring_get_sqe(&ring);
}

void uring::issue(io_uring_sqe* q, std::uint32_t i) noexcept {
  slot& s = slots_[i];
  const request& r = s.whose->ask;
  if (r.through == nature::shared_device && !s.waiting && (s.waiting = in_background(r)))
    s.done = std::max(s.done, patience);
  const bool waits = s.waiting && r.what != verb::ready;
  if (waits && s.done++ >= patience) {
    const std::size_t n = std::min<std::size_t>(s.done - patience, std::size(pauses)) - 1;
    io_uring_prep_timeout(q, const_cast<__kernel_timespec*>(&pauses[n]), 0, 0);
  } else if (waits) {
    io_uring_prep_poll_add(q, r.descriptor, is_output(r.what) ? POLLOUT : POLLIN);
  } else if (s.done && r.is_file()) {
    uring_prepare(*q, rest_of(r, s.done), accept_flags);
  } else {
    uring_prepare(*q, r, accept_flags);
  }
  q->user_data = s.whose->handle;
}

/// Has it issued (again) by the next run().
void uring::put_back(std::uint32_t i) noexcept {
  slots_[i].next = none;
  (again_first_ == none ? again_first_ : slots_[again_last_].next) = i;
  again_last_ = i;
}

/// False: the lane is full, and `o` still stands in its place in the list.
bool uring::to_pool(operation& o) noexcept {
  o.where = operation::place::inside;
  o.from_pool = true;
  if (workers_.submit(o)) return true;
  o.where = operation::place::listed;
  o.from_pool = false;
  return false;
}

/// -EAGAIN: the ring has to go on behind the first `done` bytes. A file's read by execute() is all
/// of it, up to the end of the file, or -EAGAIN where not all is cached.
int uring::attempt(const request& r, std::uint32_t& done) noexcept {
  ++counts_.attempts;
  if (r.what != verb::read) return execute(r, false);
  request rest = rest_of(r, done);
  rest.length = std::min(rest.length, attempt_bytes);
  const int n = execute(rest, false);
  if (n < 0) return n == -EAGAIN || !done ? n : static_cast<int>(done);
  done += static_cast<std::uint32_t>(n);
  const bool ended = done == length_of(r) || static_cast<std::uint32_t>(n) < rest.length;
  return ended ? static_cast<int>(done) : -EAGAIN;
}

// ---- waiting

bool uring::may_sleep(turn& t) noexcept {
  if (t.until == time_point::min() || !t.done.empty() || !t.limit || to_reap()) return false;
  if (rung_) {
    rung_ = false;
    return false;
  }
  // With entries that found no room the next run() goes on at once, unless the kernel is the one
  // who has none.
  return refusals_ || (again_first_ == none && t.cancel.empty());
}

/// The doorbell is never read: a poll that stays armed tells of each new write. It needs no end,
/// and counts nowhere.
bool uring::arm_doorbell() noexcept {
  if (doorbell_armed_) return true;
  io_uring_sqe* q = entry();
  if (!q) return false;
  io_uring_prep_poll_multishot(q, doorbell_, POLLIN);
  q->user_data = doorbell_data;
  doorbell_armed_ = true;
  return true;
}

void uring::sleep(turn& t) noexcept {
  slept_ = true;
  const time_point until = std::min(t.until, backlogs_.next());
  const bool asleep = inbox_.fall_asleep();
  // After a refusal something may have found no entry: once the kernel takes what is in the ring,
  // that goes before any sleep.
  const bool armed = asleep && !refusals_ && arm_doorbell();
  bool taken = true;
  if (armed || to_submit() || flagged()) {
    int answer;
    do {
      answer = enter(to_submit(), armed ? 1 : 0, until);
      taken = accepted(answer);
      // A signal ends the wait but not the sleep: a handler that means us rings. It shows as -EINTR
      // only where nothing was submitted.
    } while (taken && armed && answer != -ETIME && !to_reap() &&
             (until == time_point::max() || now() < until));
  }
  if (!taken && asleep && !to_reap()) {
    // The kernel has no room for what is in the ring. Its own completions may make some: wait for
    // them, but not long, for what was not taken (the doorbell's poll among it, perhaps) cannot
    // wake anybody.
    enter(0, 1, std::min(until, pause_over()));
  }
  if (asleep) inbox_.wake_up();
}

/// When to ask a kernel again that had no room.
time_point uring::pause_over() noexcept {
  return later(now(), std::chrono::milliseconds(1u << std::min(std::max(refusals_, 1u) - 1, 6u)));
}

int uring::enter(unsigned submit, unsigned wait, time_point until) noexcept {
  ++counts_.enters;
  if (may_raise_) pipe_signal_.block();
  const int answer = uring_ring::enter(submit, wait, until);
  // Without DEFER_TASKRUN the kernel may go on with a write at the end of any system call.
  if (ring.flags & IORING_SETUP_DEFER_TASKRUN) pipe_signal_.unblock();
  return answer;
}

/// What each answer of an enter means. False: the kernel has no room now; what it did not take is
/// still in the ring.
bool uring::accepted(int answer) noexcept {
  switch (answer < 0 ? -answer : 0) {
    case 0:      // taken, perhaps only a part: the rest goes with the next enter
    case EINTR:  // a signal's handler has run
    case ETIME:
      refusals_ = 0;
      return true;
    case EAGAIN:  // no memory for requests
    case ENOMEM:
    case EBUSY:  // completions have to be reaped first
      ++refusals_;
      return false;
    case EBADR:
      misuse("io_uring_enter: the kernel has lost a completion for want of memory");
    default:
      // EEXIST or EINVAL on another thread, whose registered descriptors are others; EBADF: the
      // ring was closed.
      if (::gettid() != thread_) misuse("io_uring_enter: the ring belongs to another thread");
      misuse("io_uring_enter", std::strerror(-answer));
  }
}

// ---- coming back

void uring::arrived(turn& t, std::uint32_t i, int result) noexcept {
  slot& s = slots_[i];
  operation& o = *s.whose;
  const request& r = o.ask;
  if (!s.waiting && !o.cancel_asked && stopped_in_background(r, result)) return put_back(i);
  // What cannot be waited for never has to be.
  if (r.what == verb::ready && result == -EINVAL) return leave(t, i, static_cast<int>(r.options));
  const bool by_chunk = r.what == verb::receive_chunk;
  if ((only_polled(r) || (by_chunk && !chunk_ring_)) && !o.cancel_asked) {
    ++counts_.attempts;
    const int answer = by_chunk ? receive_here(o) : execute(r, false);
    if (answer == no_chunk) return starve(i);
    return answer == -EAGAIN ? put_back(i) : leave(t, i, answer);
  }
  if (by_chunk && result == -ENOBUFS) {
    if (!o.cancel_asked) return with_kernel_ ? put_back(i) : starve(i);
    result = -ECANCELED;
  }
  if (s.waiting || (result == -EAGAIN && waits_when_asked_again(r))) {
    // Whatever the wait ended with: the operation itself says what is wrong, if anything is.
    s.waiting = !s.waiting;
    return put_back(i);
  }
  if (!o.cancel_asked && found_no_worker(r, result) && !(s.done && is_taken_by_parts(r))) {
    if (result == -ECANCELED) workers_again_ = later(now(), std::chrono::seconds(1));
    take_out(i);
    if (!to_pool(o)) t.start.push(o);
    return;
  }
  if (r.is_file() && (r.what == verb::read || r.what == verb::write)) {
    // A file's read is short at its end only, a write where there is no more room.
    if (result > 0) {
      s.done += static_cast<std::uint32_t>(result);
      result = static_cast<int>(s.done);
      if (s.done < length_of(r)) {
        result = r.what == verb::read ? attempt(r, s.done) : -EAGAIN;
        if (result == -EAGAIN) return put_back(i);
      }
    } else if (s.done) {
      result = static_cast<int>(s.done);
    }
  }
  if (o.cancel_asked && (result == -EINTR || (result <= -uring_abi::restart_first &&
                                              result >= -uring_abi::restart_last))) {
    result = -ECANCELED;
  }
  leave(t, i, result);
}

// ---- the rest

void uring::wake() noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(doorbell_, &one, sizeof one);
  errno = saved;
}

int uring::native_handle() noexcept {
  if (host_.is_there()) return host_.handle();
  host_.make(ring, doorbell_);
  settle_host();
  return host_.handle();
}

time_point uring::again() noexcept {
  return std::min(to_submit() ? pause_over() : time_point::max(), backlogs_.next());
}

std::unique_ptr<backend> make_uring_backend(const backend_parts& parts,
                                            const uring_limits& limits) {
  return std::make_unique<uring>(parts, limits);
}

std::unique_ptr<backend> make_uring_backend(const backend_parts& parts) {
  return make_uring_backend(parts, uring_limits{});
}

}  // namespace eddy::detail
