// Terminals: their size, and raw mode, which is undone in every way in which the process may end that
// lets it do something. Private.
#pragma once

#include <eddy/runtime/operation.h>

namespace eddy::detail {

/// verb::terminal_size.
int terminal_size(const request&) noexcept;
/// verb::begin_raw.
int begin_raw(int terminal) noexcept;
/// verb::end_raw.
int end_raw(int raw) noexcept;

/// For signal handlers: as the terminals were before, and raw again.
void leave_raw() noexcept;
void enter_raw() noexcept;

}  // namespace eddy::detail
