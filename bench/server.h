// What the echo servers of rows 8, 10 and 16 have in common. A server is called as `PROGRAM
// [--busy] [--hold]`, prints `listening` and its port, and serves until it is killed. With --busy a
// task beside the connections computes a slice and yields, again and again (row 16). With --hold it
// has small buffers: 10,000 connections are to be held (row 14).
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstring>

#include "bench/measure.h"

namespace bench {

constexpr std::size_t echo_buffer = 16384;

constexpr std::size_t small_buffer = 64;

inline bool has_option(const char* option, int count, char** arguments) {
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], option) == 0) return true;
  }
  return false;
}
inline bool is_busy(int count, char** arguments) {
  return has_option("--busy", count, arguments);
}
/// Many connections: raises the limit of open files, too.
inline bool is_to_hold(int count, char** arguments) {
  if (!has_option("--hold", count, arguments)) return false;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return true;
}

inline void print_port(unsigned port) {
  std::printf("listening\t%u\n", port);
  std::fflush(stdout);
}

/// A slice of the computing task: about 5 us.
inline void compute() noexcept {
  static std::uint64_t sum = 0;
  for (int i = 0; i < 4000; ++i) {
    sum = sum * 6364136223846793005 + 1442695040888963407;
  }
  keep(sum);
}

// ---- for servers without a library of their own

inline int listen_at_any_port() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), size) ||
      listen(listener, 4096) ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size)) {
    std::perror("listen");
    std::exit(1);
  }
  print_port(ntohs(address.sin_port));
  return listener;
}

inline void set_no_delay(int descriptor) noexcept {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace bench
