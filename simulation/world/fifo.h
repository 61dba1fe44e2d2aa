// First in, first out, in one piece of memory: bytes of a stream, segments under way. Private.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy::detail::simulated {

template <class T>
class fifo {
 public:
  bool empty() const noexcept { return first_ == all_.size(); }
  std::size_t size() const noexcept { return all_.size() - first_; }
  T& front() noexcept { return all_[first_]; }
  const T* begin() const noexcept { return all_.data() + first_; }
  const T* end() const noexcept { return all_.data() + all_.size(); }
  T* begin() noexcept { return all_.data() + first_; }
  T* end() noexcept { return all_.data() + all_.size(); }

  void push(T one) {
    make_room();
    all_.push_back(std::move(one));
  }
  void append(const T* some, std::size_t n) {
    make_room();
    all_.insert(all_.end(), some, some + n);
  }
  void drop(std::size_t n = 1) noexcept {
    for (std::size_t i = 0; i < n; ++i) forget(all_[first_ + i]);
    first_ += n;
    if (empty()) clear();
  }
  /// The last ones.
  void cut(std::size_t n) noexcept {
    all_.resize(all_.size() - n);
    if (empty()) clear();
  }
  void clear() noexcept {
    all_.clear();
    first_ = 0;
  }

 private:
  static void forget(T& one) noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) one = T();
  }
  /// Half of it is behind us.
  void make_room() {
    if (first_ < 64 || first_ < all_.size() / 2) return;
    all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

  std::vector<T> all_;
  std::size_t first_ = 0;
};

}  // namespace eddy::detail::simulated
