// One loop: the queues of a tick, the timers, the operations, the counts, and the registers of the
// language layer. What coro/ and io/ do to the machine they do through this class; users see
// eddy::runtime. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>

#include <eddy/runtime/clock.h>
#include <eddy/runtime/detail/work.h>
#include <eddy/runtime/operation.h>
#include <eddy/runtime/timers.h>

namespace eddy {
class runtime;
class pending_guard;
struct runtime_options;
enum class backend_kind : std::uint8_t;
}  // namespace eddy

namespace eddy::detail {

struct promise_base;  // coro/detail/chain.h: head of every coroutine frame of ours
struct chain;         // coro/detail/chain.h: one line of frames, each awaiting the next
class frame_pool;     // coro/detail/frame_pool.h: memory for frames
struct look_up;       // io/resolve.cc: one look-up of a name
class backend;
struct backend_parts;
struct hook_node;
struct guard_block;
pending_guard guard_of(runtime&) noexcept;
struct callback_timer;

/// What the language layer hangs on a loop: the tasks of this runtime. Made with the first task.
class task_root {
 public:
  virtual ~task_root() = default;
  /// Asks every task to stop: the spawned ones first, in the order in which they were started, main
  /// when those have ended. `forced`: at once, and shields too. Runs no user code.
  virtual void stop(bool forced) noexcept = 0;
  /// Asks the background tasks (those that do not hold the loop) to stop; until the run has ended
  /// no task begins.
  virtual void stop_background() noexcept = 0;
  /// A run has ended: tasks spawned from now on begin again.
  virtual void run_ended() noexcept = 0;
  /// From here on no frame goes on, each is destroyed when what it waits for has ended: main's when
  /// the spawned tasks have. Called again where nothing is pending any more: what is left then waits
  /// for something that nobody can end, and goes without it.
  virtual void abandon() noexcept = 0;
  /// The check phase, every few thousand ticks: memory that is far above need goes back.
  virtual void give_back_surplus() noexcept = 0;
  /// One line for each task that waits: what for, and where.
  virtual std::string describe() const = 0;

  /// Tasks that have not ended, main included.
  virtual std::size_t foreground() const noexcept = 0;
};

/// The pool of where no runtime runs.
extern frame_pool no_frames;

class loop {
 public:
  explicit loop(const runtime_options&);
  ~loop();
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  struct outside;  // what other threads reach, and what only loop.cc and runtime.cc know

  // ---- the tick (loop.cc) ----

  /// Ticks until nothing is left to go on for.
  void run_while_held();
  /// One tick. False: nothing is left to go on for, and the run has ended.
  bool run_one_tick(bool may_sleep);
  /// Goes on with what follows from the item that ran, then runs microtasks while there are any and
  /// the tick's budget lasts. Called after every single item.
  void drain() noexcept {
    settle();
    if (!microtasks_.empty()) [[unlikely]]
      run_microtasks();
  }
  /// For who drives several loops on one thread (the simulation), in a running_scope: one tick, which
  /// does not sleep. Is there a reason to go on?
  bool step();
  /// What is ready outside of a tick (main's first steps) has a tick's budget.
  void refill_budget() noexcept;
  /// Is there a reason to go on: something pending, or tasks waiting for what is pending in the
  /// background?
  bool holds() const noexcept {
    // The common case, without looking at each item: nothing here belongs to the background, and no
    // stop is under way.
    if (!stopping_ && !background_tasks) return has_work() || is_guarded();
    return is_pending(false) ||
           ((ends_background_ || (tasks && tasks->foreground())) && is_pending(true));
  }
  /// Is something of background tasks pending?
  bool background_holds() const noexcept { return is_pending(true); }

  // ---- making ready; the loop's thread only ----

  /// To the microtask queue: runs in this phase, after what is there already.
  void make_ready(work& w) noexcept { microtasks_.push(w); }
  /// To the next tick's pending phase.
  void postpone(work& w) noexcept { postponed_.push(w); }
  /// To the check phase.
  void make_immediate(linked_work& w) noexcept { immediates_.push(w); }
  /// A descriptor whose last operation has left the kernel: its item runs in the close phase.
  void make_closing(linked_work& w) noexcept { closing_.push(w); }
  /// An await that need not suspend is a microtask too: false where the budget is spent.
  bool charge() noexcept {
    if (__builtin_sub_overflow(budget_left_, 1u, &budget_left_)) [[unlikely]] {
      budget_left_ = 0;
      return false;
    }
    return true;
  }

  // ---- timers ----

  void start_timer(timer& t, time_point deadline, bool in_background) noexcept {
    timers_.start(t, deadline);
    background_timers_ += in_background;
  }
  /// Armed, or due in this tick and not yet run: afterwards it is neither.
  void cancel_timer(timer& t, bool in_background) noexcept {
    if (!t.armed()) {
      t.unlink();
      return;
    }
    timers_.cancel(t);
    background_timers_ -= in_background;
  }
  time_point now() noexcept;

