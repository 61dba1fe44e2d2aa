// class runtime: what users call, and what reaches a loop from other threads.
#include <eddy/runtime/runtime.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include <eddy/runtime/detail/abort.h>

#include "runtime/loop_outside.h"

namespace eddy {

namespace detail {

// ---- From other threads ------------------------------------------------------------------------

void loop::outside::send(work& w) noexcept {
  if (forks != fork_count())
    misuse("a runtime that was made before fork() is used in the child process");
  if (of_host && thread != this_thread())
    misuse("another thread posts to a simulated host: what threads do is not the same twice");
  const int kept = errno;
  senders.fetch_add(1, std::memory_order_relaxed);  // (published by the push)
  if (inbox.push(w)) kernel->wake();                // it slept, so it has a backend
  errno = kept;
  senders.fetch_sub(1, std::memory_order_release);
}

void loop::outside::nudge() noexcept {
  if (!nudge_sent.exchange(true, std::memory_order_acq_rel)) send(nudge_item);
}

// ---- Callbacks as work items -------------------------------------------------------------------

namespace {

/// (Of a loop that is abandoned they are dropped, those too that its tasks' destructors ask for.)
void call(loop& home, callback& f) noexcept {
  if (home.is_abandoned()) return;
  home.running = nullptr;  // no task runs now
  try {
    f();
  } catch (...) {
    home.fail(std::current_exception());
  }
}

void run_callback_work(work* w) noexcept {
  auto* item = static_cast<callback_work*>(w);
  callback f = std::move(item->run_it);
  loop& home = *item->home;
  delete item;
  call(home, f);
}

}  // namespace

constinit const work_type posted_type{
    &run_callback_work, nullptr, [](work* w) noexcept { delete static_cast<callback_work*>(w); }};
constinit const work_type next_tick_type{&run_callback_work, nullptr};
constinit const work_type immediate_type{&run_callback_work, nullptr};

callback_work* loop::outside::make_work(loop& home, callback&& f, const work_type& type) {
  auto* item = new callback_work;
  item->type = &type;
  item->home = &home;
  item->run_it = std::move(f);
  return item;
}

void loop::outside::make_callback_timer(loop& home) {
  if (free_slots.capacity() <= timer_slots) free_slots.reserve(2 * timer_slots + 8);
  if (timer_slots == callback_timers.size() * timers_in_chunk) {
    callback_timers.push_back(std::make_unique<callback_timer[]>(timers_in_chunk));
  }
  callback_timer& made = timer_of(timer_slots);
  made.type = &callback_timer_type;
  made.home = &home;
  made.slot = timer_slots;
  free_slots.push_back(timer_slots++);
}

void loop::outside::free_callback_timer(callback_timer& t) noexcept {
  ++t.generation;
  t.run_it.reset();
  // Never grows: it has had room for every slot since the slot was made
  free_slots.push_back(t.slot);
}

}  // namespace detail

// ---- runtime -----------------------------------------------------------------------------------

using detail::loop;

runtime::runtime(const runtime_options& options) : loop_(std::make_unique<loop>(options)) {
  loop_->owner = this;
}

void runtime::run() {
  loop& l = *loop_;
  const detail::running_scope running(l);
  l.begin_run();
  l.run_while_held();
  l.end_background();
  l.end_run();
}

bool runtime::run_once() {
  return loop_->run_one_tick(true);
}

bool runtime::run_nowait() {
  return loop_->run_one_tick(false);
}

void runtime::request_stop() noexcept {
  loop::outside& o = *loop_->outside_;
  if (!o.stop_sent.exchange(true, std::memory_order_acq_rel)) o.send(o.stop_item);
}

pending_counts runtime::pending() const noexcept {
  const loop& l = *loop_;
  l.check_thread();
  pending_counts n;
  n.timers = l.timers_.size() - l.background_timers_;
  n.operations = l.operations_ - l.background_operations_;
  n.pool_work = l.pool_work_ - l.background_pool_work_;
  n.closing = l.closing_count_;
  n.guards = l.outside_->guards->held.load(std::memory_order_acquire);
  const auto count = [&l](const detail::work_list<>& list) {
    std::size_t sum = 0;
    for (auto* w = list.front(); w; w = list.after(*w)) sum += l.counts(*w);
    return sum;
  };
  n.timers += count(l.due_);
  n.immediates = count(l.immediates_) + count(l.immediates_now_);
  for (const detail::work_queue* queue : {&l.microtasks_, &l.postponed_}) {
    for (auto* w = queue->front(); w; w = queue->after(*w)) n.ready += l.counts(*w);
  }
  for (auto* w = l.postponed_now_; w; w = w->next) n.ready += l.counts(*w);
  return n;
}

backend_kind runtime::backend() {
  loop_->check_thread();
  static_cast<void>(loop_->need_backend());
  return loop_->outside_->live;
}

std::string_view runtime::backend_reason() {
  loop_->check_thread();
  static_cast<void>(loop_->need_backend());
  return loop_->outside_->reason;
}

std::uint64_t runtime::ticks() const noexcept {
  return loop_->ticks_;
}

time_point runtime::now() const noexcept {
  return loop_->now();
}

runtime& runtime::current() noexcept {
  return *detail::need_loop().owner;
}

int runtime::native_handle() {
  loop_->check_thread();
  const int handle = loop_->need_backend().native_handle();
  if (!std::exchange(loop_->outside_->hosted, true) && !detail::current_loop)
    loop_->leave_to_host();
  return handle;
}

std::optional<duration> runtime::next_timeout() const noexcept {
  loop& l = *loop_;
  l.check_thread();
  if (l.mail_waits() || !l.outside_->now_turn.start.empty() ||
      !l.outside_->now_turn.cancel.empty()) {
    return duration::zero();
  }
  time_point until = l.holds() ? l.sleep_limit(true) : time_point::max();
  if (l.outside_->hosted) until = std::min(until, l.outside_->kernel->again());
  if (until == time_point::max()) return std::nullopt;
  if (until == time_point::min()) return duration::zero();
  const duration left = until - l.now();
  return left > duration::zero() ? left : duration::zero();
}

// ---- Callbacks ---------------------------------------------------------------------------------

namespace detail {
namespace {

/// The next instant of the rhythm that is still to come.
time_point next_of_rhythm(const callback_timer& t, time_point now_) noexcept {
  if (t.period <= duration::zero()) return now_;
  const time_point next = later(t.deadline, t.period);
  if (next >= now_) return next;
  return next + ((now_ - next) / t.period + 1) * t.period;
}

}  // namespace
}  // namespace detail

timer_id runtime::set_timeout(detail::any_duration after, callback f) {
  loop& l = *loop_;
  l.check_thread();
  auto& o = *l.outside_;
  if (o.free_slots.empty()) o.make_callback_timer(l);
  detail::callback_timer& t = o.timer_of(o.free_slots.back());
  o.free_slots.pop_back();
  t.run_it = std::move(f);
  t.repeats = false;
  ++l.callback_timers_;
  l.start_timer(t, detail::later(l.now(), after.value), false);
  timer_id id;
  id.value_ = t.generation << 32 | t.slot;
  return id;
}

timer_id runtime::set_interval(detail::any_duration period, callback f) {
  const timer_id id = set_timeout(period, std::move(f));
  detail::callback_timer& t = loop_->outside_->timer_of(id.value_ & 0xffffffffu);
  t.repeats = true;
  t.period = period.value;
  return id;
}

void runtime::clear(timer_id id) noexcept {
  loop& l = *loop_;
  l.check_thread();
  auto& o = *l.outside_;
  const std::size_t slot = id.value_ & 0xffffffffu;
  if (!id.value_ || slot >= o.timer_slots) return;
  detail::callback_timer& t = o.timer_of(slot);
  if ((t.generation & 0xffffffffu) != id.value_ >> 32) return;
  if (t.armed()) --l.callback_timers_;
  if (t.armed() || t.is_linked()) l.cancel_timer(t, false);
  o.free_callback_timer(t);
}

namespace detail {

static void run_callback_timer(work* w) noexcept {
  auto& t = *static_cast<callback_timer*>(w);
  loop& home = *t.home;
  home.run_callback_timer(t);
}
constinit const work_type callback_timer_type{&run_callback_timer, nullptr};

void loop::run_callback_timer(callback_timer& t) noexcept {
  callback f = std::move(t.run_it);
  if (!t.repeats) {
    outside_->free_callback_timer(t);
    call(*this, f);
    return;
  }
  const std::uint64_t generation = t.generation;
  call(*this, f);
  if (t.generation != generation) return;  // cleared from inside
  t.run_it = std::move(f);
  ++callback_timers_;
  start_timer(t, next_of_rhythm(t, now()), false);
}

}  // namespace detail

void runtime::set_immediate(callback f) {
  loop_->check_thread();
  loop_->make_immediate(*loop::outside::make_work(*loop_, std::move(f), detail::immediate_type));
}

void runtime::next_tick(callback f) {
  loop_->check_thread();
  loop_->make_ready(*loop::outside::make_work(*loop_, std::move(f), detail::next_tick_type));
}

void runtime::post(callback f) {
  loop_->outside_->send(*loop::outside::make_work(*loop_, std::move(f), detail::posted_type));
}

void runtime::on_error(error_callback f) {
  loop_->check_thread();
  loop_->outside_->on_error = std::move(f);
}

// ---- Hooks -------------------------------------------------------------------------------------

hook runtime::add_hook(phase where, callback f) {
  loop& l = *loop_;
  l.check_thread();
  auto* node = new detail::hook_node;
  node->run_it = std::move(f);
  node->home = &l;
  node->added_in = l.ticks_;
  l.outside_->hooks[static_cast<int>(where)].push(*node);
  ++l.hooks_;
  return hook(node);
}

namespace detail {
void loop::drop_hook(hook_node* node) noexcept {
  if (outside_->forks == fork_count())
    check_thread();  // (that of a child process frees memory only)
  if (outside_->hook_cursor == node) {
    outside_->hook_cursor = nullptr;
    for (auto& list : outside_->hooks) {
      for (hook_node* n = list.front(); n; n = list.after(*n)) {
        if (n == node) outside_->hook_cursor = list.after(*n);
      }
    }
  }
  node->unlink();
  --hooks_;
  if (node->active) {
    node->dropped = true;  // run_hooks deletes it when its callback has returned
  } else {
    delete node;
  }
}
}  // namespace detail

hook::hook(hook&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}

hook& hook::operator=(hook&& other) noexcept {
  hook taken(std::move(other));
  std::swap(node_, taken.node_);
  return *this;
}

hook::~hook() {
  if (!node_) return;
  if (node_->home) {
    node_->home->drop_hook(node_);
  } else {
    delete node_;  // its runtime is gone
  }
}

// ---- Guards ------------------------------------------------------------------------------------

pending_guard runtime::guard() {
  loop_->check_thread();
  return detail::guard_of(*this);
}

pending_guard detail::guard_of(runtime& rt) noexcept {
  return pending_guard(loop_of(rt).outside_->guards);
}

pending_guard::pending_guard(std::shared_ptr<detail::guard_block> block) noexcept
    : block_(std::move(block)) {
  block_->held.fetch_add(1, std::memory_order_relaxed);
}

pending_guard& pending_guard::operator=(pending_guard&& other) noexcept {
  if (this != &other) {
    drop();
    block_ = std::move(other.block_);
  }
  return *this;
}

pending_guard::~pending_guard() {
  drop();
}

void pending_guard::drop() noexcept {
  const auto block = std::move(block_);
  if (!block) return;
  const std::lock_guard lock(block->mutex);
  if (block->held.fetch_sub(1, std::memory_order_acq_rel) == 1 && block->home) block->home->nudge();
}

namespace detail {
void loop::nudge() noexcept {
  if (outside_->forks == fork_count())
    outside_->nudge();  // (the guard of a child process frees memory only)
}

/// Between two calls of a host, the loop sleeps as in poll: what arrives from other threads rings
/// the doorbell, and so makes the native handle readable.
void loop::leave_to_host() noexcept {
  // (What has come in before is not slept through either.)
  if (outside_->hosted && !outside_->inbox.fall_asleep()) outside_->kernel->wake();
}
void loop::take_from_host() noexcept {
  if (outside_->hosted) outside_->inbox.wake_up();
}
void loop::send(work& w) noexcept {
  outside_->send(w);
}
std::shared_ptr<guard_block> loop::address() const noexcept {
  return outside_->guards;
}

bool send(const std::shared_ptr<guard_block>& to, work& w) noexcept {
  // What `to` stands in may be gone as soon as `w` is sent.
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): hence the copy
  const std::shared_ptr<guard_block> kept = to;
  // The runtime's end waits until the doorbell has been rung.
  const std::lock_guard lock(kept->mutex);
  if (!kept->home) return false;
  kept->home->send(w);
  return true;
}

backend* loop::kernel() noexcept {
  return outside_->kernel.get();
}
void loop::become_host() noexcept {
  is_host_ = outside_->of_host = true;
}
void loop::use_backend(std::unique_ptr<backend> (*make)(const backend_parts&, void*),
                       void* context) noexcept {
  outside_->factory = make;
  outside_->factory_context = context;
}
void use_backend(runtime& rt, backend_factory make, void* context) noexcept {
  loop_of(rt).use_backend(make, context);
}
}  // namespace detail

