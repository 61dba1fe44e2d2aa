// What the epoll backend lends: chunks, and those who found none.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/backend/epoll.h"

namespace eddy::detail {

int epoll_backend::receive_chunk(operation& o, entry* e) noexcept {
  if (e && e->has_chunk) {
    e->has_chunk = false;
    chunks_.keep_no_more();
  } else if (e && e->starved) {
    return no_chunk;  // it has its turn
  }
  const int result = chunks_.receive(o, [](const request& r) { return execute(r, false); });
  if (result <= 0 && result != no_chunk) feed_starved();
  return result;
}

int epoll_backend::give_back(int chunk) noexcept {
  if (!chunks_.give_back(chunk)) return -EINVAL;
  feed_starved();
  return 0;
}

/// It waits, and there may be something to receive: the next chunk that is given back is its.
void epoll_backend::starve(std::int32_t descriptor) noexcept {
  entry& e = entries_[static_cast<std::size_t>(descriptor)];
  if (e.starved) return;
  e.starved = true;
  starved_.push_back(descriptor);
}

void epoll_backend::feed_starved() noexcept {
  std::size_t fed = 0;
  for (; fed < starved_.size() && chunks_.free() > chunks_.kept(); ++fed) {
    entry& e = entries_[static_cast<std::size_t>(starved_[fed])];
    e.starved = false;
    e.has_chunk = true;
    e.may[reading] = true;
    chunks_.keep();
    make_runnable(starved_[fed], e);
  }
  starved_.erase(starved_.begin(), starved_.begin() + static_cast<std::ptrdiff_t>(fed));
}

void epoll_backend::forget_starved(std::int32_t descriptor, entry& e) noexcept {
  if (e.starved) std::erase(starved_, descriptor);
  e.starved = false;
  if (!e.has_chunk) return;
  e.has_chunk = false;
  chunks_.keep_no_more();
  feed_starved();
}

}  // namespace eddy::detail
