// spawn, spawn_background and join_handle: tasks that run beside others.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/callable.h>
#include <eddy/coro/detail/frame_pool.h>
#include <eddy/coro/detail/root.h>
#include <eddy/coro/task.h>

namespace eddy {

/// run() whose main was stopped; `co_await` of a stopped task's handle.
class stopped_error : public std::runtime_error {
 public:
  stopped_error() : std::runtime_error("the task was stopped") {}
};

namespace detail {

/// A spawned task that gives a T, without what began it. Its end is kept behind the base, in the
/// room in which callable and arguments were (they are gone by then).
template <class T>
struct spawned : spawned_base {
  using spawned_base::spawned_base;
  using stored = storable<T>;
  static_assert(alignof(stored) <= 16, "over-aligned results are not supported");

  void* room() noexcept {
    constexpr std::size_t align = alignof(stored) > alignof(std::exception_ptr)
                                      ? alignof(stored)
                                      : alignof(std::exception_ptr);
    constexpr std::size_t offset = (sizeof(spawned_base) + align - 1) / align * align;
    return reinterpret_cast<unsigned char*>(this) + offset;
  }
  stored& value() noexcept { return *std::launder(static_cast<stored*>(room())); }
  std::exception_ptr& error() noexcept {
    return *std::launder(static_cast<std::exception_ptr*>(room()));
  }
};

/// With the callable and its arguments: they live until the task has ended, so a lambda's captures
/// cannot dangle. The frame goes then too, with the arguments that live in it: whoever keeps the
/// handle keeps the result and nothing else.
template <class T, class F, class... A>
struct spawned_call final : spawned<T> {
  using value_type = T;
  using stored = typename spawned<T>::stored;
  struct content {
    template <class G, class... B>
    content(G&& f, B&&... a) noexcept(std::is_nothrow_constructible_v<F, G> &&
                                      (std::is_nothrow_constructible_v<A, B> && ...))
        : callable(std::forward<G>(f)), arguments(std::forward<B>(a)...) {}
    [[no_unique_address]] F callable;
    [[no_unique_address]] std::tuple<A...> arguments;
  };
  static_assert(alignof(content) <= 16, "over-aligned callables and arguments are not supported");
  union {
    content made_of;
    stored kept_value;
    std::exception_ptr kept_error;
  };

  template <class G, class... B>
  explicit spawned_call(G&& f, B&&... a) noexcept(std::is_nothrow_constructible_v<content, G, B...>)
      : spawned<T>(begin_type), made_of(std::forward<G>(f), std::forward<B>(a)...) {}
  ~spawned_call() {
    if constexpr (!std::is_trivially_destructible_v<stored>) {
      if (this->has_value()) std::destroy_at(&this->value());
    }
  }

  /// In a block of the frame pool. (Not by a class's own operator new: g++ 12 crashes over it at
  /// -O0.)
  template <class G, class... B>
  static spawned_call& make(void* block, G&& f, B&&... a) {
    if constexpr (std::is_nothrow_constructible_v<spawned_call, G, B...>)
      return *::new (block) spawned_call(std::forward<G>(f), std::forward<B>(a)...);
    try {
      return *::new (block) spawned_call(std::forward<G>(f), std::forward<B>(a)...);
    } catch (...) {
      frames().put(block, sizeof(spawned_call));
      throw;
    }
  }

  static spawned_call& of(work* w) noexcept {
    return static_cast<spawned_call&>(static_cast<chain&>(*w));
  }

  static void begin(work* w) noexcept {
    spawned_call& self = of(w);
    if (self.stop_requested) [[unlikely]] {
      self.finish_stopped();  // cancelled before it began: it never begins
      return;
    }
    self.home->running = &self;
    promise<T>* p = nullptr;
    try {
      task<T> t = detail::call_kept(self.made_of.callable, self.made_of.arguments);
      p = &t.release().promise();
    } catch (...) {
      self.finish_with_current_exception();
      return;
    }
    p->of = &self;
    std::coroutine_handle<promise<T>>::from_promise(*p).resume();
    if (p->end != ending::none) [[likely]] {
      self.finish(*p);
      return;
    }
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
    if (p->where.line() == 0) [[unlikely]]
      body_was_not_compiled();
#endif
    p->inline_start = false;
    self.type = &ended_type;
  }

  static void ended(work* w) noexcept {
    spawned_call& self = of(w);
    if (self.end == ending::stopped) {
      self.finish_stopped();  // its frames are gone
    } else {
      self.finish(static_cast<promise<T>&>(*self.ended_frame));
    }
  }

