// Counts what a test program takes from the system's allocator. For the one source file of a test
// program: it replaces malloc and its like in the whole program, threads and libraries included.
// (Under a sanitizer, whose allocator is not to be replaced, it asks that one to tell.)
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <errno.h>
#include <malloc.h>

#include "tests/support/sanitized.h"

namespace eddy::test {

struct memory_use {
  std::uint64_t allocations = 0;  ///< malloc, calloc, realloc, and so operator new
  /// In use.
  std::int64_t blocks = 0;
  /// In use, each block as large as the allocator makes it. 0 under a sanitizer
  std::int64_t bytes = 0;
};

namespace counted {
inline constinit std::atomic<std::uint64_t> allocations{0};
inline constinit std::atomic<std::int64_t> blocks{0};
inline constinit std::atomic<std::int64_t> bytes{0};
}  // namespace counted

/// Of the whole process, since it began.
inline memory_use memory_taken() noexcept {
  return {counted::allocations.load(std::memory_order_relaxed),
          counted::blocks.load(std::memory_order_relaxed),
          counted::bytes.load(std::memory_order_relaxed)};
}

/// How many allocations were made since this object was.
class allocation_count {
 public:
  std::uint64_t now() const noexcept { return memory_taken().allocations - before_; }

 private:
  std::uint64_t before_ = memory_taken().allocations;
};

}  // namespace eddy::test

#ifdef EDDY_SANITIZED

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*,
                                                                  std::size_t),
                                                         void (*)(const volatile void*));

namespace eddy::test::counted {
inline const int installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) {
      allocations.fetch_add(1, std::memory_order_relaxed);
      blocks.fetch_add(1, std::memory_order_relaxed);
    },
    [](const volatile void* block) {
      if (block) blocks.fetch_sub(1, std::memory_order_relaxed);
    });
}  // namespace eddy::test::counted

#else

namespace eddy::test::counted {
/// glibc puts a word of its own before each block.
inline constexpr std::size_t head = sizeof(std::size_t);
inline void* got(void* block) noexcept {
  if (block) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    blocks.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(static_cast<std::int64_t>(::malloc_usable_size(block) + head),
                    std::memory_order_relaxed);
  }
  return block;
}
inline void gone(void* block) noexcept {
  if (!block) return;
  blocks.fetch_sub(1, std::memory_order_relaxed);
  bytes.fetch_sub(static_cast<std::int64_t>(::malloc_usable_size(block) + head),
                  std::memory_order_relaxed);
}
}  // namespace eddy::test::counted

// glibc's own, under the names by which a replacement reaches them.
extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;
void __libc_free(void*) noexcept;

void* malloc(std::size_t size) noexcept {
  return eddy::test::counted::got(__libc_malloc(size));
}
void* calloc(std::size_t n, std::size_t size) noexcept {
  return eddy::test::counted::got(__libc_calloc(n, size));
}
void* realloc(void* block, std::size_t size) noexcept {
  eddy::test::counted::gone(block);
  return eddy::test::counted::got(__libc_realloc(block, size));
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return eddy::test::counted::got(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  void* made = memalign(alignment, size);
  if (!made) return ENOMEM;
  *block = made;
  return 0;
}
void free(void* block) noexcept {
  eddy::test::counted::gone(block);
  __libc_free(block);
}
}

#endif
