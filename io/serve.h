// serve: the loop around accept() that every server would otherwise write by hand.
#pragma once

#include <functional>
#include <system_error>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/coro/task_group.h>
#include <eddy/runtime/result.h>

namespace eddy {

namespace detail {
/// What passes when descriptors or memory are there again: accept() itself waits for that.
bool is_exhaustion(std::error_code error) noexcept;
/// The listener was closed, before or during the accept.
bool is_closed(std::error_code error) noexcept;
}  // namespace detail

/// Accepts for as long as the listener is open, and runs `handler(stream, args...)`, a task<void>,
/// for each connection, each a child of its own. The handler is kept once, for all; the arguments
/// are copied for each. Exhaustion (too many open files and the like) is outlasted: connections
/// that exist go on, and accepting too when there is room again.
///
/// Result      success: the listener was closed, and all children have ended
/// Errors      what accept() reports otherwise, when all children have ended. A handler's exception
///             ends the whole: the other children are cancelled and waited for, and it is rethrown
/// Cancel      reaches the accept and all children; the task stops when they have ended. (Where the
///             listener is closed instead, children end in their own time)
/// Lifetime    the listener must outlive the await, and so must what references among the arguments
///             refer to
template <class Listener, class F, class... A>
task<result<void>> serve(Listener& listener, F handler, A... args) {
  auto accept_all = [&](task_group& connections) -> task<result<void>> {
    for (;;) {
      auto accepted = co_await listener.accept();
      if (accepted) {
        connections.spawn(std::ref(handler), std::move(*accepted), args...);
      } else if (detail::is_closed(accepted.error())) {
        co_return result<void>();
      } else if (!detail::is_exhaustion(accepted.error())) {
        co_return accepted.error();
      }
    }
  };
  co_return co_await with_task_group(accept_all);
}

}  // namespace eddy
