// Children: their end, waited for or brought about (child.h).
#include "io/detail/child.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>

namespace eddy::detail {
namespace {

using namespace std::chrono_literals;

constexpr io_kind end_kind = make_io_kind("process::wait", io_slot::reading);

request about(const child& c, verb what) noexcept {
  request r;
  r.what = what;
  r.descriptor = c.handle.number();
  r.second = c.pid;
  return r;
}

exit_status status_of(const child_end& e) {
  exit_status s;
  (e.by_signal ? s.signal : s.code) = e.number;
  s.core_dumped = e.dumped;
  s.use.user_time = std::chrono::microseconds(e.user_microseconds);
  s.use.system_time = std::chrono::microseconds(e.system_microseconds);
  s.use.memory_peak = e.memory_peak;
  return s;
}

/// What carries a child to its end.
class carrier {
 public:
  explicit carrier(std::unique_ptr<child> c) noexcept : child_(std::move(c)) {}
  carrier(carrier&&) noexcept = default;
  ~carrier() {
    if (!child_ || child_->is_over()) return;
    left_child* const left = child_->left.release();
    left->pid = child_->pid;
    left->descriptor = child_->handle.release();
    left->is_killed = child_->kill_when_dropped;
    request r;
    r.what = verb::leave_child;
    r.address = address_of(left);
    ask_here(r);
  }
  child& operator*() const noexcept { return *child_; }

 private:
  std::unique_ptr<child> child_;
};

task<void> carry(carrier c) {
  co_await end_of(*c);
}

}  // namespace

bool child::is_over() noexcept {
  if (ended || lost) return true;
  child_end end;
  request r = about(*this, verb::take_child);
  r.address = address_of(&end);
  const int answer = ask_here(r);
  if (answer == 0) return false;
  if (answer > 0) {
    ended = status_of(end);
  } else {
    lost = -answer;
  }
  return true;
}

int child::signal(int number, bool group) noexcept {
  const bool over = is_over();
  if (over && !group) return -ESRCH;
  request r = about(*this, verb::signal_child);
  r.options = static_cast<std::uint32_t>(number);
  r.length = (group ? signal_group : 0) | (over ? signal_reaped : 0);
  return ask_here(r);
}

void child::end() noexcept {
  if (has_group) static_cast<void>(signal(SIGKILL, true));
  static_cast<void>(signal(SIGKILL, false));
}

/// (That it is readable does not say that it can be reaped: who traces it comes first. Where there is
/// nothing to be read it is looked at again and again.)
task<void> end_of(child& c) {
  duration pause = 1ms;
  while (!c.is_over()) {
    if (c.handle.usable()) {
      request r = about(c, verb::ready);
      r.options = POLLIN;
      const result<int> ready = co_await awaited_once<io_awaiter<int>>(&c.handle, end_kind, r);
      if (ready && c.is_over()) break;
    }
    co_await sleep_for(pause);
    pause = std::min<duration>(2 * pause, 50ms);
  }
}

void reap_later(std::unique_ptr<child> c) noexcept {
  if (c->is_over()) return;
  // (It may have belonged to another runtime.)
  if (const int number = c->handle.release(); number >= 0)
    c->handle = descriptor(number, descriptor::kind::stream);
  carrier carries(std::move(c));
  if (!current_loop) return;
  try {
    spawn_background(carry, std::move(carries));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): the carrier leaves it
  }
}

}  // namespace eddy::detail
