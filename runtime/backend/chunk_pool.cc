// Chunks (chunk_pool.h).
#include "runtime/backend/chunk_pool.h"

#include <sys/mman.h>

#include <new>

#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {

bool chunk_pool::make() noexcept {
  try {
    free_.reserve(count_);
  } catch (const std::bad_alloc&) {
    return false;
  }
  void* memory = ::mmap(nullptr, size_ * count_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<std::byte*>(memory);
  for (unsigned i = count_; i > 0; --i) free_.push_back(static_cast<std::uint16_t>(i - 1));
  return true;
}

chunk_pool::~chunk_pool() {
  if (lent_) misuse("a runtime ends while a chunk of it is still lent");
  if (memory_) ::munmap(memory_, size_ * count_);
}

}  // namespace eddy::detail
