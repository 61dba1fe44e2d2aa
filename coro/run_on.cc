// The messages of run_on, and who sends them on which thread.
#include <eddy/coro/run_on.h>

#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {

namespace {
run_on_base& call_of(work* w) noexcept {
  return *static_cast<run_on_base::message*>(w)->call;
}
}  // namespace

constinit const work_type run_on_base::request_type{&run_request, nullptr, &drop_request};
constinit const work_type run_on_base::cancel_type{&run_cancel, nullptr, &drop_cancel};
constinit const work_type run_on_base::report_type{&run_report, nullptr, &drop_answer};
constinit const work_type run_on_base::cancel_answer_type{&run_cancel_answer, nullptr,
                                                          &drop_answer};
constinit const work_type run_on_base::impatient_type{&run_out_of_patience,
                                                      [](const work*) noexcept { return true; }};
duration run_on_base::patience_ = std::chrono::seconds(10);
constinit const wait_type run_on_base::wait{wait_work, "run_on", &cancel_wait, nullptr};

void run_on_base::send_request(loop& home) noexcept {
  if (home.is_host() || loop_of(other_side).is_host())
    misuse("run_on between simulated hosts: they share nothing but their network");
  here = &home;
  home.foreign_started(waiter_of(*this).of->background);
  request.type = &request_type;
  cancel.type = &cancel_type;
  report.type = &report_type;
  cancel_answer.type = &cancel_answer_type;
  request.call = cancel.call = report.call = cancel_answer.call = this;
  guard = guard_of(other_side);
  there_address = loop_of(other_side).address();
  here_address = home.address();
  patience.type = &impatient_type;
  patience.context = this;
  home.start_timer(patience, later(home.now(), patience_), true);
  static_cast<void>(send(there_address, request));
}

/// Nothing tells whether anybody will run the other runtime again (or what it is busy with). Where
/// nobody does, this waits for ever: not without a word.
void run_on_base::run_out_of_patience(work* w) noexcept {
  auto& self = *static_cast<run_on_base*>(w->context);
  if (!self.taken.load(std::memory_order_relaxed))
    warn("run_on waits, and the other runtime has not taken its call: does anybody run it?",
         waiter_of(self).where);
}

void run_on_base::cancel_wait(work& w, ask_list&) noexcept {
  auto& self = static_cast<run_on_base&>(w);
  if (self.cancel_sent || self.reported) return;
  self.send_cancel();
}

void run_on_base::send_cancel() noexcept {
  cancel_sent = true;
  if (!send(there_address, cancel))
    cancel_answered = true;  // its runtime has ended: the report is here or on its way
}

// ---- On the other side's thread ----

void run_on_base::run_request(work* w) noexcept {
  run_on_base& call = call_of(w);
  call.taken.store(true, std::memory_order_relaxed);
  try {
    call.begin_there(call);
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory for it, and it has reported that
  }
}

void run_on_base::run_cancel(work* w) noexcept {
  run_on_base& call = call_of(w);
  if (!call.ended && call.tell_there) {
    current_loop->running = nullptr;  // no task runs now
    call.tell_there(call);
  }
  if (!call.ended && call.running_task) request_stop(*call.running_task);
  static_cast<void>(send(call.here_address, call.cancel_answer));
}

void run_on_base::send_report() noexcept {
  ended = true;
  static_cast<void>(send(here_address, report));
}

void run_on_base::drop_request(work* w) noexcept {
  call_of(w).send_report();
}
void run_on_base::drop_cancel(work* w) noexcept {
  run_on_base& call = call_of(w);
  static_cast<void>(send(call.here_address, call.cancel_answer));
}

// ---- On the caller's thread ----

void run_on_base::run_report(work* w) noexcept {
  run_on_base& call = call_of(w);
  call.reported = true;
  call.answered();
}

void run_on_base::run_cancel_answer(work* w) noexcept {
  run_on_base& call = call_of(w);
  call.cancel_answered = true;
  call.answered();
}

/// The caller's runtime ends with answers on the way: its tasks have been waited for, so this
/// cannot be.
void run_on_base::drop_answer(work*) noexcept {}

void run_on_base::answered() noexcept {
  if (!reported || (cancel_sent && !cancel_answered)) return;
  guard = pending_guard();
  if (patience.armed() || patience.is_linked()) here->cancel_timer(patience, true);
  here->foreign_ended(waiter_of(*this).of->background);
  if (how == ending::stopped && waiter_of(*this).of->stop_requested) stop_ready(*this);
  resume_wait(this);
}

}  // namespace eddy::detail
