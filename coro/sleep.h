// sleep_for, sleep_until, interval: time as awaitables.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <chrono>
#include <coroutine>
#include <source_location>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/operation_wait.h>
#include <eddy/coro/detail/root.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/clock.h>
#include <eddy/runtime/timers.h>

namespace eddy {

namespace detail {

class sleep_awaiter : timer, public awaiter_tag {
 public:
  explicit sleep_awaiter(time_point until) noexcept { deadline = until; }
  bool await_ready() const noexcept { return false; }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    static_cast<void>(begin(h.promise(), wait, where));
  }
  void await_resume() const noexcept {}

 protected:
  bool begin(promise_base& p, const wait_type& as, std::source_location where) noexcept {
    if (!enter(*this, p, as, where)) return false;
    p.of->home->start_timer(*this, deadline, p.of->background);
    return true;
  }
  static sleep_awaiter& of(work& w) noexcept {
    return static_cast<sleep_awaiter&>(static_cast<timer&>(static_cast<linked_work&>(w)));
  }
  const work& item() const noexcept { return *this; }
  static void cancel(work& w, ask_list&) noexcept;

 private:
  static const wait_type wait;
};

class [[nodiscard]] sleep_until_awaitable {
 public:
  explicit sleep_until_awaitable(time_point until) noexcept : until_(until) {}
  sleep_awaiter operator co_await() const noexcept { return sleep_awaiter(until_); }

 private:
  time_point until_;
};

/// Until an instant of the wall clock, as a descriptor's readiness.
class wall_sleep_awaiter : operation_wait {
 public:
  explicit wall_sleep_awaiter(duration since_1970) noexcept
      : operation_wait(request()), until_(since_1970) {}
  using operation_wait::await_ready;
  friend awaiter_tag;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter(*this, h.promise(), wait, at)) begin();
  }
  void await_resume() const noexcept {}

 private:
  void begin() noexcept;
  void begin_instead() noexcept;
  static wall_sleep_awaiter& of(work* w) noexcept;
  static void finish(work*) noexcept;
  static void run_instead(work*) noexcept;
  static void cancel(work&, ask_list&) noexcept;
  static const wait_type wait;
  static const work_type instead_type;

  duration until_;
  timer instead_;  // where no descriptor is to be had
};

class [[nodiscard]] wall_sleep_awaitable {
 public:
  explicit wall_sleep_awaitable(duration since_1970) noexcept : until_(since_1970) {}
  wall_sleep_awaiter operator co_await() const noexcept { return wall_sleep_awaiter(until_); }

 private:
  duration until_;
};

class [[nodiscard]] sleep_for_awaitable {
 public:
  explicit sleep_for_awaitable(duration d) noexcept : duration_(d) {}
  sleep_awaiter operator co_await() const noexcept {
    return sleep_awaiter(later(need_loop().now(), duration_));
  }

 private:
  duration duration_;
};

}  // namespace detail

/// Goes on in the timers phase that finds the duration over, counted from the call; never early. A
/// zero or negative one goes through the next tick's timers phase. Any std::chrono duration: what is
/// longer than the clock can count, hours::max(), is for ever.
///
/// Result      void
/// Errors      none
/// Cancel      stops the task, in the same drain
/// Lifetime    nothing is referred to
/// Cost        one clock read (25 to 55 ns), no allocation, no system call
inline detail::sleep_for_awaitable sleep_for(detail::any_duration d) noexcept {
  return detail::sleep_for_awaitable(d.value);
}

/// Goes on in the first timers phase at or after `deadline`. Equal deadlines go on in the order in
/// which they were started.
///
/// Result      void
/// Errors      none
/// Cancel      stops the task, in the same drain
/// Lifetime    nothing is referred to
inline detail::sleep_until_awaitable sleep_until(detail::any_time_point<clock> deadline) noexcept {
  return detail::sleep_until_awaitable(deadline.value);
}

/// The same by the wall clock: where that is set, the task goes on earlier or later with it. Goes on
/// in a poll phase, as an operation (which it is: pending_counts::operations).
///
/// Result      void
/// Errors      none. (Where the system has no descriptor left, it is a sleep of the time that is left,
///             which learns of a clock that was set when it is over)
/// Cancel      stops the task: in the same drain where it was not yet handed over, else with its report
/// Lifetime    nothing is referred to
/// Cost        a descriptor while it waits
inline detail::wall_sleep_awaitable sleep_until(
    detail::any_time_point<std::chrono::system_clock> deadline) noexcept {
  return detail::wall_sleep_awaitable(deadline.value.time_since_epoch());
}

/// What an interval does when ticks were missed because their user was late.
enum class missed_ticks : unsigned char {
  burst,  ///< one after the other, at once, until the rhythm is caught up with
  delay,  ///< the next one a full period after now: the rhythm shifts
  skip,   ///< missed ones are left out, the rhythm is kept
};

/// A rhythm: tick() gives the instants one period apart, counted from the construction. A copy has
/// the rhythm, as far as it is, and nobody who waits. Destroying it while a task waits aborts.
class interval {
 public:
  explicit interval(detail::any_duration period, missed_ticks missed = missed_ticks::burst) noexcept
      : next_(detail::later(now(), period.value)), period_(period.value), missed_(missed) {}

  class [[nodiscard]] awaitable;
  /// Waits for the next instant of the rhythm; an overdue one comes in the next timers phase.
  ///
  /// Result      the instant it was due
  /// Errors      none
  /// Cancel      stops the task; the tick is not used up: the next tick() gives it
  /// Lifetime    the interval must outlive the await
  awaitable tick() noexcept;

 private:
  time_point advance() noexcept;
  /// Those who wait: a ring, with its head here.
  struct waiters : detail::sibling {
    waiters() noexcept : sibling{this, this} {}
    waiters(const waiters&) noexcept : waiters() {}
    waiters& operator=(const waiters&) noexcept { return *this; }
    ~waiters() {
      if (next_sibling != this) [[unlikely]]
        are_abandoned();
    }
    [[noreturn]] void are_abandoned() const noexcept;
  };
  time_point next_;
  duration period_;
  missed_ticks missed_;
  waiters waiting_;
};

class [[nodiscard]] interval::awaitable {
 public:
  class awaiter : public detail::sleep_awaiter, detail::sibling {
   public:
    explicit awaiter(interval& i) noexcept : sleep_awaiter(i.next_), interval_(i) {}
    template <detail::our_promise P>
    void await_suspend(std::coroutine_handle<P> h,
                       std::source_location where = std::source_location::current()) noexcept {
      if (begin(h.promise(), wait, where)) link_sibling(interval_.waiting_);
    }
    time_point await_resume() noexcept {
      unlink_sibling();
      return interval_.advance();
    }

   private:
    friend interval::waiters;
    static void cancel(detail::work& w, detail::ask_list& asked) noexcept;
    static const detail::wait_type wait;
    interval& interval_;
  };
  explicit awaitable(interval& i) noexcept : interval_(i) {}
  awaiter operator co_await() const noexcept { return awaiter(interval_); }

 private:
  interval& interval_;
};

inline interval::awaitable interval::tick() noexcept {
  return awaitable(*this);
}

}  // namespace eddy