  /// The frame has ended: its end is moved here.
  void finish(promise<T>& p) noexcept {
    const auto frame = std::coroutine_handle<promise<T>>::from_promise(p);
    if (p.end == ending::error) [[unlikely]] {
      finish_with_error(p);
      return;
    }
    if constexpr (std::is_void_v<T>) {
      frame.destroy();
      made_of.~content();
      std::construct_at(static_cast<stored*>(this->room()));
    } else {
      if constexpr (std::is_nothrow_move_constructible_v<T>) {
        T value(std::move(p.value));
        frame.destroy();
        made_of.~content();
        std::construct_at(static_cast<stored*>(this->room()), std::move(value));
      } else {
        std::optional<T> value;
        std::exception_ptr e;
        try {
          value.emplace(std::move(p.value));
        } catch (...) {
          e = std::current_exception();
        }
        frame.destroy();
        if (e) {
          made_of.~content();
          keep_error(std::move(e));
          return;
        }
        made_of.~content();
        try {
          std::construct_at(static_cast<stored*>(this->room()), std::move(*value));
        } catch (...) {
          keep_error(std::current_exception());
          return;
        }
      }
    }
    this->end = ending::value;
    this->has_ended();
  }
  // The other ends are functions of their own, so that the common one saves fewer registers.
  [[gnu::noinline]] void finish_with_error(promise<T>& p) noexcept {
    std::exception_ptr e = std::move(p.error);
    const std::source_location where = this->home->place_of_error(&p);
    this->home->on_its_way = &e;
    std::coroutine_handle<promise<T>>::from_promise(p).destroy();
    made_of.~content();
    this->home->on_its_way = nullptr;
    keep_error(std::move(e), where);
  }
  [[gnu::noinline]] void finish_with_current_exception() noexcept {
    made_of.~content();
    keep_error(std::current_exception());
  }
  [[gnu::noinline]] void finish_stopped() noexcept {
    made_of.~content();
    this->end = ending::stopped;
    this->has_ended();
  }
  void keep_error(std::exception_ptr e, const std::source_location& where = {}) noexcept {
    this->home->note_error(nullptr, where);
    std::construct_at(static_cast<std::exception_ptr*>(this->room()), std::move(e));
    this->end = ending::error;
    this->has_ended();
  }

  static void free(spawned_base& s) noexcept {
    auto* self = &static_cast<spawned_call&>(s);
    std::destroy_at(self);
    frames().put(self, sizeof(spawned_call));
  }
  static std::exception_ptr& error_of(spawned_base& s) noexcept {
    return static_cast<spawned_call&>(s).error();
  }
  static bool in_background(const work* w) noexcept {
    return static_cast<const chain*>(w)->background;
  }
  static constexpr root_type begin_type{{&begin, &in_background}, &free, &error_of};
  static constexpr root_type ended_type{{&ended, &in_background}, &free, &error_of};
};

/// Links a made task to its owner and puts it in the microtask queue.
template <class S>
S& begin_spawned(S& s, task_owner& owner, sibling& ring, loop& l, bool in_background) noexcept {
  s.home = &l;
  s.background = in_background;
  s.stop_requested = owner.stopping;
  s.link(owner, ring);
  l.make_ready(s);
  return s;
}

template <class T>
class join_awaiter_base : protected linked_work, public awaiter_tag {
 public:
  explicit join_awaiter_base(spawned<T>& s) noexcept : linked_work(unset_t()), spawned_(s) {
    ++s.references;
  }
  ~join_awaiter_base() {
    if (--spawned_.references == 0) [[unlikely]]
      spawned_.last_is_gone();
  }
  bool await_ready() const noexcept { return !spawned_.owner && may_take(); }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    if (!enter(*this, h.promise(), wait, where)) return;
    if (spawned_.owner) {
      if (spawned_.home == current_loop) [[likely]] {
        spawned_.add_joiner(*this);
      } else {
        spawned_.add_joiner_of_another_runtime(*this);
      }
    } else {
      make_ready(*this);  // the budget is spent
    }
  }

 protected:
  spawned<T>& spawned_;

 private:
  static void cancel(work& w, ask_list&) noexcept {
    auto& self = static_cast<join_awaiter_base&>(static_cast<linked_work&>(w));
    if (!self.spawned_.owner) {
      stop_ready(self);
    } else if (!is_stopped(self)) {
      self.spawned_.remove_joiner(self);
      make_stopped(self);
    }
  }
  static constexpr wait_type wait{wait_work, "join", &cancel, nullptr};
};

/// It has ended otherwise (throws: with that it is joined), or its value was taken before (aborts).
[[noreturn]] void no_value(spawned_base&);

/// The end of a joined task, as a value or an exception.
template <class T>
T take_end(spawned<T>& s) {
  if (s.end != ending::value) [[unlikely]]
    no_value(s);
  if constexpr (!std::is_void_v<T>) {
    s.end = ending::taken;
    return std::move(s.value());
  }
}

}  // namespace detail