  // ---- operations ----

  /// Begins: handed to the backend in the next poll phase. Its item (o.type) runs when it has been
  /// reported.
  void begin(operation& o, bool in_background) noexcept;
  /// Asks for its end. Not yet handed over: it is made ready at once, with -ECANCELED. Else it ends
  /// by its own report.
  void cancel(operation& o) noexcept;
  /// The synchronous half: answered at once, by the world of this loop.
  int ask(const request&) noexcept;
  /// How many chunks (receive_chunk) all of its streams share.
  unsigned chunk_count() const noexcept;
  /// A close that waits for the close phase is pending from the call on.
  void closing_started() noexcept { ++closing_count_; }
  void closing_ended() noexcept { --closing_count_; }

  /// Something that ends by a message of another thread is pending like an operation.
  void foreign_started(bool in_background) noexcept {
    ++operations_;
    background_operations_ += in_background;
  }
  void foreign_ended(bool in_background) noexcept {
    --operations_;
    background_operations_ -= in_background;
  }

  // ---- stopping and failing ----

  /// What a root task or callback threw and nobody joined: the first is rethrown at the end;
  /// everything else stops.
  void fail(std::exception_ptr) noexcept;
  /// What nobody is left to hear, and what is to end nothing: told to the runtime's on_error, with
  /// the place noted last.
  void report_error(const std::exception_ptr&) noexcept;
  /// `frame` has ended with an exception; it was last suspended there.
  void note_error(const void* frame, const std::source_location& where) noexcept {
    error_frame_ = frame;
    error_place_ = where;
  }
  /// The place of an exception that `frame` has ended with, if no other has ended so since.
  std::source_location place_of_error(const void* frame) const noexcept {
    return error_frame_ == frame ? error_place_ : std::source_location();
  }
  bool stopping() const noexcept { return stopping_; }
  void begin_stop() noexcept;

  /// The beginning of a run: an explicit choice of backend is made now (throws), a stop asked for
  /// earlier counts.
  void begin_run();
  /// The end of everything in the foreground: background tasks are asked to stop. False: there are
  /// none.
  bool stop_background();
  /// The same, and waits for them.
  void end_background();
  /// The end of a run: clears a stop that was asked for, and rethrows what failed.
  void end_run();
  void clear_failure() noexcept { failure_ = nullptr; }
  /// Something arrived from outside that has not been looked at yet.
  bool mail_waits() const noexcept;

  /// The runtime's end: cancels and waits for every task; says on stderr what does not end, and
  /// aborts.
  void finish_tasks();

  /// The host of this loop dies: its tasks and callbacks go without another line of their code but
  /// destructors, whose requests reach nobody. The backend reports at once what is inside.
  void abandon();
  /// For what would begin something of its own when it is stopped (finally).
  bool is_abandoned() const noexcept { return abandoned_; }
  /// From now on it stands for a machine of its own among others on this thread (the simulation):
  /// what one has, no other may use.
  void become_host() noexcept;
  bool is_host() const noexcept { return is_host_; }
  /// The backend; null: it is not made yet.
  backend* kernel() noexcept;

  // For runtime.cc.
  void run_callback_timer(callback_timer& t) noexcept;
  void drop_hook(hook_node* node) noexcept;
  void nudge() noexcept;
  void leave_to_host() noexcept;
  void take_from_host() noexcept;
  /// From any thread: `w` runs in a poll phase of this loop, as a post. Its type has a `drop`.
  void send(work& w) noexcept;
  /// How other threads may know this loop, also when it is gone.
  std::shared_ptr<guard_block> address() const noexcept;
  void use_backend(std::unique_ptr<backend> (*make)(const backend_parts&, void*),
                   void* context) noexcept;

  /// Aborts unless the caller is on this loop's thread (and in the process that made it).
  void check_thread() const noexcept;
  bool is_mine() const noexcept;

  std::uint32_t id() const noexcept { return id_; }
  static constexpr unsigned id_bits = 25;  // (a descriptor has no room for more)
  /// The loop with this id if it lives on this thread; else null. Descriptors remember their world
  /// by it.
  static loop* find(std::uint32_t id) noexcept;

  // ---- the language layer's registers (coro/detail/base.h) ----

  promise_base* next_frame = nullptr;  ///< to be resumed or unwound next by the base; at most one
  chain* base_chains = nullptr;        ///< chains that begin or have ended, last in first out
  chain* running = nullptr;            ///< the chain that runs now; null in callbacks
  char* stack_limit = nullptr;         ///< nested starts go no deeper than this
  void (*settle_base)(loop&) noexcept = nullptr;  ///< goes on with both; set with `tasks`
  /// (One branch for both.)
  bool base_waits() const noexcept { return (next_frame != nullptr) | (base_chains != nullptr); }
  frame_pool* frames = &no_frames;   ///< those of `tasks`: frames_of_thread while it runs
  std::size_t background_tasks = 0;  ///< of `tasks`, those that do not hold the loop
  std::unique_ptr<task_root> tasks;
  runtime* owner = nullptr;

