// The shape of row 19, for all contenders: 1 MiB of a cached file is sent, again and again, over one
// TCP connection of the loopback. Another process receives it and looks at what came. The figure is
// the CPU time of the sender.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "bench/file_read.h"
#include "bench/loopback.h"

namespace bench {

inline constexpr const char* send_file_row = "send_file_1m";
inline constexpr std::uint64_t sent_size = std::uint64_t{1}
                                           << 20;  // of the file, from its beginning
inline constexpr double send_file_operations = 8000;

/// Looks at both ends of whatever comes by one read, and at all of the first round.
inline void receive_and_check(int from) {
  std::vector<char> memory(1 << 18);
  std::uint64_t whole = 0;
  for (;;) {
    // Up to where a word ends: so that pieces begin with one.
    const std::uint64_t at = whole % sent_size;
    if (!read_whole(from, memory.data(), 8)) break;
    const long more = ::read(from, memory.data() + 8, memory.size() - 8);
    check(more >= 0, "read");
    auto have = static_cast<std::size_t>(8 + more);
    if (have % 8) {
      const std::size_t rest = 8 - have % 8;
      check(read_whole(from, memory.data() + have, rest), "the end inside a word");
      have += rest;
    }
    const std::size_t step = whole < sent_size || have < 16 ? 8 : have - 8;
    for (std::size_t i = 0; i < have; i += step) {
      std::uint64_t word;
      std::memcpy(&word, memory.data() + i, sizeof word);
      check(word == word_at((at + i) % sent_size), "what came is not what the file has");
    }
    whole += have;
  }
  check(whole % sent_size == 0, "a file was sent in part");
}

/// measure(row, operations) with body(socket, file, n).
template <class F>
void measure_send_file(const program& rows, F body) {
  if (!rows.wants(send_file_row)) return;
  const cached_file file;
  const std::array<int, 2> ends = tcp_pair();
  const other_process receiver([&] {
    close(ends[0]);
    receive_and_check(ends[1]);
  });
  close(ends[1]);
  rows.measure(send_file_row, send_file_operations,
               [&](long n) { body(ends[0], std::as_const(file), n); });
  shutdown(ends[0], SHUT_WR);
}

}  // namespace bench
