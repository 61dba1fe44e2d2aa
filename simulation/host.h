// One machine of a simulation with the program that runs on it: its starts, its ticks, its deaths.
// Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <eddy/coro/run.h>
#include <eddy/runtime/runtime.h>
#include <eddy/simulation/simulated_host.h>
#include <eddy/simulation/simulation.h>

#include "simulation/world/machine.h"

namespace eddy::detail {

class driver;

class host {
 public:
  host(driver&, simulated::machine&, host_main, bool is_client);
  ~host();
  host(const host&) = delete;
  host& operator=(const host&) = delete;

  simulated_host& face() noexcept { return face_; }
  simulated_disk& disk() noexcept { return disk_; }
  simulated::machine& machine() const noexcept { return machine_; }
  driver& in() const noexcept { return driver_; }

  enum class state : std::uint8_t {
    off,     // not started yet, or dead
    runs,    // its main, or what that began
    ending,  // only what is in the background is left, and has been asked to stop
    ended,   // by itself
  };
  state is() const noexcept { return state_; }
  bool is_running() const noexcept { return state_ == state::runs || state_ == state::ending; }
  bool is_client() const noexcept { return is_client_; }
  /// How often it was started; says whether it is still the same program.
  std::uint64_t starts() const noexcept { return starts_; }
  runtime& loop();

  /// The machine is on from now on.
  void start();
  void kill();
  void cut_power();
  void stop();
  void raise(int signal);

  bool is_frozen = false;
  bool is_restartable;
  unsigned restarts_asked = 0;  // scheduled and not yet come

  /// When it has something to do, by the world's time; simulated::never.
  simulated::instant next() noexcept;
  /// Something was done to it from outside of its ticks.
  void look_again() noexcept { knows_next_ = false; }
  /// One tick; what it fails of is noted with the run.
  void tick();
  /// A line for each task that waits, under the host's name.
  std::string describe() const;

 private:
  struct program;  // one start of its main

  void step();
  void has_ended();
  void drop_program(bool abandoned);

  driver& driver_;
  simulated::machine& machine_;
  host_main main_;
  std::unique_ptr<program> program_;
  simulated_host face_;
  simulated_disk disk_;
  state state_ = state::off;
  bool is_client_;
  bool knows_next_ = false;
  std::uint64_t starts_ = 0;
  simulated::instant busy_until_ = 0;
  std::optional<time_point> deadline_;  // by its own clock; nothing: it waits for its kernel alone
};

}  // namespace eddy::detail
