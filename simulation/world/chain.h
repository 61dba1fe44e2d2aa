// A list of items that hold its links themselves. Private.
#pragma once

#include <cstddef>

namespace eddy::detail::simulated {

template <class T>
struct links {
  T* next = nullptr;
  T* previous = nullptr;
  bool linked = false;
};

/// First in, first out; what stands in it can be taken out.
template <class T, links<T> T::* Links>
class chain {
 public:
  bool empty() const noexcept { return !first_; }
  std::size_t size() const noexcept { return size_; }
  T* front() const noexcept { return first_; }
  static T* after(const T& item) noexcept { return (item.*Links).next; }

  void push(T& item) noexcept {
    item.*Links = {nullptr, last_, true};
    (last_ ? (last_->*Links).next : first_) = &item;
    last_ = &item;
    ++size_;
  }
  void remove(T& item) noexcept {
    links<T>& l = item.*Links;
    if (!l.linked) return;
    (l.previous ? (l.previous->*Links).next : first_) = l.next;
    (l.next ? (l.next->*Links).previous : last_) = l.previous;
    l = {};
    --size_;
  }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace eddy::detail::simulated
