// The world's time, its events, and the ways between its machines.
#include "simulation/world/world.h"

#include <algorithm>

#include "simulation/world/machine.h"

namespace eddy::detail::simulated {

world::world(const world_options& options, detail::choices* open)
    : options_(options), open_(open) {}

/// What is still to happen holds objects of the machines.
world::~world() {
  events_.clear();
}

// ---- Time

void world::schedule(event e) {
  events_.push_back(std::move(e));
  std::push_heap(events_.begin(), events_.end(), is_later);
}

void world::happen() {
  std::pop_heap(events_.begin(), events_.end(), is_later);
  const event e = std::move(events_.back());
  events_.pop_back();
  now_ = std::max(now_, e.at);
  ++happened_;
  e.run(e.whom.get(), e.argument);
}

bool world::step() {
  if (events_.empty()) return false;
  advance_to(events_.front().at);
  return true;
}

void world::advance_to(instant then) {
  while (next_event() <= then && !events_.empty()) happen();
  now_ = std::max(now_, then);
}

// ---- Machines

machine& world::add_machine(std::string name) {
  const std::size_t n = machines_.size();
  const unsigned chooses = open_ ? open_->add_host(name) : 0;
  machines_.push_back(
      std::make_unique<machine>(*this, std::move(name), static_cast<unsigned>(n), chooses));
  way usual;
  usual.latency_min = options_.latency_min;
  usual.latency_max = options_.latency_max;
  for (auto& from : ways_) from.push_back(usual);
  ways_.emplace_back(n + 1, usual);
  ways_[n][n].latency_min = ways_[n][n].latency_max = options_.latency_min / 2;
  ways_[n][n].mtu = 65536;
  return *machines_.back();
}

machine* world::find(std::string_view name) const noexcept {
  for (const auto& m : machines_) {
    if (m->name() == name) return m.get();
  }
  return nullptr;
}

// ---- The network

way& world::between(const machine& from, const machine& to) noexcept {
  return ways_[from.number()][to.number()];
}

void world::heal() noexcept {
  for (auto& from : ways_) {
    for (way& w : from) w.cut = false;
  }
}

bool world::is_open(const machine& from, const machine& to) noexcept {
  return !between(from, to).cut && to.is_on();
}

instant world::delay(const machine& from, const machine& to, std::size_t bytes) {
  way& w = between(from, to);
  instant takes = w.latency_min;
  if (w.latency_max > w.latency_min) {
    takes += static_cast<instant>(draw(
        from, label::net_delay, static_cast<std::uint64_t>(w.latency_max - w.latency_min) + 1));
  }
  if (!w.bandwidth) return takes;
  // (In the order of division that does not overflow for a gigabyte.)
  const auto sending = static_cast<instant>(bytes * 1'000'000 / w.bandwidth * 1'000);
  w.busy_until = std::max(w.busy_until, now_) + sending;
  return w.busy_until - now_ + takes;
}

std::uint64_t world::lost_times(const machine& from, const machine& to) {
  constexpr std::uint64_t most = 6;
  std::uint64_t times = draw(from, label::net_lost, most);
  while (times < most && lost_on_link(from, to)) ++times;
  return times;
}

bool world::lost_on_link(const machine& from, const machine& to) {
  const std::uint32_t loss = between(from, to).loss;
  return open_ && loss && open_->chance(from.choosing(), "link.loss", loss);
}

// ---- What is left open

std::uint64_t world::draw(const machine& host, label what, std::uint64_t bound) {
  if (!open_) return 0;
  open_->now = now_;
  return open_->draw(host.choosing(), what, bound);
}

}  // namespace eddy::detail::simulated
