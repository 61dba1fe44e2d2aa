// The shape of row 20, for all contenders: what a proxy between two TCP connections of the loopback
// copies. Another process has the two outer ends: it writes 64 KiB to one, reads them from the other
// and sends them back. The figure is the CPU time of the proxy; 64 KiB each way are one operation.
#pragma once

#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "bench/loopback.h"

namespace bench {

inline constexpr const char* copy_row = "copy_64k";
inline constexpr std::size_t block_size = 65536;
inline constexpr double copy_operations = 30000;

inline void send_there_and_back(int a, int b, long n) {
  std::vector<char> sent(block_size);
  std::vector<char> got(block_size);
  for (std::size_t i = 0; i < block_size; ++i) sent[i] = static_cast<char>(i * 31 + i / 256);
  const auto pass = [&](int from, int to) {
    write_whole(from, sent.data(), block_size);
    check(read_whole(to, got.data(), block_size) && got == sent,
          "what came is not what was written");
  };
  for (long i = 0; i < n; ++i) {
    sent[0] = static_cast<char>(i);
    pass(a, b);
    pass(b, a);
  }
  ::shutdown(a, SHUT_WR);
  ::shutdown(b, SHUT_WR);
  check(!read_whole(a, got.data(), 1) && !read_whole(b, got.data(), 1), "more than was written");
}

/// measure(row, operations) with body(one, other, n): the proxy's two sockets, which it closes. It
/// returns when both sides have ended.
template <class F>
void measure_copy(const program& rows, F body) {
  rows.measure(copy_row, copy_operations, [&](long n) {
    const std::array<int, 2> left = tcp_pair();
    const std::array<int, 2> right = tcp_pair();
    const other_process ends([&] {
      ::close(left[1]);
      ::close(right[1]);
      send_there_and_back(left[0], right[0], n);
    });
    ::close(left[0]);
    ::close(right[0]);
    body(left[1], right[1], n);
  });
}

}  // namespace bench
