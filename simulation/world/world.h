// The world of a simulation: virtual time, what happens in it in which order, the machines and the
// network between them. Private.
//
// Nothing here runs a program: whoever drives it (one runtime that blocks, or a simulation with
// several hosts) moves the time by advance_to() or step(), and lets the kernels of the machines
// (kernel.h) answer their loops in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/simulation/options.h>

#include "simulation/choices.h"
#include "simulation/world/trace.h"

namespace eddy::detail::simulated {

class machine;

/// Nanoseconds of the world's own time, from its beginning.
using instant = std::int64_t;
inline constexpr instant never = std::numeric_limits<instant>::max();
inline constexpr instant second = 1'000'000'000;

struct world_options {
  instant latency_min = 50'000;  ///< one way, between machines; half of it inside one
  instant latency_max = 1'000'000;
  instant tick_cost = 1'000;      ///< that a tick of a loop takes
  instant disk_latency = 20'000;  ///< of what works on files
  instant sync_latency = 500'000;
};

world_options options_of(const simulation_options&) noexcept;

/// The way from one machine to another (or to itself); the way back is another one.
struct way {
  instant latency_min = 0;
  instant latency_max = 0;
  std::uint32_t loss = 0;       ///< of datagrams, in millionths; of streams it is delay
  std::uint64_t bandwidth = 0;  ///< bytes a second; 0: no limit
  std::uint32_t mtu = 1500;
  bool cut = false;        ///< a partition: nothing goes through
  instant busy_until = 0;  // by what was sent before, where there is a limit
};

class world {
 public:
  /// `open`: what everything that is left open is drawn from; it outlives the world. Null: all is
  /// ordinary.
  explicit world(const world_options& = {}, detail::choices* open = nullptr);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  const world_options& options() const noexcept { return options_; }

  // ---- Time

  instant now() const noexcept { return now_; }
  /// When the next event happens; `never`.
  instant next_event() const noexcept { return events_.empty() ? never : events_.front().at; }
  /// To the next event, and everything that happens at that instant. False: there is none.
  bool step();
  /// Everything that happens until then (and then), and then it is then.
  void advance_to(instant);
  std::uint64_t events() const noexcept { return happened_; }

  /// Calls (whom.*Method)(argument) at that time, in the order of these calls among equals.
  template <auto Method, class T>
  void at(instant when, std::shared_ptr<T> whom, std::uint64_t argument = 0) {
    schedule({when < now_ ? now_ : when, ++scheduled_,
              [](void* w, std::uint64_t a) { (static_cast<T*>(w)->*Method)(a); }, std::move(whom),
              argument});
  }
  template <auto Method, class T>
  void after(instant delay, std::shared_ptr<T> whom, std::uint64_t argument = 0) {
    at<Method>(now_ + delay, std::move(whom), argument);
  }

  // ---- Machines

  /// The n-th one has the address 10.0.0.n. It lives as long as the world.
  machine& add_machine(std::string name);
  std::size_t machines() const noexcept { return machines_.size(); }
  machine& operator[](std::size_t n) const noexcept { return *machines_[n]; }
  /// Null: no machine is called so.
  machine* find(std::string_view name) const noexcept;

  // ---- The network

  /// What can be changed at any time; it holds for what is sent from then on (cut: for what arrives).
  way& between(const machine& from, const machine& to) noexcept;
  void partition(const machine& from, const machine& to) noexcept { between(from, to).cut = true; }
  /// All ways.
  void heal() noexcept;
  /// Does anything get there now? (The other machine may be off.)
  bool is_open(const machine& from, const machine& to) noexcept;
  /// How long so much takes that is sent now.
  instant delay(const machine& from, const machine& to, std::size_t bytes);

  /// How often in succession one packet is lost there.
  std::uint64_t lost_times(const machine& from, const machine& to);
  /// By what the link alone loses.
  bool lost_on_link(const machine& from, const machine& to);

  // ---- What is left open

  /// 0, the ordinary, to bound - 1. No draw where there is one possibility.
  std::uint64_t draw(const machine&, label, std::uint64_t bound);
  bool chance(const machine& m, label l) { return draw(m, l, 2) != 0; }

  /// Is told of each operation that has been reported; null: nobody is.
  void explain_to(void (*f)(void*, const machine&, const operation&), void* context) noexcept {
    told_ = f;
    told_context_ = context;
  }
  void tell(const machine& m, const operation& o) const {
    if (told_) [[unlikely]]
      told_(told_context_, m, o);
  }
  trace& events_seen() noexcept { return trace_; }
  const trace& events_seen() const noexcept { return trace_; }

 private:
  struct event {
    instant at;
    std::uint64_t number;
    void (*run)(void*, std::uint64_t);
    std::shared_ptr<void> whom;
    std::uint64_t argument;
  };
  static bool is_later(const event& a, const event& b) noexcept {
    return a.at != b.at ? a.at > b.at : a.number > b.number;
  }
  void schedule(event);
  void happen();

  world_options options_;
  detail::choices* open_;
  instant now_ = 0;
  std::uint64_t scheduled_ = 0;
  std::uint64_t happened_ = 0;
  std::vector<event> events_;  // a heap; the next one first
  std::vector<std::unique_ptr<machine>> machines_;
  std::vector<std::vector<way>> ways_;  // [from][to]
  trace trace_;
  void (*told_)(void*, const machine&, const operation&) = nullptr;
  void* told_context_ = nullptr;
};

}  // namespace eddy::detail::simulated
