// What the io_uring backend lends: chunks that the kernel receives into, and those who found none.
#include <liburing.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "runtime/backend/uring_backend.h"

namespace eddy::detail {

/// What is free is given to the kernel, which receives into it. Where it cannot take that (before
/// 5.19), it is only asked to wait.
bool uring::make_chunks() noexcept {
  if (!chunks_.make()) return false;
  if (!may_give_chunks_) return true;
  unsigned entries = 1;
  while (entries < chunks_.count()) entries *= 2;
  const std::size_t size = entries * sizeof(io_uring_buf);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return true;
  io_uring_buf_reg asked{};
  asked.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  asked.ring_entries = entries;
  asked.bgid = chunk_group;
  if (io_uring_register_buf_ring(&ring, &asked, 0) != 0) {
    ::munmap(memory, size);
    return true;
  }
  ::madvise(memory, size, MADV_DONTFORK);  // a child's stray write must not reach the kernel
  chunk_ring_ = static_cast<io_uring_buf_ring*>(memory);
  chunk_ring_entries_ = entries;
  io_uring_buf_ring_init(chunk_ring_);
  feed_starved();
  return true;
}

/// Each that is free goes to the one that has starved longest, who then receives without the kernel's
/// choosing; what is left over goes to the kernel.
void uring::feed_starved() noexcept {
  while (starved_first_ != none && chunks_.free() > chunks_.kept()) {
    const std::uint32_t i = starved_first_;
    starved_first_ = slots_[i].next;
    chunks_.keep();
    put_back(i);
  }
  if (!chunk_ring_) return;
  int added = 0;
  for (int chunk; (chunk = chunks_.take()) >= 0; ++added) {
    io_uring_buf_ring_add(chunk_ring_, chunks_.address(chunk),
                          static_cast<unsigned>(chunks_.size()), static_cast<unsigned short>(chunk),
                          io_uring_buf_ring_mask(chunk_ring_entries_), added);
  }
  io_uring_buf_ring_advance(chunk_ring_, added);
  with_kernel_ += static_cast<std::size_t>(added);
}

int uring::give_back(int chunk) noexcept {
  if (!chunks_.give_back(chunk)) return -EINVAL;
  feed_starved();
  if (host_.is_there()) settle_host();
  return 0;
}

void uring::starve(std::uint32_t i) noexcept {
  slots_[i].starved = true;
  slots_[i].next = none;
  (starved_first_ == none ? starved_first_ : slots_[starved_last_].next) = i;
  starved_last_ = i;
}

/// Takes it out of the list of the starved. False: it does not stand there.
bool uring::forget_starved(std::uint32_t wanted) noexcept {
  std::uint32_t before = none;
  for (std::uint32_t i = starved_first_; i != none; before = i, i = slots_[i].next) {
    if (i != wanted) continue;
    (before == none ? starved_first_ : slots_[before].next) = slots_[i].next;
    if (starved_last_ == i) starved_last_ = before;
    slots_[i].starved = false;
    return true;
  }
  return false;
}

int uring::receive_here(operation& o) noexcept {
  return chunks_.receive(o, [](const request& r) { return execute(r, false); });
}

/// The kernel has chosen a chunk for it.
void uring::chunk_came(turn& t, std::uint32_t i, const io_uring_cqe& c) noexcept {
  const int chunk = static_cast<int>(c.flags >> IORING_CQE_BUFFER_SHIFT);
  --with_kernel_;
  if (c.res > 0) {
    chunks_.lend(*slots_[i].whose, chunk);
    return leave(t, i, c.res);
  }
  chunks_.put(chunk);
  feed_starved();
  c.res < 0 ? arrived(t, i, c.res) : leave(t, i, c.res);
}

}  // namespace eddy::detail
