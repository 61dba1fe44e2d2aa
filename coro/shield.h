// shield and finally: what runs to its end whatever happens around it.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <optional>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/callable.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>

namespace eddy {

namespace detail {

template <class A>
class shield_awaiter : public scope<shield_awaiter<A>, A, true> {
 public:
  using scope<shield_awaiter, A, true>::scope;
  raw_result_of<A> await_resume() { return pass_on<raw_result_of<A>>(this->body_.out); }

 private:
  template <class, class, class>
  friend class branch_root;
  template <class, class, bool>
  friend class scope;
  static constexpr const char* name = "shield";
  static constexpr bool shielded = true;
  void ask(ask_list& asked) noexcept {
    if (asked.forced()) asked.ask(this->body_.inner);
  }
  void ended(auto&) noexcept {
    // (only the end of everything reaches in here)
    this->stop_or_deliver(this->body_.out.how() == ending::stopped);
  }
};

template <class A, class F>
class finally_awaiter : public scope<finally_awaiter<A, F>, A, true> {
 public:
  using cleanup_task = task<>;

  finally_awaiter(A a, F& f) noexcept
      : scope<finally_awaiter, A, true>(static_cast<A>(a)), make_(f) {}
  raw_result_of<A> await_resume() { return pass_on<raw_result_of<A>>(this->body_.out); }

 private:
  template <class, class, class>
  friend class branch_root;
  template <class, class, bool>
  friend class scope;
  static constexpr const char* name = "finally";
  struct running_as_none {
    loop& l;
    chain* before;
    explicit running_as_none(loop& home) noexcept
        : l(home), before(std::exchange(home.running, nullptr)) {}
    ~running_as_none() { l.running = before; }
  };
  /// True: it has ended at once.
  bool start_cleanup() noexcept {
    if (this->above().home->is_abandoned()) return true;
    try {
      // stop_requested() is false in the callable, too.
      const running_as_none no_task(*this->above().home);
      cleanup_.emplace(make_());
    } catch (...) {
      if (this->body_.out.how() != ending::error)
        this->body_.out.set_error(std::current_exception());
      return true;
    }
    last_.emplace(static_cast<cleanup_task&&>(*cleanup_));
    last_->prepare(*this, this->waiter(), true);
    return last_->start();
  }
  /// The cleanup's exception replaces a value or a stop, not an earlier exception; its (forced)
  /// stop replaces a value.
  void settle_ends() noexcept {
    if (!last_ || this->body_.out.how() == ending::error) return;
    if (last_->out.how() == ending::error) {
      this->body_.out.set_error(last_->out.error());
    } else if (last_->out.how() == ending::stopped) {
      this->body_.out.set_stopped();
    }
  }
  bool stays_after_start() noexcept {
    if (!start_cleanup()) return true;
    settle_ends();
    if (this->body_.out.how() == ending::stopped) {
      this->stop();
      return true;
    }
    return this->stays(this->body_.inner.stop_requested);
  }
  void ended(auto& which) noexcept {
    if (static_cast<void*>(&which) == static_cast<void*>(&this->body_) && !start_cleanup()) return;
    settle_ends();
    this->stop_or_deliver(this->body_.out.how() == ending::stopped);
  }
  void ask(ask_list& asked) noexcept {
    if (!last_) {
      asked.ask(this->body_.inner);
    } else if (asked.forced()) {
      asked.ask(last_->inner);
    }
  }
  const chain& below() const noexcept { return last_ ? last_->inner : this->body_.inner; }

  F& make_;
  std::optional<cleanup_task> cleanup_;
  std::optional<branch<cleanup_task&&, finally_awaiter>> last_;
};

}  // namespace detail

/// Awaits `aw` out of reach of cancels (but of a deadlock's): stop_requested() is false inside,
/// outer deadlines do not end it.
///
/// Result      R
/// Errors      exceptions pass
/// Cancel      does not reach in; the task stops at its next suspension afterwards
/// Lifetime    `aw` is kept in the awaitable
template <detail::awaitable A>
auto shield(A&& aw) {
  EDDY_SAFE_TEMPORARY(A);
  return detail::scope_awaitable<detail::shield_awaiter, A>(std::forward<A>(aw));
}

/// Awaits `aw`, and then, on every way out (a value, an exception, stopped), the task `cleanup()`
/// gives, however long it takes; itself it is not cancelled.
///
/// Result      R
/// Errors      `aw`'s exception; else the cleanup's, in the place of a value or a stop. (An
///             exception of the cleanup after one of `aw` is dropped)
/// Cancel      reaches `aw`, not the cleanup
/// Lifetime    both are kept in the awaitable
template <detail::awaitable A, class F>
auto finally(A&& aw, F&& cleanup) {
  constexpr bool is_cleanup = std::is_invocable_r_v<task<>, std::decay_t<F>&>;
  static_assert(is_cleanup, "finally: the cleanup is a function () that gives a task<void>");
  if constexpr (is_cleanup) {
    EDDY_SAFE_TEMPORARY(A);
    EDDY_SAFE_TEMPORARY(F);
    return detail::scope_awaitable<detail::finally_awaiter, A, std::decay_t<F>>(
        std::forward<A>(aw), std::decay_t<F>(std::forward<F>(cleanup)));
  } else {
    return detail::refused();
  }
}

/// Has the task that runs now been asked to stop? False in callbacks, and inside shield and
/// cleanups. One load.
inline bool stop_requested() noexcept {
  const detail::loop* l = detail::current_loop;
  return l && l->running && l->running->stop_requested;
}

}  // namespace eddy
