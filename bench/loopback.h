// For suites that measure one side of connections alone: TCP over the loopback, and a process for the
// other side, whose CPU time is not counted.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "bench/measure.h"

namespace bench {

inline int close_on_exec_socket() {
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(made >= 0, "socket");
  return made;
}

inline sockaddr* as_address(sockaddr_in& at) noexcept {
  return reinterpret_cast<sockaddr*>(&at);
}

/// Listens at a port of the loopback that the kernel chooses, and is told in `at`.
inline int listen_on_loopback(sockaddr_in& at) {
  const int listener = close_on_exec_socket();
  at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  check(::bind(listener, as_address(at), size) == 0 && ::listen(listener, 128) == 0 &&
            ::getsockname(listener, as_address(at), &size) == 0,
        "a listener");
  return listener;
}

/// The two ends of a connection, both of which block, and send small writes at once.
inline std::array<int, 2> tcp_pair() {
  sockaddr_in at;
  const int listener = listen_on_loopback(at);
  std::array<int, 2> both{close_on_exec_socket(), -1};
  check(::connect(both[0], as_address(at), sizeof at) == 0, "connect");
  both[1] = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  check(both[1] >= 0, "accept");
  ::close(listener);
  const int on = 1;
  for (const int end : both) ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return both;
}

/// f() in a process of its own, on the same core, which must end by itself; it is waited for.
class other_process {
 public:
  template <class F>
  explicit other_process(F f) {
    std::fflush(stdout);
    id_ = ::fork();
    check(id_ >= 0, "fork");
    if (id_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    f();
    ::_exit(0);
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  ~other_process() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    check(status == 0, "the other process has found something wrong");
  }

 private:
  pid_t id_;
};

/// Reads until `size` bytes are there. False: the end, before the first of them.
inline bool read_whole(int from, void* to, std::size_t size) {
  std::size_t have = 0;
  while (have < size) {
    const long n = ::read(from, static_cast<char*>(to) + have, size - have);
    if (n == 0 && have == 0) return false;
    check(n > 0, "a stream ended too early");
    have += static_cast<std::size_t>(n);
  }
  return true;
}

inline void write_whole(int to, const void* from, std::size_t size) {
  for (std::size_t sent = 0; sent < size;) {
    const long n = ::send(to, static_cast<const char*>(from) + sent, size - sent, MSG_NOSIGNAL);
    check(n > 0, "a write");
    sent += static_cast<std::size_t>(n);
  }
}

}  // namespace bench