/// How a joined task ended: with a value, an exception, or stopped.
template <class T>
class [[nodiscard]] join_result {
 public:
  explicit join_result(detail::spawned<T>& s) noexcept : spawned_(&s) { ++s.references; }
  join_result(join_result&& other) noexcept : spawned_(std::exchange(other.spawned_, nullptr)) {}
  join_result& operator=(join_result&& other) noexcept {
    join_result taken(std::move(other));
    std::swap(spawned_, taken.spawned_);
    return *this;
  }
  ~join_result() {
    if (spawned_) spawned_->release();
  }

  bool has_value() const noexcept { return spawned_->has_value(); }
  bool stopped() const noexcept { return spawned_->end == detail::ending::stopped; }
  /// Null where it did not end with one.
  std::exception_ptr exception() const noexcept {
    return spawned_->has_error() ? spawned_->error() : nullptr;
  }
  /// The value, moved out (for all handles and results of the task together: once, a second time
  /// aborts). Rethrows an exception; throws stopped_error where the task was stopped.
  T value() { return detail::take_end(*spawned_); }

 private:
  detail::spawned<T>* spawned_;
};

/// A spawned task. Dropping the handle lets the task go on; an exception that nobody joins then
/// ends the run (rule 16). Copies name the same task. Its loop's thread only.
template <class T>
class join_handle {
 public:
  using value_type = T;
  // Takes over one reference.
  explicit join_handle(detail::spawned<T>& s) noexcept : spawned_(&s) {}
  join_handle(const join_handle& other) noexcept : spawned_(other.spawned_) {
    if (spawned_) ++spawned_->references;
  }
  join_handle(join_handle&& other) noexcept : spawned_(std::exchange(other.spawned_, nullptr)) {}
  join_handle& operator=(join_handle other) noexcept {
    std::swap(spawned_, other.spawned_);
    return *this;
  }
  ~join_handle() {
    if (spawned_) spawned_->release();
  }

  /// (the awaiter of `co_await handle`)
  class value_awaiter : public detail::join_awaiter_base<T> {
   public:
    using detail::join_awaiter_base<T>::join_awaiter_base;
    T await_resume() { return detail::take_end(this->spawned_); }
  };
  /// (the awaiter of `co_await handle.join()`)
  class join_awaiter : public detail::join_awaiter_base<T> {
   public:
    using detail::join_awaiter_base<T>::join_awaiter_base;
    join_result<T> await_resume() noexcept {
      this->spawned_.has_been_told();
      return join_result<T>(this->spawned_);
    }
  };
  /// (movable; holds the task until it is awaited)
  class [[nodiscard]] join_awaitable {
   public:
    explicit join_awaitable(const join_handle& h) noexcept : handle_(h) {}
    join_awaiter operator co_await() const noexcept { return join_awaiter(handle_.state()); }

   private:
    join_handle handle_;
  };

  /// Waits until the task has ended.
  ///
  /// Result      T, moved out (a second time: aborts)
  /// Errors      the task's exception is rethrown, to each who joins; stopped_error if the task was
  ///             stopped
  /// Cancel      stops the awaiting task; the joined one goes on
  /// Lifetime    the handle may go while it is awaited
  value_awaiter operator co_await() const noexcept { return value_awaiter(state()); }

  /// Waits until the task has ended.
  ///
  /// Result      join_result<T>: value, exception or stopped
  /// Errors      none of its own
  /// Cancel      stops the awaiting task; the joined one goes on
  /// Lifetime    the handle may go while it is awaited
  join_awaitable join() const noexcept { return join_awaitable(*this); }

  /// Asks the task to stop; runs no user code. Harmless when it has ended.
  void cancel() const noexcept {
    detail::spawned<T>& s = state();
    if (!s.owner) return;
    if (s.home != detail::current_loop) s.home->check_thread();
    detail::request_stop(s);
  }
  bool done() const noexcept { return !state().owner; }

  /// For the library.
  detail::spawned<T>& state() const noexcept {
    if (!spawned_) detail::misuse("a join_handle is used after it was moved from");
    return *spawned_;
  }

 private:
  detail::spawned<T>* spawned_;
};

