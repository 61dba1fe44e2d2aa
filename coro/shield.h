// shield and finally: what runs to its end whatever happens around it.
#pragma once

#include <coroutine>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>

namespace eddy {

namespace detail {

template <class A>
class shield_awaiter : boundary {
 public:
  explicit shield_awaiter(A a) noexcept : body_(static_cast<A>(a)) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    body_.prepare(*this, waiter(), true);
    if (!body_.start()) return true;
    leave();
    return false;
  }
  raw_result_of<A> await_resume() {
    if constexpr (std::is_void_v<raw_result_of<A>>) {
      body_.out.take();
    } else {
      return body_.out.take();
    }
  }

 private:
  template <class, class>
  friend class branch;
  void ended(auto&) noexcept {
    if (body_.out.how() == ending::stopped) {
      stop();  // only the end of everything reaches in here
    } else {
      deliver();
    }
  }
  static shield_awaiter& of(work& w) noexcept {
    return static_cast<shield_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& asked) noexcept {
    if (asked.forced()) asked.ask(of(w).body_.inner);
  }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    f(x, static_cast<const shield_awaiter&>(static_cast<const boundary&>(w)).body_.inner);
  }
  static constexpr wait_type wait{wait_work, "shield", &cancel, &visit};
  branch<A, shield_awaiter> body_;
};

template <class A>
class [[nodiscard]] shield_awaitable {
 public:
  explicit shield_awaitable(A&& a) : awaited_(std::forward<A>(a)) {}
  shield_awaiter<A&&> operator co_await() && noexcept {
    return shield_awaiter<A&&>(static_cast<A&&>(awaited_));
  }

 private:
  A awaited_;
};

/// The body, then the cleanup, as two branches one after the other.
template <class A, class F>
class finally_awaiter : boundary {
 public:
  using cleanup_task = std::invoke_result_t<F&>;
  static_assert(is_task<cleanup_task>::value,
                "finally: the cleanup is a function that gives a task<void>");

  finally_awaiter(A a, F& f) noexcept : make_(f), body_(static_cast<A>(a)) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    body_.prepare(*this, waiter(), false);
    if (!body_.start() || !start_cleanup()) return true;
    settle_ends();
    if (body_.out.how() == ending::stopped) {
      stop();
      return true;
    }
    leave();
    return false;
  }
  raw_result_of<A> await_resume() {
    if constexpr (std::is_void_v<raw_result_of<A>>) {
      body_.out.take();
    } else {
      return body_.out.take();
    }
  }

 private:
  template <class, class>
  friend class branch;
  struct running_as_none {
    loop& l;
    chain* before;
    explicit running_as_none(loop& home) noexcept
        : l(home), before(std::exchange(home.running, nullptr)) {}
    ~running_as_none() { l.running = before; }
  };
  /// True: it has ended at once.
  bool start_cleanup() noexcept {
    try {
      const running_as_none no_task(
          *above().home);  // stop_requested() is false in the callable, too
      cleanup_.emplace(make_());
    } catch (...) {
      if (body_.out.how() != ending::error) body_.out.set_error(std::current_exception());
      return true;
    }
    last_.emplace(static_cast<cleanup_task&&>(*cleanup_));
    last_->prepare(*this, waiter(), true);
    return last_->start();
  }
  /// The cleanup's exception replaces a value or a stop, not an earlier exception; its (forced)
  /// stop replaces a value.
  void settle_ends() noexcept {
    if (!last_ || body_.out.how() == ending::error) return;
    if (last_->out.how() == ending::error) {
      body_.out.set_error(last_->out.error());
    } else if (last_->out.how() == ending::stopped) {
      body_.out.set_stopped();
    }
  }
  void ended(auto& which) noexcept {
    if (static_cast<void*>(&which) == static_cast<void*>(&body_) && !start_cleanup()) return;
    settle_ends();
    if (body_.out.how() == ending::stopped) {
      stop();
    } else {
      deliver();
    }
  }
  static finally_awaiter& of(work& w) noexcept {
    return static_cast<finally_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& asked) noexcept {
    finally_awaiter& self = of(w);
    if (!self.last_) {
      asked.ask(self.body_.inner);
    } else if (asked.forced()) {
      asked.ask(self.last_->inner);
    }
  }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    const auto& self = static_cast<const finally_awaiter&>(static_cast<const boundary&>(w));
    f(x, self.last_ ? self.last_->inner : self.body_.inner);
  }
  static constexpr wait_type wait{wait_work, "finally", &cancel, &visit};

  F& make_;
  branch<A, finally_awaiter> body_;
  std::optional<cleanup_task> cleanup_;
  std::optional<branch<cleanup_task&&, finally_awaiter>> last_;
};

template <class A, class F>
class [[nodiscard]] finally_awaitable {
 public:
  finally_awaitable(A&& a, F&& f) : awaited_(std::forward<A>(a)), cleanup_(std::move(f)) {}
  finally_awaiter<A&&, F> operator co_await() && noexcept {
    return finally_awaiter<A&&, F>(static_cast<A&&>(awaited_), cleanup_);
  }

 private:
  A awaited_;
  F cleanup_;
};

}  // namespace detail

/// Awaits `aw` out of reach of cancels (but of a deadlock's): stop_requested() is false inside,
/// outer deadlines do not end it.
///
/// Result      R
/// Errors      exceptions pass
/// Cancel      does not reach in; the task stops at its next suspension afterwards
/// Lifetime    `aw` is kept in the awaitable
template <detail::our_awaitable A>
auto shield(A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::shield_awaitable<A>(std::forward<A>(aw));
}

/// Awaits `aw`, and then, on every way out (a value, an exception, stopped), the task `cleanup()`
/// gives, however long it takes; itself it is not cancelled.
///
/// Result      R
/// Errors      `aw`'s exception; else the cleanup's, in the place of a value or a stop. (An
///             exception of the cleanup after one of `aw` is dropped)
/// Cancel      reaches `aw`, not the cleanup
/// Lifetime    both are kept in the awaitable
template <detail::our_awaitable A, class F>
auto finally(A&& aw, F&& cleanup) {
  EDDY_SAFE_TEMPORARY(A);
  EDDY_SAFE_TEMPORARY(F);
  return detail::finally_awaitable<A, std::decay_t<F>>(std::forward<A>(aw),
                                                       std::decay_t<F>(std::forward<F>(cleanup)));
}

/// Has the task that runs now been asked to stop? False in callbacks, and inside shield and
/// cleanups. One load.
inline bool stop_requested() noexcept {
  const detail::loop* l = detail::current_loop;
  return l && l->running && l->running->stop_requested;
}

}  // namespace eddy
