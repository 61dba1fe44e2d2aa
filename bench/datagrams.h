// The shape of row 17, for all contenders: UDP over the loopback, one core doing both ends. Datagrams
// of 1,200 bytes are sent and received one by one, by 64, or 54 as one buffer that the kernel cuts
// and joins. A datagram, sent and received, is one operation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "bench/measure.h"

namespace bench {

inline constexpr std::size_t datagram_size = 1200;
inline constexpr std::size_t batch_size = 64;
inline constexpr std::size_t segments = 54;  // that go into one buffer
inline constexpr std::size_t joined_size = segments * datagram_size;
inline constexpr int queue_bytes = 1 << 20;  // that may wait at a socket

inline constexpr const char* one_by_one_row = "datagram_1";
inline constexpr const char* batch_row = "datagram_64";
inline constexpr const char* joined_row = "datagram_segments";
inline constexpr double one_by_one_operations = 4e5;
inline constexpr double batch_operations = 1e6;
inline constexpr double joined_operations = 6e6;

/// How often n datagrams in all are sent by so many at once.
inline long rounds_of(long n, std::size_t at_once) noexcept {
  return std::max(1L, n / static_cast<long>(at_once));
}

}  // namespace bench
