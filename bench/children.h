// The shape of row 18, for all contenders: /bin/true is started, and its end waited for, one after
// another; in a small process, and in one that holds 1 GiB.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>

#include "bench/measure.h"

namespace bench {

inline constexpr const char* child_program = "/bin/true";
inline constexpr const char* child_row = "child";
inline constexpr const char* child_of_large_row = "child_of_1g";
inline constexpr double child_operations = 600;

/// Memory that has been written to.
class held_memory {
 public:
  held_memory()
      : begin_(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    check(begin_ != MAP_FAILED, "1 GiB of memory");
    madvise(begin_, size, MADV_NOHUGEPAGE);  // (as a heap that has grown by and by)
    std::memset(begin_, 1, size);
  }
  held_memory(const held_memory&) = delete;
  held_memory& operator=(const held_memory&) = delete;
  ~held_memory() { munmap(begin_, size); }

 private:
  static constexpr std::size_t size = std::size_t{1} << 30;
  void* begin_;
};

/// measure(row, operations) for both.
template <class F>
void measure_children(const program& rows, F body) {
  rows.measure(child_row, child_operations, body);
  if (!rows.wants(child_of_large_row)) return;
  const held_memory much;
  rows.measure(child_of_large_row, child_operations, body);
}

}  // namespace bench
