// Who is next: the order of what happens in a simulated world, instant by instant. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/runtime/callback.h>
#include <eddy/simulation/options.h>

#include "simulation/host.h"
#include "simulation/run_state.h"
#include "simulation/world/world.h"

namespace eddy::detail {

/// An instant: the world's events, then the script, then one tick of each host that has something to
/// do, in the order in which the hosts were added, each followed by what was asked for in it, and by
/// the invariants.
class driver {
 public:
  driver(run_state&, const simulation_options&);
  ~driver();
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;

  host& add(std::string name, host_main, bool client);
  host* find(std::string_view name) const noexcept;

  run_state& run() const noexcept { return run_; }
  simulated::world& world() noexcept { return world_; }
  const simulation_options& options() const noexcept { return options_; }

  /// Now; or, where a host's tick is under way, when it is over.
  void act(std::function<void()>);
  /// Something has happened to a host as a whole.
  void note(const host&, const char* what);
  void at(simulated::instant, std::function<void()>);
  void at(duration after, std::function<void()> f) {
    at(world_.now() + std::max<simulated::instant>(after.count(), 0), std::move(f));
  }
  void every(between<duration>, callback);
  /// Who has been stopped is killed if it has not ended by then.
  void restart(host&, duration after);
  void calm();

  enum class end : std::uint8_t { done, limit, failed };
  /// Until `goes_on` says no, or it is `until`; in the second case all that happens at `until` has.
  end run_while(bool (*goes_on)(void*), void* context, simulated::instant until);
  /// Is there a client that has not ended?
  bool is_held() const noexcept;

 private:
  struct action {
    simulated::instant at = 0;
    std::uint64_t number = 0;
    std::function<void()> run;
  };
  static bool is_later(const action& a, const action& b) noexcept {
    return a.at != b.at ? a.at > b.at : a.number > b.number;
  }

  simulated::instant next();
  void run_script();
  void run_ticks();
  bool after_event();
  void check_limits(simulated::instant next);
  void is_stuck();
  void misfortunes();

  run_state& run_;
  const simulation_options& options_;
  simulated::world world_;
  std::vector<std::unique_ptr<host>> hosts_;
  std::vector<action> script_;  // a heap; the next one first
  std::uint64_t numbers_ = 0;
  std::uint64_t counted_ = 0;                 // of the world's events, those that the run knows of
  std::vector<std::function<void()>> asked_;  // by the tick that is under way
  bool in_tick_ = false;
  simulated::instant next_second_ = simulated::second;
  simulated::instant last_tick_ = -1;
  unsigned ticks_there_ = 0;
  bool (*goes_on_)(void*) = nullptr;
  void* context_ = nullptr;
  bool is_done_ = false;
  bool is_calm_ = false;
};

}  // namespace eddy::detail
