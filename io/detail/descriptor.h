// The one owner of a descriptor: what is in flight on it, to which runtime it belongs, and how it
// is closed. Not an interface for users.
#pragma once

#include <coroutine>
#include <cstdint>
#include <source_location>

#include <eddy/coro/detail/operation_wait.h>
#include <eddy/runtime/result.h>

namespace eddy::detail {

class descriptor;

/// Which operations of one object exclude each other. At most one of each is in flight, but any
/// number of `shared` ones.
enum class io_slot : std::uint8_t {
  reading = 0,     // streams
  writing = 1,     // streams
  positioned = 0,  // files: at the object's own position
  shared = 1,      // files: everything else
};

struct io_wait;

/// The table of one public operation.
struct io_kind : wait_type {
  io_slot slot = io_slot::reading;
  bool exclusive = true;
  /// Ends a wait for something other than the operation (see io_wait::paused); null: it never does
  /// that.
  void (*interrupt)(io_wait&) noexcept = nullptr;
};

/// An operation that a task waits for, as a rule on a descriptor.
struct io_wait : operation_wait {
  io_wait(descriptor* d, const io_kind& kind, const request& r) noexcept
      : operation_wait(r), on(d) {
    type = &kind;
  }
  /// Refused before it begins, with `refusal` (0 or -errno) as its result.
  io_wait(const io_kind& kind, int refusal) noexcept : operation_wait(request{}), settled(true) {
    type = &kind;
    result = refusal;
  }

  /// What needs no kernel is given at once: what it was asked for is nothing, or impossible.
  bool await_ready() noexcept {
    if (!settled) settled = refuse();
    return settled && may_take();
  }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_io();
  }

  /// False: nothing is to be begun.
  bool enter_io(promise_base&, std::source_location) noexcept;
  /// Claims its place on the descriptor, and is handed to the kernel in the next poll phase.
  void begin_io() noexcept;
  /// Once more, from inside its own report.
  void begin_again() noexcept { home().begin(*this, waiter_of(*this).of->background); }
  loop& home() const noexcept { return *waiter_of(*this).of->home; }

  static io_wait& of(work* w) noexcept {
    return static_cast<io_wait&>(
        static_cast<operation_wait&>(static_cast<operation&>(static_cast<linked_work&>(*w))));
  }
  /// Its item: leaves the descriptor, and the task goes on, or is stopped.
  static void finish(work*) noexcept;
  /// The wait is asked to end.
  static void end(work&, ask_list&) noexcept;
  void end() noexcept;

  descriptor* on = nullptr;  ///< null: it concerns a path
  io_wait* previous_on = nullptr;
  io_wait* next_on = nullptr;
  bool claimed = false;  ///< stands in a list of the descriptor
  bool settled = false;  ///< has its result without having begun
  bool paused = false;   ///< has not begun yet, and waits for something else

 protected:
  ~io_wait() = default;

 private:
  bool refuse() noexcept;
};

constexpr io_kind make_io_kind(const char* name, io_slot slot, bool exclusive = true,
                               void (*run)(work*) noexcept = &io_wait::finish,
                               void (*interrupt)(io_wait&) noexcept = nullptr) noexcept {
  io_kind kind{};
  kind.run = run;
  kind.background = &wait_in_background;
  kind.name = name;
  kind.cancel = &io_wait::end;
  kind.visit = nullptr;
  kind.slot = slot;
  kind.exclusive = exclusive;
  kind.interrupt = interrupt;
  return kind;
}

/// close(): everybody else's operations are ended first, and it cannot be cancelled itself.
class close_wait : public io_wait {
 public:
  explicit close_wait(descriptor&) noexcept;
  bool await_ready() noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_close();
  }
  eddy::result<void> await_resume() const noexcept;

 private:
  friend class descriptor;
  void begin_close() noexcept;
  void proceed() noexcept;
  void closed_with(int answer) noexcept;
  static void run_in_close_phase(work*) noexcept;
  static void run_in_poll(work*) noexcept;
  static const io_kind stream_kind;
  static const io_kind file_kind;
};

class [[nodiscard]] close_awaitable {
 public:
  explicit close_awaitable(descriptor& d) noexcept : on_(&d) {}
  close_wait operator co_await() && noexcept { return close_wait(*on_); }

 private:
  descriptor* on_;
};

/// Owns a descriptor. From its first operation it belongs to one runtime; before, it may go to any.
class descriptor {
 public:
  enum class kind : std::uint8_t {
    stream,  // closed in the close phase
    file,    // closed by an operation: that may block
    lent,    // a stream that is not closed with the object
  };

  descriptor() noexcept = default;
  /// Made in the world that is here.
  descriptor(int number, kind k) noexcept;
  descriptor(descriptor&&) noexcept;
  descriptor& operator=(descriptor&&) noexcept;
  ~descriptor();

  int number() const noexcept { return number_; }
  /// May an operation be begun?
  bool usable() const noexcept { return number_ >= 0 && !closer_; }
  /// The synchronous half, in the world of this descriptor: result or -errno; EBADF once it was
  /// closed.
  int ask(request) const noexcept;
  /// Gives the number away.
  int release() noexcept;

 private:
  friend struct io_wait;
  friend class close_wait;
  friend class accept_wait;
  bool in_flight() const noexcept { return in_flight_[0] || in_flight_[1] || closer_; }
  void belong_to(loop&) noexcept;
  void claim(io_wait&) noexcept;
  void leave(io_wait&) noexcept;
  void drop() noexcept;
  int tell_world(const request&) const noexcept;

  int number_ = -1;
  std::uint32_t world_ = 0;  // the id of its loop; 0: made where no runtime ran
  kind kind_ = kind::stream;
  bool used_ = false;  // has had an operation
  io_wait* in_flight_[2] = {};
  close_wait* closer_ = nullptr;
};

/// The synchronous half where no descriptor is yet: asks the runtime that runs here, else the
/// kernel.
int ask_here(const request&) noexcept;

/// How often a descriptor was closed on this thread: who found none free may try again.
std::uint64_t closes_here() noexcept;
/// Waits to be told of the next one; its item then runs, out of the list.
void tell_of_next_close(linked_work&) noexcept;

/// The length of a request; more than one call moves anyway is cut off.
constexpr std::uint32_t length_of(std::size_t size) noexcept {
  constexpr std::size_t most = 0x7ffff000;
  return static_cast<std::uint32_t>(size < most ? size : most);
}

inline std::uint64_t address_of(const void* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p);
}

inline result<void> void_result(int answer) noexcept {
  if (answer < 0) return from_errno(-answer);
  return {};
}

// ---- Operations whose result is a number or nothing ----

template <class T>
class io_awaiter : public io_wait {
 public:
  using io_wait::io_wait;
  eddy::result<T> await_resume() const noexcept {
    if (result < 0) return from_errno(-result);
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return static_cast<T>(result);
    }
  }
};

template <class T>
class [[nodiscard]] io_awaitable {
 public:
  io_awaitable(descriptor& on, const io_kind& kind, const request& r) noexcept
      : on_(&on), kind_(&kind), ask_(r) {}
  io_awaiter<T> operator co_await() && noexcept { return io_awaiter<T>(on_, *kind_, ask_); }

 private:
  descriptor* on_;
  const io_kind* kind_;
  request ask_;
};

using transfer = io_awaitable<std::size_t>;

}  // namespace eddy::detail
