// A simulated kernel as the loop of one program sees it: a backend. Private.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/backend/backend.h"
#include "runtime/backend/chunk_pool.h"
#include "simulation/world/object.h"
#include "simulation/world/world.h"

namespace eddy::detail::simulated {

class machine;

/// - An operation is taken over in one run() and reported in a later one. Those on one side of an
///   object end in the order in which they began.
/// - Calls, and what works on files, take their time, and are carried out at its end, on this
///   thread, calls behind all others.
/// - A cancelled one that waits reports -ECANCELED; what has begun is waited for.
class kernel : public detail::backend {
 public:
  kernel(machine&, const detail::backend_parts&, bool drives);
  ~kernel() override;

  void run(detail::turn&) override;
  int ask(const request&) noexcept override;
  void wake() noexcept override { rung_ = true; }
  time_point now() noexcept override;
  int native_handle() noexcept override { return -1; }
  const char* name() const noexcept override { return "simulation"; }

  bool has_work() const noexcept;
  machine& on() const noexcept { return machine_; }
  /// From now on nothing of what is inside or asked does anything.
  void abandon() noexcept;

  /// It can be tried: in the next run.
  void try_again(waiting&);

 private:
  using list = chain<waiting, &waiting::in_turn>;
  class timed;

  waiting& take(operation&);
  void take_over(operation&);
  void enter_object(waiting&, side);
  void begin_timed(waiting&, instant duration);
  void begin_call(waiting&);
  void cancel(detail::turn&);
  void end_late_cancels(detail::turn&);
  waiting& choose(const list&);
  void report_all(detail::turn&);
  bool attempt(waiting&);
  void report(waiting&, detail::turn&);
  void leave(waiting&);
  void stop_waiting(waiting&);
  void report_abandoned(detail::turn&);
  void sleep(detail::turn&);
  int call(const request&);
  void forget_waits(std::int32_t descriptor);

  int receive_chunk(waiting&);
  void starve(waiting&);
  void feed();

  machine& machine_;
  detail::mailbox& inbox_;
  bool drives_;
  bool rung_ = false;
  bool is_abandoned_ = false;
  std::size_t room_ = 0;
  std::uint64_t numbers_ = 0;
  detail::chunk_pool chunks_;
  std::deque<waiting> places_;
  std::vector<waiting*> free_;
  list due_, due_calls_;
  struct late_cancel {
    waiting* whose;
    std::uint64_t ticks;
  };
  std::vector<late_cancel> late_cancels_;  // done with, and not reported yet
  std::vector<waiting*> starved_;          // they found no chunk, in this order
  std::array<unsigned, 4> busy_{};         // threads of each lane
  std::deque<waiting*> queued_calls_;      // they wait for a thread
  std::shared_ptr<timed> timed_;
};

}  // namespace eddy::detail::simulated
