// copy_both_ways: what one side says the other hears, ends are handed on, and the first error ends
// it.
#include "tests/support/io_test.h"

#include <string>
#include <utility>

#include <eddy/coro/ok.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/copy_both_ways.h>
#include <eddy/io/memory_stream.h>

namespace eddy::test {
namespace {

class copying_both_ways : public io_test {};
EDDY_ON_EVERY_BACKEND(copying_both_ways);
EDDY_IN_SIMULATION_TOO(copying_both_ways);

/// A client and a server, and the two ends between which it is copied.
struct proxied {
  proxied() : outer(unix_stream::pair().value()), inner(unix_stream::pair().value()) {}
  std::pair<unix_stream, unix_stream> outer, inner;
  unix_stream& client() { return outer.first; }
  unix_stream& server() { return inner.second; }
  task<result<copied>> copy() { return copy_both_ways(outer.second, inner.first); }
};

TEST_P(copying_both_ways, EachSideHearsTheOtherAndItsEnd) {
  run([]() -> task<> {
    proxied p;
    const auto copying = spawn(p.copy());
    const auto answering = spawn([&]() -> task<> {
      const std::string heard = co_await ok(read_all(p.server(), 1 << 20));
      EXPECT_EQ(heard, std::string(200'000, 'q'));
      EXPECT_FALSE(copying.done());
      co_await ok(write_all(p.server(), std::string(300'000, 'a')));
      EXPECT_TRUE(p.server().shutdown_write());
    });
    co_await ok(write_all(p.client(), std::string(200'000, 'q')));
    EXPECT_TRUE(p.client().shutdown_write());
    EXPECT_EQ(co_await ok(read_all(p.client(), 1 << 20)), std::string(300'000, 'a'));
    const result<copied> moved = co_await copying;
    EXPECT_EQ(moved->a_to_b, 200'000u);
    EXPECT_EQ(moved->b_to_a, 300'000u);
    co_await answering;
  });
}

TEST_P(copying_both_ways, TheFirstErrorStopsTheOtherDirection) {
  run([]() -> task<> {
    auto [client, outer] = co_await tcp_pair();
    auto [inner, server] = co_await tcp_pair();
    const auto copying = spawn(copy_both_ways(outer, inner));
    co_await ok(write_all(client, "hello"));
    std::string heard(5, ' ');
    co_await ok(read_exactly(server, heard));
    reset_at_close(server);
    co_await ok(server.close());
    const result<copied> moved = co_await copying;
    EXPECT_EQ(moved.error(), std::errc::connection_reset);
    co_await ok(outer.close());  // nothing is in flight on it any more
    co_await ok(inner.close());
  });
}

TEST_P(copying_both_ways, StoppedItLetsGoOfBoth) {
  run([]() -> task<> {
    proxied p;
    EXPECT_EQ((co_await with_timeout(std::chrono::milliseconds(1), p.copy())).error(),
              errc::timed_out);
    co_await ok(p.outer.second.close());
    co_await ok(p.inner.first.close());
  });
}

TEST_P(copying_both_ways, StreamsOfDifferentTypes) {
  run([]() -> task<> {
    auto [client, outer] = duplex(16);
    auto [inner, server] = unix_stream::pair().value();
    const auto copying = spawn(copy_both_ways(outer, inner));
    co_await ok(write_all(client, "to be heard by the server"));
    EXPECT_TRUE(client.shutdown_write());
    EXPECT_EQ(co_await ok(read_all(server, 100)), "to be heard by the server");
    co_await ok(server.close());
    const result<copied> moved = co_await copying;
    EXPECT_EQ(moved->a_to_b, 25u);
    EXPECT_EQ(moved->b_to_a, 0u);
  });
}

}  // namespace
}  // namespace eddy::test
