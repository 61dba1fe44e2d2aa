// Waiting for descriptors of others (ready.h).
#include <eddy/io/ready.h>

#include <poll.h>

#include <cerrno>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind readable_kind = make_io_kind("readable", io_slot::shared, false);
constexpr io_kind writable_kind = make_io_kind("writable", io_slot::shared, false);
constexpr io_kind ready_kind = make_io_kind("ready", io_slot::shared, false);

constexpr unsigned events_of(interest wanted) noexcept {
  return (has(wanted, interest::read) ? POLLIN : 0U) |
         (has(wanted, interest::write) ? POLLOUT : 0U) |
         (has(wanted, interest::priority) ? POLLPRI : 0U);
}
constexpr interest interest_in(unsigned events) noexcept {
  return (events & POLLIN ? interest::read : interest{}) |
         (events & POLLOUT ? interest::write : interest{}) |
         (events & POLLPRI ? interest::priority : interest{});
}

request until_ready(int descriptor, interest wanted) noexcept {
  request r;
  r.what = verb::ready;
  r.descriptor = descriptor;
  r.options = events_of(wanted);
  return r;
}

/// 0 or -errno.
int refusal(int descriptor, interest wanted) noexcept {
  if (descriptor < 0) return -EBADF;
  return events_of(wanted) ? 0 : -EINVAL;
}

}  // namespace

detail::ready_wait::ready_wait(const io_kind& kind, int descriptor, interest wanted) noexcept
    : io_wait(nullptr, kind, until_ready(descriptor, wanted), refusal(descriptor, wanted)) {}

result<interest> detail::ready_awaiter::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  const auto events = static_cast<unsigned>(result);
  return interest_in(events & (POLLERR | POLLHUP) ? ask.options : events);
}

detail::readiness readable(int descriptor) noexcept {
  return readiness(readable_kind, descriptor, interest::read);
}
detail::readiness writable(int descriptor) noexcept {
  return readiness(writable_kind, descriptor, interest::write);
}
detail::awaited_once<detail::ready_awaiter> ready(int descriptor, interest wanted) noexcept {
  return awaited_once<ready_awaiter>(ready_kind, descriptor, wanted);
}

}  // namespace eddy
