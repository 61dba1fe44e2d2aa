// The one owner of a descriptor: what is in flight on it, to which runtime it belongs, and how it
// is closed. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/operation_wait.h>
#include <eddy/io/detail/awaited_once.h>
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

/// An operation that a task waits for, as a rule on a descriptor. Movable until it has begun.
struct io_wait : operation_wait {
  io_wait(descriptor* d, const io_kind& kind, const request& r) noexcept
      : operation_wait(r), on(d) {
    type = &kind;
  }
  /// Refused before it begins, where `refusal` is not 0, with that (-errno) as its result.
  io_wait(descriptor* d, const io_kind& kind, const request& r, int refusal) noexcept
      : io_wait(d, kind, r) {
    settled = refusal != 0;
    result = refusal;
  }
  io_wait(io_wait&& other) noexcept : operation_wait(other.ask), on(other.on) {
    other.check_movable();
    type = other.type;
    settled = other.settled;
    result = other.result;
  }
  /// Aborts where it has begun: then it is awaited already.
  void check_movable() const noexcept {
    if (where != place::outside) [[unlikely]]
      awaited_already();
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
  void begin() noexcept { home().begin(*this, waiter_of(*this).of->background); }
  /// Once more, from inside its own report, in which it has done nothing that it could give. False:
  /// it was asked to end in the meantime, and ends now.
  bool begin_again() noexcept;
  loop& home() const noexcept { return *waiter_of(*this).of->home; }

  static io_wait& of(work* w) noexcept {
    return static_cast<io_wait&>(
        static_cast<operation_wait&>(static_cast<operation&>(static_cast<linked_work&>(*w))));
  }
  const io_kind& kind() const noexcept { return *static_cast<const io_kind*>(type); }
  /// Its item: leaves the descriptor, and the task goes on, or is stopped.
  static void finish(work*) noexcept;
  /// The wait is asked to end.
  static void end(work&, ask_list&) noexcept;
  void end() noexcept;

  bool claimed : 1 = false;  ///< stands in a place of the descriptor
  bool settled : 1 = false;  ///< has its result without having begun
  bool paused : 1 = false;   ///< has not begun yet, and waits for something else
  descriptor* on = nullptr;  ///< null: it concerns a path

 protected:
  ~io_wait() = default;

 private:
  bool refuse() noexcept;
  [[noreturn]] static void awaited_already() noexcept;
};
static_assert(sizeof(io_wait) == 96, "frames hold one for each await");

/// One of those that do not exclude each other: they stand in a list of their descriptor.
struct shared_io_wait : io_wait {
  using io_wait::io_wait;
  shared_io_wait* previous_on = nullptr;
  shared_io_wait* next_on = nullptr;

 protected:
  shared_io_wait(shared_io_wait&&) noexcept = default;
  ~shared_io_wait() = default;
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

 protected:
  void begin_close() noexcept;

 private:
  friend class descriptor;
  void proceed() noexcept;
  void closed_with(int answer) noexcept;
  static void run_in_close_phase(work*) noexcept;
  static void run_in_poll(work*) noexcept;
  static const io_kind stream_kind;
  static const io_kind file_kind;

  io_wait* ended_[2] = {};  // what was in flight, until it has left the kernel
};

using close_awaitable = awaited_once<close_wait>;

/// Owns a descriptor. From its first operation it belongs to one runtime; before, it may go to any.
/// (Small: a handler's stream lies in its frame and once more among the arguments of its root.)
class descriptor {
 public:
  enum class kind : std::uint8_t {
    stream,    // closed in the close phase
    file,      // closed by an operation: that may block
    lent,      // a stream that is not closed with the object
    terminal,  // a stream: our side of a pseudo-terminal, where EIO is the end of what is read
    chunked,   // a stream that is read by chunks only
  };

  descriptor() noexcept = default;
  /// Made in the world that is here.
  descriptor(int number, kind k, nature n = nature::stream) noexcept;
  descriptor(descriptor&&) noexcept;
  descriptor& operator=(descriptor&&) noexcept;
  ~descriptor();

  int number() const noexcept { return number_; }
  /// For reads and writes of what is no socket.
  nature through() const noexcept { return static_cast<nature>(through_); }
  bool is_terminal() const noexcept { return kind_ == kind::terminal; }
  void set_nature(nature n) noexcept { through_ = static_cast<std::uint32_t>(n) & 3U; }
  /// May an operation be begun?
  bool usable() const noexcept { return number_ >= 0 && !closing_; }
  /// The synchronous half, in the world of this descriptor: result or -errno; EBADF once it was
  /// closed.
  int ask(request) const noexcept;
  /// Gives the number away.
  int release() noexcept;
  /// From now on it is read by receive_chunk only.
  void read_by_chunks() noexcept;
  /// Closes it at once, or when the last of what is in flight has left the kernel.
  void abort() noexcept;
  /// Aborts the program where an operation of that kind is in flight.
  void check_free(const io_kind&) const noexcept;

