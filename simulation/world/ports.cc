// Who may have a port, and who is meant by an address.
#include "simulation/world/ports.h"

#include <algorithm>
#include <cerrno>

#include "simulation/world/machine.h"
#include "simulation/world/socket.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::uint16_t first_free = 32768;
constexpr std::uint16_t free_ports = 60999 - first_free + 1;
constexpr instant linger_time = 60 * second;

/// Do both hear what comes to one address?
bool overlap(const ports::wish& a, const ports::wish& b) noexcept {
  const auto hears_all = [](const ports::wish& w, const ports::wish& of) {
    if (!w.at.is_any()) return false;
    return w.at.is_v4() ? of.at.is_v4() || (of.at.is_any() && !of.v6_only)
                        : !of.at.is_v4() || !w.v6_only;
  };
  return a.at.ip == b.at.ip || hears_all(a, b) || hears_all(b, a);
}

}  // namespace

bool ports::is_taken(const wish& w) {
  const auto there = all_.find(w.at.port);
  if (there == all_.end()) return false;
  std::erase_if(there->second,
                [now = home_.in().now()](const holder& h) { return !h.who && h.until <= now; });
  return std::any_of(there->second.begin(), there->second.end(), [&](const holder& h) {
    if (!overlap(w, h.of)) return false;
    return !(w.reuse && h.of.reuse && !(h.who && h.who->is_listening())) &&
           !(w.reuse_port && h.of.reuse_port);
  });
}

int ports::find_free(wish& w) {
  const auto from =
      static_cast<std::uint16_t>(next_ + home_.in().draw(home_, label::port, free_ports));
  for (unsigned i = 0; i < free_ports; ++i) {
    w.at.port = static_cast<std::uint16_t>(first_free + (from + i) % free_ports);
    const auto there = all_.find(w.at.port);
    if (there == all_.end() || there->second.empty() || !is_taken(w)) {
      next_ = static_cast<std::uint16_t>((from + i + 1) % free_ports);
      return 0;
    }
  }
  return -EADDRINUSE;
}

int ports::take(socket& who, wish& w) {
  if (!w.at.port) {
    if (const int error = find_free(w)) return error;
  } else if (is_taken(w)) {
    return -EADDRINUSE;
  }
  share(who, w);
  return 0;
}

void ports::share(socket& who, const wish& w) {
  all_[w.at.port].push_back({&who, w});
}

void ports::leave(socket& who, std::uint16_t port) {
  const auto there = all_.find(port);
  if (there == all_.end()) return;
  std::erase_if(there->second, [&](const holder& h) { return h.who == &who; });
  if (there->second.empty()) all_.erase(there);
}

void ports::linger(socket& who, std::uint16_t port) {
  const auto there = all_.find(port);
  if (there == all_.end()) return;
  for (holder& h : there->second) {
    if (h.who != &who) continue;
    h.who = nullptr;
    h.until = home_.in().now() + linger_time;
  }
}

socket* ports::find(const endpoint& to, const endpoint& from) const noexcept {
  const auto there = all_.find(to.port);
  if (there == all_.end()) return nullptr;
  wish asked;
  asked.at = to;
  socket* found = nullptr;
  int best = 0;
  for (const holder& h : there->second) {
    if (!h.who || !overlap(h.of, asked)) continue;
    const int fit = h.who->hears(from) * 2;
    const int fits = fit ? fit + (h.of.at.ip == to.ip) : 0;
    if (fits > best) found = h.who;
    best = std::max(best, fits);
  }
  return found;
}

}  // namespace eddy::detail::simulated