  // ---- io's (io/detail/descriptor.h) ----

  std::uint64_t closes = 0;     ///< how many descriptors of this world were closed
  work_list<> told_of_a_close;  ///< run at the next one: accepts that found no descriptor free
  look_up* look_ups = nullptr;  ///< of names, under way (io/resolve.cc)

 private:
  friend class eddy::runtime;
  friend class running_scope;
  friend pending_guard guard_of(runtime&) noexcept;
  friend int ask_world(std::uint32_t loop_id, const request&) noexcept;

  void settle() noexcept {
    if (base_waits()) [[unlikely]]
      settle_base(*this);
  }
  void run_microtasks() noexcept;
  /// One turn through all phases; poll sleeps only if it may and something is pending.
  void tick(bool may_sleep);
  void take_due_timers() noexcept;
  void run_pending() noexcept;
  void run_hooks(int which) noexcept;
  void poll(bool may_sleep);
  bool must_poll() const noexcept;
  bool has_only_postponed() const noexcept;
  void run_check() noexcept;
  void run_closing() noexcept;
  bool run_tasks_to_end();

  void run_list(work_list<>& list, work_list<>& snapshot) noexcept;
  void count(const operation& o, int change) noexcept;
  time_point sleep_limit(bool may_sleep) noexcept;
  void sort_mail() noexcept;
  void report_operations() noexcept;
  void report_calls() noexcept;
  void run_posts() noexcept;
  bool is_pending(bool in_background) const noexcept;
  bool is_guarded() const noexcept;
  bool has_work() const noexcept {
    return !postponed_.empty() || operations_ || !microtasks_.empty() || !timers_.empty() ||
           pool_work_ || !immediates_.empty() || !due_.empty() || closing_count_;
  }
  bool counts(const work&) const noexcept;
  backend& need_backend();
  void bind() noexcept;

  // Hot: what a tick looks at.
  work_queue microtasks_;
  unsigned budget_left_ = 0;
  unsigned budget_;
  work_list<> due_;  // taken off the wheel in this tick's timers phase
  work_queue postponed_;
  work* postponed_now_ = nullptr;  // (_now_: what is left of the snapshot that a phase runs)
  work_list<> immediates_, immediates_now_;
  work_list<> closing_, closing_now_;
  std::size_t operations_ = 0;  // begun and not yet reported, `call` apart
  std::size_t pool_work_ = 0;   // the verb `call`
  std::size_t closing_count_ = 0;
  std::size_t background_timers_ = 0;
  std::size_t background_operations_ = 0;
  std::size_t background_pool_work_ = 0;
  std::size_t callback_timers_ = 0;
  std::size_t hooks_ = 0;
  std::uint64_t ticks_ = 0;
  bool stopping_ = false;
  bool ends_background_ = false;  // what is pending in the background is waited for
  bool abandoned_ = false;
  bool is_host_ = false;
  bool mail_left_ = false;  // posts or calls that the last poll phase has left, or more
  std::uint32_t id_;
  std::exception_ptr failure_;
  timer_wheel timers_;  // (last of what is hot: it has 4 KiB)
  std::unique_ptr<outside> outside_;
  const void* error_frame_ = nullptr;
  std::source_location error_place_;

 public:
  // ---- for messages alone, behind all that is hot ----

  promise_base* unwinding = nullptr;  ///< the frame that is being destroyed, its task was stopped
  const std::exception_ptr* on_its_way = nullptr;  ///< of the frame that is being destroyed
  std::source_location awaited_at;   ///< where results are checked: the last await that went on
  const char* last_words = nullptr;  ///< said where the program dies meanwhile (detail/abort.h)
};

/// From any thread: loop::send to the loop of that address. False: its runtime has ended, and
/// nothing was sent.
bool send(const std::shared_ptr<guard_block>& to, work& w) noexcept;

/// The loop that runs on this thread; null where none does.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local loop* current_loop;
/// Its pool of frames.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local frame_pool* frames_of_thread;

/// The world of what runs on this thread where no loop does (a simulated host's pool work): asked for
/// the time. Null: the kernel's.
extern constinit thread_local backend* world_without_loop;

/// current_loop; aborts where no runtime runs on this thread.
[[noreturn]] void no_loop() noexcept;
inline loop& need_loop() noexcept {
  if (!current_loop) [[unlikely]]
    no_loop();
  return *current_loop;
}
/// For io/: the world of a descriptor with this loop id (0: made where no runtime ran); the
/// kernel's where it is gone.
int ask_world(std::uint32_t loop_id, const request&) noexcept;

/// Makes a loop the running one of this thread for as long as it lives.
class running_scope {
 public:
  explicit running_scope(loop&) noexcept;
  ~running_scope();
  running_scope(const running_scope&) = delete;
  running_scope& operator=(const running_scope&) = delete;

 private:
  loop& loop_;
};

}  // namespace eddy::detail
