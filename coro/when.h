// when_all and when_any: several at once.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy {

namespace detail {

enum class when { all, any };

/// What all of these have in common: how many branches are left, whether it has been decided, the
/// first exception.
struct when_boundary : boundary {
  std::size_t left = 0;
  bool decided = false;  // the rest is not started, or was asked to end
  bool asked = false;    // by a cancel from outside: the rest is not started
  std::exception_ptr error;
  bool is_decided() const noexcept { return decided || asked; }
};

template <when Which, class... A>
class when_awaiter : when_boundary {
 public:
  explicit when_awaiter(A... a) noexcept : branches_(static_cast<A>(a)...) { left = sizeof...(A); }
  bool await_ready() const noexcept { return sizeof...(A) == 0; }
  friend awaiter_tag;

  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    std::apply([this](auto&... b) { (b.prepare(*this, waiter(), false), ...); }, branches_);
    start(std::make_index_sequence<sizeof...(A)>());
  }
  auto await_resume() {
    if (error) std::rethrow_exception(std::move(error));
    return std::apply(
        [](auto&... b) {
          if constexpr (Which == when::any) {
            return std::tuple<std::optional<result_of<A>>...>(optional_of(b.out)...);
          } else {
            return std::tuple<result_of<A>...>(std::move(b.out.value())...);
          }
        },
        branches_);
  }

 private:
  template <class, class, class>
  friend class branch_root;
  /// Branches start as calls, in order: the base takes the last in first.
  template <std::size_t... I>
  void start(std::index_sequence<I...>) noexcept {
    (std::get<sizeof...(A) - 1 - I>(branches_).start_at_base(), ...);
  }
  template <class R>
  static std::optional<R> optional_of(outcome<R>& out) {
    std::optional<R> r;
    if (out.how() == ending::value) r.emplace(std::move(out.value()));
    return r;
  }
  void ask_all(ask_list& list) noexcept {
    std::apply([&list](auto&... b) { (list.ask(b.inner), ...); }, branches_);
  }
  void ended(auto& b) noexcept {
    const ending how = b.out.how();
    if (how == ending::error && !error) error = b.out.error();
    if (!decided && (how == ending::error || (Which == when::any && how == ending::value))) {
      decided = true;
      ask_list list(false);
      ask_all(list);
      list.run();
    }
    if (--left) return;
    const bool all =
        std::apply([](auto&... x) { return (... && (x.out.how() == ending::value)); }, branches_);
    if (error || (Which == when::any ? decided : all)) {
      deliver(is_decided());
    } else {
      stop();
    }
  }
  static when_awaiter& of(work& w) noexcept {
    return static_cast<when_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& list) noexcept {
    of(w).asked = true;
    of(w).ask_all(list);
  }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    std::apply([&](auto&... b) { (f(x, b.inner), ...); },
               static_cast<const when_awaiter&>(static_cast<const boundary&>(w)).branches_);
  }
  static constexpr wait_type wait{wait_work, Which == when::any ? "when_any" : "when_all", &cancel,
                                  &visit};

  std::tuple<branch<A, when_awaiter>...> branches_;
};

template <when Which, class... A>
class [[nodiscard]] when_awaitable {
 public:
  explicit when_awaitable(A&&... a) : awaited_(std::forward<A>(a)...) {}
  when_awaiter<Which, A&&...> operator co_await() && noexcept {
    return std::apply(
        [](auto&... a) { return when_awaiter<Which, A&&...>(static_cast<A&&>(a)...); }, awaited_);
  }

 private:
  std::tuple<A...> awaited_;
};

