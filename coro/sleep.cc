// The cold half of sleeping.
#include <eddy/coro/sleep.h>

namespace eddy {

namespace detail {

constinit const wait_type sleep_awaiter::wait{wait_work, "sleep", &sleep_awaiter::cancel, nullptr};

void sleep_awaiter::cancel(work& w, ask_list&) noexcept {
  auto& self = static_cast<sleep_awaiter&>(static_cast<timer&>(static_cast<linked_work&>(w)));
  if (is_stopped(self)) return;  // (asked before, now by force)
  chain& c = *waiter_of(self).of;
  c.home->cancel_timer(self, c.background);
  make_stopped(self);
}

}  // namespace detail

time_point interval::advance() noexcept {
  const time_point due = next_;
  next_ = detail::later(next_, period_);
  if (missed_ == missed_ticks::burst || period_ <= duration::zero()) return due;
  const time_point at = now();
  if (next_ > at) return due;
  if (missed_ == missed_ticks::delay) {
    next_ = detail::later(at, period_);
  } else {
    next_ += ((at - next_) / period_ + 1) * period_;
  }
  return due;
}

}  // namespace eddy