// ---- The end -----------------------------------------------------------------------------------

namespace detail {

void loop::abandon() {
  const running_scope running_here(*this);
  abandoned_ = stopping_ = ends_background_ = true;  // (callbacks: see call())
  refill_budget();
  const auto left = [this] { return tasks && tasks->foreground() + background_tasks != 0; };
  for (int round = 0; round < 2 && left(); ++round) {
    tasks->abandon();
    while (step() && left()) continue;
  }
  if (left()) misuse("an abandoned host's tasks cannot be ended", tasks->describe().c_str());
  while (operations_ | pool_work_ | closing_count_) step();
  clear_failure();
}

}  // namespace detail

runtime::~runtime() {
  loop& l = *loop_;
  auto& o = *l.outside_;
  if (o.forks != detail::fork_count()) {
    // In a child process: the kernel's side and the pool's threads belong to the parent. Only
    // memory goes.
    static_cast<void>(l.tasks.release());
    static_cast<void>(loop_.release());
    return;
  }
  const bool work_left =
      (l.tasks && l.tasks->foreground() + l.background_tasks != 0) || l.operations_ || l.pool_work_;
  if (work_left) {
    const detail::running_scope running(l);
    l.finish_tasks();
  } else if (l.has_work()) {
    l.check_thread();
  }
  {
    const std::lock_guard lock(o.guards->mutex);
    o.guards->home = nullptr;
  }
  l.tasks.reset();
  // What was posted and never ran, and callbacks that wait, are dropped unrun.
  o.inbox.take(o.mail);
  while (auto* w = o.mail.pop()) {
    if (w->type && w->type->drop) w->type->drop(w);
  }
  while (auto* w = o.posts.pop()) w->type->drop(w);
  while (auto* w = l.immediates_.pop()) {
    if (w->type == &detail::immediate_type) delete static_cast<detail::callback_work*>(w);
  }
  while (auto* w = l.microtasks_.pop()) {
    if (w->type == &detail::next_tick_type) delete static_cast<detail::callback_work*>(w);
  }
  for (auto& list : o.hooks) {
    while (auto* node = list.pop()) node->home = nullptr;
  }
  o.workers.stop();
  // What was sent last may have ended the run, while its sender still rings the doorbell.
  while (o.senders.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  o.kernel.reset();
}

}  // namespace eddy
