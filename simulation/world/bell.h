// What can only be read: who watches for signals, and a timer of the wall clock. Private.
#pragma once

#include <cstdint>

#include "simulation/world/object.h"

namespace eddy::detail::simulated {

class bell final : public object {
 public:
  explicit bell(machine& home) : object(home) { mode = 0; }
  int read(const request&, msghdr&) override;
  std::uint32_t events() const override;

  void watch(std::uint64_t signals, std::uint32_t options) noexcept;
  /// False: it is not asked for here.
  bool ring(int signal);
  int take();

 private:
  std::uint64_t wanted_ = 0;
  std::uint64_t noted_ = 0;
  bool once_ = false;
  bool rings_ = false;
};

class wall_timer final : public object {
 public:
  wall_timer(machine& home, std::int64_t since_1970) : object(home), deadline_(since_1970) {
    mode = 0;
  }
  std::uint32_t events() const override;
  /// Waits for it, from now on by the clock as it is now.
  void begin();
  void due(std::uint64_t turn);

 private:
  std::int64_t deadline_;
  std::uint64_t turn_ = 0;
};

}  // namespace eddy::detail::simulated
