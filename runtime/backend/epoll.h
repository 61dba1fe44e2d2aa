// The backend for systems that give no io_uring: attempts first, epoll for what has to wait, the
// pool for what may block. Private.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/epoll.h>

#include "runtime/backend/backend.h"
#include "runtime/backend/backlog.h"
#include "runtime/backend/chunk_pool.h"
#include "runtime/backend/shared_streams.h"

namespace eddy::detail {

/// A descriptor is registered once, edge-triggered, when an operation on it has to wait for the
/// first time; from then on two flags remember what the events have said and the attempts have used
/// up. Makes no io_uring system call.
class epoll_backend final : public backend {
 public:
  explicit epoll_backend(const backend_parts&);
  ~epoll_backend() override;

  void run(turn&) override;
  int ask(const request&) noexcept override;
  void wake() noexcept override;
  time_point now() noexcept override { return monotonic_now(); }
  int native_handle() noexcept override {
    hosted_ = true;
    return epoll_;
  }
  time_point again() noexcept override {
    return first_runnable_ != none ? time_point::min() : next_look();
  }
  const char* name() const noexcept override { return "epoll"; }

 private:
  enum side : unsigned { reading, writing };
  static constexpr std::int32_t none = -1;
  static constexpr std::int32_t not_to_be_had = -2;

  /// What is known of one descriptor; the index in the table is its number.
  struct entry {
    operation* waiting[2] = {};  // one reader, one writer
    std::int32_t next_runnable = none;
    std::uint32_t registered = 0;  // the events asked for; 0: not in the epoll set
    std::int32_t own = none;  // the same file opened once more, for us alone (or `not_to_be_had`)
    bool may[2] = {true, true};  // an attempt may succeed
    bool runnable : 1 = false;   // stands in the list of those with an event to use up
    bool streams : 1 = false;    // used by more than `ready`: stays registered
    bool watched : 1 = false;    // … and by `ready`: they stand in watching_
    // A short receive leaves nothing behind: no attempt before the next event
    bool short_is_empty : 1 = false;
    bool local : 1 = false;   // … unless it stopped at a message with descriptors (Unix sockets)
    bool unsure : 1 = false;  // so it came short, and nothing has told yet that nothing is left
    bool listed_unsure : 1 = false;  // stands in unsure_
    bool connecting : 1 = false;     // the writer is a connect on its way
    bool starved : 1 = false;        // the reader found no chunk: stands in starved_
    bool has_chunk : 1 = false;      // … and now one is kept for it
  };
  static_assert(sizeof(entry) == 32);

  void cancel_asked(turn&);
  void begin_listed(turn&);
  bool begin(operation&, turn&);
  bool begin_transfer(operation&, turn&);
  bool begin_stream(operation&, turn&);
  void park(operation&, entry&, side);
  bool conclude(operation&, entry*, int result, turn&);
  bool hand_to_pool(operation&);
  bool wait(operation&, entry*, turn&);
  void begin_ready(operation&, turn&);
  int begin_to_watch(operation&);
  bool look_at_watching(std::int32_t descriptor, turn&);
  void wait_and_take(turn&);
  bool ask_epoll(turn&, bool may_sleep);
  int sleep(time_point until, bool may_sleep, int most);
  void note(const epoll_event&);
  void look_again(turn&);
  void run_runnable(turn&);
  void look_at_backlogs(turn&);
  void look_at_background(turn&);
  time_point next_look() const noexcept { return std::min(backlogs_.next(), background_.next()); }

  int attempt(operation&, entry*);
  int attempt_shared(const request&, entry*);
  int attempt_receive(operation&, entry&);
  int receive_chunk(operation&, entry*) noexcept;
  int give_back(int chunk) noexcept;
  void starve(std::int32_t descriptor) noexcept;
  void feed_starved() noexcept;
  void forget_starved(std::int32_t descriptor, entry&) noexcept;
  int attempt_send(operation&);
  int register_for(std::int32_t descriptor, entry&, std::uint32_t events);
  void learn_kind(std::int32_t descriptor, entry&);
  void take_out(operation&) noexcept;
  void take_out_watching(operation&) noexcept;
  void end_watching(std::int32_t descriptor) noexcept;
  void abandon_watching(std::int32_t descriptor) noexcept;
  std::uint32_t watched_for(std::int32_t descriptor) const noexcept;
  void is_closed(std::int32_t descriptor) noexcept;
  void is_new(std::int32_t descriptor) noexcept;
  void forget(std::int32_t descriptor) noexcept;
  void reset(std::int32_t descriptor) noexcept;
  entry* find(std::int32_t descriptor) noexcept;
  entry* make(std::int32_t descriptor) noexcept;
  void make_runnable(std::int32_t descriptor, entry&) noexcept;
  void report(operation&, int result, turn&) noexcept;

  mailbox& inbox_;
  pool& workers_;
  int epoll_ = -1;
  int bell_ = -1;
  bool hosted_ = false;  // a host sleeps on epoll_: each run takes the rings of the doorbell out
  bool rung_ = false;    // the doorbell was heard where nobody slept: the next sleep is ended
  bool has_pwait2_ = true;
  bool refused_[4] = {};  // lanes of the pool that are full, in this run
  bool put_off_ = false;  // the last run ended something and did not ask epoll
  unsigned unsure_runs_ = 0;
  unsigned unsure_pause_ = 1;
  bool has_local_ = false;  // Unix sockets were used: whether they are unsure is best not asked
  std::size_t room_ = 0;    // reports left, in this run
  std::int32_t first_runnable_ = none;
  std::int32_t last_runnable_ = none;
  std::vector<entry> entries_;
  // By descriptor: the first `ready` that waits for it; an address, as a handle
  std::vector<std::uint64_t> watching_;
  std::vector<std::int32_t> unsure_;   // has room for all entries
  std::vector<std::int32_t> starved_;  // the same
  chunk_pool chunks_;
  backlog_waits backlogs_;
  background_waits background_;
  std::array<epoll_event, 1024> events_;
};

inline epoll_backend::entry* epoll_backend::find(std::int32_t descriptor) noexcept {
  const auto i = static_cast<std::size_t>(descriptor);
  return descriptor >= 0 && i < entries_.size() ? &entries_[i] : nullptr;
}

inline void epoll_backend::report(operation& o, int result, turn& t) noexcept {
  o.result = result;
  o.where = operation::place::reported;
  t.done.push(o);
  --room_;
  ++counts_.completions;
}

}  // namespace eddy::detail
