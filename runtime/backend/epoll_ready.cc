// The epoll backend: who waits for a descriptor to be ready.
#include <cerrno>
#include <exception>

#include "runtime/backend/epoll.h"

namespace eddy::detail {
namespace {

/// One of those in a chain, each of which has the next one as its handle.
inline operation& watching(std::uint64_t address) noexcept {
  return *reinterpret_cast<operation*>(static_cast<std::uintptr_t>(address));  // NOLINT
}

}  // namespace

/// A `ready` serves descriptors that belong to others: the same one may be waited for any number of
/// times, beside reads and writes of ours, and its number may be another file's by now. So each wait
/// tells epoll of it anew, and with the last one nothing is kept of what is not used otherwise.
void epoll_backend::begin_ready(operation& o, turn& t) {
  ++counts_.attempts;
  int result = execute(o.ask, false);
  if (result == -EAGAIN) result = begin_to_watch(o);
  if (result) report(o, result, t);
}

/// 0: it waits.
int epoll_backend::begin_to_watch(operation& o) {
  const std::int32_t descriptor = o.ask.descriptor;
  const auto i = static_cast<std::size_t>(descriptor);
  entry* e = make(descriptor);
  if (!e) return -ENOMEM;
  if (i >= watching_.size()) {
    try {
      watching_.resize(entries_.size());
    } catch (const std::exception&) {
      return -ENOMEM;
    }
  }
  const int error = register_for(descriptor, *e, o.ask.options);
  // What cannot be waited for never has to be.
  if (error) return error == EPERM ? static_cast<int>(o.ask.options) : -error;
  std::uint64_t* last = &watching_[i];
  while (*last) last = &watching(*last).handle;
  *last = reinterpret_cast<std::uintptr_t>(&o);
  o.handle = 0;
  e->watched = true;
  o.where = operation::place::inside;
  ++inside_;
  return 0;
}

/// An event has come: who has what he waits for? False: no room for more reports.
bool epoll_backend::look_at_watching(std::int32_t descriptor, turn& t) {
  for (std::uint64_t* place = &watching_[static_cast<std::size_t>(descriptor)]; *place;) {
    if (!room_) return false;
    operation& o = watching(*place);
    ++counts_.attempts;
    const int result = execute(o.ask, false);
    if (result == -EAGAIN) {
      place = &o.handle;
      continue;
    }
    *place = o.handle;
    --inside_;
    report(o, result, t);
  }
  end_watching(descriptor);
  return true;
}

/// (Where it stands in no chain, its descriptor was closed.)
void epoll_backend::take_out_watching(operation& o) noexcept {
  const std::int32_t descriptor = o.ask.descriptor;
  if (!find(descriptor)->watched) return;
  std::uint64_t* place = &watching_[static_cast<std::size_t>(descriptor)];
  while (*place && &watching(*place) != &o) place = &watching(*place).handle;
  if (!*place) return;
  *place = o.handle;
  end_watching(descriptor);
}

/// Its owner closes it without a word: nothing is kept of it where nobody waits any more.
void epoll_backend::end_watching(std::int32_t descriptor) noexcept {
  if (watching_[static_cast<std::size_t>(descriptor)]) return;
  entry& e = *find(descriptor);
  e.watched = false;
  if (!e.streams) forget(descriptor);
}

/// Who waits for a descriptor that is closed here hears of it no more, and can only be called back,
/// as in a ring.
void epoll_backend::abandon_watching(std::int32_t descriptor) noexcept {
  entry* e = find(descriptor);
  if (!e || !e->watched) return;
  watching_[static_cast<std::size_t>(descriptor)] = 0;
  e->watched = false;
}

std::uint32_t epoll_backend::watched_for(std::int32_t descriptor) const noexcept {
  std::uint32_t events = 0;
  for (std::uint64_t o = watching_[static_cast<std::size_t>(descriptor)]; o; o = watching(o).handle)
    events |= watching(o).ask.options;
  return events;
}

}  // namespace eddy::detail
