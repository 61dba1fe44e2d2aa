// The cold half of sleeping.
#include <eddy/coro/sleep.h>

#include <algorithm>
#include <utility>

namespace eddy {

namespace detail {

constinit const wait_type sleep_awaiter::wait{wait_work, "sleep", &sleep_awaiter::cancel, nullptr};

void sleep_awaiter::cancel(work& w, ask_list&) noexcept {
  sleep_awaiter& self = of(w);
  if (is_stopped(self)) return;  // (asked before, now by force)
  chain& c = *waiter_of(self).of;
  c.home->cancel_timer(self, c.background);
  make_stopped(self);
}

// ---- By the wall clock ----

namespace {
/// POLLIN, as a request's options.
constexpr std::uint32_t readable = 1;

duration wall_now() noexcept {
  return std::chrono::system_clock::now().time_since_epoch();
}
}  // namespace

constinit const wait_type wall_sleep_awaiter::wait{
    {&wall_sleep_awaiter::finish, &wait_in_background},
    "sleep_until",
    &wall_sleep_awaiter::cancel,
    nullptr};
constinit const work_type wall_sleep_awaiter::instead_type{
    &run_instead, [](const work* w) noexcept {
      return wait_in_background(static_cast<const wall_sleep_awaiter*>(w->context));
    }};

wall_sleep_awaiter& wall_sleep_awaiter::of(work* w) noexcept {
  return static_cast<wall_sleep_awaiter&>(
      static_cast<operation_wait&>(static_cast<operation&>(static_cast<linked_work&>(*w))));
}

void wall_sleep_awaiter::begin() noexcept {
  const chain& c = *waiter_of(*this).of;
  loop& home = *c.home;
  request make;
  make.what = verb::wall_timer;
  make.offset = static_cast<std::uint64_t>(until_.count());
  const int made = home.ask(make);
  if (made < 0) return begin_instead();
  ask = request();
  ask.what = verb::ready;
  ask.descriptor = made;
  ask.options = readable;
  home.begin(*this, c.background);
}

void wall_sleep_awaiter::begin_instead() noexcept {
  const chain& c = *waiter_of(*this).of;
  instead_.type = &instead_type;
  instead_.context = this;
  // (Differences of what is before 1970 would overflow.)
  const duration left = std::max(until_, duration::zero()) - wall_now();
  c.home->start_timer(instead_, later(c.home->now(), left), c.background);
}

void wall_sleep_awaiter::finish(work* w) noexcept {
  wall_sleep_awaiter& self = of(w);
  if (self.ask.descriptor >= 0) {
    request end;
    end.what = verb::close;
    end.descriptor = std::exchange(self.ask.descriptor, -1);
    waiter_of(self).of->home->ask(end);
    // The kernel cannot watch it.
    if (self.result < 0 && !self.cancel_asked) return self.begin_instead();
  }
  resume_operation(w);
}

void wall_sleep_awaiter::run_instead(work* w) noexcept {
  auto& self = *static_cast<wall_sleep_awaiter*>(w->context);
  if (wall_now() < self.until_) return self.begin();  // it was set back
  resume_wait(&self);
}

void wall_sleep_awaiter::cancel(work& w, ask_list& asked) noexcept {
  wall_sleep_awaiter& self = of(&w);
  if (self.ask.descriptor >= 0) return cancel_operation(w, asked);
  if (is_stopped(self)) return;
  const chain& c = *waiter_of(self).of;
  c.home->cancel_timer(self.instead_, c.background);
  make_stopped(self);
}

}  // namespace detail

constinit const detail::wait_type interval::awaitable::awaiter::wait{
    detail::wait_work, "interval::tick", &awaiter::cancel, nullptr};

/// (Stopped, it does not need the interval any more.)
void interval::awaitable::awaiter::cancel(detail::work& w, detail::ask_list& asked) noexcept {
  if (!detail::is_stopped(w)) static_cast<awaiter&>(of(w)).unlink_sibling();
  sleep_awaiter::cancel(w, asked);
}

void interval::waiters::are_abandoned() const noexcept {
  detail::destroyed_under(static_cast<const awaitable::awaiter*>(next_sibling)->item(),
                          "an interval is destroyed while a task waits for its tick");
}

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
