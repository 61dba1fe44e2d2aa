// Boundaries: awaiters that hold inner chains and turn their ends into a value. A branch is the
// root of one inner chain, embedded in its boundary: no allocation for a scope. Not an interface
// for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>

namespace eddy::detail {

template <class A>
using raw_result_of = decltype(std::declval<awaiter_of<A>&>().await_resume());
/// What can be kept of a result: void is std::monostate, and a reference becomes a value.
template <class R>
using storable = std::conditional_t<std::is_void_v<R>, std::monostate, std::remove_cvref_t<R>>;
template <class A>
using result_of = storable<raw_result_of<A>>;

/// What is kept of a result that is passed on as it is: of a reference, where it leads.
template <class R>
using passed_on =
    std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, storable<R>>;

/// How something ended, and with what.
template <class R>
class outcome {
 public:
  outcome() noexcept {}
  outcome(const outcome&) = delete;
  outcome& operator=(const outcome&) = delete;
  ~outcome() { reset(); }

  ending how() const noexcept { return how_; }
  R& value() noexcept { return value_; }
  const std::exception_ptr& error() const noexcept { return error_; }

  template <class... U>
  void set_value(U&&... u) {
    std::construct_at(std::addressof(value_), std::forward<U>(u)...);
    how_ = ending::value;
  }
  void set_error(std::exception_ptr e) noexcept {
    reset();
    std::construct_at(std::addressof(error_), std::move(e));
    how_ = ending::error;
  }
  void set_stopped() noexcept {
    reset();
    how_ = ending::stopped;
  }
  /// The value, moved out; rethrows an exception.
  R take() {
    if (how_ == ending::error) std::rethrow_exception(error_);
    return std::move(value_);  // NOLINT(clang-analyzer-core.uninitialized.UndefReturn): it is set
  }

 private:
  void reset() noexcept {
    if (how_ == ending::value) {
      std::destroy_at(std::addressof(value_));
    } else if (how_ == ending::error) {
      std::destroy_at(std::addressof(error_));
    }
    how_ = ending::none;
  }
  ending how_ = ending::none;
  union {
    R value_;
    std::exception_ptr error_;
  };
};

/// The result as it was; rethrows an exception.
template <class R>
R pass_on(outcome<passed_on<R>>& out) {
  if constexpr (std::is_void_v<R>) {
    out.take();
  } else if constexpr (std::is_reference_v<R>) {
    return static_cast<R>(*out.take());
  } else {
    return out.take();
  }
}

/// The end of a task's frame that has ended, moved out; the frame goes.
template <class T>
void take_end_of(promise<T>& p, outcome<storable<T>>& out) noexcept {
  if (p.end == ending::error) {
    out.set_error(std::move(p.error));
  } else if constexpr (std::is_void_v<T>) {
    out.set_value();
  } else {
    try {
      out.set_value(std::move(p.value));
    } catch (...) {
      out.set_error(std::current_exception());
    }
  }
  const auto frame = std::coroutine_handle<promise<T>>::from_promise(p);
  if (out.how() == ending::error) [[unlikely]] {
    current_loop->on_its_way = &out.error();
    frame.destroy();
    current_loop->on_its_way = nullptr;
  } else {
    frame.destroy();
  }
}

/// A hand-written coroutine frame: `resume` means "what you await has its result", `destroy` "it
/// was stopped".
struct hand_written_frame {
  hand_written_frame(void (*on_resume)(void*), void (*on_destroy)(void*)) noexcept
      : resume(on_resume), destroy(on_destroy) {}
  void (*resume)(void*);
  void (*destroy)(void*);
  promise_base promise;
};
static_assert(offsetof(hand_written_frame, promise) == 2 * sizeof(void*));

/// What a boundary does towards the chain above it, always at the base.
struct boundary : work, awaiter_tag {
  boundary() noexcept : work(unset_t()) {}
  bool await_ready() const noexcept { return false; }

  promise_base& waiter() const noexcept { return waiter_of(*this); }
  chain& above() const noexcept { return *waiter().of; }
  /// A boundary enters even in a stopping chain: its bodies see the request at their own leaves.
  void enter_boundary(promise_base& p, const wait_type& wait, std::source_location where) noexcept {
    p.where = where;
    type = &wait;
    context = &p;
    p.of->leaf = this;
  }
  void leave() noexcept { above().leaf = nullptr; }
  /// Goes on above. `after_stop`: a chain below was asked to stop.
  void deliver(bool after_stop) noexcept {
    if (queues(after_stop)) return;
    leave();
    resume_next(waiter());
  }
  /// The same in await_suspend, where all has ended at once. True: it stays suspended.
  bool stays(bool after_stop) noexcept {
    if (queues(after_stop)) return true;
    leave();
    return false;
  }
  void stop() noexcept {
    leave();
    unwind_next(waiter());
  }

