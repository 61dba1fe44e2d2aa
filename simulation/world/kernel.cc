// The turn of a simulated kernel: what is taken over, tried, reported and cancelled, and in which
// order.
#include "simulation/world/kernel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/detail/loop.h>

#include "runtime/mailbox.h"
#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

constexpr unsigned threads_of_a_lane = 4;
constexpr std::uint64_t most_late_ticks = 3;
constexpr std::size_t most_reordered = 16;

/// What of an object it waits for; `sides`: it stands for itself.
std::size_t side_of(const request& r) noexcept {
  if (r.must_finish()) return sides;
  switch (r.what) {
    case verb::read:
    case verb::read_scattered:
    case verb::receive:
    case verb::receive_message:
    case verb::receive_messages:
    case verb::receive_chunk:
    case verb::accept:
      return static_cast<std::size_t>(side::reading);
    case verb::write:
    case verb::write_gathered:
    case verb::send:
    case verb::send_message:
    case verb::send_messages:
    case verb::connect:
      return static_cast<std::size_t>(side::writing);
    case verb::ready:
      return static_cast<std::size_t>(side::watching);
    default:
      return sides;
  }
}

}  // namespace

/// What an event calls: it may come after the kernel has gone.
class kernel::timed {
 public:
  explicit timed(kernel& k) noexcept : of(&k) {}
  void over(std::uint64_t number) {
    if (!of) return;
    waiting& w = of->places_[number >> 32];
    if (w.what && static_cast<std::uint32_t>(w.number) == static_cast<std::uint32_t>(number))
      of->try_again(w);
  }
  kernel* of;
};

kernel::kernel(machine& m, const detail::backend_parts& parts, bool drives)
    : machine_(m),
      inbox_(parts.inbox),
      drives_(drives),
      chunks_(parts.chunk_size, parts.chunk_count),
      timed_(std::make_shared<timed>(*this)) {
  if (m.kernel_) detail::misuse("a second runtime was begun on a simulated host");
  m.kernel_ = this;
}

kernel::~kernel() {
  if (inside_) detail::misuse("a backend was destroyed with operations in flight");
  timed_->of = nullptr;
  machine_.kernel_ = nullptr;
}

time_point kernel::now() noexcept {
  return machine_.now();
}

bool kernel::has_work() const noexcept {
  return !due_.empty() || !due_calls_.empty() || !late_cancels_.empty() || !inbox_.empty() || rung_;
}

// ---- The turn

void kernel::run(detail::turn& t) {
  world& in = machine_.in();
  if (drives_) in.advance_to(in.now() + in.options().tick_cost);
  room_ = t.limit;
  if (is_abandoned_) {
    report_abandoned(t);
    return;
  }
  end_late_cancels(t);
  cancel(t);
  report_all(t);
  const bool begins = !t.start.empty();
  while (operation* o = t.start.pop()) take_over(*o);
  if (begins || room_ != t.limit || t.until == time_point::min() || !inbox_.empty()) return;
  sleep(t);
}

void kernel::sleep(detail::turn& t) {
  ++counts_.enters;
  world& in = machine_.in();
  const instant until = machine_.when(t.until);
  while (!has_work()) {
    if (in.next_event() > until) {
      in.advance_to(until);
      return;
    }
    if (!in.step())
      detail::misuse("the simulated world sleeps for ever: nothing can happen any more");
  }
  rung_ = false;
}

void kernel::cancel(detail::turn& t) {
  while (room_ && !t.cancel.empty()) {
    operation& o = *t.cancel.pop();
    auto& w = *reinterpret_cast<waiting*>(o.handle);  // NOLINT: its place
    if (w.has_begun) continue;
    // What could end now may.
    world& in = machine_.in();
    const bool can_race = w.of && (w.where == side::watching ||
                                   w.of->waits[static_cast<std::size_t>(w.where)].front() == &w);
    if (can_race && in.chance(machine_, label::cancel_race) && attempt(w)) {
      report(w, t);
      continue;
    }
    std::erase(queued_calls_, &w);
    o.result = -ECANCELED;
    if (const std::uint64_t ticks = in.draw(machine_, label::cancel_late, most_late_ticks + 1)) {
      stop_waiting(w);
      late_cancels_.push_back({&w, ticks});
    } else {
      report(w, t);
    }
  }
}

