// The tick and its phases. This file is the definition of the order of everything;
// docs/semantics.md states it as rules.
#include <eddy/runtime/detail/loop.h>

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include <eddy/runtime/detail/abort.h>

#include "runtime/backend/choose.h"
#include "runtime/loop_outside.h"

namespace eddy::detail {

constinit simulated_world_factory make_simulated_world = nullptr;

// All of the library's thread-local storage is in this file, small and without destructors: a library
// that is loaded while threads run finds 64 bytes with each of them, and may be gone before they are.
constinit thread_local loop* current_loop = nullptr;
constinit thread_local frame_pool* frames_of_thread = &no_frames;
constinit thread_local backend* world_without_loop = nullptr;

// ---- What the tick asks ------------------------------------------------------------------------

bool loop::mail_waits() const noexcept {
  return mail_left_ || !outside_->inbox.empty();
}

/// Where nothing is in flight, and what is here already keeps the loop from sleeping (postponed
/// work, an idle hook), there is no reason to look outside.
inline bool loop::must_poll() const noexcept {
  if (operations_ | pool_work_) return true;
  if (postponed_.empty() && (!hooks_ || outside_->hooks[0].empty())) return true;
  return mail_waits();
}

/// The common case of a tick, found out at once: the phases after `pending` have nothing to do.
inline bool loop::has_only_postponed() const noexcept {
  return !postponed_.empty() &&
         !(operations_ | pool_work_ | hooks_ | closing_count_ |
           static_cast<unsigned>(mail_left_)) &&
         immediates_.empty() && outside_->inbox.empty() && ticks_ % 4096 != 0;
}

[[gnu::noinline]] void loop::run_microtasks() noexcept {
  while (!microtasks_.empty() && charge()) {
    microtasks_.pop_first()->run();
    settle();
  }
}

/// Runs what stands in the list now; what is added meanwhile stays for the next tick. Everything
/// that one item makes ready runs before the next item.
void loop::run_list(work_list<>& list, work_list<>& snapshot) noexcept {
  if (&list != &snapshot) snapshot.append(list);
  while (work* w = snapshot.pop()) {
    w->run();
    drain();
  }
}

// ---- The tick ----------------------------------------------------------------------------------

/// One turn of the loop. It decides the order, the phases act, and no phase calls another.
[[gnu::always_inline]] inline void loop::tick(bool may_sleep) {
  ++ticks_;
  budget_left_ = budget_;

  if (!timers_.empty()) take_due_timers();  // 1 timers: what is due is made ready
  run_pending();  // 2 pending: left over, then those timers, then what was postponed
  if (has_only_postponed()) return;
  if (hooks_) run_hooks(0);          // 3 idle
  if (hooks_) run_hooks(1);          //   prepare
  if (must_poll()) poll(may_sleep);  // 4 poll: hand over, wait, take three lists, then resume
  if (hooks_ || !immediates_.empty() || ticks_ % 4096 == 0) run_check();  // 5 check
  if (closing_count_) run_closing();                                      // 6 close
}

void loop::run_while_held() {
  while (holds() || mail_waits()) tick(true);
}

bool loop::step() {
  tick(false);
  return holds() || mail_waits();
}

bool loop::run_one_tick(bool may_sleep) {
  const running_scope scope(*this);
  begin_run();
  tick(may_sleep);
  if (holds() || mail_waits()) return true;
  end_run();
  return false;
}

void loop::take_due_timers() noexcept {
  const time_point at = now();
  while (timer* t = timers_.pop_due(at)) {
    if (t->type == &callback_timer_type) --callback_timers_;
    if (background_timers_ && t->type->background) background_timers_ -= t->type->background(t);
    due_.push(*t);
  }
}

inline void loop::run_pending() noexcept {
  drain();
  if (!due_.empty()) run_list(due_, due_);  // (nothing adds to it here)
  for (work* w = postponed_.take(); w; w = postponed_now_) {
    postponed_now_ = w->next;
    w->run();
    drain();
  }
}

void loop::run_hooks(int which) noexcept {
  outside& o = *outside_;
  hook_node* node = o.hooks[which].front();
  while (node) {
    o.hook_cursor = o.hooks[which].after(*node);
    if (node->added_in != ticks_ && !abandoned_) {
      node->active = true;
      running = nullptr;  // no task runs now
      try {
        node->run_it();
      } catch (...) {
        fail(std::current_exception());
      }
      node->active = false;
      if (node->dropped) delete node;
      drain();
    }
    node = o.hook_cursor;
  }
}

void loop::run_check() noexcept {
  if (!immediates_.empty()) run_list(immediates_, immediates_now_);
  if (hooks_) run_hooks(2);
  if (ticks_ % 4096 == 0 && tasks) tasks->give_back_surplus();
}

void loop::run_closing() noexcept {
  run_list(closing_, closing_now_);
}

// ---- Poll --------------------------------------------------------------------------------------

void loop::poll(bool may_sleep) {
  outside& o = *outside_;
  const bool asks_kernel = operations_ != 0 || pool_work_ != 0;
  turn& t = o.now_turn;
  t.until = sleep_limit(may_sleep);
  // (Hosted: takes the rings of the doorbell.)
  if (asks_kernel || t.until != time_point::min() || o.hosted) {
    t.limit = budget_;
    try {
      (o.kernel ? *o.kernel : need_backend()).run(t);
    } catch (...) {
      // No kernel to be had: what was begun is not handed over, and is cancelled.
      fail(std::current_exception());
    }
  }
  if (!o.inbox.empty()) sort_mail();
  if (!t.done.empty()) report_operations();
  if (!o.calls.empty()) report_calls();
  if (!o.posts.empty()) run_posts();
  mail_left_ = !o.calls.empty() || !o.posts.empty();
  drain();  // what a request to stop made ready, where nothing was reported
}

/// Rule 14: not at all where something is ready, else until the next deadline, else for ever.
time_point loop::sleep_limit(bool may_sleep) noexcept {
  outside& o = *outside_;
  const bool ready = !microtasks_.empty() || !postponed_.empty() || !immediates_.empty() ||
                     !closing_.empty() || !o.calls.empty() || !o.posts.empty() ||
                     !o.now_turn.done.empty() || !o.hooks[0].empty();
  if (!may_sleep || ready || !holds() || !o.inbox.empty()) return time_point::min();
  if (timers_.empty()) return time_point::max();
  // (What lies before the clock's epoch is due like any other, but differences to it overflow.)
  return std::max(timers_.next_deadline(), time_point{});
}

/// The three lists: what the pool did for the backend counts as a kernel completion; then calls;
/// then posts.
void loop::sort_mail() noexcept {
  outside& o = *outside_;
  mail_left_ = true;
  o.inbox.take(o.mail);
  while (work* w = o.mail.pop()) {
    if (w == &o.stop_item) {
      o.stop_taken = true;
      begin_stop();
    } else if (w == &o.nudge_item) {
      // Release, for the exchange of the next who nudges: the item is not in a list any more.
      o.nudge_sent.store(false, std::memory_order_release);
    } else if (w->type->drop) {
      o.posts.push(*w);
    } else {
      auto& done = *static_cast<operation*>(w);
      if (done.is_linked()) done.unlink();  // it was asked to end too late
      done.where = operation::place::reported;
      (done.ask.what == verb::call ? o.calls : o.now_turn.done).push(done);
    }
  }
}

/// Each operation is counted in exactly two places: begun, and reported.
inline void loop::count(const operation& o, int change) noexcept {
  if (o.ask.what != verb::call && !o.background) [[likely]] {
    operations_ += static_cast<std::size_t>(change);
    return;
  }
  const bool call = o.ask.what == verb::call;
  (call ? pool_work_ : operations_) += static_cast<std::size_t>(change);
  if (o.background)
    (call ? background_pool_work_ : background_operations_) += static_cast<std::size_t>(change);
}

/// (Only the next poll adds to the list.)
void loop::report_operations() noexcept {
  operation_list& done = outside_->now_turn.done;
  for (unsigned left = budget_; left && !done.empty(); --left) {
    operation& o = *done.pop();
    // Of many tasks each is cold; what the next one needs first is on its way while this one runs.
    if (const operation* next = done.front()) __builtin_prefetch(next->context);
    count(o, -1);
    o.run();
    drain();
  }
}

/// (Only sort_mail adds to the list, and it runs between two of these.)
void loop::report_calls() noexcept {
  operation_list& done = outside_->calls;
  for (unsigned left = budget_; left && !done.empty(); --left) {
    operation& o = *done.pop();
    count(o, -1);
    o.run();
    drain();
  }
}

/// (The same.)
void loop::run_posts() noexcept {
  work_queue& posts = outside_->posts;
  for (unsigned left = budget_; left && !posts.empty(); --left) {
    posts.pop_first()->run();
    drain();
  }
}

backend& loop::need_backend() {
  outside& o = *outside_;
  if (o.kernel) return *o.kernel;
  const backend_parts parts{o.inbox, o.workers, o.options.ring_entries,
                            std::clamp<std::size_t>(o.options.chunk_size, 1, most_of_a_chunk),
                            chunk_count()};
  if (o.factory) {
    o.kernel = o.factory(parts, o.factory_context);
    o.live = backend_kind::simulated;
    o.reason = o.options.world ? "simulated, because the options ask for it."
                               : "a backend of the program's own making";
    bind();
  } else {
    chosen made = choose_backend(o.options.backend, parts);
    o.kernel = std::move(made.made);
    o.live = made.kind;
    o.reason = std::move(made.reason);
    bind();
  }
  return *o.kernel;
}

// ---- What begins and ends ----------------------------------------------------------------------

void loop::begin(operation& o, bool in_background) noexcept {
  o.background = in_background;
  o.cancel_asked = false;
  o.from_pool = false;
  o.where = operation::place::listed;
  count(o, +1);
  outside_->now_turn.start.push(o);
}

void loop::cancel(operation& o) noexcept {
  switch (o.where) {
    case operation::place::listed:
      o.unlink();
      o.cancel_asked = true;
      o.where = operation::place::reported;
      o.result = -ECANCELED;
      count(o, -1);
      make_ready(o);
      break;
    case operation::place::inside:
      if (o.cancel_asked) break;
      o.cancel_asked = true;
      if (!o.from_pool) {
        outside_->now_turn.cancel.push(o);
        break;
      }
      // The pool keeps it in its own list by the same links, and its threads push it to the mailbox
      // by them: it must not stand in turn::cancel. What is still queued ends in this drain (rule
      // 21); else it comes by the mailbox.
      if (!outside_->workers.remove(o)) break;
      o.where = operation::place::reported;
      o.result = -ECANCELED;
      count(o, -1);
      make_ready(o);
      break;
    case operation::place::outside:
    case operation::place::reported:
      break;
  }
}

unsigned loop::chunk_count() const noexcept {
  return std::clamp(outside_->options.chunk_count, 1U, most_chunks);
}

int loop::ask(const request& r) noexcept {
  try {
    return need_backend().ask(r);
  } catch (const std::system_error& e) {
    return -e.code().value();
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

time_point loop::now() noexcept {
  // (a world of the program's own making has a time of its own, from the first look on)
  if (outside_->kernel || outside_->factory) return need_backend().now();
  return monotonic_now();
}

void loop::refill_budget() noexcept {
  budget_left_ = budget_;
}

// ---- What holds the loop -----------------------------------------------------------------------

bool loop::counts(const work& w) const noexcept {
  if (stopping_ && (w.type == &immediate_type || w.type == &callback_timer_type)) return false;
  return !(w.type->background && w.type->background(&w));
}

bool loop::is_pending(bool in_background) const noexcept {
  if (in_background) {
    return background_timers_ || background_operations_ || background_pool_work_ ||
           !microtasks_.empty() || !due_.empty() || !postponed_.empty() || !immediates_.empty();
  }
  // After a stop, callbacks' timers and immediates and guards no longer hold the loop.
  const std::size_t free_timers = background_timers_ + (stopping_ ? callback_timers_ : 0);
  if (timers_.size() > free_timers) return true;
  if (operations_ > background_operations_ || pool_work_ > background_pool_work_) return true;
  if (closing_count_) return true;
  for (const work_queue* queue : {&microtasks_, &postponed_}) {
    for (const work* w = queue->front(); w; w = queue->after(*w)) {
      if (counts(*w)) return true;
    }
  }
  for (const work_list<>* list : {&due_, &immediates_}) {
    for (linked_work* w = list->front(); w; w = list->after(*w)) {
      if (counts(*w)) return true;
    }
  }
  return !stopping_ && is_guarded();
}

bool loop::is_guarded() const noexcept {
  return outside_->guards->held.load(std::memory_order_acquire) != 0;
}

// ---- Stopping and failing ----------------------------------------------------------------------

void loop::begin_stop() noexcept {
  stopping_ = true;
  if (tasks) tasks->stop(false);
}

void loop::fail(std::exception_ptr what) noexcept {
  if (!failure_) failure_ = std::move(what);
  begin_stop();
}

void loop::report_error(const std::exception_ptr& what) noexcept {
  if (abandoned_) return;
  error_callback& heard_by = outside_->on_error;
  if (!heard_by) {
    warn("nobody is left to hear of an exception", what, error_place_);
    return;
  }
  error_callback f = std::exchange(heard_by, error_callback());  // (it may set another)
  chain* const before = std::exchange(running, nullptr);
  try {
    f(what);
  } catch (...) {
    fail(std::current_exception());
  }
  running = before;
  if (!heard_by) heard_by = std::move(f);
}

void loop::begin_run() {
  outside& o = *outside_;
  // An explicit choice that cannot be had is said before anything begins.
  if (o.factory || o.options.backend != backend_kind::automatic || backend_is_forced())
    need_backend();
  if (o.stop_sent.load(std::memory_order_acquire)) sort_mail();  // it begins there
}

void loop::end_run() {
  outside& o = *outside_;
  if (!o.inbox.empty())
    sort_mail();  // the stop request's own item comes out; posts stay for the next run
  stopping_ = ends_background_ = false;
  if (tasks) tasks->run_ended();
  // (One that is on its way now counts for the next run: its item must not be sent twice.)
  if (std::exchange(o.stop_taken, false)) o.stop_sent.store(false, std::memory_order_release);
  if (auto what = std::exchange(failure_, nullptr)) std::rethrow_exception(what);
}

/// Ticks until every task, which has been asked to stop, has ended. False: some cannot be ended.
bool loop::run_tasks_to_end() {
  ends_background_ = true;
  const auto left = [this] { return tasks->foreground() + background_tasks != 0; };
  for (const bool by_force : {false, true}) {
    if (by_force && left())
      tasks->stop(true);  // what waits for another coroutine only, behind a shield
    while (left() && holds()) tick(true);
  }
  ends_background_ = false;
  return !left();
}

bool loop::stop_background() {
  if (!tasks || tasks->foreground() || !background_tasks) return false;
  ends_background_ = true;
  tasks->stop_background();
  return true;
}

void loop::end_background() {
  if (stop_background() && !run_tasks_to_end())
    misuse("background tasks that cannot be ended", tasks->describe().c_str());
}

void loop::finish_tasks() {
  if (tasks) {
    refill_budget();
    begin_stop();
    tasks->stop_background();
    if (!run_tasks_to_end())
      misuse("a runtime is destroyed, and these tasks cannot be ended", tasks->describe().c_str());
  }
  stopping_ = false;
  // Nobody is left to whom it could be thrown.
  if (auto what = std::exchange(failure_, nullptr))
    warn("a runtime is destroyed, and an exception of its tasks is lost", what, {});
}

// ---- Threads and processes ---------------------------------------------------------------------

namespace {
thread_local std::uint64_t number_of_thread = 0;
std::atomic<std::uint64_t> last_thread{0};
std::atomic<unsigned> forks{0};
std::atomic<std::uint32_t> last_id{0};
constexpr std::uint32_t most_ids = (1u << loop::id_bits) - 1;

// Loops that have a thread, for loop::find: a descriptor may be closed where its loop is not
// running.
std::mutex bound_mutex;
loop* first_bound = nullptr;

void watch_forks() {
  static const int once =
      ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(once);
}
}  // namespace

std::uint64_t this_thread() noexcept {
  if (!number_of_thread) [[unlikely]]
    number_of_thread = last_thread.fetch_add(1, std::memory_order_relaxed) + 1;
  return number_of_thread;
}
unsigned fork_count() noexcept {
  return forks.load(std::memory_order_relaxed);
}

bool loop::is_mine() const noexcept {
  return outside_->forks == fork_count() && outside_->thread == this_thread();
}

void loop::check_thread() const noexcept {
  if (outside_->forks != fork_count())
    misuse("a runtime that was made before fork() is used in the child process");
  if (outside_->thread != this_thread())
    misuse("a runtime is used on a thread that is not its own (use post or run_on)");
}

namespace {

/// Where the native stack of this thread begins and ends; `at` is a place on the stack that is used
/// now. Null where nobody tells.
native_stack find_stack(char* at) noexcept {
  // The first thread's grows as far as the limit allows; the words that the program was started with
  // stand at its top. (The C library would read /proc.) Nothing else is mapped so near below.
  constexpr rlim_t near = 64 << 20;
  char* const top = reinterpret_cast<char*>(::getauxval(AT_EXECFN));
  rlimit limit{};
  if (at < top && ::getrlimit(RLIMIT_STACK, &limit) == 0) {
    const rlim_t size = std::min(limit.rlim_cur, near);
    if (static_cast<rlim_t>(top - at) < size) return {top - size, top};
  }
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return {};
  void* low = nullptr;
  std::size_t size = 0;
  const bool told = ::pthread_attr_getstack(&attributes, &low, &size) == 0;
  ::pthread_attr_destroy(&attributes);
  if (!told) return {};
  return {static_cast<char*>(low), static_cast<char*>(low) + size};
}

/// How far down a deep chain of nested starts may go from here: half of what is left, and that
/// is enough for any; the rest is the user's. On a stack of the program's own (a fiber's), whose
/// end is not known, it goes down a little only: what is deeper takes its turns at the base.
char* limit_of_nesting(char* at, const native_stack& stack) noexcept {
  constexpr std::ptrdiff_t enough = 256 << 10;
  constexpr std::ptrdiff_t a_little = 16 << 10;
  if (at <= stack.low || at > stack.high) return at - a_little;
  return at - std::min(enough, (at - stack.low) / 2);
}

}  // namespace

/// From now on the loop belongs to this thread.
void loop::bind() noexcept {
  outside& o = *outside_;
  if (o.bound) return;
  o.bound = true;
  o.thread = this_thread();
  o.stack = find_stack(static_cast<char*>(__builtin_frame_address(0)));
  const std::lock_guard lock(bound_mutex);
  o.next_bound = std::exchange(first_bound, this);
}

loop* loop::find(std::uint32_t id) noexcept {
  const std::lock_guard lock(bound_mutex);
  for (loop* l = first_bound; l; l = l->outside_->next_bound) {
    if (l->id_ == id) return l->outside_->thread == this_thread() ? l : nullptr;
  }
  return nullptr;
}

void no_loop() noexcept {
  misuse("no runtime runs on this thread");
}

int ask_world(std::uint32_t loop_id, const request& r) noexcept {
  if (loop* l = loop::find(loop_id)) {
    if (l->outside_->kernel) return l->outside_->kernel->ask(r);
  }
  return execute(r, false);
}

running_scope::running_scope(loop& l) noexcept : loop_(l) {
  if (current_loop) misuse("a run inside a run: a runtime runs on this thread already");
  l.bind();
  l.check_thread();
  current_loop = &l;
  frames_of_thread = l.frames;
  l.take_from_host();
  l.stack_limit =
      limit_of_nesting(static_cast<char*>(__builtin_frame_address(0)), l.outside_->stack);
}

running_scope::~running_scope() {
  frames_of_thread = &no_frames;
  current_loop = nullptr;
  loop_.leave_to_host();
}

// ---- Made and ended ----------------------------------------------------------------------------

loop::loop(const runtime_options& options)
    : budget_(options.callback_budget ? options.callback_budget : 1),
      id_(last_id.fetch_add(1, std::memory_order_relaxed) % most_ids + 1),
      outside_(std::make_unique<outside>(options)) {
  watch_forks();
  outside& o = *outside_;
  o.thread = this_thread();
  o.forks = fork_count();
  std::shared_ptr<backend_maker>& world = o.options.world;
  if (!world && options.backend == backend_kind::simulated && make_simulated_world)
    world = make_simulated_world();
  if (world) {
    o.factory = [](const backend_parts& parts, void* maker) {
      return static_cast<backend_maker*>(maker)->make(parts);
    };
    o.factory_context = world.get();
  }
  o.guards->home = this;
}

loop::~loop() {
  const std::lock_guard lock(bound_mutex);
  for (loop** l = &first_bound; *l; l = &(*l)->outside_->next_bound) {
    if (*l == this) {
      *l = outside_->next_bound;
      break;
    }
  }
}

}  // namespace eddy::detail

namespace eddy {

time_point now() noexcept {
  if (detail::current_loop) return detail::current_loop->now();
  return detail::world_without_loop ? detail::world_without_loop->now() : detail::monotonic_now();
}

time_point clock::now() noexcept {
  return eddy::now();
}

}  // namespace eddy
