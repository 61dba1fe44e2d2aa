// with_task_group and task_group: the ordinary way to run things side by side. A group ends when
// all its children have.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/detail/root.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>

namespace eddy {

class task_group;
namespace detail {
template <class F>
class group_awaiter;
/// From now on an exception of a child's is told to the runtime's on_error, and ends nothing else.
void keep_going(task_group&) noexcept;
}  // namespace detail

/// Given to the body of with_task_group. Its loop's thread only.
class task_group : detail::task_owner {
 public:
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// As eddy::spawn: the child does not run inside the call, callable and arguments are kept until
  /// it has ended. A child's exception always fails the group, joined or not. In a group that was
  /// cancelled it never begins.
  template <class F, class... A>
    requires(!detail::is_one_awaitable<F, A...>)
  [[gnu::always_inline]] auto spawn(F&& fn, A&&... args) {
    if constexpr (detail::begin_fault<F, A...> == detail::mistake::none) {
      return detail::spawn_in(in_group(*this), std::forward<F>(fn), std::forward<A>(args)...);
    } else {
      return detail::refuse<detail::begin_fault<F, A...>, F, A...>();
    }
  }
  template <class A>
    requires detail::is_one_awaitable<A>
  auto spawn(A&& aw) {
    if constexpr (!std::is_lvalue_reference_v<A>) {
      return detail::spawn_awaitable_in(in_group(*this), aw);
    } else {
      return detail::refuse<detail::mistake::awaited_lvalue, A>();
    }
  }

  /// A child that does not hold the group: when the body and all other children have ended it is
  /// cancelled, and waited for. Its exception fails the group as any child's.
  template <class F, class... A>
    requires(!detail::is_one_awaitable<F, A...>)
  auto spawn_background(F&& fn, A&&... args) {
    if constexpr (detail::begin_fault<F, A...> == detail::mistake::none) {
      return detail::spawn_in(in_background(*this), std::forward<F>(fn), std::forward<A>(args)...);
    } else {
      return detail::refuse<detail::begin_fault<F, A...>, F, A...>();
    }
  }
  template <class A>
    requires detail::is_one_awaitable<A>
  auto spawn_background(A&& aw) {
    if constexpr (!std::is_lvalue_reference_v<A>) {
      return detail::spawn_awaitable_in(in_background(*this), aw);
    } else {
      return detail::refuse<detail::mistake::awaited_lvalue, A>();
    }
  }

  class awaiter;
  class awaitable;
  /// Waits until no child is left (but those in the background).
  ///
  /// Result      void
  /// Errors      none: a child's exception comes out of the group
  /// Cancel      stops the body, in the same drain
  /// Lifetime    inside the group
  awaitable wait() noexcept;

  /// Asks the body and all children to stop. The group then returns in the ordinary way. Runs no
  /// user code.
  void cancel() noexcept;
  /// The children that have not ended, without those in the background.
  std::size_t size() const noexcept { return live; }

 protected:
  task_group() noexcept {
    task_owner::child_ended = &child_ended;
    background_.group = this;
    background_.child_ended = &background_child_ended;
  }
  /// (That it has ended stays written, for those who spawn into it all the same. An asm without an
  /// output is never left out.)
  ~task_group() { asm("" : : "m"(above_)); }

 private:
  template <class F>
  friend class detail::group_awaiter;
  friend void detail::keep_going(task_group&) noexcept;
  /// Where a child is spawned (coro/spawn.h: the same of the root group).
  struct in_group {
    explicit in_group(task_group& g) noexcept : group(g), background(g.above_->background) {}
    task_group& group;
    bool background;
    detail::loop* home_at_hand() const noexcept {
      return group.above_->home == detail::current_loop ? detail::current_loop : nullptr;
    }
    detail::loop& checked_home() const noexcept {
      detail::loop* home = group.above_->home;
      if (!home) has_ended();
      home->check_thread();
      return *home;
    }
    detail::task_owner& owner(detail::loop&) const noexcept { return group; }
    detail::sibling& ring(detail::loop&) const noexcept { return group.children; }
  };
  struct in_background : in_group {
    using in_group::in_group;
    detail::task_owner& owner(detail::loop&) const noexcept { return this->group.background_; }
  };
  /// The children in the background are counted apart. (They stand among the others: a cancel reaches
  /// all in the order in which they were started.)
  struct background_children : detail::task_owner {
    task_group* group = nullptr;
  };
  /// Stands above a group that has ended: a chain without a home.
  static detail::chain no_more;
  [[noreturn]] static void has_ended() noexcept;
  void ask_all(detail::ask_list& asked) noexcept;
  void fail(const std::exception_ptr& error) noexcept;
  static task_group& of(detail::task_owner& o) noexcept { return static_cast<task_group&>(o); }
  static void child_ended(detail::task_owner& owner, detail::spawned_base& child) noexcept;
  static void background_child_ended(detail::task_owner& owner,
                                     detail::spawned_base& child) noexcept;
  void end_background(void (*when_ended)(detail::task_owner&) noexcept) noexcept;
  static void wake_waiting(detail::task_owner& owner) noexcept;