void kernel::end_late_cancels(detail::turn& t) {
  for (late_cancel& c : late_cancels_) {
    if (c.ticks) --c.ticks;
  }
  while (room_ && !late_cancels_.empty() && !late_cancels_.front().ticks) {
    waiting& w = *late_cancels_.front().whose;
    late_cancels_.erase(late_cancels_.begin());
    report(w, t);
  }
}

/// One of the first of those whose turn it is.
waiting& kernel::choose(const list& due) {
  waiting* w = due.front();
  const std::size_t among = std::min(due.size(), most_reordered);
  for (std::uint64_t i = machine_.in().draw(machine_, label::report_order, among); i; --i)
    w = list::after(*w);
  return *w;
}

void kernel::report_all(detail::turn& t) {
  for (list* due : {&due_, &due_calls_}) {
    while (room_ && !due->empty()) {
      waiting& w = choose(*due);
      due->remove(w);
      if (attempt(w)) report(w, t);
    }
  }
}

/// False: it waits on.
bool kernel::attempt(waiting& w) {
  if (w.is_answered) return true;
  ++counts_.attempts;
  operation& o = *w.what;
  if (o.ask.what == verb::receive_chunk) {
    o.result = receive_chunk(w);
  } else if (o.ask.what == verb::call) {
    o.result = call(o.ask);
  } else {
    o.result = machine_.answer(o.ask);
  }
  return o.result != -EAGAIN || !w.of;
}

/// A job runs where no loop does, as on a thread of its own.
int kernel::call(const request& r) {
  detail::loop* const here = std::exchange(detail::current_loop, nullptr);
  detail::backend* const world_before = std::exchange(detail::world_without_loop, this);
  auto* const function = reinterpret_cast<int (*)(void*)>(static_cast<std::uintptr_t>(r.address));
  const int result =
      function(reinterpret_cast<void*>(static_cast<std::uintptr_t>(r.offset)));  // NOLINT
  detail::current_loop = here;
  detail::world_without_loop = world_before;
  return result;
}

void kernel::report(waiting& w, detail::turn& t) {
  operation& o = *w.what;
  machine_.in().events_seen().note(machine_.in().now(), machine_.number(), o.ask.what, o.result,
                                   w.of ? w.of->number() : 0);
  machine_.in().tell(machine_, o);
  leave(w);
  o.handle = 0;
  o.where = operation::place::reported;
  t.done.push(o);
  --room_;
  ++counts_.completions;
}

// ---- Places

waiting& kernel::take(operation& o) {
  if (free_.empty()) {
    places_.emplace_back();
    places_.back().index = places_.size() - 1;
    free_.push_back(&places_.back());
  }
  waiting& w = *free_.back();
  free_.pop_back();
  const std::size_t index = w.index;
  w = {};
  w.index = index;
  w.what = &o;
  w.number = ++numbers_;
  o.handle = reinterpret_cast<std::uintptr_t>(&w);
  o.where = operation::place::inside;
  ++inside_;
  return w;
}

void kernel::take_over(operation& o) {
  waiting& w = take(o);
  const request& r = o.ask;
  const std::size_t where = side_of(r);
  if (where < sides) {
    enter_object(w, static_cast<side>(where));
  } else if (r.what == verb::call) {
    begin_call(w);
  } else if (r.must_finish()) {
    w.has_begun = true;
    begin_timed(w, machine_.duration_of(r));
  } else {
    try_again(w);
  }
}

/// Its turn comes when those before it have had theirs.
void kernel::enter_object(waiting& w, side where) {
  object* const of = machine_.find(w.what->ask.descriptor);
  if (!of) {
    w.is_answered = true;
    w.what->result = -EBADF;
    try_again(w);
    return;
  }
  w.of = of;
  w.where = where;
  auto& queue = of->waits[static_cast<std::size_t>(where)];
  const bool is_first = queue.empty();
  queue.push(w);
  if (is_first || where == side::watching) try_again(w);
}

void kernel::begin_timed(waiting& w, instant duration) {
  if (!duration) {
    try_again(w);
    return;
  }
  machine_.in().after<&timed::over>(duration, timed_,
                                    w.index << 32 | static_cast<std::uint32_t>(w.number));
}