/// when_all over a vector of tasks, at most so many at a time. The branches are an array, made when
/// the await begins. They begin one after the other at the base, each when those before it
/// have had their first step and there is room.
template <class T>
class when_all_vector_awaiter : when_boundary {
 public:
  when_all_vector_awaiter(std::vector<task<T>>& tasks, std::size_t at_most)
      : tasks_(tasks), branches_(std::make_unique<one[]>(tasks.size())), room_(at_most) {
    left = tasks.size();
  }
  bool await_ready() const noexcept { return tasks_.empty(); }
  friend awaiter_tag;

  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location where = std::source_location::current()) noexcept {
    enter_boundary(h.promise(), wait, where);
    for (one& b : all()) b.prepare(*this, waiter(), false);
    begin_.type = &begin_work;
    begin_.context = this;
    begin_later();
  }
  auto await_resume() {
    if (error) std::rethrow_exception(std::move(error));
    if constexpr (!std::is_void_v<T>) {
      std::vector<T> values;
      values.reserve(tasks_.size());
      for (one& b : all()) values.push_back(std::move(b.out.value()));
      return values;
    }
  }

 private:
  template <class, class, class>
  friend class branch_root;
  struct one : task_branch<T, when_all_vector_awaiter, one> {
    task<T>* source = nullptr;
    bool start() noexcept { return one::task_branch::start(std::move(*source)); }
  };
  std::span<one> all() const noexcept { return {branches_.get(), tasks_.size()}; }
  void ask_all(ask_list& list) noexcept {
    for (one& b : all()) list.ask(b.inner);
  }
  /// (What stands there goes before this: the base takes the last in first.)
  void begin_later() noexcept {
    if (std::exchange(begins_, true)) return;
    at_base(begin_);
  }
  void begin_next() noexcept {
    begins_ = false;
    if (!room_) return;  // the end of one comes back here
    --room_;
    one& b = branches_[started_];
    b.source = &tasks_[started_++];
    if (started_ < tasks_.size()) begin_later();
    b.start_at_base();  // (decided: it ends without having begun)
  }
  void ended(one& b) noexcept {
    const ending how = b.out.how();
    if (how == ending::stopped) stopped_ = true;
    if (how == ending::error && !error) error = b.out.error();
    if (how == ending::error && !decided) {
      decided = true;
      ask_list list(false);
      ask_all(list);
      list.run();
    }
    ++room_;
    if (started_ < tasks_.size()) begin_later();
    if (--left) return;
    if (error || !stopped_) {
      deliver(is_decided());
    } else {
      stop();
    }
  }
  static when_all_vector_awaiter& of(work& w) noexcept {
    return static_cast<when_all_vector_awaiter&>(static_cast<boundary&>(w));
  }
  static void cancel(work& w, ask_list& list) noexcept {
    of(w).asked = true;
    of(w).ask_all(list);
  }
  static void visit(const work& w, void* x, void (*f)(void*, const chain&)) {
    const auto& self = static_cast<const when_all_vector_awaiter&>(static_cast<const boundary&>(w));
    for (const one& b : self.all()) f(x, b.inner);
  }
  static constexpr wait_type wait{wait_work, "when_all", &cancel, &visit};
  static void begin_one(work* w) noexcept {
    static_cast<when_all_vector_awaiter*>(w->context)->begin_next();
  }
  static constexpr work_type begin_work{&begin_one, nullptr};

  std::vector<task<T>>& tasks_;
  std::unique_ptr<one[]> branches_;
  std::size_t room_;  // how many more may run
  std::size_t started_ = 0;
  bool begins_ = false;  // begin_ stands at the base; then not all have started
  bool stopped_ = false;
  chain begin_;
};

template <class T>
class [[nodiscard]] when_all_vector_awaitable {
 public:
  when_all_vector_awaitable(std::vector<task<T>>&& tasks, std::size_t at_most) noexcept
      : tasks_(std::move(tasks)), at_most_(at_most) {}
  when_all_vector_awaiter<T> operator co_await() && {
    return when_all_vector_awaiter<T>(tasks_, at_most_);
  }

 private:
  std::vector<task<T>> tasks_;
  std::size_t at_most_;
};

}  // namespace detail

/// Awaits all; they start as calls, in order.
///
/// Result      std::tuple<R...>, in the order given; void is std::monostate
/// Errors      the first exception, when the others have been cancelled and have ended; later
///             exceptions are dropped
/// Cancel      reaches all; if one of them was stopped by it, the whole stops. (Where partial
///             results must survive: a group)
/// Lifetime    all are kept in the awaitable
template <detail::awaitable... A>
auto when_all(A&&... aw) {
  (static_cast<void>(sizeof(detail::guarded_argument<A>)), ...);
  return detail::when_awaitable<detail::when::all, A...>(std::forward<A>(aw)...);
}

/// Awaits all tasks of the vector, at most `at_most` at a time (0 aborts); they start in order.
///
/// Result      std::vector<T>, in the order given; task<void>: void
/// Errors      the first exception, when the others have been cancelled and have ended; later
///             exceptions are dropped
/// Cancel      reaches all; if one of them was stopped by it, the whole stops
/// Lifetime    all are kept in the awaitable
/// Cost        one allocation
template <class T>
auto when_all(std::vector<task<T>> tasks, std::size_t at_most = static_cast<std::size_t>(-1)) {
  if (!at_most) detail::misuse("when_all: at most 0 at a time would never end");
  return detail::when_all_vector_awaitable<T>(std::move(tasks), at_most);
}

/// Awaits the first to end; then the rest are not started, or are cancelled and waited for.
///
/// Result      std::tuple<std::optional<R>...>: the winner's value, and the values of those that
///             finished anyway
/// Errors      an exception of any branch, after the winner too, is rethrown; later exceptions are
///             dropped
/// Cancel      reaches all; if any has a value the tuple is delivered, else the task stops
/// Lifetime    all are kept in the awaitable
template <detail::awaitable... A>
auto when_any(A&&... aw) {
  (static_cast<void>(sizeof(detail::guarded_argument<A>)), ...);
  return detail::when_awaitable<detail::when::any, A...>(std::forward<A>(aw)...);
}

}  // namespace eddy
