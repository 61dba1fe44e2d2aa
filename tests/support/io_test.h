// What tests of io/ share: each runs on every backend from one source, and leaves no descriptor
// open.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <eddy/coro/run.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/tcp.h>
#include <eddy/io/unix.h>
#include <eddy/runtime/runtime.h>

#include "tests/support/backends.h"
#include "tests/support/echo.h"
#include "tests/support/simulated_world.h"
#include "tests/support/temporary_directory.h"

namespace eddy::test {

inline std::vector<std::string> io_backends() {
  return backends({"io_uring", "epoll"});
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  // Without that of the listing.
  return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;
}

class io_test : public testing::TestWithParam<std::string> {
 protected:
  io_test() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    before_ = open_descriptors();
  }
  ~io_test() override {
    EXPECT_EQ(open_descriptors(), before_) << "a descriptor was left open, or closed twice";
  }

  runtime_options options() const {
    runtime_options o;
    o.backend = GetParam() == "epoll" ? backend_kind::epoll : backend_kind::io_uring;
    return o;
  }
  bool is_virtual() const { return GetParam() == "simulation"; }
  /// A runtime with these options has the backend under test.
  void prepare(runtime& rt) const {
    if (is_virtual()) use_simulated_backend(rt);
  }
  /// Runs `main(arguments...)` on a runtime of the backend under test.
  template <class F, class... A>
  auto run(F main, A... arguments) {
    runtime rt(options());
    prepare(rt);
    return eddy::run(rt, std::move(main), std::move(arguments)...);
  }

  /// A path in a folder of this test's own.
  std::string path(const std::string& name) const {
    return is_virtual() ? "/tmp/" + name : folder_.file(name);
  }

 private:
  std::size_t before_ = 0;
  temporary_directory folder_;
};

#define EDDY_ON_EVERY_BACKEND(fixture)                                                        \
  INSTANTIATE_TEST_SUITE_P(Backends, fixture, testing::ValuesIn(::eddy::test::io_backends()), \
                           [](const auto& one) { return one.param; })

/// For tests that leave the world to eddy: a simulated one, too.
#define EDDY_IN_SIMULATION_TOO(fixture)                                               \
  INSTANTIATE_TEST_SUITE_P(World, fixture,                                            \
                           testing::ValuesIn(::eddy::test::backends({"simulation"})), \
                           [](const auto& one) { return one.param; });                \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(fixture)

/// Two ends of one TCP connection.
inline task<std::pair<tcp_stream, tcp_stream>> tcp_pair() {
  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  join_handle<result<tcp_stream>> accepting = spawn(listener.accept());
  result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
  result<tcp_stream> far = co_await accepting;
  co_return std::pair(std::move(near).value(), std::move(far).value());
}

/// The next close of it sends a reset.
template <class S>
void reset_at_close(S& s) {
  EXPECT_TRUE(s.set_option(SOL_SOCKET, SO_LINGER, linger{1, 0}));
}

/// Goes on when everything that was begun before has been handed to the kernel.
inline task<void> after_a_poll() {
  co_await yield();  // (we may be in a poll phase ourselves)
  co_await immediate();
}

/// When a task is asked to stop, as seen from its operation.
enum class moment { before_it_begins, before_the_hand_over, inside_the_kernel };
inline constexpr moment moments[] = {moment::before_it_begins, moment::before_the_hand_over,
                                     moment::inside_the_kernel};

/// Cancels at that moment a task that was spawned just now, and gives whether it was stopped.
template <class T>
task<bool> stops_when_cancelled(join_handle<T> h, moment at) {
  if (at == moment::before_the_hand_over) co_await next_tick();
  if (at == moment::inside_the_kernel) co_await after_a_poll();
  h.cancel();
  h.cancel();
  const join_result<T> r = co_await h.join();
  h.cancel();
  co_return r.stopped();
}

/// Writes until the kernel takes no more at once: the next write waits.
template <class S>
task<void> fill(S& s) {
  const std::vector<char> block(256 * 1024, 'x');
  bool waits = false;
  while (!waits) {
    join_handle<result<std::size_t>> h = spawn(s.write(block));
    for (int i = 0; i < 5 && !h.done(); ++i) co_await immediate();
    waits = !h.done();
    h.cancel();
    const auto r = co_await h.join();
    EXPECT_TRUE(r.stopped() || r.has_value());
  }
}

}  // namespace eddy::test
