// Signals (signals.h).
#include <eddy/io/signals.h>

#include <signal.h>

#include <cerrno>
#include <system_error>

#include <eddy/runtime/detail/abort.h>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind next_kind =
    make_io_kind("signal_set::next", io_slot::reading, true, &signal_wait::reported);
constexpr io_kind interrupted_kind =
    make_io_kind("interrupted", io_slot::reading, true, &signal_wait::reported);

/// 0 for what is no signal.
constexpr std::uint64_t bit_of(int number) noexcept {
  return number < 1 || number > 64 ? 0 : std::uint64_t{1} << (number - 1);
}

request watching(std::uint64_t wanted, std::uint32_t options = 0) noexcept {
  request r;
  r.what = verb::watch_signals;
  r.offset = wanted;
  r.options = options;
  return r;
}

request ring_of(std::uint64_t* rings) noexcept {
  request r;
  r.what = verb::read;
  r.address = address_of(rings);
  r.length = sizeof *rings;
  r.offset = current_position;
  return r;
}

}  // namespace

// ---- The wait ----------------------------------------------------------------------------------

detail::signal_wait::signal_wait(descriptor* bell, const io_kind& kind) noexcept
    : io_wait(bell, kind, ring_of(nullptr)) {}

detail::signal_wait::signal_wait(signal_wait&& other) noexcept
    : io_wait(static_cast<io_wait&&>(other)) {}

bool detail::signal_wait::take() noexcept {
  request r;
  r.what = verb::take_signal;
  const int answer = on->ask(r);
  if (answer > 0) number_ = answer;
  return answer > 0;
}

/// (A signal that cannot be given now rings all the same.)
bool detail::signal_wait::await_ready() noexcept {
  if (!on->usable()) misuse("next() of a signal_set that was moved from");
  ask.address = address_of(&rings_);
  return may_take() && take();
}

/// What has rung may have been taken before.
void detail::signal_wait::reported(work* w) noexcept {
  auto& self = static_cast<signal_wait&>(of(w));
  if (self.claimed && self.result >= 0 && !self.take() && self.begin_again()) return;
  finish(w);
}

// ---- signal_set --------------------------------------------------------------------------------

signal_set::signal_set(std::initializer_list<int> numbers) {
  for (const int number : numbers) {
    if (!bit_of(number)) throw std::system_error(EINVAL, std::system_category(), "signal_set");
    wanted_ |= bit_of(number);
  }
  const int bell = ask_here(watching(wanted_));
  if (bell < 0) throw std::system_error(-bell, std::system_category(), "signal_set");
  bell_ = descriptor(bell, descriptor::kind::stream);
}

signal_set& signal_set::operator=(signal_set&& other) noexcept {
  if (this != &other) {
    drop();
    bell_ = std::move(other.bell_);
    wanted_ = other.wanted_;
  }
  return *this;
}

signal_set::~signal_set() {
  drop();
}

void signal_set::drop() noexcept {
  if (bell_.usable()) static_cast<void>(bell_.ask(watching(0, watch_no_more)));
}

result<void> signal_set::change(std::uint64_t wanted) noexcept {
  const int answer = bell_.ask(watching(wanted));
  if (answer >= 0) wanted_ = wanted;
  return void_result(answer);
}

result<void> signal_set::add(int number) noexcept {
  if (!bit_of(number)) return from_errno(EINVAL);
  return change(wanted_ | bit_of(number));
}
result<void> signal_set::remove(int number) noexcept {
  if (!bit_of(number)) return from_errno(EINVAL);
  return change(wanted_ & ~bit_of(number));
}

detail::awaited_once<detail::signal_wait> signal_set::next() noexcept {
  return awaited_once<signal_wait>(&bell_, next_kind);
}

// ---- interrupted -------------------------------------------------------------------------------

detail::interrupted_wait::interrupted_wait() noexcept : signal_wait(nullptr, interrupted_kind) {}

detail::interrupted_wait::interrupted_wait(interrupted_wait&& other) noexcept
    : signal_wait(static_cast<signal_wait&&>(other)) {}

detail::interrupted_wait::~interrupted_wait() {
  if (bell_.usable()) static_cast<void>(bell_.ask(watching(0, watch_no_more)));
}

/// Where there is no watcher, its error queues like any other end.
void detail::interrupted_wait::begin_watching() noexcept {
  const int bell = ask_here(watching(bit_of(SIGINT) | bit_of(SIGTERM), watch_once));
  if (bell < 0) {
    result = bell;
    make_ready(*this);
    return;
  }
  bell_ = descriptor(bell, descriptor::kind::stream);
  on = &bell_;
  ask.address = address_of(&rings_);
  begin_io();
}

int detail::interrupted_wait::await_resume() const {
  if (result < 0) throw std::system_error(-result, std::system_category(), "interrupted");
  return number_;
}

detail::awaited_once<detail::interrupted_wait> interrupted() noexcept {
  return awaited_once<interrupted_wait>();
}

}  // namespace eddy
