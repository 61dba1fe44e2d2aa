// Who owns spawned tasks, and the tasks of one runtime: main, the root group, and the order in
// which they are stopped. Not an interface for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include <eddy/coro/detail/base.h>
#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {

struct spawned_base;

/// A spawned task's own table: how its memory is given back.
struct root_type : work_type {
  void (*free)(spawned_base&) noexcept;                  ///< (an exception is gone by then)
  std::exception_ptr& (*error)(spawned_base&) noexcept;  ///< where it ended with one
};

/// A place in a ring of siblings, whose head is the owner's.
struct sibling {
  sibling* next_sibling;
  sibling* previous_sibling;
  /// In front of `at`: behind all others if that is the head.
  void link_sibling(sibling& at) noexcept {
    next_sibling = &at;
    previous_sibling = at.previous_sibling;
    previous_sibling->next_sibling = this;
    at.previous_sibling = this;
  }
  void unlink_sibling() noexcept {
    previous_sibling->next_sibling = next_sibling;
    next_sibling->previous_sibling = previous_sibling;
  }
};

/// Owns spawned tasks: the root group of a runtime, or a task_group. Children stand in the order in
/// which they were started.
struct task_owner {
  task_owner() noexcept : children{&children, &children} {}
  task_owner(const task_owner&) = delete;
  task_owner& operator=(const task_owner&) = delete;

  inline spawned_base* first() const noexcept;
  inline spawned_base* after(const spawned_base& child) const noexcept;
  void ask_children(ask_list& asked) noexcept;

  sibling children;  // the ring's head
  std::size_t live = 0;
  bool stopping = false;  ///< a task spawned now never begins
  bool watched = false;   ///< child_ended is told of those that gave a value, too
  // Called at the base, when the child has been taken out.
  /// A child was stopped, or ended with an exception.
  void (*child_ended)(task_owner&, spawned_base& child) noexcept = nullptr;
  /// No child is left. Null: nobody waits for that.
  void (*all_ended)(task_owner&) noexcept = nullptr;
};

/// The root of a spawned task: its chain, its place among its siblings, who joins it. One pooled
/// block together with the callable, its arguments and the result (coro/spawn.h).
struct spawned_base : chain, sibling {
  using chain::chain;
  task_owner* owner = nullptr;  ///< null: it has ended

  void link(task_owner& to) noexcept {
    owner = &to;
    link_sibling(to.children);
    ++to.live;
  }
  /// Who waits for its end: a ring, first in first out, kept in `context`.
  linked_work* first_joiner() const noexcept { return static_cast<linked_work*>(context); }
  void add_joiner(linked_work& w) noexcept {
    linked_work* first = first_joiner();
    if (first) [[unlikely]] {
      w.next = first;
      w.previous = first->previous;
      first->previous->next = &w;
      first->previous = &w;
    } else {
      w.next = w.previous = &w;
      context = &w;
    }
  }
  void remove_joiner(linked_work& w) noexcept;
  /// The end has been stored: wakes joiners, leaves the owner, gives up the task's own reference.
  void has_ended() noexcept {
    if (first_joiner()) wake_joiners();
    task_owner& from = *owner;
    owner = nullptr;
    unlink_sibling();
    --from.live;
    if (end != ending::value || from.watched) [[unlikely]]
      tell(from);
    if (!from.live && from.all_ended) from.all_ended(from);
    release();
  }
  /// The last reference frees it; if it failed and nobody joined, its owner's loop fails with its
  /// exception.
  void release() noexcept {
    if (--references) return;
    if (end == ending::error) [[unlikely]]
      gone_with_error();
    own_type().free(*this);
  }
  void gone_with_error() noexcept;
  const root_type& own_type() const noexcept { return *static_cast<const root_type*>(type); }

 private:
  void wake_joiners() noexcept {
    linked_work* const first = first_joiner();
    context = nullptr;
    linked_work* w = first;
    do {
      auto* after = static_cast<linked_work*>(w->next);
      make_ready_here(*w);
      w = after;
    } while (w != first);
  }
  void tell(task_owner& from) noexcept;
};

static_assert(sizeof(spawned_base) == 72);

spawned_base* task_owner::first() const noexcept {
  return live ? static_cast<spawned_base*>(children.next_sibling) : nullptr;
}
spawned_base* task_owner::after(const spawned_base& child) const noexcept {
  return child.next_sibling == &children ? nullptr : static_cast<spawned_base*>(child.next_sibling);
}

/// The tasks of one runtime.
class root final : public task_root {
 public:
  root() noexcept;
  ~root() override;

  /// Of the loop that runs here; made with the first task.
  static root& of(loop& l) { return l.tasks ? static_cast<root&>(*l.tasks) : make(l); }

  void stop(bool forced) noexcept override;
  void stop_background() noexcept override;
  void run_ended() noexcept override { children.stopping = children.watched = false; }
  void give_back_surplus() noexcept override;
  std::string describe() const override;

  void main_began(chain& main) noexcept;
  void main_ended() noexcept;
  std::size_t foreground() const noexcept override {
    return children.live + (main_ != nullptr) - background_;
  }
  void background_began() noexcept {
    ++background_;
    children.watched = true;
  }

  task_owner children;  // the root group

 private:
  static root& make(loop& l);
  static void child_ended(task_owner&, spawned_base& child) noexcept;
  friend spawned_base;
  chain* main_ = nullptr;
  // Tasks that failed and whose handles are still there, a ring: the handles may outlive the
  // runtime.
  sibling failed_{&failed_, &failed_};
};

/// Appends "what at file:line < file:line" for the chain's leaf and the frames around it, and for
/// all chains below.
void describe(std::string& out, const chain& c, const char* title);

}  // namespace eddy::detail
