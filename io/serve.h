// serve: the loop around accept() that every server would otherwise write by hand.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/callable.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>
#include <eddy/runtime/result.h>

namespace eddy {

struct serve_options {
  std::size_t connections_at_most = 0;  ///< 0: no limit. Full: the next accept() waits
  bool keep_going = false;  ///< a handler's exception costs its own connection only, and is told to
                            ///< runtime::on_error
};

namespace detail {
/// What passes when descriptors or memory are there again: accept() itself waits for that.
bool is_exhaustion(std::error_code error) noexcept;
/// The listener was closed, before or during the accept.
bool is_closed(std::error_code error) noexcept;

/// Of one that was accepted and for which no task could be made.
void tell_of_lost_connection(const std::exception_ptr&) noexcept;
template <class T, class... All>
concept is_one_of = (std::is_same_v<T, All> || ...);

/// A handler in one of the places of connections_at_most, which is free again when its task has
/// ended.
template <class F>
class placed_handler {
 public:
  placed_handler(F& handler, semaphore::permit place) noexcept
      : handler_(&handler), place_(std::move(place)) {}
  template <class... A>
  EDDY_CORO_WRAPPER auto operator()(A&&... arguments) {
    return detail::call(*handler_, std::forward<A>(arguments)...);
  }

 private:
  F* handler_;
  semaphore::permit place_;
};

template <class Listener, class F, class... A>
task<result<void>> serve_all(Listener& listener, serve_options options, F handler, A... args) {
  const bool limited = options.connections_at_most != 0;
  semaphore places(options.connections_at_most);
  auto accept_all = [&](task_group& connections) -> task<result<void>> {
    if (options.keep_going) keep_going(connections);
    for (;;) {
      std::optional<semaphore::permit> place;
      if (limited) place.emplace(co_await places.acquire());
      auto accepted = co_await listener.accept();
      if (!accepted) {
        if (is_closed(accepted.error())) co_return result<void>();
        if (is_exhaustion(accepted.error())) continue;
        co_return accepted.error();
      }
      try {
        if (place) {
          connections.spawn(placed_handler<F>(handler, *std::move(place)), *std::move(accepted),
                            args...);
        } else {
          connections.spawn(std::ref(handler), *std::move(accepted), args...);
        }
      } catch (...) {  // no memory, or an argument's copy threw: of this connection, too
        if (!options.keep_going) throw;
        tell_of_lost_connection(std::current_exception());
      }
    }
  };
  co_return co_await with_task_group(accept_all);
}

/// What the listener's accept() gives.
template <class Listener>
using accepted_by = typename result_of<decltype(std::declval<Listener&>().accept())>::value_type;

template <class F, class Stream, class... A>
concept connection_handler =
    (std::is_copy_constructible_v<A> && ...) && requires(F& f, Stream&& s, A&&... a) {
      {
        std::invoke(f, std::move(s), std::move(a)...)
      } -> is_one_of<task<void>, task<result<void>>>;
    };
}  // namespace detail

/// Accepts for as long as the listener is open, and runs `handler(stream, args...)` for each
/// connection, each a child of its own: a task<void>, or a task<result<void>>, whose error costs its
/// own connection and nothing else (a client that is gone is no reason to end a server, and nobody is
/// told). The handler is kept once, for all; the arguments are copied for each. Exhaustion (too many
/// open files and the like) is outlasted: connections that exist go on, and accepting too when there
/// is room again.
///
/// Result      success: the listener was closed, and all children have ended
/// Errors      what accept() reports otherwise, when all children have ended. A handler's exception
///             ends the whole: the other children are cancelled and waited for, and it is rethrown;
///             with `keep_going` it costs its own connection, and is told to runtime::on_error
/// Cancel      reaches the accept and all children; the task stops when they have ended. (Where the
///             listener is closed instead, children end in their own time)
/// Lifetime    the listener must outlive the await, and so must what references among the arguments
///             refer to
template <class Listener, class F, class... A>
EDDY_CORO_WRAPPER auto serve(Listener& listener, const serve_options& options, F&& handler,
                             A&&... args) {
  using stream = detail::accepted_by<Listener>;
  constexpr detail::mistake wrong = detail::begin_fault<F, stream, A...>;
  constexpr bool fits = detail::connection_handler<std::decay_t<F>, stream, std::decay_t<A>...>;
  if constexpr (wrong == detail::mistake::kept_by_value || wrong == detail::mistake::converted) {
    return detail::refuse<wrong, F, stream, A...>();
  } else if constexpr (fits) {
    EDDY_SAFE_TEMPORARY(F);
    (static_cast<void>(sizeof(detail::guarded_argument<A>)), ...);
    return detail::serve_all<Listener, std::decay_t<F>, std::decay_t<A>...>(
        listener, options, std::forward<F>(handler), std::forward<A>(args)...);
  } else {
    static_assert(fits,
                  "serve: the handler is a function (stream, args...) that gives task<void> or "
                  "task<result<void>>; it takes the stream by value, and arguments that can be "
                  "copied, for each connection");
    return detail::refused();
  }
}

/// The same without options.
template <class Listener, class F, class... A>
  requires(!std::is_same_v<std::remove_cvref_t<F>, serve_options>)
EDDY_CORO_WRAPPER auto serve(Listener& listener, F&& handler, A&&... args) {
  return serve(listener, serve_options(), std::forward<F>(handler), std::forward<A>(args)...);
}

}  // namespace eddy
