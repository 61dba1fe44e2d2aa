// The compiled half of task_group.
#include <eddy/coro/task_group.h>

#include <eddy/runtime/detail/abort.h>

namespace eddy {

using namespace detail;

constinit chain task_group::no_more;

void task_group::has_ended() noexcept {
  misuse("a task is spawned into a group that has ended");
}

void task_group::ask_all(ask_list& asked) noexcept {
  if (body_) asked.ask(*body_);
  background_.stopping = true;
  ask_children(asked);
}

/// Nothing but background children is left.
void task_group::end_background(void (*when_ended)(task_owner&) noexcept) noexcept {
  background_.await_all(when_ended);
  if (ends_background_) return;
  ends_background_ = true;
  ask_list asked(false);
  ask_all(asked);
  asked.run();
}

void task_group::cancel() noexcept {
  if (above_ == &no_more) return;
  if (above_->home != current_loop) above_->home->check_thread();
  ask_list asked(false);
  ask_all(asked);
  asked.run();
}

void task_group::fail(const std::exception_ptr& error) noexcept {
  if (error_) return;  // the first counts
  error_ = error;
  cancel();
}

void task_group::child_ended(task_owner& owner, spawned_base& child) noexcept {
  task_group& g = of(owner);
  if (child.end == ending::stopped) {
    if (g.above_->stop_requested) g.stopped_from_outside_ = true;
  } else if (child.end == ending::error) {
    child.has_been_told();  // (by the group)
    const std::exception_ptr& error = child.own_type().error(child);
    if (g.keeps_going_) {
      child.home->report_error(error);
    } else {
      g.fail(error);
    }
  }
}

void task_group::background_child_ended(task_owner& owner, spawned_base& child) noexcept {
  task_group& g = *static_cast<background_children&>(owner).group;
  // (Stopped at the group's end it was not stopped from outside.)
  if (child.end == ending::stopped && g.ends_background_) return;
  child_ended(g, child);
}

void task_group::wake_waiting(task_owner& owner) noexcept {
  while (linked_work* w = of(owner).waiting_.pop()) make_ready(*w);
}

constinit const wait_type task_group::awaiter::wait_{wait_work, "task_group::wait",
                                                     &cancel_even_ready, nullptr};

}  // namespace eddy