 private:
  /// What goes on after a stop, or in a chain that is stopping, is a microtask (nothing there waits
  /// for anything, so a loop around it would hold up the loop for ever): with the budget spent it
  /// queues.
  bool queues(bool after_stop) noexcept {
    if (!(after_stop || above().stop_requested)) [[likely]]
      return false;
    if (current_loop->charge()) return false;
    current_loop->make_ready(*this);
    return true;
  }
};

/// The root of an inner chain, embedded in its boundary. Host: the boundary; its `ended(branch&)` is
/// called at the base when the chain has ended after start() had returned false.
template <class Host, class Branch, class R>
class branch_root {
 public:
  branch_root() noexcept : inner(unset_t()) {}
  branch_root(const branch_root&) = delete;
  branch_root& operator=(const branch_root&) = delete;

  chain inner;
  outcome<R> out;

  /// `shielded`: does not see a request that reaches the chain above (a forced one it does).
  void prepare(Host& host, const promise_base& at, bool shielded) noexcept {
    const chain& outer = *at.of;
    host_ = &host;
    inner.home = outer.home;
    inner.background = outer.background;
    inner.forced = outer.forced;
    inner.stop_requested = outer.forced || (outer.stop_requested && !shielded);
    inner.type = &ended_work;
    inner.context = static_cast<Branch*>(this);
  }

  /// Begins at the base, unless the host has been decided before its turn comes; host.ended is
  /// called in any case.
  void start_at_base() noexcept {
    inner.type = &begin_work;
    at_base(inner);
  }

 protected:
  /// What runs below start() belongs to the inner chain.
  struct now_running {
    loop& l;
    chain* before;
    explicit now_running(chain& c) noexcept
        : l(*c.home), before(std::exchange(c.home->running, &c)) {}
    ~now_running() { l.running = before; }
  };

 private:
  static Branch& of(work* w) noexcept { return *static_cast<Branch*>(w->context); }
  static void ended(work* w) noexcept {
    Branch& b = of(w);
    if (b.inner.end == ending::stopped) {
      b.out.set_stopped();
    } else {
      b.collect();
    }
    b.host_->ended(b);
  }
  static void begin(work* w) noexcept {
    Branch& b = of(w);
    b.inner.type = &ended_work;
    if constexpr (requires(Host& h) { h.is_decided(); }) {
      if (b.host_->is_decided()) {
        b.inner.end = ending::stopped;
        b.out.set_stopped();
        b.host_->ended(b);
        return;
      }
    }
    if (b.start()) b.host_->ended(b);
  }
  static constexpr work_type begin_work{&begin, nullptr};
  static constexpr work_type ended_work{&ended, nullptr};

  Host* host_;
};

/// How an `A` is awaited in a frame of ours.
template <class A>
struct awaiter_in_frame {
  using type = foreign_awaiter<A>;
  static type make(A&& a) { return type(static_cast<A&&>(a)); }
};
template <our_awaitable A>
struct awaiter_in_frame<A> {
  using type = awaiter_of<A>;
  static type make(A&& a) { return get_awaiter(static_cast<A&&>(a)); }
};

/// A branch that awaits an `A` (an rvalue- or lvalue-reference type): a hand-written frame stands
/// for its outermost. AsItIs: a reference is passed on; else its value is kept.
template <class A, class Host, bool AsItIs = false>
class branch
    : public branch_root<Host, branch<A, Host, AsItIs>,
                         std::conditional_t<AsItIs, passed_on<raw_result_of<A>>, result_of<A>>> {
 public:
  using awaiter_type = typename awaiter_in_frame<A>::type;
  using raw = raw_result_of<A>;

  explicit branch(A source) noexcept : source_(static_cast<A>(source)) {}
  ~branch() {}

  void prepare(Host& host, const promise_base& at, bool shielded) noexcept {
    branch::branch_root::prepare(host, at, shielded);
    frame_.promise.of = &this->inner;
    frame_.promise.where = at.where;
  }

  /// Begins, as a call. True: it has ended already; host.ended is then not called.
  bool start() noexcept {
    const typename branch::now_running running(this->inner);
    try {
      if constexpr (made)
        new (static_cast<void*>(&awaiter_))
            awaiter_type(awaiter_in_frame<A>::make(static_cast<A>(source_)));
      started_ = true;
      if (!awaiter().await_ready()) {
        const auto h = std::coroutine_handle<promise_base>::from_promise(frame_.promise);
        using answer = decltype(awaiter().await_suspend(h, frame_.promise.where));
        if constexpr (std::is_void_v<answer>) {
          awaiter().await_suspend(h, frame_.promise.where);
          return false;
        } else {
          if (awaiter().await_suspend(h, frame_.promise.where)) return false;
        }
      }
    } catch (...) {
      this->out.set_error(std::current_exception());
      drop_awaiter();
      this->inner.end = ending::error;
      return true;
    }
    take_result();
    return true;
  }

 private:
  friend class branch::branch_root;
  static constexpr bool made = !std::is_reference_v<awaiter_type>;

  static branch& of_frame(void* frame) noexcept {
    auto* f = static_cast<hand_written_frame*>(frame);
    return *static_cast<branch*>(f->promise.of->context);
  }
  auto& awaiter() noexcept {
    if constexpr (made) {
      return awaiter_;
    } else {
      return source_;
    }
  }
  void drop_awaiter() noexcept {
    if constexpr (made) {
      if (std::exchange(started_, false)) awaiter_.~awaiter_type();
    }
  }
  void take_result() noexcept {
    try {
      if constexpr (std::is_void_v<raw>) {
        awaiter().await_resume();
        this->out.set_value();
      } else if constexpr (AsItIs && std::is_reference_v<raw>) {
        auto&& leads_to = awaiter().await_resume();
        this->out.set_value(std::addressof(leads_to));
      } else {
        this->out.set_value(awaiter().await_resume());
      }
    } catch (...) {
      this->out.set_error(std::current_exception());
    }
    this->inner.end = this->out.how();
    drop_awaiter();
  }
  /// (The frame has taken it when it was resumed.)
  void collect() noexcept {}
  void finish() noexcept {
    take_result();
    at_base(this->inner);
  }

  hand_written_frame frame_{[](void* p) { of_frame(p).finish(); },
                            [](void* p) { of_frame(p).drop_awaiter(); }};
  bool started_ = false;
  A source_;
  union {
    std::conditional_t<made, awaiter_type, char> awaiter_;
  };
};

/// A branch that is a task: the task's own frame is the outermost.
template <class T, class Host, class Branch>
class task_branch : public branch_root<Host, Branch, storable<T>> {
 public:
  /// As branch::start.
  bool start(task<T>&& body) noexcept {
    promise<T>& p = body.release().promise();
    p.of = &this->inner;
    const typename task_branch::now_running running(this->inner);
    if (!start_nested(p, std::coroutine_handle<promise<T>>::from_promise(p))) return false;
    take_result(p);
    return true;
  }

