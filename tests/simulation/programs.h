// Programs on machines of one world, as their loops would drive them: what tests of the world ask.
#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "runtime/mailbox.h"
#include "runtime/pool.h"
#include "simulation/world/machine.h"
#include "simulation/world/world.h"

namespace eddy::test {

using detail::simulated::instant;
using detail::simulated::machine;
using detail::simulated::second;
using detail::simulated::world;
using detail::simulated::world_options;

struct asked : operation {
  explicit asked(const request& r = {}) : operation(type()) { ask = r; }
  static const detail::work_type& type() {
    static constexpr detail::work_type t{[](detail::work*) noexcept {}, nullptr};
    return t;
  }
  bool reported = false;
};

inline request asking(verb what, int descriptor, const void* address = nullptr,
                      std::size_t length = 0) {
  request r;
  r.what = what;
  r.descriptor = descriptor;
  r.address = reinterpret_cast<std::uintptr_t>(address);
  r.length = static_cast<std::uint32_t>(length);
  if (what == verb::read || what == verb::write) r.offset = current_position;
  return r;
}

/// One start of a program on a machine.
class program {
 public:
  explicit program(machine& m)
      : on(m), workers_({1, 8}, inbox_), kernel_(m.start({inbox_, workers_}, false)) {}

  void begin(asked& o) {
    o.reported = false;
    o.where = operation::place::listed;
    turn_.start.push(o);
  }
  /// What was not handed over yet ends at once, as in the loop.
  void cancel(asked& o) {
    if (o.where == operation::place::listed) {
      o.unlink();
      o.result = -ECANCELED;
      o.reported = true;
    } else {
      turn_.cancel.push(o);
    }
  }
  bool has_work() const { return !turn_.start.empty() || on.has_work(); }
  /// One turn, which does not sleep.
  void turn() {
    kernel_->run(turn_);
    while (operation* o = turn_.done.pop()) static_cast<asked*>(o)->reported = true;
  }
  int ask(const request& r) { return kernel_->ask(r); }
  std::size_t inside() const { return kernel_->inside(); }

  /// Turns, and the world goes on between them, until that has ended.
  int finish(asked& o) {
    for (;;) {
      turn();
      if (o.reported) return o.result;
      if (!on.has_work() && !on.in().step()) {
        ADD_FAILURE() << "nothing happens any more";
        cancel(o);
        while (!o.reported) turn();
        return -ECANCELED;
      }
    }
  }
  int finish(const request& r) {
    asked o(r);
    begin(o);
    return finish(o);
  }

  int socket(int type = SOCK_STREAM) {
    request r = asking(verb::socket, AF_INET);
    r.options = static_cast<std::uint32_t>(type);
    int made = -EMFILE;  // (which passes)
    while (made == -EMFILE) made = ask(r);
    return made;
  }
  int listen(std::uint16_t port, std::uint32_t backlog = 16) {
    const int s = socket();
    const sockaddr_in at = address(INADDR_ANY, port);
    EXPECT_EQ(ask(asking(verb::bind, s, &at, sizeof at)), 0);
    EXPECT_EQ(ask(asking(verb::listen, s, nullptr, backlog)), 0);
    return s;
  }
  int connect(int s, const machine& to, std::uint16_t port) {
    const sockaddr_in at = address(to.address(), port);
    return finish(asking(verb::connect, s, &at, sizeof at));
  }
  int accept(int s) { return finish(asking(verb::accept, s)); }
  int say(int s, std::string_view text) {
    return finish(asking(verb::send, s, text.data(), text.size()));
  }
  std::string hear(int s) {
    std::string text(64, '\0');
    const int n = finish(asking(verb::receive, s, text.data(), text.size()));
    return n < 0 ? std::to_string(n) : text.substr(0, static_cast<std::size_t>(n));
  }
  int open(const char* path, int flags) {
    request r = asking(verb::open, -1, path, 0600);
    r.options = static_cast<std::uint32_t>(flags);
    return finish(r);
  }
  int write(int file, std::string_view text) {
    request r = asking(verb::write, file, text.data(), text.size());
    r.through = nature::file;
    return finish(r);
  }
  static sockaddr_in address(std::uint32_t host, std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(host);
    return a;
  }

  machine& on;

 private:
  detail::mailbox inbox_;
  detail::pool workers_;
  std::unique_ptr<detail::backend> kernel_;
  detail::turn turn_;
};

/// Between machines everything takes a millisecond, inside one half of it.
inline world_options a_millisecond() {
  world_options o;
  o.latency_min = o.latency_max = 1'000'000;
  o.disk_latency = o.sync_latency = o.tick_cost = 0;
  return o;
}

}  // namespace eddy::test
