// Memory for coroutine frames and task roots: size classes in steps of 16 bytes, last in first out,
// one pool for each thread. Not an interface for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace eddy::detail {

/// Blocks of up to `largest` bytes are kept in a list for each size when given back; what is far
/// above need goes back to the system by and by. A frame that is destroyed on another thread than
/// the one that made it goes to that thread's pool.
class frame_pool {
 public:
  static constexpr std::size_t step = 16;
  // 4 KiB: g++ gives each co_await of a function room of its own
  static constexpr std::size_t classes = 257;
  static constexpr std::size_t largest = step * (classes - 1) + step / 2;

  /// A block that was given back; null where there is none.
  void* take(std::size_t size) noexcept {
    const std::size_t c = class_of(size);
    if (c >= classes) return nullptr;
    node* n = lists_[c];
    if (!is_block(n)) [[unlikely]]
      return nullptr;
    lists_[c] = n->next;
    return n;
  }
  /// Throws std::bad_alloc.
  void* get(std::size_t size) {
    if (void* block = take(size)) [[likely]]
      return block;
    ++fresh_;
    return ::operator new(class_of(size) * step + step / 2);
  }
  void put(void* block, std::size_t size) noexcept {
    const std::size_t c = class_of(size);
    if (c < classes) [[likely]] {
      if (node* first = lists_[c]) [[likely]] {
        auto* n = static_cast<node*>(block);
        n->next = first;
        lists_[c] = n;
        return;
      }
    }
    ::operator delete(block);
  }
  /// While at least one runtime lives on this thread, blocks are kept; with the last one all are
  /// given back.
  void runtime_made() noexcept;
  void runtime_ended() noexcept;
  /// The loop's check phase, now and then: where no class has had to ask the system since the last
  /// call, each gives back some of what it keeps beyond a working set. Bounded, so that a burst's
  /// memory goes in many small steps.
  void give_back_surplus() noexcept;

 private:
  /// Class c holds up to 16 c + 8 bytes: with its own 8 bytes before each block, the system's
  /// allocator then wastes none.
  static constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size + step / 2 - 1) / step;
  }

  struct node {
    node* next;
  };
  /// Where a list ends. (Not null: a list whose head is null keeps nothing, so put() needs not look
  /// elsewhere.)
  static node* nothing() noexcept {
    return reinterpret_cast<node*>(1);  // NOLINT(performance-no-int-to-ptr): never looked into
  }
  static bool is_block(const node* n) noexcept { return reinterpret_cast<std::uintptr_t>(n) > 1; }
  node* lists_[classes] = {};
  void trim(std::size_t keep, std::size_t at_most) noexcept;
  unsigned keeps_ = 0;
  std::size_t fresh_ = 0;  // blocks taken from the system since the last give_back_surplus
};

/// (No destructor, so that an access needs no initialisation check.)
[[gnu::tls_model("initial-exec")]] extern constinit thread_local frame_pool frames_of_thread;

inline frame_pool& frames() noexcept {
  frame_pool* p = &frames_of_thread;
  // Where -fsanitize=null compares even such an address with null (else this is nothing): g++ 12
  // takes the answer from the flags of an `add`, which the linker makes a `lea`, without flags.
  if (!__builtin_constant_p(p != nullptr)) asm("" : "+r"(p));
  return *p;
}

}  // namespace eddy::detail