 private:
  friend class task_branch::branch_root;
  void take_result(promise<T>& p) noexcept {
    take_end_of(p, this->out);
    this->inner.end = this->out.how();
  }
  void collect() noexcept { take_result(static_cast<promise<T>&>(*this->inner.ended_frame)); }
};
template <class A, class Host, bool AsItIs>
  requires is_task<std::remove_reference_t<A>>::value
class branch<A, Host, AsItIs> : public task_branch<task_value<A>, Host, branch<A, Host, AsItIs>> {
 public:
  explicit branch(A source) noexcept : source_(static_cast<A>(source)) {}
  bool start() noexcept { return branch::task_branch::start(static_cast<A>(source_)); }

 private:
  A source_;
};

/// A boundary around one awaitable: what catch_stopped, ok, shield, finally and with_timeout have in
/// common. `Self` is the awaiter; it has `name`, `ended` (as a branch's host), and redefines what of
/// the rest is different with it.
template <class Self, class A, bool AsItIs = false>
class scope : protected boundary {
 public:
  explicit scope(A a) noexcept : body_(static_cast<A>(a)) {}
  using boundary::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  bool await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    self().template entered<P>();
    body_.prepare(self(), waiter(), Self::shielded);
    if (body_.start()) return self().stays_after_start();
    self().suspended();
    return true;
  }

 protected:
  static constexpr bool shielded = false;
  template <class P>
  void entered() noexcept {}
  /// The body has ended at once. True: the task stays suspended all the same.
  bool stays_after_start() noexcept { return stays(body_.inner.stop_requested); }
  void suspended() noexcept {}
  void ask(ask_list& asked) noexcept { asked.ask(body_.inner); }
  const chain& below() const noexcept { return body_.inner; }

  void stop_or_deliver(bool stops) noexcept {
    if (stops) {
      stop();
    } else {
      deliver(body_.inner.stop_requested);
    }
  }
  branch<A, Self, AsItIs> body_;

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
  static void cancel(work& w, ask_list& asked) noexcept {
    static_cast<scope&>(static_cast<boundary&>(w)).self().ask(asked);
  }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    const auto& s = static_cast<const scope&>(static_cast<const boundary&>(w));
    f(x, static_cast<const Self&>(s).below());
  }
  static constexpr wait_type wait{wait_work, Self::name, &cancel, &visit};
};

/// What the functions around an awaitable return: keeps it, and what else the awaiter is made of,
/// until it is awaited, once.
template <template <class...> class Awaiter, class A, class... Extra>
class [[nodiscard]] scope_awaitable {
 public:
  explicit scope_awaitable(A&& a, Extra... extra)
      : awaited_(std::forward<A>(a)), extra_(std::move(extra)...) {}
  Awaiter<A&&, Extra...> operator co_await() && noexcept {
    return std::apply(
        [this](Extra&... extra) {
          return Awaiter<A&&, Extra...>(static_cast<A&&>(awaited_), extra...);
        },
        extra_);
  }

 private:
  A awaited_;
  [[no_unique_address]] std::tuple<Extra...> extra_;
};

}  // namespace eddy::detail
