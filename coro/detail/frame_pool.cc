// The cold half of the frame pool.
#include <eddy/coro/detail/frame_pool.h>

#include <algorithm>
#include <iterator>

namespace eddy::detail {

constinit thread_local frame_pool frames_of_thread;

void frame_pool::trim(std::size_t keep, std::size_t at_most) noexcept {
  for (node*& list : lists_) {
    node** end = &list;
    for (std::size_t n = 0; n < keep && is_block(*end); ++n) end = &(*end)->next;
    for (std::size_t n = 0; n < at_most && is_block(*end); ++n) {
      node* gone = *end;
      *end = gone->next;
      ::operator delete(gone);
    }
  }
}

void frame_pool::give_back_surplus() noexcept {
  constexpr std::size_t working_set = 256;
  constexpr std::size_t at_once = 1024;
  if (fresh_ == 0) trim(working_set, at_once);
  fresh_ = 0;
}

void frame_pool::runtime_made() noexcept {
  if (keeps_++ == 0) std::fill(std::begin(lists_), std::end(lists_), nothing());
}

void frame_pool::runtime_ended() noexcept {
  if (--keeps_) return;
  trim(0, static_cast<std::size_t>(-1));
  std::fill(std::begin(lists_), std::end(lists_), nullptr);
}

}  // namespace eddy::detail
