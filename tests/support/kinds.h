// For tests of what stands behind descriptors: terminals, pipes with names, standard streams that
// are others for a while.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <eddy/io/file.h>
#include <eddy/io/filesystem.h>
#include <eddy/io/pipe.h>

#include "tests/support/io_test.h"

namespace eddy::test {

using namespace std::chrono_literals;

inline constexpr open_mode read_write = open_mode::read | open_mode::write;

/// What stands behind a standard stream for as long as this lives; `d` is closed at once.
class stands_at {
 public:
  stands_at(int number, int d) : number_(number), kept_(::fcntl(number, F_DUPFD_CLOEXEC, 3)) {
    EXPECT_EQ(::dup2(d, number), number);
    ::close(d);
  }
  ~stands_at() {
    if (kept_ < 0) {
      ::close(number_);
      return;
    }
    ::dup2(kept_, number_);
    ::close(kept_);
  }
  stands_at(const stands_at&) = delete;
  stands_at& operator=(const stands_at&) = delete;

 private:
  int number_;
  int kept_;
};

/// A terminal and who sits before it.
struct terminal {
  terminal() {
    EXPECT_EQ(::grantpt(user), 0);
    EXPECT_EQ(::unlockpt(user), 0);
    line = ::open(::ptsname(user), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(line, 0);
    termios raw{};
    EXPECT_EQ(::tcgetattr(line, &raw), 0);
    ::cfmakeraw(&raw);
    EXPECT_EQ(::tcsetattr(line, TCSANOW, &raw), 0);
  }
  ~terminal() {
    ::close(line);
    ::close(user);
  }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  int user = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int line = -1;
};

/// A descriptor that goes with this.
class owned_number {
 public:
  explicit owned_number(int d) : number_(d) {}
  ~owned_number() { ::close(number_); }
  owned_number(const owned_number&) = delete;
  owned_number& operator=(const owned_number&) = delete;

 private:
  int number_;
};

/// A pipe with a name, both ends in one blocking descriptor.
inline int named_pipe(const std::string& name) {
  EXPECT_EQ(::mkfifo(name.c_str(), 0600), 0);
  return ::open(name.c_str(), O_RDWR | O_CLOEXEC);
}

/// Takes all that there is, without waiting.
inline std::size_t drain(int d) {
  std::vector<char> buffer(1 << 16);
  std::size_t all = 0;
  for (;;) {
    pollfd p{d, POLLIN, 0};
    if (::poll(&p, 1, 0) <= 0) return all;
    const ssize_t n = ::read(d, buffer.data(), buffer.size());
    if (n <= 0) return all;
    all += static_cast<std::size_t>(n);
  }
}

/// The loop goes on: timers, polls and threads have their turn (else the test stands still here).
inline task<void> a_while() {
  for (int i = 0; i < 3; ++i) {
    co_await sleep_for(1ms);
    co_await after_a_poll();
  }
}

/// It waits, the loop goes on meanwhile, and it can be called back.
template <class T>
task<void> waits_and_is_stopped(join_handle<T> h) {
  co_await a_while();
  EXPECT_FALSE(h.done());
  h.cancel();
  const auto r = co_await h.join();
  EXPECT_TRUE(r.stopped());
}

}  // namespace eddy::test
