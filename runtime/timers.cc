// The timer wheel: 8 levels of 64 slots for what is far, a pairing heap for what is near.
#include <eddy/runtime/timers.h>

#include <bit>
#include <cassert>

namespace eddy::detail {
namespace {

/// The wheel's time: what lies before the epoch counts as 0. (The heap compares true deadlines.)
std::uint64_t instant(time_point at) noexcept {
  const std::int64_t count = at.time_since_epoch().count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

timer* next_of(const timer& t) noexcept {
  return static_cast<timer*>(t.next);
}
timer* previous_of(const timer& t) noexcept {
  return static_cast<timer*>(t.previous);
}

bool earlier(const timer& a, const timer& b) noexcept {
  return a.deadline < b.deadline || (a.deadline == b.deadline && a.sequence < b.sequence);
}

// The pairing heap: `child` is the first child, `next` the next sibling, `previous` the sibling
// before or, for a first child, the parent. The root has neither.

/// Makes the later of two roots the first child of the other. Neither is null.
timer* meld(timer* a, timer* b) noexcept {
  if (earlier(*b, *a)) {
    timer* swapped = a;
    a = b;
    b = swapped;
  }
  b->previous = a;
  b->next = a->child;
  if (a->child) a->child->previous = b;
  a->child = b;
  a->next = a->previous = nullptr;
  return a;
}

/// One heap from a list of siblings, in two passes: pairs from the left, then all from the right.
/// Null: none.
timer* meld_siblings(timer* first) noexcept {
  timer* pairs = nullptr;
  while (first) {
    timer* a = first;
    timer* b = next_of(*a);
    first = b ? next_of(*b) : nullptr;
    timer* both = b ? meld(a, b) : a;
    both->next = pairs;
    pairs = both;
  }
  timer* whole = nullptr;
  while (pairs) {
    timer* rest = next_of(*pairs);
    if (whole) {
      whole = meld(whole, pairs);
    } else {
      whole = pairs;
      whole->next = whole->previous = nullptr;
    }
    pairs = rest;
  }
  return whole;
}

}  // namespace

void timer_wheel::push_near(timer& t) noexcept {
  t.child = nullptr;
  t.next = t.previous = nullptr;
  root_ = root_ ? meld(root_, &t) : &t;
}

void timer_wheel::remove_near(timer& t) noexcept {
  timer* orphans = meld_siblings(t.child);
  if (&t == root_) {
    root_ = orphans;
    return;
  }
  timer* before = previous_of(t);
  if (before->child == &t) {
    before->child = next_of(t);
  } else {
    before->next = t.next;
  }
  if (t.next) next_of(t)->previous = before;
  if (orphans) root_ = meld(root_, orphans);
}

/// Into the wheel; `at` is not before the horizon.
void timer_wheel::put(timer& t, std::uint64_t at) noexcept {
  const std::uint64_t differs = (at ^ horizon_) >> shift;
  const int level = differs ? (63 - std::countl_zero(differs)) / digit : 0;
  const unsigned index = static_cast<unsigned>(at >> (shift + digit * level)) & (slots - 1);
  const std::uint64_t slot = static_cast<std::uint64_t>(level) * slots + index;
  timer*& first = slot_[slot];
  t.slot = slot;
  t.previous = nullptr;
  t.next = first;
  if (first) first->previous = &t;
  first = &t;
  used_[level] |= std::uint64_t{1} << index;
}

timer* timer_wheel::take_slot(int level, unsigned index) noexcept {
  timer*& first = slot_[level * slots + static_cast<int>(index)];
  timer* list = first;
  first = nullptr;
  used_[level] &= ~(std::uint64_t{1} << index);
  return list;
}

void timer_wheel::put_all(timer* list) noexcept {
  while (list) {
    timer* rest = next_of(*list);
    put(*list, instant(list->deadline));
    list = rest;
  }
}

/// The earliest slot in use; the wheel must not be empty. The lowest level comes first: what stands
/// higher differs from the horizon in a higher digit, so it is later.
timer_wheel::place timer_wheel::first_place() const noexcept {
  int level = 0;
  while (!used_[level]) ++level;
  const auto index = static_cast<unsigned>(std::countr_zero(used_[level]));
  const int low = shift + digit * level;
  const int high = low + digit;
  const std::uint64_t above = high < 64 ? horizon_ >> high << high : 0;
  return {level, index, above | std::uint64_t{index} << low};
}

/// Moves the horizon to the first slot in use and that slot's timers one step nearer: on level 0
/// into the heap (and the horizon behind them), else into lower levels. A timer goes down only, so
/// it is moved at most once per level.
void timer_wheel::pour(const place& from) noexcept {
  timer* list = take_slot(from.level, from.index);
  horizon_ = from.begin;
  if (from.level) {
    put_all(list);
    return;
  }
  while (list) {
    timer* rest = next_of(*list);
    push_near(*list);
    list = rest;
  }
  horizon_ += std::uint64_t{1} << shift;
  // Where the horizon has carried, its new digits name slots of upper levels that are no longer
  // ahead of it. They go down at once: left there, they would be overtaken by later timers that
  // start on a lower level.
  for (int level = 1; level < levels; ++level) {
    const int low = shift + digit * level;
    if (horizon_ & ((std::uint64_t{1} << low) - 1)) break;
    put_all(take_slot(level, static_cast<unsigned>(horizon_ >> low) & (slots - 1)));
  }
}

void timer_wheel::start(timer& t, time_point deadline) noexcept {
  assert(!t.armed());
  // The horizon may have gone far ahead with a timer that was cancelled since; an empty wheel lets
  // it come back.
  if (!size_) horizon_ = now_ >> shift << shift;
  t.deadline = deadline;
  t.sequence = ++sequence_;
  ++size_;
  const std::uint64_t at = instant(deadline);
  if (at < horizon_) {
    push_near(t);
  } else {
    put(t, at);
  }
}

void timer_wheel::cancel(timer& t) noexcept {
  assert(t.armed());
  if (instant(t.deadline) < horizon_) {
    remove_near(t);
  } else {
    if (t.next) next_of(t)->previous = t.previous;
    if (t.previous) {
      t.previous->next = t.next;
    } else if (!(slot_[t.slot] = next_of(t))) {
      used_[t.slot / slots] &= ~(std::uint64_t{1} << t.slot % slots);
    }
  }
  t.next = t.previous = nullptr;
  t.sequence = 0;
  --size_;
}

timer* timer_wheel::pop_due(time_point now) noexcept {
  now_ = instant(now);
  while (!root_ && size_) {  // the heap is empty: all that is armed stands in the wheel
    const place first = first_place();
    if (first.begin > now_) return nullptr;
    pour(first);
  }
  if (!root_ || root_->deadline > now) return nullptr;
  timer* due = root_;
  remove_near(*due);
  due->next = due->previous = nullptr;
  due->sequence = 0;
  --size_;
  return due;
}

time_point timer_wheel::next_deadline() noexcept {
  // A slot with few timers is read where it stands. Pouring it would move the horizon to a deadline
  // that may be an hour away, and all that starts before that would have to go through the heap.
  constexpr int few = 16;
  while (!root_) {
    if (!size_) return time_point::max();
    const place first = first_place();
    time_point earliest = time_point::max();
    int seen = 0;
    const timer* t = slot_[first.level * slots + static_cast<int>(first.index)];
    for (; t && seen < few; t = next_of(*t), ++seen) {
      if (t->deadline < earliest) earliest = t->deadline;
    }
    if (!t) return earliest;
    pour(first);
  }
  return root_->deadline;
}

}  // namespace eddy::detail
