// Who owns spawned tasks, and the tasks of one runtime: main, the root group, and the order in
// which they are stopped. Not an interface for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include <eddy/coro/detail/chain.h>
#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {

struct spawned_base;

/// A spawned task's own table: how its memory is given back.
struct root_type : work_type {
  void (*free)(spawned_base&) noexcept;
  const std::exception_ptr& (*error)(const spawned_base&) noexcept;  ///< where it ended with one
};

/// Owns spawned tasks: the root group of a runtime, or a task_group. Children stand in the order in
/// which they were started.
struct task_owner {
  task_owner() noexcept = default;
  task_owner(const task_owner&) = delete;
  task_owner& operator=(const task_owner&) = delete;

  void ask_children(ask_list& asked) noexcept;

  spawned_base* first = nullptr;
  spawned_base* last = nullptr;
  std::size_t live = 0;
  bool stopping = false;  ///< a task spawned now never begins
  /// A child has ended, with `end`, and has been taken out. At the base.
  void (*child_ended)(task_owner&, spawned_base& child) noexcept = nullptr;
};

/// The root of a spawned task: its chain, its place among its siblings, who joins it. One pooled
/// block together with the callable, its arguments and the result (coro/spawn.h).
struct spawned_base : chain {
  using chain::chain;
  std::uint32_t references = 2;  ///< the task itself until it has ended; handles; joiners that wait
  spawned_base* previous_sibling = nullptr;
  spawned_base* next_sibling = nullptr;
  task_owner* owner = nullptr;  ///< null: it has ended

  void link(task_owner& to) noexcept {
    owner = &to;
    previous_sibling = to.last;
    (to.last ? to.last->next_sibling : to.first) = this;
    to.last = this;
    ++to.live;
  }
  void unlink() noexcept {
    (previous_sibling ? previous_sibling->next_sibling : owner->first) = next_sibling;
    (next_sibling ? next_sibling->previous_sibling : owner->last) = previous_sibling;
    --owner->live;
    owner = nullptr;
  }
  /// Who waits for its end: a ring, first in first out, kept in `context`.
  linked_work* first_joiner() const noexcept { return static_cast<linked_work*>(context); }
  void add_joiner(linked_work& w) noexcept;
  void remove_joiner(linked_work& w) noexcept;
  /// The end has been stored: wakes joiners, leaves the owner, gives up the task's own reference.
  void has_ended() noexcept;
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
};

static_assert(sizeof(spawned_base) == 72);

/// The tasks of one runtime.
class root final : public task_root {
 public:
  root() noexcept;
  ~root() override;

  /// Of the loop that runs here; made with the first task.
  static root& of(loop& l) { return l.tasks ? static_cast<root&>(*l.tasks) : make(l); }

  void stop(bool forced) noexcept override;
  void stop_background() noexcept override;
  void run_ended() noexcept override { children.stopping = false; }
  void give_back_surplus() noexcept override;
  std::string describe() const override;

  void main_began(chain& main) noexcept;
  void main_ended() noexcept;
  void task_began(const spawned_base& s) noexcept { ++(s.background ? background_ : foreground_); }

  task_owner children;  // the root group

 private:
  static root& make(loop& l);
  static void child_ended(task_owner& owner, spawned_base& child) noexcept;
  friend spawned_base;
  chain* main_ = nullptr;
  // Tasks that failed and whose handles are still there, a ring: the handles may outlive the
  // runtime.
  spawned_base* failed_ = nullptr;
};

/// Appends "what at file:line < file:line" for the chain's leaf and the frames around it, and for
/// all chains below.
void describe(std::string& out, const chain& c, const char* title);

}  // namespace eddy::detail
