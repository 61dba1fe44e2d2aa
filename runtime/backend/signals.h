// Signals for those who wait for them: one handler of the process notes a signal for each watcher
// that wants it, and rings its bell (an eventfd). What the program had installed before is called
// after that, and comes back with the last watcher. Private.
//
// No signalfd: it would need the signal blocked in every thread, those of the program included, and
// children would inherit that.
#pragma once

#include <cstdint>

#include <eddy/runtime/operation.h>

namespace eddy::detail {

/// verb::watch_signals.
int watch_signals(const request&) noexcept;
/// verb::take_signal.
int take_signal(int bell) noexcept;

/// A bit for each signal that was ignored before our handler came.
std::uint64_t hidden_ignored() noexcept;
/// Is this handler of a signal ours, and was the signal ignored before? For a child that shares our
/// memory: takes no lock.
bool hides_ignored(int number, const void* handler) noexcept;
/// From now on (or no longer) terminals are raw: signals that stop or end the process undo that first.
void guard_ends(bool on) noexcept;

}  // namespace eddy::detail