  detail::chain* above_ = nullptr;     // the chain that awaits the group; `no_more`: it has ended
  detail::chain* body_ = nullptr;      // null: the body has ended
  bool stopped_from_outside_ = false;  // a child was
  bool keeps_going_ = false;           // a child's exception ends nothing else: it is reported
  bool ends_background_ = false;       // nothing else is left: what is in the background was asked
  std::exception_ptr error_;           // the first
  detail::work_list<> waiting_;
  background_children background_;
};

class task_group::awaiter : detail::linked_work, public detail::awaiter_tag {
 public:
  explicit awaiter(task_group& g) noexcept : group_(g) {}
  bool await_ready() const noexcept { return !group_.live && detail::may_take(); }
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!detail::enter(*this, h.promise(), wait_, where)) return;
    if (group_.live) {
      group_.waiting_.push(*this);
      if (!group_.all_ended) group_.await_all(&wake_waiting);
    } else {
      detail::make_ready(*this);
    }
  }
  void await_resume() const noexcept {}

 private:
  static const detail::wait_type wait_;
  task_group& group_;
};

class [[nodiscard]] task_group::awaitable {
 public:
  explicit awaitable(task_group& g) noexcept : group_(g) {}
  awaiter operator co_await() const noexcept { return awaiter(group_); }

 private:
  task_group& group_;
};

inline void detail::keep_going(task_group& g) noexcept {
  g.keeps_going_ = true;
}

inline task_group::awaitable task_group::wait() noexcept {
  return awaitable(*this);
}

namespace detail {

template <class F>
class group_awaiter : boundary {
 public:
  using body_task = std::invoke_result_t<F&, task_group&>;
  using T = task_value<body_task>;

  explicit group_awaiter(F& f) noexcept : make_(f) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    group_.self = this;
    group_.above_ = &above();
    group_.stopping = group_.background_.stopping = above().stop_requested;
    try {
      body_task body = make_(group_);
      body_.prepare(*this, waiter(), false);
      group_.body_ = &body_.inner;
      if (!body_.start(std::move(body))) return true;
      body_ended();
    } catch (...) {
      group_.fail(std::current_exception());  // of the callable itself
    }
    if (waits_for_children()) return true;
    if (stops()) [[unlikely]] {
      stop();
      return true;
    }
    return stays(group_.stopping);
  }
  T await_resume() {
    if (group_.error_) std::rethrow_exception(std::move(group_.error_));
    if constexpr (std::is_void_v<T>) {
      return;  // (its exception is the group's)
    } else {
      if (body_.out.how() == ending::stopped) throw stopped_error();  // by the group's own cancel()
      return body_.out.take();
    }
  }

 private:
  template <class, class, class>
  friend class branch_root;
  struct group_with_owner : task_group {
    group_awaiter* self = nullptr;
  };

  void body_ended() noexcept {
    group_.body_ = nullptr;
    if (body_.out.how() == ending::error) group_.fail(body_.out.error());
  }
  bool stops() const noexcept {
    return above().stop_requested && !group_.error_ &&
           (group_.stopped_from_outside_ || body_.out.how() == ending::stopped);
  }
  void ended(auto&) noexcept {
    body_ended();
    finish();
  }
  static group_awaiter& of(task_group& g) noexcept {
    return *static_cast<group_with_owner&>(g).self;
  }
  static void all_ended(task_owner& owner) noexcept {
    if (!task_group::of(owner).waiting_.empty()) [[unlikely]]
      task_group::wake_waiting(owner);
    of(task_group::of(owner)).finish();
  }
  static void background_ended(task_owner& owner) noexcept {
    of(*static_cast<task_group::background_children&>(owner).group).finish();
  }
  /// The body has ended. Of the children those in the background come last, and are asked to. False:
  /// the group has ended.
  bool waits_for_children() noexcept {
    if (group_.live) {
      group_.await_all(&all_ended);
      return true;
    }
    if (!group_.background_.live) [[likely]] {
      group_.above_ = &task_group::no_more;
      return false;
    }
    group_.end_background(&background_ended);
    return true;
  }
  void finish() noexcept {
    if (waits_for_children()) return;
    if (stops()) [[unlikely]] {
      stop();
    } else {
      deliver(group_.stopping);
    }
  }

  static group_awaiter& of(work& w) noexcept {
    return static_cast<group_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& asked) noexcept { of(w).group_.ask_all(asked); }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    const auto& g = static_cast<const group_awaiter&>(static_cast<const boundary&>(w)).group_;
    if (g.body_) f(x, *g.body_);
    for (const spawned_base* s = g.first(); s; s = g.after(*s)) f(x, *s);
  }
  static constexpr wait_type wait{wait_work, "with_task_group", &cancel, &visit};

  F& make_;
  group_with_owner group_;
  struct body_branch : task_branch<T, group_awaiter, body_branch> {};
  body_branch body_;
};

template <class F>
class [[nodiscard]] group_awaitable {
 public:
  explicit group_awaitable(F&& f) : body_(std::move(f)) {}
  group_awaiter<F> operator co_await() && noexcept { return group_awaiter<F>(body_); }

 private:
  F body_;
};

}  // namespace detail

/// Runs `body(group)` and what it spawns into the group; ends when body and all children have
/// ended. (The children outlive the body's locals: what they refer to must live outside.)
///
/// Result      the body's value
/// Errors      the first exception of the body or a child: the others are cancelled and waited for,
///             later exceptions are dropped. stopped_error where the group's own cancel() stopped a
///             body that gives a value
/// Cancel      reaches the body and all children; if one of them was stopped by it, the awaiting
///             task stops too
/// Lifetime    the body's callable is kept in the awaitable
template <class F>
auto with_task_group(F&& body) {
  constexpr bool is_body = detail::gives_a_task<std::decay_t<F>&, task_group&>;
  static_assert(is_body, "with_task_group: the body is a function (task_group&) that gives a task");
  if constexpr (is_body) {
    EDDY_SAFE_TEMPORARY(F);
    return detail::group_awaitable<std::decay_t<F>>(std::decay_t<F>(std::forward<F>(body)));
  } else {
    return detail::refused();
  }
}

}  // namespace eddy