namespace detail {

/// A task around any awaitable of ours: for spawning it.
template <class A>
task<std::remove_cvref_t<raw_result_of<A>>> awaiting(A a) {
  co_return co_await std::move(a);
}

template <class F, class... A>
using spawned_by = spawned_call<task_value<std::invoke_result_t<F&, A...>>, F, A...>;

// `Where` says where a task is spawned: home_at_hand() gives the loop in the common case (null:
// another), checked_home() in each or aborts; owner(loop), ring(loop) and background are the task's.

/// In the root group.
struct in_root {
  bool background;
  loop* home_at_hand() const noexcept {
    loop* l = current_loop;
    return l && l->tasks ? l : nullptr;
  }
  loop& checked_home() const {
    loop& l = need_loop();
    root::of(l);  // made with the first task
    return l;
  }
  static task_owner& owner(loop& l) noexcept { return static_cast<root&>(*l.tasks).children; }
  static sibling& ring(loop& l) noexcept { return owner(l).children; }
};

/// (Out of the way of the common case, which then makes no call, and saves no register.)
template <class Where, class F, class... A>
[[gnu::noinline]] auto& spawn_with_checks(Where where, F&& fn, A&&... args) {
  using S = spawned_by<std::decay_t<F>, std::decay_t<A>...>;
  loop& l = where.checked_home();
  return begin_spawned(
      S::make(frames().get(sizeof(S)), std::forward<F>(fn), std::forward<A>(args)...),
      where.owner(l), where.ring(l), l, where.background);
}

template <class Where, class F, class... A>
[[gnu::always_inline]] inline auto spawn_in(Where where, F&& fn, A&&... args) {
  using S = spawned_by<std::decay_t<F>, std::decay_t<A>...>;
  using handle = join_handle<typename S::value_type>;
  if (loop* l = where.home_at_hand()) [[likely]] {
    if (void* block = frames().take(sizeof(S))) [[likely]]
      return handle(begin_spawned(S::make(block, std::forward<F>(fn), std::forward<A>(args)...),
                                  where.owner(*l), where.ring(*l), *l, where.background));
  }
  return handle(spawn_with_checks(where, std::forward<F>(fn), std::forward<A>(args)...));
}

/// For spawn(aw): a callable that gives the task, once.
template <class Where, class A>
auto spawn_awaitable_in(Where where, A& a) {
  if constexpr (is_task<A>::value) {
    return spawn_in(where, [](A t) EDDY_CORO_WRAPPER_LAMBDA { return t; }, std::move(a));
  } else {
    return spawn_in(where, &awaiting<A>, std::move(a));
  }
}

/// Is it one awaitable of ours, as passed? (All else is a callable with its arguments.)
template <class F, class... A>
inline constexpr bool is_one_awaitable = sizeof...(A) == 0 && our_awaitable<std::remove_cvref_t<F>>;

}  // namespace detail

/// Runs `fn(args...)`, a task, beside others; it belongs to the root group, and holds the loop
/// until it has ended. The callable and its arguments are kept until then, by value, so that a
/// lambda's captures cannot dangle: what is to be referred to is passed by std::ref. The child does
/// not run inside the call. Throws std::bad_alloc, and what copying or moving the arguments throws.
template <class F, class... A>
  requires(!detail::is_one_awaitable<F, A...>)
[[gnu::always_inline]] inline auto spawn(F&& fn, A&&... args) {
  if constexpr (detail::begin_fault<F, A...> == detail::mistake::none) {
    return detail::spawn_in(detail::in_root{false}, std::forward<F>(fn), std::forward<A>(args)...);
  } else {
    return detail::refuse<detail::begin_fault<F, A...>, F, A...>();
  }
}

/// The same for a task or any other awaitable of ours.
template <class A>
  requires detail::is_one_awaitable<A>
auto spawn(A&& aw) {
  if constexpr (!std::is_lvalue_reference_v<A>) {
    return detail::spawn_awaitable_in(detail::in_root{false}, aw);
  } else {
    return detail::refuse<detail::mistake::awaited_lvalue, A>();
  }
}

/// A task that does not hold the loop: at the end of the run it is cancelled and waited for.
template <class F, class... A>
  requires(!detail::is_one_awaitable<F, A...>)
auto spawn_background(F&& fn, A&&... args) {
  if constexpr (detail::begin_fault<F, A...> == detail::mistake::none) {
    auto handle =
        detail::spawn_in(detail::in_root{true}, std::forward<F>(fn), std::forward<A>(args)...);
    detail::root::of(detail::need_loop()).background_began();
    return handle;
  } else {
    return detail::refuse<detail::begin_fault<F, A...>, F, A...>();
  }
}

template <class A>
  requires detail::is_one_awaitable<A>
auto spawn_background(A&& aw) {
  if constexpr (!std::is_lvalue_reference_v<A>) {
    auto handle = detail::spawn_awaitable_in(detail::in_root{true}, aw);
    detail::root::of(detail::need_loop()).background_began();
    return handle;
  } else {
    return detail::refuse<detail::mistake::awaited_lvalue, A>();
  }
}

}  // namespace eddy
