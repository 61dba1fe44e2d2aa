// The epoll backend: what run() does in its order, then what is known of a descriptor, then the
// doorbell and the clock.
#include "runtime/backend/epoll.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <eddy/runtime/detail/abort.h>
#include "runtime/mailbox.h"
#include "runtime/pool.h"

namespace eddy::detail {
namespace {

constexpr std::uint32_t read_events = EPOLLIN | EPOLLRDHUP | EPOLLPRI;
constexpr std::uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

bool is_stream(verb v) noexcept {
  return v >= verb::read && v <= verb::connect;
}

/// What an operation on a stream waits for.
inline bool writes(const request& r) noexcept {
  return r.what == verb::write || r.what == verb::write_gathered || r.what == verb::send ||
         r.what == verb::send_message || r.what == verb::send_messages || r.what == verb::connect;
}

/// A file read that the lane had no room for has been attempted already; said in operation::handle.
constexpr std::uint64_t attempted = 1;

/// A longer copy would hold up the loop.
constexpr std::uint32_t longest_attempt = 4 << 20;

/// Where more operations wait, not all that belongs to them finds room in the processor's caches.
/// What the kernel has just looked at to tell of an event is still there when it is received and
/// answered, if not too many come in between (and nothing else has to run).
constexpr std::size_t most_in_cache = 256;
constexpr int events_when_cold = 64;

/// So few ended attempts are no batch: what follows from them is best begun before epoll is asked.
constexpr std::size_t few_ended = 4;

/// After so many runs without a sleep, those that are unsure are looked at all the same.
constexpr unsigned most_unsure_pause = 16;

/// Errors of an attempt after which the operation waits.
bool must_wait(const request& r, int result, bool connecting) noexcept {
  return result == -EAGAIN || (r.what == verb::connect &&
                               (result == -EINPROGRESS || (connecting && result == -EALREADY)));
}

/// One of which all that is to be known is in its result.
bool is_plain_receive(const request& r) noexcept {
  return (r.what == verb::receive || r.what == verb::receive_chunk) && r.options == 0;
}

}  // namespace

// ---- What each operation takes

/// A receive that comes short on a registered stream leaves nothing behind, and the next one need
/// not be attempted before an event has come. (On a Unix socket that is not quite sure:
/// look_again().)
inline int epoll_backend::attempt_receive(operation& o, entry& e) {
  ++counts_.attempts;
  const bool by_chunk = o.ask.what == verb::receive_chunk;
  const int result = by_chunk ? receive_chunk(o, &e) : execute(o.ask, false);
  if (e.short_is_empty) {
    const std::size_t room = by_chunk ? chunks_.size() : o.ask.length;
    const bool is_short = result > 0 && static_cast<std::size_t>(result) < room;
    if (is_short) e.may[reading] = false;
    e.unsure = is_short && e.local;
  }
  return result;
}

inline int epoll_backend::attempt_send(operation& o) {
  ++counts_.attempts;
  return execute(o.ask, false);
}

// ---- Run

void epoll_backend::run(turn& t) {
  room_ = t.limit;
  refused_[0] = refused_[1] = refused_[2] = false;
  if (!t.cancel.empty()) cancel_asked(t);
  if (first_runnable_ != none)
    run_runnable(t);  // what the last limit left over comes before what begins now
  if (!backlogs_.empty()) look_at_backlogs(t);
  if (!background_.empty()) look_at_background(t);
  if (!t.start.empty()) begin_listed(t);
  wait_and_take(t);
}

/// What waits here did nothing yet, and ends at once. (What the pool has stands in the pool's
/// lists, not in this one: its owner takes it back by pool::remove.)
void epoll_backend::cancel_asked(turn& t) {
  while (room_ && !t.cancel.empty()) {
    operation& o = *t.cancel.pop();
    if (o.from_pool) continue;  // comes by the mailbox
    take_out(o);
    report(o, -ECANCELED, t);
  }
}

/// In order; what the pool has no room for stays listed, before what follows it.
void epoll_backend::begin_listed(turn& t) {
  operation_list kept;
  while (room_ && !t.start.empty()) {
    operation& o = *t.start.pop();
    if (!begin_transfer(o, t) && !begin(o, t)) kept.push(o);
  }
  if (kept.empty()) return;
  kept.append(t.start);
  t.start.append(kept);
}

/// A receive or a send on a descriptor that is known already: what servers do all the time. False:
/// there is more to it, and begin() goes on.
inline bool epoll_backend::begin_transfer(operation& o, turn& t) {
  const request& r = o.ask;
  const bool receives = is_plain_receive(r);
  if (!receives && r.what != verb::send) return false;
  entry* e = find(r.descriptor);
  const side s = receives ? reading : writing;
  if (!e || e->waiting[s]) return false;
  if (e->may[s]) {
    const int result = receives ? attempt_receive(o, *e) : attempt_send(o);
    if (result == no_chunk) return false;
    if (result != -EAGAIN) {
      report(o, result, t);
      return true;
    }
    e->may[s] = false;
  }
  if (!e->streams || !(e->registered & (receives ? EPOLLIN : EPOLLOUT))) return false;
  park(o, *e, s);
  return true;
}

/// It waits for an event from now on.
inline void epoll_backend::park(operation& o, entry& e, side s) {
  e.waiting[s] = &o;
  if (s == reading && e.unsure && !e.listed_unsure) {
    e.listed_unsure = true;
    unsure_.push_back(o.ask.descriptor);
  }
  o.where = operation::place::inside;
  ++inside_;
}

/// False: it stays listed.
bool epoll_backend::begin(operation& o, turn& t) {
  const request& r = o.ask;
  if (is_stream(r.what) && !r.is_file()) return begin_stream(o, t);
  if (r.what == verb::ready) {
    begin_ready(o, t);
    return true;
  }
  switch (r.what) {
    case verb::nothing:
      report(o, 0, t);
      return true;
    case verb::read:
      if (o.handle != attempted && r.offset != current_position && r.length <= longest_attempt) {
        ++counts_.attempts;
        int result = execute(r, false);
        if (result != -EAGAIN) {
          report(o, result, t);
          return true;
        }
        o.handle = attempted;
      }
      break;
    case verb::close:
      is_closed(r.descriptor);
      break;
    default:
      if (r.what >= verb::socket) {  // what is answered at once may also be handed over
        report(o, ask(r), t);
        return true;
      }
      break;
  }
  return hand_to_pool(o);
}

bool epoll_backend::begin_stream(operation& o, turn& t) {
  const side s = writes(o.ask) ? writing : reading;
  entry* e = find(o.ask.descriptor);
  if (e && e->waiting[s]) {
    misuse(s == reading ? "a second read of a descriptor was begun while one is in flight"
                        : "a second write to a descriptor was begun while one is in flight");
  }
  if (!e || o.ask.what == verb::connect || has_no_event(o.ask) || e->may[s]) {
    const int result = attempt(o, e);
    return conclude(o, find(o.ask.descriptor), result, t);
  }
  return wait(o, e, t);
}

/// Reports what an attempt has ended, else the operation waits for what it needs. False: it stays
/// listed.
bool epoll_backend::conclude(operation& o, entry* e, int result, turn& t) {
  if (result == on_a_thread) return hand_to_pool(o);
  if (result == no_chunk) {
    if (!wait(o, e, t)) return false;
    if (o.where == operation::place::inside) starve(o.ask.descriptor);
    return true;
  }
  const bool full = result == -EAGAIN && (o.ask.what == verb::connect || has_no_event(o.ask));
  if (!full && result != no_event) {
    if (must_wait(o.ask, result, false)) return wait(o, e, t);
    report(o, result, t);
    return true;
  }
  try {
    full ? backlogs_.add(o, now()) : background_.add(o, now());
  } catch (const std::bad_alloc&) {
    report(o, -ENOMEM, t);
    return true;
  }
  o.where = operation::place::inside;
  ++inside_;
  return true;
}

/// The descriptor gave EAGAIN, or no event came since it did.
bool epoll_backend::wait(operation& o, entry* e, turn& t) {
  const side s = writes(o.ask) ? writing : reading;
  const std::int32_t descriptor = o.ask.descriptor;
  if (!e && !(e = make(descriptor))) {
    report(o, -ENOMEM, t);
    return true;
  }
  // Before the registration, which makes an event of what is there already.
  e->may[s] = false;
  const std::uint32_t events = s == reading ? read_events : std::uint32_t{EPOLLOUT};
  const int error = (e->registered | events | EPOLLET) == e->registered
                        ? 0
                        : register_for(descriptor, *e, events);
  if (error) {
    e->may[reading] = e->may[writing] = true;
    if (error == EPERM) return hand_to_pool(o);  // a file: it never has to wait, but it may block
    report(o, -error, t);
    return true;
  }
  if (!e->streams) learn_kind(descriptor, *e);
  e->streams = true;
  e->connecting = o.ask.what == verb::connect || (e->connecting && s == reading);
  park(o, *e, s);
  return true;
}

/// False: the lane is full. Then those of the same lane that follow are not tried either: they keep
/// their order.
bool epoll_backend::hand_to_pool(operation& o) {
  bool& refused = refused_[static_cast<unsigned>(o.ask.lane)];
  if (refused) return false;
  const std::uint64_t handle = o.handle;
  o.handle = 0;
  o.from_pool = true;
  o.where = operation::place::inside;
  if (workers_.submit(o)) return true;  // from here on it is a pool thread's
  refused = true;
  o.handle = handle;
  o.from_pool = false;
  o.where = operation::place::listed;
  return false;
}

/// Asks epoll where operations wait in it, and sleeps where nothing is done. Events that complete
/// nothing do not end a sleep.
void epoll_backend::wait_and_take(turn& t) {
  for (;;) {
    bool may_sleep = room_ == t.limit && first_runnable_ == none && t.until != time_point::min();
    if (!unsure_.empty() && (may_sleep || ++unsure_runs_ >= unsure_pause_)) {
      look_again(t);
      may_sleep = may_sleep && room_ == t.limit && first_runnable_ == none;
    }
    may_sleep = may_sleep && room_;
    if (!may_sleep && !hosted_) {
      if (inside_ == backlogs_.size() + background_.size()) return;
      const std::size_t finished = t.limit - room_;
      put_off_ = !put_off_ && finished && finished <= few_ended && room_ && !has_local_;
      if (put_off_) return;
    } else {
      put_off_ = false;
    }
    const bool slept = ask_epoll(t, may_sleep);
    if (first_runnable_ != none) run_runnable(t);
    if (!backlogs_.empty() && may_sleep) look_at_backlogs(t);
    if (!background_.empty() && may_sleep) look_at_background(t);
    if (!slept || room_ != t.limit) return;
    if (t.until != time_point::max() && now() >= t.until) return;
  }
}

/// False: there was no sleep, or somebody has ended it.
bool epoll_backend::ask_epoll(turn& t, bool may_sleep) {
  if (may_sleep) {
    if (rung_) {
      rung_ = may_sleep = false;
    } else if (!inbox_.fall_asleep()) {
      may_sleep = false;
    }
  }
  const time_point until = may_sleep ? std::min(t.until, next_look()) : time_point::min();
  const bool cold = inside_ > most_in_cache && t.until != time_point::min();
  const int n = sleep(until, may_sleep, cold ? events_when_cold : static_cast<int>(events_.size()));
  if (may_sleep) inbox_.wake_up();
  bool rung = false;
  for (int i = 0; i < n; ++i) {
    if (events_[static_cast<std::size_t>(i)].data.u64 == ~std::uint64_t{0}) {
      rung = true;
    } else {
      note(events_[static_cast<std::size_t>(i)]);
    }
  }
  if (!may_sleep) {
    rung_ = rung_ || rung;
    return false;
  }
  if (n < 0 && errno != EINTR)
    misuse("epoll_wait failed: its descriptor was closed by somebody else");
  // After a signal too: if its handler has called wake(), the bell rings next.
  return !rung && inbox_.empty();
}

/// epoll_wait with nanoseconds, or with milliseconds rounded up: never early.
int epoll_backend::sleep(time_point until, bool may_sleep, int most) {
  ++counts_.enters;
  if (!may_sleep) return ::epoll_wait(epoll_, events_.data(), most, 0);
  if (until == time_point::max()) return ::epoll_wait(epoll_, events_.data(), most, -1);
  const std::int64_t left = std::max<std::int64_t>((until - now()).count(), 0);
  if (has_pwait2_) {
    timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
    int n = ::epoll_pwait2(epoll_, events_.data(), most, &timeout, nullptr);
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
    has_pwait2_ = false;  // before Linux 5.11, or refused by a filter that does not know it
  }
  const std::int64_t milliseconds = left / 1'000'000 + (left % 1'000'000 != 0);
  return ::epoll_wait(epoll_, events_.data(), most,
                      static_cast<int>(std::min<std::int64_t>(milliseconds, 1 << 30)));
}

/// What an event says goes into the flags, so that nothing is lost where the limit stops us or
/// nobody waits.
void epoll_backend::note(const epoll_event& event) {
  const auto descriptor = static_cast<std::int32_t>(event.data.u64);
  entry* e = find(descriptor);
  if (!e) return;
  // At an end or urgent data a short receive says nothing about what is left.
  if (event.events & (ended | EPOLLPRI)) e->short_is_empty = false;
  if (event.events & (read_events | ended)) e->may[reading] = true;
  if (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) e->may[writing] = true;
  if ((e->may[reading] && e->waiting[reading]) || (e->may[writing] && e->waiting[writing]) ||
      e->watched) {
    make_runnable(descriptor, *e);
  }
}

/// A short receive on a Unix socket may have stopped at a message with descriptors, and then no
/// event will tell of what is behind it. Asked here, for receives that have not had their event
/// meanwhile, it costs nothing where much goes on.
void epoll_backend::look_again(turn& t) {
  unsure_runs_ = 0;
  std::size_t looked_at = 0;
  for (const std::int32_t descriptor : unsure_) {
    entry& e = entries_[static_cast<std::size_t>(descriptor)];
    e.listed_unsure = false;
    if (!e.unsure || !e.waiting[reading]) continue;
    ++looked_at;
    e.may[reading] = true;
    make_runnable(descriptor, e);
  }
  unsure_.clear();
  const std::size_t before = room_;
  run_runnable(t);
  const bool fruitful = (before - room_) * 4 >= looked_at * 3;
  unsure_pause_ = fruitful ? 1 : std::min(unsure_pause_ * 2, most_unsure_pause);
}

/// Attempts again what an event has come for, in the order of the events, up to the limit.
void epoll_backend::run_runnable(turn& t) {
  while (room_ && first_runnable_ != none) {
    const std::int32_t descriptor = first_runnable_;
    entry& e = entries_[static_cast<std::size_t>(descriptor)];
    if (e.next_runnable != none) {  // of many, each is cold: on its way meanwhile
      const entry& next = entries_[static_cast<std::size_t>(e.next_runnable)];
      if (const operation* o = next.waiting[reading]) {
        __builtin_prefetch(o);
        __builtin_prefetch(reinterpret_cast<const char*>(o) + 64);
      }
    }
    for (unsigned s : {reading, writing}) {
      operation* o = e.waiting[s];
      if (!o || !e.may[s]) continue;
      if (!room_) return;  // the other side stays runnable
      if (is_plain_receive(o->ask)) {
        const int result = attempt_receive(*o, e);
        if (result == no_chunk) {
          starve(descriptor);
          continue;
        }
        if (result == -EAGAIN) {
          e.may[reading] = false;
          continue;
        }
        e.waiting[reading] = nullptr;
        --inside_;
        report(*o, result, t);
        continue;
      }
      const int result = attempt(*o, &e);
      if (must_wait(o->ask, result, e.connecting)) {
        e.may[s] = false;
        continue;
      }
      if (result == on_a_thread || result == no_event || result == no_chunk) {
        take_out(*o);
        if (!conclude(*o, &e, result, t)) t.start.push(*o);
        continue;
      }
      const bool connected = o->ask.what == verb::connect && result == -EISCONN;
      take_out(*o);
      report(*o, connected ? 0 : result, t);
    }
    if (e.watched && !look_at_watching(descriptor, t)) return;
    first_runnable_ = e.next_runnable;
    e.runnable = false;
  }
}

void epoll_backend::look_at_backlogs(turn& t) {
  const auto report_it = [&](operation& o, int result) {
    --inside_;
    report(o, result, t);
  };
  counts_.attempts += backlogs_.look(now(), report_it, [&] { return room_ != 0; });
}

// ---- Attempts

/// `e`: what is known of its descriptor, or null.
int epoll_backend::attempt(operation& o, entry* e) {
  const request& r = o.ask;
  if (e && is_plain_receive(r)) return attempt_receive(o, *e);
  ++counts_.attempts;
  if (r.what == verb::receive_chunk) return receive_chunk(o, e);
  const bool shared = r.through == nature::shared_pipe || r.through == nature::shared_device;
  const int result = shared ? attempt_shared(r, e) : execute(r, false);
  if (r.what == verb::accept && result >= 0) {
    is_new(result);
    backlogs_.look_soon();
  }
  return result;
}

// ---- What is known of a descriptor

/// Null: no memory.
epoll_backend::entry* epoll_backend::make(std::int32_t descriptor) noexcept {
  if (entry* e = find(descriptor)) return e;
  try {
    const std::size_t size =
        std::max(static_cast<std::size_t>(descriptor) + 1, entries_.size() * 2);
    unsure_.reserve(size);
    starved_.reserve(size);
    entries_.resize(size);
  } catch (const std::exception&) {
    return nullptr;
  }
  return find(descriptor);
}

/// 0 or an errno. The table and the set differ only where a descriptor was closed behind our back.
/// Makes an event of what is there already.
int epoll_backend::register_for(std::int32_t descriptor, entry& e, std::uint32_t events) {
  const std::uint32_t wanted = e.registered | events | EPOLLET;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = static_cast<std::uint64_t>(descriptor);
  const int first = e.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  const int watched = e.own >= 0 ? e.own : descriptor;
  int failed = ::epoll_ctl(epoll_, first, watched, &event);
  if (failed && (errno == EEXIST || errno == ENOENT)) {
    if (errno == ENOENT) e.registered = 0;
    failed = ::epoll_ctl(epoll_, first == EPOLL_CTL_ADD ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watched,
                         &event);
  }
  if (failed) return errno;
  e.registered = wanted;
  return 0;
}

/// Where a short receive proves that nothing is left: stream sockets. (Not with datagrams, and not
/// with pipes, terminals, inotify and the like, which may give a packet or a line each: whether
/// somebody writes packets to a pipe its reader cannot see.)
void epoll_backend::learn_kind(std::int32_t descriptor, entry& e) {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof(int);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
    size = sizeof(int);
    e.short_is_empty =
        type == SOCK_STREAM && ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
    e.local = domain == AF_UNIX;
    has_local_ = has_local_ || e.local;
    return;
  }
  e.local = e.short_is_empty = false;
}

