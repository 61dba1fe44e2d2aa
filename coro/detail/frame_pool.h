// Memory for coroutine frames and task roots: size classes in steps of 16 bytes, last in first out,
// one pool for each runtime that has tasks. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <new>

#include <eddy/runtime/detail/loop.h>

namespace eddy::detail {

/// Blocks of up to `largest` bytes are kept in a list for each size when given back; what is far
/// above need goes back to the system by and by. The pool is used by the thread on which its runtime
/// runs, while it runs.
///
/// Any block may be given to any pool, or to the system, whoever made it: tasks are made and ended
/// where the program likes. But of each size a pool keeps no more than it has itself taken from the
/// system, so that what is made elsewhere and ends here does not pile up.
class frame_pool {
 public:
  static constexpr std::size_t step = 16;
  // 4 KiB: g++ gives each co_await of a function room of its own
  static constexpr std::size_t classes = 257;
  static constexpr std::size_t largest = step * (classes - 1) + step / 2;

  constexpr frame_pool() noexcept {
    for (size_class& of : classes_) of.kept = &of.end;
  }
  frame_pool(const frame_pool&) = delete;
  frame_pool& operator=(const frame_pool&) = delete;

  /// A block that was given back; null where there is none.
  void* take(std::size_t size) noexcept {
    const std::size_t c = class_of(size);
    if (c >= classes) return nullptr;
    size_class& of = classes_[c];
    node* n = of.kept;
    node* next = n->next;
    if (!next) [[unlikely]]
      return nullptr;
    of.kept = next;
    return n;
  }
  /// Throws std::bad_alloc.
  void* get(std::size_t size) {
    if (void* block = take(size)) [[likely]]
      return block;
    return get_fresh(class_of(size));
  }
  void put(void* block, std::size_t size) noexcept {
    const std::size_t c = class_of(size);
    if (c < classes) [[likely]] {
      size_class& of = classes_[c];
      node* const first = of.kept;
      std::size_t room;
      if (!__builtin_sub_overflow(first->room, std::size_t{1}, &room)) [[likely]] {
        auto* n = static_cast<node*>(block);
        n->next = first;
        n->room = room;
        of.kept = n;
        return;
      }
    }
    ::operator delete(block);
  }
  /// The loop's check phase, now and then: where no class has had to ask the system since the last
  /// call, each gives back some of what it keeps beyond a working set. Bounded, so that a burst's
  /// memory goes in many small steps.
  void give_back_surplus() noexcept;
  /// The runtime's end: all that is kept.
  void give_back_all() noexcept;

 private:
  /// Class c holds up to 16 c + 8 bytes: with its own 8 bytes before each block, the system's
  /// allocator then wastes none. (Class 0 has no room for a node.)
  static constexpr std::size_t class_of(std::size_t size) noexcept {
    const std::size_t c = (size + step / 2 - 1) / step;
    return c ? c : 1;
  }

  /// (Each says how much room is left above it: so a block is taken without a count, and the count
  /// lies where put() looks anyway.)
  struct node {
    node* next = nullptr;
    std::size_t room = 0;  ///< so many more may be kept
  };
  struct size_class {
    node* kept = nullptr;  ///< ends with `end`
    node end;              ///< its room is what this pool has taken from the system
  };
  void* get_fresh(std::size_t c);
  void trim(std::size_t keep, std::size_t at_most) noexcept;

  size_class classes_[classes] = {};
  std::size_t fresh_ = 0;  // blocks taken from the system since the last give_back_surplus
};

/// Of the runtime that runs on this thread. Where none runs it keeps nothing and lends nothing:
/// blocks come from the system and go there.
inline frame_pool& frames() noexcept {
  return *frames_of_thread;
}

}  // namespace eddy::detail
