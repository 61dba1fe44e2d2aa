// The least that a coroutine frame can cost: a free list per size class, filled from slabs, never
// given back.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace limit {

class frame_pool {
 public:
  static void* get(std::size_t size) noexcept {
    const std::size_t index = (size + step - 1) / step;
    block* found = free_[index];
    if (!found) [[unlikely]] {
      return carve(index);
    }
    free_[index] = found->next;
    return found;
  }
  static void put(void* memory, std::size_t size) noexcept {
    block*& first = free_[(size + step - 1) / step];
    auto* freed = static_cast<block*>(memory);
    freed->next = first;
    first = freed;
  }

 private:
  struct block {
    block* next;
  };
  static constexpr std::size_t step = 16;
  static constexpr std::size_t largest = 1024;
  static constexpr std::size_t slab = 65536;

  [[gnu::noinline]] static void* carve(std::size_t index) noexcept {
    const std::size_t size = index * step;
    if (size > largest) std::abort();
    if (left_ < size) {
      next_ = static_cast<char*>(std::malloc(slab));
      if (!next_) std::abort();
      left_ = slab;
    }
    void* carved = next_;
    next_ += size;
    left_ -= size;
    return carved;
  }

  static inline block* free_[largest / step + 1] = {};
  static inline char* next_ = nullptr;
  static inline std::size_t left_ = 0;
};

}  // namespace limit
