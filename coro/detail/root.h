// Who owns spawned tasks, and the tasks of one runtime: main, the root group, and the order in
// which they are stopped. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/frame_pool.h>
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
    sibling* const last = at.previous_sibling;
    previous_sibling = last;
    last->next_sibling = this;
    next_sibling = &at;
    at.previous_sibling = this;
  }
  void unlink_sibling() noexcept {
    // NOLINTBEGIN(clang-analyzer-core.NullDereference): it is linked
    previous_sibling->next_sibling = next_sibling;
    next_sibling->previous_sibling = previous_sibling;
    // NOLINTEND(clang-analyzer-core.NullDereference)
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
  /// Which of the children that give a value are looked at more closely: none, the last, each?
  enum class watch : unsigned char { none, last, each } watched = watch::none;
  // Called at the base, when the child has been taken out.
  /// A child was stopped, or ended with an exception; where each is watched, or gave a value.
  void (*child_ended)(task_owner&, spawned_base& child) noexcept = nullptr;
  /// No child is left. Null: nobody waits for that.
  void (*all_ended)(task_owner&) noexcept = nullptr;
  void await_all(void (*f)(task_owner&) noexcept) noexcept {
    all_ended = f;
    if (watched == watch::none) watched = watch::last;
  }
};

/// The root of a spawned task: its chain, its place among its siblings, who joins it. One pooled
/// block together with the callable, its arguments and the result (coro/spawn.h).
struct spawned_base : chain, sibling {
  using chain::chain;
  task_owner* owner = nullptr;  ///< null: it has ended

  /// `ring`: of the owner, or of the one whose children it counts apart.
  void link(task_owner& to, sibling& ring) noexcept {
    owner = &to;
    link_sibling(ring);
    ++to.live;
  }
  bool has_value() const noexcept { return end == ending::value || end == ending::taken; }
  bool has_error() const noexcept { return end >= ending::error; }
  /// Its exception is delivered: nobody is left who must be told.
  void has_been_told() noexcept {
    if (has_error()) end = ending::told;
  }
  /// Who waits for its end: a ring, first in first out, kept in `context`. (Where one is alone its
  /// `previous` is not written; `next` leads to itself, or is null if it is of another runtime on
  /// this thread.)
  linked_work* first_joiner() const noexcept { return static_cast<linked_work*>(context); }
  void add_joiner(linked_work& w) noexcept {
    if (first_joiner()) [[unlikely]] {
      add_further_joiner(w);
      return;
    }
    w.next = &w;
    context = &w;
  }
  void add_further_joiner(linked_work& w) noexcept;
  void add_joiner_of_another_runtime(linked_work& w) noexcept;
  void remove_joiner(linked_work& w) noexcept;
  /// The end has been stored: wakes joiners, leaves the owner, gives up the task's own reference.
  void has_ended() noexcept {
    if (first_joiner()) [[likely]]
      wake_joiners();
    task_owner& from = *owner;
    owner = nullptr;
    unlink_sibling();
    --from.live;
    if (end != ending::value || from.watched != task_owner::watch::none) [[unlikely]]
      tell(from);
    release();
  }
  /// The last reference frees it; if it failed and nobody joined, its owner's loop fails with its
  /// exception.
  void release() noexcept {
    if (--references) return;
    last_is_gone();
  }
  void last_is_gone() noexcept {
    if (has_error()) [[unlikely]]
      gone_with_error();
    own_type().free(*this);
  }
  void gone_with_error() noexcept;
  const root_type& own_type() const noexcept { return *static_cast<const root_type*>(type); }

 private:
  void wake_joiners() noexcept {
    linked_work& first = *first_joiner();
    if (first.next != &first) [[unlikely]] {
      wake_each(first);
      return;
    }
    current_loop->make_ready(first);
  }
  static void wake_each(linked_work& first) noexcept;
  void tell(task_owner& from) noexcept;
};

static_assert(sizeof(spawned_base) == 72);

spawned_base* task_owner::first() const noexcept {
  return children.next_sibling == &children ? nullptr
                                            : static_cast<spawned_base*>(children.next_sibling);
}
spawned_base* task_owner::after(const spawned_base& child) const noexcept {
  return child.next_sibling == &children ? nullptr : static_cast<spawned_base*>(child.next_sibling);
}

/// The tasks of one runtime.
class root final : public task_root {
 public:
  explicit root(loop& home) noexcept;
  ~root() override;

  /// Of the loop that runs here; made with the first task.
  static root& of(loop& l) { return l.tasks ? static_cast<root&>(*l.tasks) : make(l); }

  void stop(bool forced) noexcept override;
  void stop_background() noexcept override;
  void abandon() noexcept override;
  void run_ended() noexcept override {
    children.stopping = false;
    children.watched = task_owner::watch::none;
  }
  void give_back_surplus() noexcept override;
  std::string describe() const override;

  void main_began(chain& main) noexcept;
  void main_ended() noexcept;
  std::size_t foreground() const noexcept override {
    return children.live + (main_ != nullptr) - home_.background_tasks;
  }
  void background_began() noexcept {
    ++home_.background_tasks;
    children.watched = task_owner::watch::each;
  }

  task_owner children;  // the root group

 private:
  static root& make(loop& l);
  static void child_ended(task_owner&, spawned_base& child) noexcept;
  friend spawned_base;
  loop& home_;
  chain* main_ = nullptr;
  bool abandoned_ = false;
  frame_pool frames_;
  // Tasks that failed and whose handles are still there, a ring: the handles may outlive the
  // runtime.
  sibling failed_{&failed_, &failed_};
};

/// Appends "what at file:line < file:line" for a wait and the frames around it.
void describe_wait(std::string& out, const work& leaf);

/// Something is destroyed (or moved) that a task still waits for: aborts, and names both places where
/// they can be known, and the exception that was on its way.
[[noreturn]] void destroyed_under(const work& leaf, const char* sentence) noexcept;

/// Appends "what at file:line < file:line" for the chain's leaf and the frames around it, and for
/// all chains below.
void describe(std::string& out, const chain& c, const char* title);

}  // namespace eddy::detail
