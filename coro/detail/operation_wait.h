// The awaiter of one operation: begins it with the loop, passes a cancel on, and goes on with its
// result. io/ derives its awaiters from it. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cerrno>
#include <coroutine>
#include <source_location>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>
#include <eddy/runtime/operation.h>

namespace eddy::detail {

/// An operation that a task waits for. Derived awaiters give the request and a wait_type whose
/// `run` is resume_operation (or ends with it) and whose `cancel` is cancel_operation, and read
/// `result` in await_resume.
struct operation_wait : operation, awaiter_tag {
  operation_wait(const operation_wait&) = delete;
  operation_wait& operator=(const operation_wait&) = delete;

  bool await_ready() const noexcept { return false; }

  /// Set by a close() of another task: -ECANCELED is then delivered as a result, and stops nobody.
  bool closed : 1 = false;

 protected:
  explicit operation_wait(const request& r) noexcept { ask = r; }
  ~operation_wait() = default;

  /// For await_suspend: registers and begins. False: the chain is stopping, nothing was begun
  /// (suspend all the same).
  bool start(promise_base& p, const wait_type& wait, std::source_location at) noexcept {
    if (!enter(*this, p, wait, at)) return false;
    p.of->home->begin(*this, p.of->background);
    return true;
  }
};

/// The operation has been reported: the task goes on with its result, or is stopped where it was
/// asked to and the operation did nothing.
inline void resume_operation(work* w) noexcept {
  auto& o = *static_cast<operation_wait*>(static_cast<operation*>(static_cast<linked_work*>(w)));
  promise_base& p = waiter_of(o);
  if (o.result == -ECANCELED && o.cancel_asked && !o.closed && p.of->stop_requested)
    p.unwinding = promise_base::unwound::stopped;
  resume_wait(w);
}

inline void cancel_operation(work& w, ask_list&) noexcept {
  auto& o = static_cast<operation&>(static_cast<linked_work&>(w));
  waiter_of(o).of->home->cancel(o);
}

/// For a wait_type: what every operation has in common.
constexpr wait_type operation_wait_type(const char* name) noexcept {
  return wait_type{{&resume_operation, &wait_in_background}, name, &cancel_operation, nullptr};
}

}  // namespace eddy::detail
