// Frames and chains: the head of every coroutine frame of ours, the chain (one line of frames, each
// awaiting the next: the unit of cancel and of unwinding), what a chain waits for, and how it is
// asked to stop. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/runtime/detail/work.h>

namespace eddy::detail {

class loop;
struct chain;
struct promise_base;
/// The frame ends with an exception: its place is noted, for whoever tells of that.
void note_place_of_error(const promise_base&) noexcept;

/// How a frame or chain has ended. Of a spawned task, also: its value was moved out (taken); its
/// exception has been delivered (told).
enum class ending : unsigned char { none, value, taken, stopped, error, told };

/// Head of every frame that the base can resume or unwind.
struct promise_base {
  promise_base() noexcept : where() {}
  ~promise_base() {
    if (end == ending::error) std::destroy_at(std::addressof(error));
  }
  promise_base(const promise_base&) = delete;
  promise_base& operator=(const promise_base&) = delete;

  /// The frame that awaits this one; null: the outermost of its chain
  promise_base* parent = nullptr;
  chain* of = nullptr;
  union {
    std::source_location where;  ///< the co_await at which this frame is suspended
    std::exception_ptr error;    ///< where it has ended with one
  };
  ending end = ending::none;
  bool inline_start = true;  ///< whoever started us is still below us on the native stack
  /// Does the base's next visit destroy from here outwards, instead of resuming?
  enum class unwound : unsigned char {
    no,
    stopped,    ///< what it waits for was stopped
    abandoned,  ///< its host has died, whatever it waits for (loop::abandon)
  } unwinding = unwound::no;

  void end_with(std::exception_ptr e) noexcept {
    note_place_of_error(*this);
    std::construct_at(std::addressof(error), std::move(e));
    end = ending::error;
  }
};

/// What every frame begins with, in front of its promise (the ABI of g++ and clang). Calling through
/// it what is known not to throw needs no guard, and may be the last thing that a function does.
struct frame_head {
  void (*resume)(void*) noexcept;
  void (*destroy)(void*) noexcept;
};

/// The same address, of which the optimiser knows nothing. Whatever is called as a frame by code
/// that is not its own kind goes through here: real frames that the base calls as C functions, and
/// frames by hand that others call as coroutines. On the machine both calls are the same; but clang
/// notes coroutines with a convention of its own, takes a call by the other one for undefined where
/// it sees both ends (in one translation unit, or at link time), and drops what follows.
template <class T>
T* unseen(T* frame) noexcept {
  asm("" : "+r"(frame) : : "memory");
  return frame;
}
inline frame_head& frame_of(promise_base& p) noexcept {
  return *unseen(
      static_cast<frame_head*>(std::coroutine_handle<promise_base>::from_promise(p).address()));
}

class ask_list;

/// What can be done with something that a chain waits for; it lives in the awaiter, and awaiters
/// never move.
struct wait_type : work_type {
  const char* name;  ///< as in api.md: "sleep_for", "event::wait"
  /// The wait is asked to end: now (it makes itself ready, as stopped or with its result) or later,
  /// by its own report. Called at most once for each level (asked; forced). Boundaries pass it on
  /// to the chains below.
  void (*cancel)(work&, ask_list&) noexcept;
  /// Boundaries: calls `f` for each chain below. Null: a leaf.
  void (*visit)(const work&, void* context, void (*f)(void* context, const chain&));
};
inline const wait_type& wait_type_of(const work& w) noexcept {
  return *static_cast<const wait_type*>(w.type);
}

/// One line of frames, each awaiting the next, ending at a boundary (or at a spawned task's root).
/// It has at most one suspended leaf, so registering a wait is one pointer store. As a work item it
/// stands for what comes next at its root: it begins, or it has ended.
struct chain : work {
  constexpr chain() noexcept : leaf(nullptr), home(nullptr) {}
  explicit chain(const work_type& t) noexcept : work(t), leaf(nullptr), home(nullptr) {}
  /// (For a branch: prepare() sets the rest.)
  explicit chain(unset_t u) noexcept : work(u), leaf(nullptr) {}
  union {
    /// What the innermost frame waits for; null while it runs or is being unwound.
    work* leaf;
    /// The outermost frame, once that has ended (with a value or an exception).
    promise_base* ended_frame;
  };
  loop* home;
  bool stop_requested = false;
  ending end = ending::none;
  bool forced = false;      ///< asked by the end of everything: shields too
  bool background = false;  ///< does not hold the loop
  /// Of a spawned task's root, here for the room (a sleeping task is to cost little): the task
  /// itself until it has ended; handles; joiners that wait.
  std::uint32_t references = 2;
};

/// Chains that are being asked to stop. A request walks chains with a list, never by recursion:
/// scopes may nest 10^5 deep.
class ask_list {
 public:
  explicit ask_list(bool force) noexcept : force_(force) {}
  bool forced() const noexcept { return force_; }
  /// Each chain is asked at most once, and once more when forced. In the order of the calls.
  void ask(chain& c) noexcept {
    if (force_ ? c.forced : c.stop_requested) return;
    c.stop_requested = true;
    c.forced |= force_;
    // One that has not begun stands in the microtask queue, and needs no more than the flag.
    if (c.leaf && c.end == ending::none) chains_.push(c);
  }
  /// Asks the leaves of all that was added. Runs no user code.
  void run() noexcept {
    while (auto* c = static_cast<chain*>(chains_.pop())) {
      if (c->leaf && c->end == ending::none) wait_type_of(*c->leaf).cancel(*c->leaf, *this);
    }
  }

 private:
  work_queue chains_;
  bool force_;
};

inline void request_stop(chain& c) noexcept {
  ask_list asked(false);
  asked.ask(c);
  asked.run();
}

/// Whoever awaits something of ours in another library's coroutine reads this one sentence,
/// wherever the awaiter stands. (void: a question about a handle without its promise is answered
/// with no.)
template <class P>
struct other_promise {
  static_assert(std::is_void_v<P>,
                "eddy's awaitables are awaited in an eddy coroutine (eddy::task) only: elsewhere, "
                "begin a task of their own "
                "with eddy::spawn or eddy::run");
  static constexpr bool is_ours = false;
};

template <class P>
concept our_promise = std::is_base_of_v<promise_base, P> || other_promise<P>::is_ours;

}  // namespace eddy::detail
