// The cold half of the frame pool.
#include <eddy/coro/detail/frame_pool.h>

namespace eddy::detail {

constinit thread_local frame_pool frames;

void frame_pool::trim(std::size_t keep) noexcept {
  for (node*& list : lists_) {
    node** end = &list;
    for (std::size_t n = 0; n < keep && *end; ++n) end = &(*end)->next;
    node* rest = *end;
    *end = nullptr;
    while (rest) {
      node* next = rest->next;
      ::operator delete(rest);
      rest = next;
    }
  }
}

void frame_pool::runtime_ended() noexcept {
  if (--keeps_ == 0) trim(0);
}

}  // namespace eddy::detail
