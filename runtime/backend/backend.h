// The seam between the loop and the kernel: one call a tick, one synchronous call. Private.
// Implementations: uring.cc, epoll.cc, and simulation/world/kernel.cc.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <eddy/runtime/clock.h>
#include <eddy/runtime/operation.h>

namespace eddy {
class runtime;
}

namespace eddy::detail {

class mailbox;
class pool;

using operation_list = work_list<operation>;

/// What a tick hands over and gets back. The lists are the loop's; an operation stands in at most
/// one of them.
struct turn {
  /// In: begun since the last turn, in order. What finds no room stays listed
  operation_list start;
  /// In: `inside` and asked to end. What finds no room stays listed; whoever ends is taken out
  operation_list cancel;
  /// Out: each operation exactly once, in the order of arrival (pool work comes by the mailbox)
  operation_list done;
  /// In: sleep no longer; time_point::min(): do not sleep at all
  time_point until = time_point::min();
  /// In: report no more than this many; the others stay where they are
  std::size_t limit = 1024;
};

struct backend_counts {
  std::uint64_t enters = 0;       ///< io_uring_enter, or epoll_wait
  std::uint64_t completions = 0;  ///< operations reported
  std::uint64_t attempts = 0;     ///< system calls tried in run() before asking the kernel to wait
};

/// The contract, clause by clause, is tests/contract/backend_test.cc.
///
/// Every method is called on the loop's thread, except wake().
class backend {
 public:
  backend() = default;
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;
  /// Nothing may be inside.
  virtual ~backend() = default;

  /// Takes over `start`, asks for the end of what stands in `cancel`, sleeps (no longer than
  /// `until`, and only while nothing is done and the mailbox is empty), and fills `done`. Runs no
  /// user code. The only place that sleeps, and the only place that attempts. Cannot fail.
  ///
  /// - An operation is listed, then `inside`, then in `done`, exactly once. The backend sets
  ///   `where`.
  /// - Once `inside`, an operation and its memory are the backend's until it stands in `done` (or,
  ///   if it went to the pool, in the mailbox), whatever the system answered.
  /// - A cancelled one reports -ECANCELED if it did nothing, else its true outcome. What
  ///   must_finish() is not disturbed once begun. What stands at the pool never stands in
  ///   `cancel`: the loop itself takes it back from there (loop::cancel).
  /// - An operation with no descriptor-level error reports -errno exactly as the system call gives
  ///   it.
  virtual void run(turn&) = 0;

  /// The synchronous half: answers at once, result or -errno, never waits. Closing a descriptor
  /// goes through here (or through verb::close) so that the backend can forget it.
  virtual int ask(const request&) noexcept = 0;

  /// Ends the present or next sleep of run(). Any thread, signal handlers; keeps errno. One write.
  virtual void wake() noexcept = 0;

  /// The clock of this world: monotonic, or virtual.
  virtual time_point now() noexcept = 0;

  /// Readable when run() has something to do without sleeping: for a host with a poll loop of its
  /// own.
  virtual int native_handle() noexcept = 0;
  /// For the same host: when run() has something to do of which the handle does not tell;
  /// time_point::max(): never.
  virtual time_point again() noexcept { return time_point::max(); }

  virtual const char* name() const noexcept = 0;  ///< "io_uring" | "epoll" | …

  /// How many operations are inside, without those at the pool (they come back by the mailbox).
  std::size_t inside() const noexcept { return inside_; }
  const backend_counts& counts() const noexcept { return counts_; }

 protected:
  std::size_t inside_ = 0;
  backend_counts counts_;
};

/// Carries a request out by its system call, one line per verb: result or -errno. `may_wait` false:
/// never waits (a read of a file gives what is cached, -EAGAIN where nothing is); true: on the
/// pool, may block as long as it takes.
int execute(const request&, bool may_wait) noexcept;

/// The clock of the kernel's world.
time_point monotonic_now() noexcept;

/// Has this read or write of a terminal to wait until the user brings the process to the foreground?
/// (Tried before, it would stop the process, or fail.)
bool in_background(const request&) noexcept;

/// The same open file under a number that no standard stream has: where the program was started
/// without those, one of our own must not be taken for one. -1 and errno: there is none free, and
/// `descriptor` is closed.
int above_standard_streams(int descriptor) noexcept;

inline constexpr std::size_t most_of_a_chunk = std::size_t{1} << 30;
inline constexpr unsigned most_chunks = 32768;

/// What each backend is made with; both outlive it. Its maker calls workers.set_doorbell() with its
/// wake().
struct backend_parts {
  mailbox& inbox;
  pool& workers;
  unsigned ring_entries = 256;
  std::size_t chunk_size = 65536;  ///< of what receive_chunk receives into, and their number
  unsigned chunk_count = 64;
};

/// Each throws std::system_error (with the errno that refused it) where it cannot be had.
std::unique_ptr<backend> make_uring_backend(const backend_parts&);
std::unique_ptr<backend> make_epoll_backend(const backend_parts&);

/// Makes the runtime, whose backend must not have been made yet, use one of its own making: a
/// simulation, a test's. `context` is handed on to `make`.
using backend_factory = std::unique_ptr<backend> (*)(const backend_parts&, void* context);
void use_backend(runtime&, backend_factory make, void* context = nullptr) noexcept;

/// The same, in the options of a runtime; each call makes another world.
class backend_maker {
 public:
  virtual ~backend_maker() = default;
  virtual std::unique_ptr<backend> make(const backend_parts&) = 0;
};
/// What backend_kind::simulated alone means; null: eddy-simulation is not linked.
using simulated_world_factory = std::shared_ptr<backend_maker> (*)();
extern constinit simulated_world_factory make_simulated_world;

}  // namespace eddy::detail