void kernel::begin_call(waiting& w) {
  unsigned& busy = busy_[static_cast<std::size_t>(w.what->ask.lane)];
  if (busy == threads_of_a_lane) {
    queued_calls_.push_back(&w);
    return;
  }
  ++busy;
  w.has_begun = true;
  begin_timed(w, machine_.duration_of(w.what->ask));
}

void kernel::try_again(waiting& w) {
  list& due = w.what->ask.what == verb::call ? due_calls_ : due_;
  if (!w.in_turn.linked) due.push(w);
}

/// Nothing comes of it any more; others have their turn.
void kernel::stop_waiting(waiting& w) {
  (w.what->ask.what == verb::call ? due_calls_ : due_).remove(w);
  if (w.of) {
    auto& queue = w.of->waits[static_cast<std::size_t>(w.where)];
    queue.remove(w);
    if (w.where != side::watching && queue.front()) try_again(*queue.front());
    w.of = nullptr;
  }
  if (w.what->ask.what == verb::receive_chunk) {
    std::erase(starved_, &w);
    feed();
  }
}

/// Its place is another's.
void kernel::leave(waiting& w) {
  stop_waiting(w);
  if (w.what->ask.what == verb::call && w.has_begun) {
    const pool_lane lane = w.what->ask.lane;
    --busy_[static_cast<std::size_t>(lane)];
    const auto next =
        std::find_if(queued_calls_.begin(), queued_calls_.end(),
                     [lane](const waiting* queued) { return queued->what->ask.lane == lane; });
    if (next != queued_calls_.end()) {
      waiting& begins = **next;
      queued_calls_.erase(next);
      begin_call(begins);
    }
  }
  w.what = nullptr;
  free_.push_back(&w);
  --inside_;
}

// ---- Asked

int kernel::ask(const request& r) noexcept {
  if (r.what == verb::give_back) {
    if (!chunks_.give_back(r.second)) return -EINVAL;
    feed();
    return 0;
  }
  if (is_abandoned_) return r.what == verb::close || r.what == verb::forget ? 0 : -EBADF;
  if (r.what == verb::close) forget_waits(r.descriptor);
  return machine_.answer(r);
}

/// Who waits for a descriptor that is closed here hears of it no more, and can only be called back.
void kernel::forget_waits(std::int32_t descriptor) {
  object* const of = machine_.find(descriptor);
  if (!of) return;
  for (auto& queue : of->waits) {
    for (waiting* w = queue.front(); w;) {
      waiting* const next = queue.after(*w);
      if (w->what->ask.descriptor == descriptor) {
        if (w->where != side::watching)
          detail::misuse("a descriptor was closed with an operation in flight");
        queue.remove(*w);
        due_.remove(*w);
        w->of = nullptr;
      }
      w = next;
    }
  }
}

// ---- Chunks

int kernel::receive_chunk(waiting& w) {
  const bool has_turn = starved_.empty() || starved_.front() == &w;
  const int result =
      has_turn ? chunks_.receive(*w.what, [&](const request& r) { return machine_.answer(r); })
               : detail::no_chunk;
  if (result == detail::no_chunk) {
    if (std::find(starved_.begin(), starved_.end(), &w) == starved_.end()) starved_.push_back(&w);
    return -EAGAIN;
  }
  if (std::erase(starved_, &w)) feed();
  return result;
}

/// The one that has waited longest for a chunk.
void kernel::feed() {
  if (!starved_.empty() && chunks_.free()) try_again(*starved_.front());
}

// ---- Its program has died

void kernel::abandon() noexcept {
  is_abandoned_ = true;
  for (waiting& w : places_) {
    if (!w.what) continue;
    due_.remove(w);
    due_calls_.remove(w);
    if (w.of) w.of->waits[static_cast<std::size_t>(w.where)].remove(w);
    w.of = nullptr;
  }
  starved_.clear();
  late_cancels_.clear();
  queued_calls_.clear();
}

void kernel::report_abandoned(detail::turn& t) {
  const auto end = [&](operation& o) {
    o.result = -ECANCELED;
    o.where = operation::place::reported;
    t.done.push(o);
    --room_;
  };
  while (room_ && !t.cancel.empty()) t.cancel.pop();
  while (room_ && !t.start.empty()) end(*t.start.pop());
  for (waiting& w : places_) {
    if (!room_) return;
    if (!w.what) continue;
    w.what->handle = 0;
    end(*w.what);
    w.what = nullptr;
    --inside_;
  }
}

}  // namespace eddy::detail::simulated