 private:
  friend struct io_wait;
  friend class close_wait;
  friend class accept_wait;
  friend class chunk_wait;
  /// Aborts with this where an operation is in flight.
  void check_idle(const char* else_sentence) const noexcept {
    if (in_flight_[0] || in_flight_[1]) [[unlikely]]
      is_not_idle(else_sentence);
  }
  [[noreturn]] void is_not_idle(const char* sentence) const noexcept;
  close_wait& closer() const noexcept { return static_cast<close_wait&>(*in_flight_[0]); }
  static std::uint32_t world_of(const loop& l) noexcept { return l.id(); }
  void belong_to(loop&) noexcept;
  void claim(io_wait&) noexcept;
  void leave(io_wait&) noexcept;
  void drop() noexcept;
  void close_now() noexcept;
  bool is_here() const noexcept;
  /// Is it closed by the last of its operations? (A close() has used it.)
  bool is_aborted() const noexcept { return closing_ && !used_; }
  int tell_world(const request&) const noexcept;

  int number_ = -1;
  std::uint32_t world_ : loop::id_bits = 0;  // of the id of its loop; 0: made where no runtime ran
  std::uint32_t through_ : 2 = 0;
  kind kind_ : 3 = kind::stream;
  bool used_ : 1 = false;     // has had an operation
  bool closing_ : 1 = false;  // a close() is under way: it alone stands in in_flight_, as the first
  io_wait* in_flight_[2] = {};  // by io_slot
};
static_assert(sizeof(descriptor) == 24);

/// The synchronous half where no descriptor is yet: asks the runtime that runs here, else the
/// kernel.
int ask_here(const request&) noexcept;

/// Asks what a descriptor is: see verb::examine. -errno where that fails.
int examine_here(int number, std::uint32_t open_flags = 0) noexcept;
constexpr nature nature_of(int examined) noexcept {
  return static_cast<nature>(examined & examined::nature_bits);
}
/// One that has come from elsewhere and was examined: its flags stay as they are.
descriptor adopted(int number, int examined) noexcept;
void close_here(int number) noexcept;

/// The length of a request; more than one call moves anyway is cut off.
constexpr std::uint32_t length_of(std::size_t size) noexcept {
  constexpr std::size_t most = 0x7ffff000;
  return static_cast<std::uint32_t>(size < most ? size : most);
}

/// A stream gives and takes what it can; copying more at once would hold up the loop.
constexpr std::size_t most_of_a_stream = std::size_t{256} * 1024;

inline std::uint64_t address_of(const void* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p);
}

inline result<void> void_result(int answer) noexcept {
  if (answer < 0) return from_errno(-answer);
  return {};
}

// ---- Operations whose result is a number or nothing ----

template <class T, class Wait = io_wait>
class io_awaiter : public Wait {
 public:
  using Wait::Wait;
  eddy::result<T> await_resume() const noexcept {
    const int answer = Wait::result;
    if (answer < 0) return from_errno(-answer);
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return static_cast<T>(answer);
    }
  }
};

/// A read or write of what is no socket, in order. (On a thread, if it comes to that, where others
/// cannot be held up.)
request stream_request(const descriptor&, verb what, const void* address,
                       std::size_t size) noexcept;
inline std::uint32_t stream_length(nature through, std::size_t size) noexcept {
  return length_of(through == nature::file || size < most_of_a_stream ? size : most_of_a_stream);
}

/// So much does one request of a file's move at most. (A variable for tests.)
extern std::uint32_t most_of_a_part;

/// Moves all of a buffer, by as many requests as that takes. What came before an error, or a cancel,
/// is the result.
template <class Wait>
class in_parts : public Wait {
 public:
  in_parts(descriptor& d, const io_kind& kind, const request& r, int refusal,
           std::size_t size) noexcept
      : Wait(&d, kind, r, refusal), left_(size) {
    limit_part();
  }
  eddy::result<std::size_t> await_resume() const noexcept {
    if (Wait::result < 0) return from_errno(-Wait::result);
    return moved_ + static_cast<std::size_t>(Wait::result);
  }
  static void reported(work* w) noexcept {
    auto& self = static_cast<in_parts&>(io_wait::of(w));
    if (!self.goes_on()) io_wait::finish(w);
  }

 protected:
  bool goes_on() noexcept {
    const bool full = Wait::claimed && Wait::result > 0 && Wait::ask.is_file() &&
                      static_cast<std::uint32_t>(Wait::result) == Wait::ask.length;
    if (full && left_ > Wait::ask.length) {
      const std::uint32_t part = Wait::ask.length;
      moved_ += part;
      left_ -= part;
      Wait::ask.address += part;
      if (Wait::ask.offset != current_position) Wait::ask.offset += part;
      limit_part();
      if (Wait::begin_again()) return true;
      Wait::result = 0;
    } else if (Wait::result < 0 && moved_) {
      Wait::result = 0;
    }
    return false;
  }

 private:
  void limit_part() noexcept {
    Wait::ask.length = static_cast<std::uint32_t>(std::min<std::size_t>(left_, most_of_a_part));
  }
  std::size_t left_;
  std::size_t moved_ = 0;  // by the parts before
};

/// Of a stream.
using transfer = awaited_once<io_awaiter<std::size_t>>;
/// Of a file, beside any number of others.
template <class T>
using file_operation = awaited_once<io_awaiter<T, shared_io_wait>>;
using file_transfer = awaited_once<in_parts<shared_io_wait>>;

}  // namespace eddy::detail
