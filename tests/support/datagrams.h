// What tests of UDP share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <eddy/coro/ok.h>
#include <eddy/coro/spawn.h>
#include <eddy/io/udp.h>

#include "tests/support/io_test.h"
#include "tests/support/runtime_test.h"

namespace eddy::test {

inline udp_socket on_loopback(const udp_options& options = {}) {
  return udp_socket::bind(socket_address::loopback(0), options).value();
}

inline bool has_v6() {
  static const bool has = udp_socket::bind(socket_address::loopback_v6(0)).has_value();
  return has;
}

inline socket_address with_port(const char* host, std::uint16_t port) {
  return socket_address::parse(std::string(host) + ":" + std::to_string(port)).value();
}

/// A port of the loopback on which nobody receives.
inline socket_address nobody() {
  return on_loopback().local_address();
}

/// What comes next, as text.
inline task<std::string> next(udp_socket& s) {
  std::string text(65536, '\0');
  text.resize(co_await ok(s.receive(text)));
  co_return text;
}

/// Whether a receive finds nothing, and is given up.
inline task<bool> is_empty(udp_socket& s) {
  std::array<char, 16> buffer;
  co_return co_await stops_when_cancelled(spawn(s.receive(buffer)), moment::inside_the_kernel);
}

inline std::string letters(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

/// All that is received, until `size` bytes have come, each datagram by itself.
inline task<std::vector<std::string>> pieces(udp_socket& s, std::size_t size) {
  std::vector<std::string> all;
  for (std::size_t got = 0; got < size; got += all.back().size()) all.push_back(co_await next(s));
  co_return all;
}

inline void expect_cut(const std::vector<std::string>& all, const std::string& text,
                       std::size_t segment) {
  std::string joined;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size()) {
      EXPECT_EQ(all[i].size(), segment);
    } else {
      EXPECT_LE(all[i].size(), segment);
    }
    joined += all[i];
  }
  EXPECT_EQ(joined, text);
}

inline send_options in_segments(std::uint16_t size) {
  send_options o;
  o.segment = size;
  return o;
}

}  // namespace eddy::test
