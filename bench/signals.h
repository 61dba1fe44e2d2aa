// The shape of row 22, for all contenders: a process sends itself a signal and hears of it; one after
// another.
#pragma once

#include <unistd.h>

#include <csignal>

#include "bench/measure.h"

namespace bench {

inline constexpr const char* signal_row = "signal";  ///< is heard by who waits already
inline constexpr const char* raised_signal_row = "signal_raised";  ///< was raised before
inline constexpr double signal_operations = 2e5;
inline constexpr int which_signal = SIGUSR1;

inline void raise_signal() noexcept {
  check(::kill(::getpid(), which_signal) == 0, "kill");
}

}  // namespace bench