/// Ends the waiting of `o`, here or for a backlog.
void epoll_backend::take_out(operation& o) noexcept {
  --inside_;
  if (o.ask.what == verb::ready) return take_out_watching(o);
  if (entry* e = find(o.ask.descriptor)) {
    for (operation*& waiting : e->waiting) {
      if (waiting != &o) continue;
      waiting = nullptr;
      if (o.ask.what == verb::connect) e->connecting = false;
      if (o.ask.what == verb::receive_chunk) forget_starved(o.ask.descriptor, *e);
      return;
    }
  }
  if (backlogs_.remove(o) || background_.remove(o)) return;
  misuse("an operation was asked to end that is not in flight");
}

void epoll_backend::is_closed(std::int32_t descriptor) noexcept {
  abandon_watching(descriptor);
  forget(descriptor);
}

/// The kernel gave the number away anew: what we knew of it was another's.
void epoll_backend::is_new(std::int32_t descriptor) noexcept {
  abandon_watching(descriptor);
  reset(descriptor);
}

/// Before a descriptor is closed, or where it may be another one behind the same number.
void epoll_backend::forget(std::int32_t descriptor) noexcept {
  entry* e = find(descriptor);
  if (!e) return;
  // An error means that it has left the set already.
  if (e->registered && e->own < 0) (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  reset(descriptor);
  if (!e->watched) return;
  (void)register_for(descriptor, *e, watched_for(descriptor));
}

void epoll_backend::reset(std::int32_t descriptor) noexcept {
  entry* e = find(descriptor);
  if (!e) return;
  if (e->waiting[reading] || e->waiting[writing])
    misuse("a descriptor was closed or given away with an operation in flight");
  entry fresh;
  fresh.runnable = e->runnable;  // its place in that list stays
  fresh.next_runnable = e->next_runnable;
  fresh.listed_unsure = e->listed_unsure;
  fresh.watched = e->watched;
  if (e->own >= 0) ::close(e->own);
  *e = fresh;
}

void epoll_backend::make_runnable(std::int32_t descriptor, entry& e) noexcept {
  if (e.runnable) return;
  e.runnable = true;
  e.next_runnable = none;
  (first_runnable_ == none ? first_runnable_
                           : entries_[static_cast<std::size_t>(last_runnable_)].next_runnable) =
      descriptor;
  last_runnable_ = descriptor;
}

// ---- The synchronous half, the doorbell, the clock

int epoll_backend::ask(const request& r) noexcept {
  if (r.what == verb::give_back) return give_back(r.second);
  if (r.what == verb::close) is_closed(r.descriptor);
  if (r.what == verb::forget) forget(r.descriptor);
  const int result = execute(r, false);
  if (result < 0) return result;
  if (r.what == verb::socket || r.what == verb::accept || r.what == verb::open ||
      r.what == verb::duplicate || r.what == verb::wall_timer)
    is_new(result);
  if (r.what == verb::pair || r.what == verb::pipe) {
    const int* both =
        reinterpret_cast<const int*>(static_cast<std::uintptr_t>(r.address));  // NOLINT
    is_new(both[0]);
    is_new(both[1]);
  }
  return result;
}

void epoll_backend::wake() noexcept {
  const int kept = errno;
  const std::uint64_t one = 1;
  // The counter is never read: each write is a new edge. It can only fail once 2^64 - 2 of them
  // were made.
  [[maybe_unused]] const ssize_t written = ::write(bell_, &one, sizeof one);
  errno = kept;
}

epoll_backend::epoll_backend(const backend_parts& parts)
    : inbox_(parts.inbox), workers_(parts.workers), chunks_(parts.chunk_size, parts.chunk_count) {
  entries_.resize(256);
  unsure_.reserve(256);
  starved_.reserve(256);
  auto fail = [this](const char* what) {
    const int error = errno;
    if (epoll_ >= 0) ::close(epoll_);
    if (bell_ >= 0) ::close(bell_);
    throw std::system_error(error, std::generic_category(), what);
  };
  epoll_ = above_standard_streams(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll_ < 0) fail("epoll_create1");
  bell_ = above_standard_streams(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (bell_ < 0) fail("eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = ~std::uint64_t{0};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event) != 0) fail("epoll_ctl");
}

epoll_backend::~epoll_backend() {
  if (inside_) misuse("a backend was destroyed with operations in flight");
  for (const entry& e : entries_) {
    if (e.own >= 0) ::close(e.own);
  }
  ::close(bell_);
  ::close(epoll_);
}

std::unique_ptr<backend> make_epoll_backend(const backend_parts& parts) {
  return std::make_unique<epoll_backend>(parts);
}

}  // namespace eddy::detail
