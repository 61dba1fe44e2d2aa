// Signals and wall timers.
#include "simulation/world/bell.h"

#include <poll.h>
#include <signal.h>

#include <bit>
#include <cerrno>
#include <utility>

#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::uint64_t bit_of(int signal) noexcept {
  return std::uint64_t{1} << (signal - 1);
}

}  // namespace

// ---- Signals

int bell::read(const request&, msghdr& m) {
  if (!std::exchange(rings_, false)) return -EAGAIN;
  return static_cast<int>(m.msg_iov[0].iov_len);
}

std::uint32_t bell::events() const {
  return rings_ ? POLLIN : 0;
}

void bell::watch(std::uint64_t signals, std::uint32_t options) noexcept {
  wanted_ = options == watch_no_more ? 0 : signals;
  noted_ &= wanted_;
  once_ = options == watch_once;
}

bool bell::ring(int signal) {
  if (!(wanted_ & bit_of(signal))) return false;
  noted_ |= bit_of(signal);
  rings_ = true;
  if (once_) wanted_ = 0;
  wake(side::reading);
  return true;
}

/// (The ring that was read was for all of them.)
int bell::take() {
  if (!noted_) return -EAGAIN;
  const int number = std::countr_zero(noted_) + 1;
  noted_ &= noted_ - 1;
  rings_ = rings_ || noted_;
  return number;
}

int machine::watch_signals(const request& r) {
  if (r.offset & (bit_of(SIGKILL) | bit_of(SIGSTOP))) return -EINVAL;
  int answer = 0;
  auto* of = dynamic_cast<bell*>(find(r.descriptor));
  if (r.descriptor < 0) {
    auto made = std::make_shared<bell>(*this);
    std::erase_if(bells_, [](const auto& b) { return b.expired(); });
    bells_.push_back(made);
    of = made.get();
    answer = add(std::move(made));
  }
  if (!of) return -EBADF;
  of->watch(r.offset, r.options);
  return answer;
}

bool machine::raise(int signal) {
  bool anybody = false;
  for (const auto& one : bells_) {
    if (const auto b = one.lock()) anybody = b->ring(signal) || anybody;
  }
  return anybody;
}

// ---- The wall clock

std::uint32_t wall_timer::events() const {
  return home().wall_now() >= deadline_ ? POLLIN : 0;
}

void wall_timer::begin() {
  home().in().at<&wall_timer::due>(home().when_wall(deadline_),
                                   std::static_pointer_cast<wall_timer>(shared_from_this()),
                                   ++turn_);
}

void wall_timer::due(std::uint64_t turn) {
  if (turn == turn_) wake(side::reading);
}

int machine::make_wall_timer(const request& r) {
  auto made = std::make_shared<wall_timer>(
      *this, std::max<std::int64_t>(static_cast<std::int64_t>(r.offset), 0));
  made->begin();
  return add(std::move(made));
}

}  // namespace eddy::detail::simulated
