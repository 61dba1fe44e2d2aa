// Work items and the two lists that hold them. Everything that can be made ready is a `work`,
// embedded in the object that waits (an awaiter, a timer, an operation, a task's root), so making
// something ready allocates nothing. Not an interface for users: templates need it.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <utility>

namespace eddy::detail {

struct work;

/// What can be done with a work item. One constant table per kind of item; the language layer
/// extends it (coro/detail/chain.h) with what a cancel needs.
struct work_type {
  /// Runs it: resumes who waits. The item may be gone when it returns.
  void (*run)(work*) noexcept;
  /// Does it belong to a background task (one that does not hold the loop)? Null: no.
  bool (*background)(const work*) noexcept;
  /// Items sent from other threads that are no operations: the item will never run, its runtime
  /// ends. Null: not such one.
  void (*drop)(work*) noexcept = nullptr;
};

/// For awaiters, whose fields are written when they begin to wait: none is written twice.
struct unset_t {};

struct work {
  constexpr work() noexcept : next(nullptr), type(nullptr), context(nullptr) {}
  explicit work(const work_type& t) noexcept : next(nullptr), type(&t), context(nullptr) {}
  explicit work(unset_t) noexcept {}
  work(const work&) = delete;
  work& operator=(const work&) = delete;

  void run() noexcept { type->run(this); }

  work* next;
  const work_type* type;
  void* context;  ///< whom it concerns; the meaning is the type's (a wait: the frame that waits)
};

/// First in, first out; singly linked. What stands in it cannot be withdrawn.
class work_queue {
 public:
  work_queue() noexcept = default;
  work_queue(const work_queue&) = delete;
  work_queue& operator=(const work_queue&) = delete;

  bool empty() const noexcept { return end_ == &first_; }
  /// For walking; null at the end.
  work* front() const noexcept { return empty() ? nullptr : first_; }
  work* after(const work& w) const noexcept { return &w.next == end_ ? nullptr : w.next; }
  void push(work& w) noexcept {
    *end_ = &w;
    end_ = &w.next;
  }
  /// Null where it is empty.
  work* pop() noexcept { return empty() ? nullptr : pop_first(); }
  /// Of what is not empty.
  work* pop_first() noexcept {
    work* w = first_;
    // NOLINTBEGIN(clang-analyzer-core.NullDereference): it is not empty
    if (end_ == &w->next) [[likely]] {
      end_ = &first_;
    } else {
      first_ = w->next;
    }
    // NOLINTEND(clang-analyzer-core.NullDereference)
    return w;
  }
  /// Everything, as a chain by `next` that ends with null; the queue is empty then.
  work* take() noexcept {
    *end_ = nullptr;
    end_ = &first_;
    return first_;
  }
  /// Moves everything of `other` behind what is here.
  void append(work_queue& other) noexcept {
    if (other.empty()) return;
    *end_ = other.first_;
    end_ = other.end_;
    other.end_ = &other.first_;
  }

 private:
  work* first_ = nullptr;  // (not written when it becomes empty)
  work** end_ = &first_;   // where the next one is entered; the last item's `next` is not written
};

/// A work item that can be withdrawn from the list in which it stands, without knowing the list.
struct linked_work : work {
  constexpr linked_work() noexcept : previous(nullptr) {}
  explicit linked_work(const work_type& t) noexcept : work(t), previous(nullptr) {}
  explicit linked_work(unset_t u) noexcept : work(u) {}
  bool is_linked() const noexcept { return previous; }
  void unlink() noexcept {
    // NOLINTBEGIN(clang-analyzer-core.NullDereference): it is linked
    previous->next = next;
    static_cast<linked_work*>(next)->previous = previous;
    // NOLINTEND(clang-analyzer-core.NullDereference)
    previous = nullptr;
  }
  linked_work* previous;  ///< null: stands in no list
};

/// First in, first out; a ring with a head of its own, so that unlink() needs no list.
template <class T = linked_work>
class work_list {
 public:
  work_list() noexcept : head_(unset_t()) { head_.next = head_.previous = &head_; }
  work_list(const work_list&) = delete;
  work_list& operator=(const work_list&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }
  T* front() const noexcept { return empty() ? nullptr : static_cast<T*>(head_.next); }
  /// The item behind `w`, null at the end: for walking.
  T* after(T& w) const noexcept { return w.next == &head_ ? nullptr : static_cast<T*>(w.next); }
  void push(T& w) noexcept {
    w.next = &head_;
    w.previous = head_.previous;
    head_.previous->next = &w;
    head_.previous = &w;
  }
  T* pop() noexcept {
    T* w = front();
    if (w) w->unlink();
    return w;
  }
  /// Moves everything of `other` behind what is here; O(1).
  void append(work_list& other) noexcept {
    if (other.empty()) return;
    auto* first = static_cast<linked_work*>(other.head_.next);
    linked_work* last = other.head_.previous;
    first->previous = head_.previous;
    head_.previous->next = first;
    last->next = &head_;
    head_.previous = last;
    other.head_.next = other.head_.previous = &other.head_;
  }

 private:
  linked_work head_;
};

}  // namespace eddy::detail
