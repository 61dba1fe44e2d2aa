// run_on: a task of another runtime, awaited here. A task never changes its thread.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <atomic>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/detail/told.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/runtime.h>
#include <eddy/runtime/timers.h>

namespace eddy {

namespace detail {

/// Both sides of one run_on. It lives in the caller's awaiter; each field belongs to one side, and
/// passes to the other with a message through its mailbox. Messages: to the other side the request,
/// then at most one cancel; back, one report, and one answer to the cancel. The caller goes on when
/// all that were sent have been answered.
struct run_on_base : work {
  run_on_base(runtime& other) noexcept : other_side(other) {}

  struct message : work {
    message() noexcept = default;
    run_on_base* call = nullptr;
  };

  // The caller's side.
  runtime& other_side;
  loop* here = nullptr;
  // Either runtime may end while the other thread still rings its doorbell
  std::shared_ptr<guard_block> here_address;
  std::shared_ptr<guard_block> there_address;
  pending_guard guard;  // holds the other side
  timer patience;       // a word where the other side does not even take the request
  static duration patience_;
  bool cancel_sent = false;
  bool cancel_answered = false;
  bool reported = false;

  // The other side's.
  std::atomic<bool> taken{false};  // (the caller reads it)
  bool ended = false;
  spawned_base* running_task = nullptr;  // while it runs there

  // How it ended there; the caller's after the report.
  ending how = ending::stopped;

  message request;
  message cancel;
  message report;
  message cancel_answer;

  /// Begins the task there and sees to the report; on the other side's thread.
  void (*begin_there)(run_on_base&) = nullptr;
  /// Tells its function of a cancel, there; null: it takes no stop token.
  void (*tell_there)(run_on_base&) = nullptr;

  void send_request(loop& home) noexcept;
  void send_cancel() noexcept;
  /// On the other side's thread: the task has ended.
  void send_report() noexcept;

  static const wait_type wait;

 private:
  static void run_request(work*) noexcept;
  static void run_cancel(work*) noexcept;
  static void run_report(work*) noexcept;
  static void run_cancel_answer(work*) noexcept;
  static void drop_request(work*) noexcept;
  static void drop_cancel(work*) noexcept;
  static void drop_answer(work*) noexcept;
  static void cancel_wait(work&, ask_list&) noexcept;
  static const work_type request_type;
  static const work_type impatient_type;
  static const work_type cancel_type;
  static const work_type report_type;
  static const work_type cancel_answer_type;
  void answered() noexcept;
  static void run_out_of_patience(work*) noexcept;
};

template <class F, class... A>
class run_on_awaiter : run_on_base, public awaiter_tag {
 public:
  using T = task_value<told_result<F, A...>>;
  run_on_awaiter(runtime& other, teller<F, A...>& with, F& f, std::tuple<A...>& arguments) noexcept
      : run_on_base(other), tells_(with), callable_(f), arguments_(arguments) {}
  bool await_ready() const noexcept { return false; }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!enter(*this, h.promise(), wait, where)) return;
    begin_there = &begin;
    if constexpr (is_told<F, A...>()) tell_there = &tell;
    send_request(*h.promise().of->home);
  }
  T await_resume() {
    if (how == ending::stopped) throw stopped_error();
    if constexpr (std::is_void_v<T>) {
      out_.take();
    } else {
      return out_.take();
    }
  }

 private:
  /// What is spawned there: the call. It goes when the task has ended, or was stopped before it
  /// began, and then reports.
  struct there {
    run_on_awaiter* call;
    explicit there(run_on_awaiter& c) noexcept : call(&c) {}
    there(there&& other) noexcept : call(std::exchange(other.call, nullptr)) {}
    ~there() {
      if (call) call->send_report();
    }
    EDDY_CORO_WRAPPER task<> operator()() const { return carry_out(call); }
  };
  static void begin(run_on_base& base) {
    auto& self = static_cast<run_on_awaiter&>(base);
    auto handle = eddy::spawn(there(self));
    self.running_task = &handle.state();
  }
  static void tell(run_on_base& base) {
    if constexpr (is_told<F, A...>())
      static_cast<run_on_awaiter&>(base).tells_.source.request_stop();
  }
  static task<> carry_out(run_on_awaiter* self) {
    try {
      task<T> body = detail::call_told(self->tells_, self->callable_, self->arguments_);
      if constexpr (std::is_void_v<T>) {
        co_await std::move(body);
        self->out_.set_value();
      } else {
        self->out_.set_value(co_await std::move(body));
      }
    } catch (...) {
      self->out_.set_error(std::current_exception());
    }
    self->how = self->out_.how();
  }

  teller<F, A...>& tells_;
  F& callable_;
  std::tuple<A...>& arguments_;
  outcome<storable<T>> out_;
};

template <class F, class... A>
class [[nodiscard]] run_on_awaitable {
 public:
  run_on_awaitable(runtime& other, F&& f, A&&... a)
      : other_(other), callable_(std::move(f)), arguments_(std::move(a)...) {}
  run_on_awaiter<F, A...> operator co_await() && noexcept {
    return run_on_awaiter<F, A...>(other_, tells_, callable_, arguments_);
  }

 private:
  runtime& other_;
  [[no_unique_address]] teller<F, A...> tells_;
  F callable_;
  std::tuple<A...> arguments_;
};

}  // namespace detail

/// Runs `fn(args...)`, a task, as a root task of another runtime, on its thread, and brings back
/// its end.
///
/// Result      T
/// Errors      its exception is rethrown; stopped_error where it was stopped there by something
///             else than this cancel, or the other runtime ended before it ran
/// Cancel      is sent after it; the await ends with the other side's report. A function that takes a
///             std::stop_token first (in front of `args`) is told, too, on its own thread
/// Lifetime    the other runtime must outlive the await; callable and arguments are kept in the
///             awaitable, and are used and moved from on the other thread
/// Threads     the loop here waits as for an operation; a guard holds the loop there
template <class F, class... A>
auto run_on(runtime& other, F&& fn, A&&... args) {
  constexpr detail::mistake wrong = detail::fault_of_told_call<true, F, A...>();
  if constexpr (wrong == detail::mistake::none) {
    EDDY_SAFE_TEMPORARY(F);
    (static_cast<void>(sizeof(detail::guarded_argument<A>)), ...);
    return detail::run_on_awaitable<std::decay_t<F>, std::decay_t<A>...>(
        other, std::decay_t<F>(std::forward<F>(fn)), std::decay_t<A>(std::forward<A>(args))...);
  } else {
    return detail::refuse<wrong, F, A...>();
  }
}

}  // namespace eddy
