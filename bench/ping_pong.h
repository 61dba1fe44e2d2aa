// The shape of row 7, for all contenders: pairs of connected sockets in one loop. One end sends 64
// bytes, the other sends them back; a round trip is one operation, and what comes back is compared.
#pragma once

#include <array>
#include <cstring>

#include "bench/measure.h"

namespace bench {

using message = std::array<char, 64>;

/// The message of the n-th round of a pair.
inline message message_of(long n) noexcept {
  message m;
  m.fill(static_cast<char>('a' + n % 26));
  std::memcpy(m.data(), &n, sizeof n);
  return m;
}

/// What is received into: larger than a message, as a program's buffers are. (A receive that fills
/// its buffer to the last byte costs every edge-triggered program one more, which finds nothing.)
struct read_buffer {
  std::array<char, 4096> bytes;
  bool holds(const message& m) const noexcept {
    return std::memcmp(bytes.data(), m.data(), m.size()) == 0;
  }
};

struct ping_pong_row {
  const char* name;
  int pairs;
  double operations;
};
inline constexpr std::array<ping_pong_row, 2> ping_pong_rows{{
    {"ping_pong_1", 1, 6e5},
    {"ping_pong_64", 64, 6e5},
}};

/// How many rounds each pair makes where n are to be made in all.
inline long rounds_of(const ping_pong_row& row, long n) noexcept {
  return std::max(1L, n / row.pairs);
}

}  // namespace bench
