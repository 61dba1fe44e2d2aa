// class runtime: one loop on one thread. The order of everything in a tick is specified in
// docs/semantics.md.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <eddy/runtime/backend_kind.h>
#include <eddy/runtime/callback.h>
#include <eddy/runtime/clock.h>

namespace eddy {

class runtime;

namespace detail {
class backend_maker;
class loop;
struct hook_node;
struct guard_block;
loop& loop_of(runtime&) noexcept;
}  // namespace detail

class pending_guard;
namespace detail {
pending_guard guard_of(runtime&) noexcept;  // run_on: also from another thread
}  // namespace detail

struct runtime_options {
  /// Automatic: EDDY_BACKEND, else the best there is
  backend_kind backend = backend_kind::automatic;
  unsigned ring_entries = 256;      ///< submission queue entries of io_uring: from 8 to 32768
  unsigned pool_threads = 0;        ///< 0: max(4, cores)
  unsigned pool_queue = 1024;       ///< queued jobs per lane before offload() itself waits
  unsigned callback_budget = 1024;  ///< microtasks in one tick; reports that one poll takes
  std::size_t chunk_size = 65536;   ///< bytes of each chunk (tcp_stream::chunks): 1 to 2^30
  unsigned chunk_count = 64;        ///< chunks, which all streams share: 1 to 32768
  /// What simulated() has set (<eddy/simulation/simulated.h>); null: none
  std::shared_ptr<detail::backend_maker> world = nullptr;
};

/// What still has to happen, by kind; each is counted once from its start to its own end.
/// Background things (those of spawn_background) are not counted here.
struct pending_counts {
  std::size_t timers = 0;
  std::size_t operations = 0;
  std::size_t pool_work = 0;
  std::size_t immediates = 0;
  std::size_t ready = 0;  ///< what the budget left over, and what was postponed
  std::size_t closing = 0;
  std::size_t guards = 0;
  std::size_t total() const noexcept {
    return timers + operations + pool_work + immediates + ready + closing + guards;
  }
};

/// Names a callback's timer. timer_id{} names none.
class timer_id {
 public:
  timer_id() noexcept = default;
  friend bool operator==(timer_id, timer_id) noexcept = default;

 private:
  friend class runtime;
  std::uint64_t value_ = 0;
};

enum class phase : std::uint8_t { idle, prepare, check };

/// Keeps a callback in a phase of every tick; dropping it takes it out (also from inside the
/// callback). A hook does not hold the loop; an idle hook keeps poll from sleeping. The loop's
/// thread only.
class [[nodiscard]] hook {
 public:
  hook() noexcept = default;
  hook(hook&& other) noexcept;
  hook& operator=(hook&& other) noexcept;
  ~hook();

 private:
  friend class runtime;
  explicit hook(detail::hook_node* node) noexcept : node_(node) {}
  detail::hook_node* node_ = nullptr;
};

/// Holds the loop for work announced elsewhere. Any thread may drop it, also after the runtime's
/// end.
class [[nodiscard]] pending_guard {
 public:
  pending_guard() noexcept = default;
  pending_guard(pending_guard&&) noexcept = default;
  pending_guard& operator=(pending_guard&& other) noexcept;
  ~pending_guard();

 private:
  friend class runtime;
  friend pending_guard detail::guard_of(runtime&) noexcept;
  explicit pending_guard(std::shared_ptr<detail::guard_block> block) noexcept;
  void drop() noexcept;
  std::shared_ptr<detail::guard_block> block_;
};

/// One loop. Bound to the thread of its first run (before that, to the one that made it); neither
/// copied nor moved. Calls from other threads abort, except request_stop(), post() and the dropping
/// of a guard. After a fork, calls in the child abort.
class runtime {
 public:
  /// Throws std::bad_alloc. The backend is made at first need, not here.
  explicit runtime(const runtime_options& = {});
  /// Cancels and waits for whatever is left. What was posted and never ran is dropped unrun. An
  /// exception that comes out of a task now is told on stderr: nobody is left to catch it.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Ticks until nothing is pending. Rethrows what a callback or an unjoined root task threw.
  /// Throws std::system_error where an explicit choice of backend cannot be had,
  /// std::invalid_argument for an unknown EDDY_BACKEND.
  void run();
  /// One tick, which may sleep. Is anything still pending?
  bool run_once();
  /// One tick, which never sleeps. Is anything still pending?
  bool run_nowait();
  /// Asks every task to stop; callbacks' timers and immediates and guards then no longer hold the
  /// loop. While nothing runs: stops the next run before it begins. The end of a run clears it. Any
  /// thread, signal handlers; keeps errno.
  void request_stop() noexcept;

  pending_counts pending() const noexcept;
  /// The live backend; made now if it is not yet. Throws as run() does.
  backend_kind backend();
  /// One sentence: why this backend.
  std::string_view backend_reason();
  std::uint64_t ticks() const noexcept;
  time_point now() const noexcept;
  /// The one that runs on this thread; aborts where none does.
  static runtime& current() noexcept;

  /// For a host with a poll loop of its own: readable when run_nowait() has something to do.
  int native_handle();
  /// For a host with a poll loop of its own: how long it may wait before the next run_nowait()
  /// (nullopt: for ever).
  std::optional<duration> next_timeout() const noexcept;

  /// Runs once, in the first tick whose timers phase finds it due: never early.
  timer_id set_timeout(detail::any_duration, callback);
  /// Runs every `period`; a round that was missed is skipped, the rhythm is kept. period <= 0: in
  /// every tick.
  timer_id set_interval(detail::any_duration period, callback);
  /// Harmless when it has fired, also from inside its own callback.
  void clear(timer_id) noexcept;
  /// Runs once in the next check phase.
  void set_immediate(callback);
  /// Runs once in this phase, after the microtasks already waiting.
  void next_tick(callback);
  /// Runs in that phase of every tick, from the next tick on, until the hook is dropped.
  hook add_hook(phase, callback);
  /// Runs once in a poll phase. Any thread. Not pending: a post does not hold the loop, but what
  /// was posted before the end of a run runs in it.
  void post(callback);
  /// Holds the loop until it is dropped.
  pending_guard guard();

  /// Who is told of an exception that nobody is left to hear and that is to end nothing: of a
  /// connection's handler (serve with `keep_going`). Runs when the task has ended, before anything
  /// else does. What it throws itself counts as a root task that threw. Without one (or with an empty
  /// one) it is a line on stderr: the exception's type, what() and the place after which it came.
  void on_error(error_callback);

 private:
  friend detail::loop& detail::loop_of(runtime&) noexcept;
  std::unique_ptr<detail::loop> loop_;
};

namespace detail {
inline loop& loop_of(runtime& r) noexcept {
  return *r.loop_;
}
}  // namespace detail

}  // namespace eddy
