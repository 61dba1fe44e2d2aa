// The cold half of a loop: what reaches it from outside (mailbox, pool, backend, guards, stop
// requests), and what only callbacks need (hooks, callback timers). Private to loop.cc and
// runtime.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <eddy/runtime/callback.h>
#include <eddy/runtime/detail/loop.h>
#include <eddy/runtime/runtime.h>

#include "runtime/backend/backend.h"
#include "runtime/mailbox.h"
#include "runtime/pool.h"

namespace eddy::detail {

struct hook_node : linked_work {
  callback run_it;
  loop* home = nullptr;
  std::uint64_t added_in = 0;  // the tick: it runs from the next one on
  // Its callback is on the stack: whoever drops it leaves the rest to run_hooks
  bool active = false;
  bool dropped = false;
};

/// Shared by a runtime and its guards, which may outlive it.
struct guard_block {
  std::mutex mutex;      // drop and the runtime's end exclude each other; nothing else needs it
  loop* home = nullptr;  // null: the runtime is gone
  std::atomic<std::size_t> held{0};
};

/// Two cache lines; what finds and moves it stands in the first.
struct alignas(64) callback_timer : timer {
  std::uint64_t generation = 1;
  callback run_it;
  loop* home = nullptr;
  duration period{-1};  // < 0: once
  std::size_t slot = 0;
  bool repeats = false;
};

struct callback_work : linked_work {  // a post, a next_tick, an immediate
  callback run_it;
  loop* home = nullptr;
};

/// From the lowest address to the one behind the highest; null, null: not known.
struct native_stack {
  char* low = nullptr;
  char* high = nullptr;
};

struct loop::outside {
  outside(const runtime_options& o)
      : options(o), workers(pool_options{o.pool_threads, o.pool_queue}, inbox) {}

  /// From any thread: adds to the mailbox and rings the doorbell if the loop slept. Keeps errno.
  void send(work& w) noexcept;
  /// From any thread: the loop looks again whether something still holds it.
  void nudge() noexcept;
  /// Makes the callback's work item; throws std::bad_alloc.
  static callback_work* make_work(loop& home, callback&& f, const work_type& type);
  callback_timer& timer_of(std::size_t slot) noexcept {
    return callback_timers[slot / timers_in_chunk][slot % timers_in_chunk];
  }
  /// Makes one more slot, which is free then; throws std::bad_alloc.
  void make_callback_timer(loop& home);
  void free_callback_timer(callback_timer& t) noexcept;

  runtime_options options;
  error_callback on_error;  // empty: a line on stderr
  mailbox inbox;
  pool workers;
  backend_factory factory = nullptr;  // null: choose_backend
  void* factory_context = nullptr;
  std::unique_ptr<backend> kernel;
  backend_kind live{};
  std::string reason;
  turn now_turn;
  work_queue mail;       // taken out of the mailbox, to be sorted
  operation_list calls;  // finished pool calls, to be reported
  work_queue posts;      // to be run
  work_list<hook_node> hooks[3];
  hook_node* hook_cursor = nullptr;  // the hook that run_hooks runs next
  // Of many timers each is cold: so a slot leads to its timer without a pointer of its own.
  static constexpr std::size_t timers_in_chunk = 256;
  std::vector<std::unique_ptr<callback_timer[]>> callback_timers;  // never shrinks
  std::size_t timer_slots = 0;
  std::vector<std::size_t> free_slots;
  std::shared_ptr<guard_block> guards = std::make_shared<guard_block>();

  work stop_item;
  std::atomic<bool> stop_sent{
      false};  // stop_item is in the mailbox, or was taken and not yet cleared by a run's end
  bool stop_taken = false;  // stop_item has come out of the mailbox in this run
  work nudge_item;
  std::atomic<bool> nudge_sent{false};
  std::atomic<unsigned> senders{
      0};  // other threads inside send(): the runtime's end waits for them

  std::uint64_t thread = 0;    // whose loop it is
  native_stack stack;          // that thread's
  bool hosted = false;         // a host polls the native handle between our ticks
  bool of_host = false;        // its machine is a simulated one
  bool bound = false;          // it has run, or its backend was made: the thread is final
  unsigned forks = 0;          // how often this process had been forked when the loop was made
  loop* next_bound = nullptr;  // in the list behind loop::find
};

/// The number of this thread, counted from 1 in the order in which threads asked; without a system
/// call. (Not the address of a variable: a thread that begins when another has ended gets its memory.)
std::uint64_t this_thread() noexcept;
/// How many forks lie between this process and the first.
unsigned fork_count() noexcept;

extern const work_type posted_type;
extern const work_type next_tick_type;
extern const work_type immediate_type;
extern const work_type callback_timer_type;

}  // namespace eddy::detail
