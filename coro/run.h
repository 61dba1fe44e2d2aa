// run: from main() into a task and back.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/callable.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/runtime.h>

namespace eddy {

/// run(): nothing is pending, and tasks still wait: nothing can ever wake them. what() lists each
/// waiting task, what it waits for, and the file and line.
class deadlock : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// The root of main's chain, on run()'s stack.
struct main_chain : chain {
  explicit main_chain(const work_type& begin) noexcept : chain(begin) {}
  bool done = false;
};

/// Main's first steps, in a running_scope: for who drives several loops on one thread.
void begin_main(loop&, main_chain& main);
/// Runs the loop until main and everything that was spawned have ended; throws deadlock, and what
/// nobody joined.
void run_main(runtime& rt, main_chain& main);

template <class T, class Make>
struct main_of : main_chain {
  explicit main_of(Make& m) noexcept : main_chain(begin_type), make(m) {}
  Make& make;
  outcome<storable<T>> out;

  static main_of& of(work* w) noexcept { return static_cast<main_of&>(static_cast<chain&>(*w)); }
  static void begin(work* w) noexcept {
    main_of& self = of(w);
    loop& l = *self.home;
    self.type = &ended_type;
    if (self.stop_requested) {
      self.end = ending::stopped;
      self.finish();
      return;
    }
    l.running = &self;
    try {
      task<T> t = self.make();
      promise<T>& p = t.release().promise();
      p.of = &self;
      p.inline_start = false;
      resume_next(p);
    } catch (...) {
      self.out.set_error(std::current_exception());
      self.end = ending::error;
      self.finish();
    }
  }
  static void ended(work* w) noexcept {
    main_of& self = of(w);
    if (self.end != ending::stopped)
      take_end_of(static_cast<promise<T>&>(*self.ended_frame), self.out);
    self.finish();
  }
  void finish() noexcept {
    if (end == ending::stopped) out.set_stopped();
    done = true;
    static_cast<root&>(*home->tasks).main_ended();
    if (out.how() == ending::error) home->fail(out.error());
  }
  static constexpr work_type begin_type{&begin, nullptr};
  static constexpr work_type ended_type{&ended, nullptr};
};

template <class T, class Make>
T run_made(runtime& rt, Make make) {
  main_of<T, Make> main(make);
  run_main(rt, main);
  if (main.out.how() == ending::stopped) throw stopped_error();
  if constexpr (std::is_void_v<T>) {
    main.out.take();
  } else {
    return main.out.take();
  }
}

/// What run() takes first and is no callable.
template <class F>
inline constexpr bool is_runtime_or_task =
    std::is_base_of_v<runtime, std::remove_cvref_t<F>> || is_task<std::remove_cvref_t<F>>::value;

}  // namespace detail

/// Runs `main` and everything that it begins, and returns its value when main has ended and nothing
/// is pending. Throws what main threw; what a root task or callback threw and nobody joined;
/// deadlock; stopped_error if main was stopped; std::system_error where an explicit choice of
/// backend cannot be had.
template <class T>
T run(runtime& rt, task<T> main) {
  return detail::run_made<T>(rt, [&main]() EDDY_CORO_WRAPPER_LAMBDA { return std::move(main); });
}

/// The same on a runtime of its own.
template <class T>
T run(task<T> main) {
  runtime rt;
  return run(rt, std::move(main));
}

/// The same with `main(args...)`; callable and arguments are kept alive until the end of the run.
template <class F, class... A>
  requires(!detail::is_runtime_or_task<F>)
auto run(runtime& rt, F&& main, A&&... args) {
  if constexpr (detail::begin_fault<F, A...> == detail::mistake::none) {
    using T = detail::task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<A>...>>;
    std::decay_t<F> callable(std::forward<F>(main));
    std::tuple<std::decay_t<A>...> arguments(std::forward<A>(args)...);
    return detail::run_made<T>(rt, [&]() EDDY_CORO_WRAPPER_LAMBDA -> task<T> {
      return detail::call_kept(callable, arguments);
    });
  } else {
    return detail::refuse<detail::begin_fault<F, A...>, F, A...>();
  }
}

template <class F, class... A>
  requires(!detail::is_runtime_or_task<F>)
auto run(F&& main, A&&... args) {
  if constexpr (detail::begin_fault<F, A...> == detail::mistake::none) {
    runtime rt;
    return run(rt, std::forward<F>(main), std::forward<A>(args)...);
  } else {
    return detail::refuse<detail::begin_fault<F, A...>, F, A...>();
  }
}

}  // namespace eddy
