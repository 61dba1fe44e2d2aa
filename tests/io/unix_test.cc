// Unix stream sockets on every backend.
#include "tests/support/io_test.h"

#include <array>

namespace eddy::test {
namespace {

class UnixTest : public io_test {};
EDDY_ON_EVERY_BACKEND(UnixTest);

task<void> talk(unix_stream& near, unix_stream& far) {
  std::array<char, 10> buffer;
  const result<std::size_t> written = co_await near.write("hello");
  EXPECT_EQ(written.value_or(0u), 5u);
  const result<std::size_t> read = co_await far.read(buffer);
  EXPECT_EQ(read.value_or(0u), 5u);
  EXPECT_EQ(std::string(buffer.data(), 5), "hello");
}

TEST_P(UnixTest, APairIsConnected) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    co_await talk(near, far);
    co_await talk(far, near);
    EXPECT_TRUE(near.shutdown_write());
    std::array<char, 10> buffer;
    const result<std::size_t> end = co_await far.read(buffer);
    EXPECT_EQ(end.value_or(1u), 0u);
    EXPECT_EQ(near.peer_address().to_string(), "");
  });
}

TEST_P(UnixTest, APathConnects) {
  run(
      [](std::string at) -> task<void> {
        unix_listener listener = unix_listener::bind(at).value();
        EXPECT_EQ(listener.local_address().to_string(), at);
        auto accepting = spawn(listener.accept());
        result<unix_stream> near = co_await unix_stream::connect(at);
        result<unix_stream> far = co_await accepting;
        EXPECT_TRUE(near && far);
        EXPECT_EQ(near->peer_address().to_string(), at);
        co_await talk(*near, *far);
        EXPECT_EQ(unix_listener::bind(at).error(), std::errc::address_in_use);
        const result<void> closed = co_await listener.close();
        EXPECT_TRUE(closed);
        // the file is still there
        const result<unix_stream> late = co_await unix_stream::connect(at);
        EXPECT_EQ(late.error(), std::errc::connection_refused);
      },
      path("socket"));
}

TEST_P(UnixTest, AnAbstractNameIsNoFile) {
  run([]() -> task<void> {
    const std::string name = std::string("\0eddy test ", 11) + std::to_string(::getpid());
    unix_listener listener = unix_listener::bind(name).value();
    auto accepting = spawn(listener.accept());
    result<unix_stream> near = co_await unix_stream::connect(name);
    result<unix_stream> far = co_await accepting;
    EXPECT_TRUE(near && far);
    co_await talk(*far, *near);
  });
}

TEST_P(UnixTest, BadPathsAreReported) {
  run(
      [](std::string nowhere) -> task<void> {
        const result<unix_stream> none = co_await unix_stream::connect(nowhere);
        EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
        const result<unix_stream> empty = co_await unix_stream::connect("");
        EXPECT_EQ(empty.error(), std::errc::invalid_argument);
        const result<unix_stream> long_one = co_await unix_stream::connect(std::string(200, 'x'));
        EXPECT_EQ(long_one.error(), std::errc::filename_too_long);
        EXPECT_EQ(unix_listener::bind(nowhere + "/x").error(),
                  std::errc::no_such_file_or_directory);
        EXPECT_EQ(unix_listener::bind(std::string(200, 'x')).error(), std::errc::filename_too_long);
      },
      path("nowhere"));
}

TEST_P(UnixTest, AConnectWaitsForRoomInTheBacklog) {
  run(
      [](std::string at) -> task<void> {
        unix_listen_options one;
        one.backlog = 0;
        unix_listener listener = unix_listener::bind(at, one).value();
        std::vector<join_handle<result<unix_stream>>> connecting;
        for (int i = 0; i < 5; ++i) connecting.push_back(spawn(unix_stream::connect(at)));
        co_await after_a_poll();
        EXPECT_GT(runtime::current().pending().operations, 0u);
        std::vector<unix_stream> accepted;
        for (int i = 0; i < 5; ++i) {
          result<unix_stream> s = co_await listener.accept();
          EXPECT_TRUE(s);
          accepted.push_back(*std::move(s));
        }
        for (auto& c : connecting) {
          const result<unix_stream> s = co_await c;
          EXPECT_TRUE(s) << s.error();
        }
      },
      path("socket"));
}

TEST_P(UnixTest, AConnectThatWaitsCanBeCancelled) {
  for (const moment at : moments) {
    run(
        [at](std::string where) -> task<void> {
          unix_listen_options one;
          one.backlog = 0;
          const unix_listener listener = unix_listener::bind(where, one).value();
          const result<unix_stream> first = co_await unix_stream::connect(where);
          EXPECT_TRUE(first);
          const auto open = open_descriptors();
          const bool stopped =
              co_await stops_when_cancelled(spawn(unix_stream::connect(where)), at);
          EXPECT_TRUE(stopped);
          EXPECT_EQ(open_descriptors(), open);
          co_return;
        },
        path("socket" + std::to_string(static_cast<int>(at))));
  }
}

TEST_P(UnixTest, ReadsWritesAndAcceptsCanBeCancelled) {
  for (const moment at : moments) {
    run(
        [at](std::string where) -> task<void> {
          auto [near, far] = unix_stream::pair().value();
          std::array<char, 10> buffer;
          const bool reader = co_await stops_when_cancelled(spawn(near.read(buffer)), at);
          EXPECT_TRUE(reader);
          co_await fill(near);
          const bool writer = co_await stops_when_cancelled(spawn(near.write("x")), at);
          EXPECT_TRUE(writer);
          unix_listener listener = unix_listener::bind(where).value();
          const bool acceptor = co_await stops_when_cancelled(spawn(listener.accept()), at);
          EXPECT_TRUE(acceptor);
        },
        path("socket" + std::to_string(static_cast<int>(at))));
  }
}

TEST_P(UnixTest, AVanishedPeerGivesAnErrorAndNoSignal) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const result<void> closed = co_await both.second.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> written = co_await both.first.write("x");
    EXPECT_EQ(written.error(), std::errc::broken_pipe);
  });
}

TEST_P(UnixTest, UnreadBytesMakeTheEndAReset) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const result<std::size_t> written = co_await both.first.write("never read");
    EXPECT_TRUE(written);
    const result<void> closed = co_await both.second.close();
    EXPECT_TRUE(closed);
    std::array<char, 10> buffer;
    const result<std::size_t> read = co_await both.first.read(buffer);
    EXPECT_EQ(read.error(), std::errc::connection_reset);
  });
}

}  // namespace
}  // namespace eddy::test
