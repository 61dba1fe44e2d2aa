// The cold half of the frame pool.
#include <eddy/coro/detail/frame_pool.h>

namespace eddy::detail {

// (All threads share it, and none writes it: it has no room.)
constinit frame_pool no_frames;

void* frame_pool::get_fresh(std::size_t c) {
  void* const block = ::operator new(c * step + step / 2);
  if (this != &no_frames) {
    ++fresh_;
    if (c < classes) ++classes_[c].end.room;  // (the list is empty: nothing stands above it)
  }
  return block;
}

void frame_pool::trim(std::size_t keep, std::size_t at_most) noexcept {
  for (size_class& of : classes_) {
    node** end = &of.kept;
    for (std::size_t n = 0; n < keep && (*end)->next; ++n) end = &(*end)->next;
    std::size_t given = 0;
    for (; given < at_most && (*end)->next; ++given) {
      node* gone = *end;
      *end = gone->next;
      ::operator delete(gone);
    }
    // (Above the gap this is right at once; what is below it goes next.)
    of.end.room -= given;
  }
}

void frame_pool::give_back_surplus() noexcept {
  constexpr std::size_t working_set = 256;
  constexpr std::size_t at_once = 1024;
  if (fresh_ == 0) trim(working_set, at_once);
  fresh_ = 0;
}

void frame_pool::give_back_all() noexcept {
  trim(0, static_cast<std::size_t>(-1));
}

}  // namespace eddy::detail
