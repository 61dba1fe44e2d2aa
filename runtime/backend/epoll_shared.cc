// What the epoll backend does with streams that others share: attempts that hold nobody up, and waits
// for the foreground.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <poll.h>

#include "runtime/backend/epoll.h"

namespace eddy::detail {

/// A read or write of what others share: neither may they hold it up, nor is O_NONBLOCK set, which
/// would be theirs as well. A pipe or socket has flags for one call. Terminals and named pipes have
/// none: those are opened once more, for us alone; where that is refused, and for everything else, a
/// thread waits in the call, once there is an event.
int epoll_backend::attempt_shared(const request& r, entry* e) {
  if (r.through == nature::shared_device && in_background(r)) return no_event;
  if (!e || e->own == none) {
    const int result = execute(r, false);
    if (result != -EOPNOTSUPP) return result;
    if (!(e = make(r.descriptor))) return -ENOMEM;
    const std::int32_t own = open_again(r.descriptor);
    const std::uint32_t events = own >= 0 ? std::exchange(e->registered, 0) : 0;
    if (events) (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, r.descriptor, nullptr);
    e->own = own >= 0 ? own : not_to_be_had;
    if (events) (void)register_for(r.descriptor, *e, events);  // somebody waits for it to be ready
  }
  request ours = r;
  if (e->own >= 0) {
    ours.descriptor = e->own;
    ours.through = nature::stream;
  } else {
    ours.what = verb::ready;
    const bool reads = r.what == verb::read || r.what == verb::read_scattered;
    ours.options = reads ? POLLIN : POLLOUT;
  }
  const int result = execute(ours, false);
  if (result == -EIO && in_background(r)) return no_event;
  return e->own >= 0 || result < 0 ? result : on_a_thread;
}

void epoll_backend::look_at_background(turn& t) {
  if (now() < background_.next()) return;
  for (std::size_t left = background_.size(); left && room_; --left) {
    operation& o = background_.take_first();
    --inside_;
    const int result = attempt(o, find(o.ask.descriptor));
    if (!conclude(o, find(o.ask.descriptor), result, t)) t.start.push(o);
  }
}

}  // namespace eddy::detail
