// Datagrams over Unix sockets, on every backend.
#include "tests/support/io_test.h"

#include <fcntl.h>

#include <array>
#include <string>
#include <string_view>

#include <eddy/coro/ok.h>
#include <eddy/io/unix_datagram.h>

namespace eddy::test {
namespace {

class UnixDatagramTest : public io_test {};
EDDY_ON_EVERY_BACKEND(UnixDatagramTest);

TEST_P(UnixDatagramTest, APairKeepsEachWhole) {
  run([]() -> task<void> {
    auto [near, far] = unix_datagram::pair().value();
    EXPECT_EQ(co_await ok(near.send("one")), 3u);
    EXPECT_EQ(co_await ok(near.send("")), 0u);
    EXPECT_EQ(co_await ok(near.send("three")), 5u);
    std::array<char, 3> buffer;
    EXPECT_EQ(co_await ok(far.receive(buffer)), 3u);
    EXPECT_EQ(co_await ok(far.receive(buffer)), 0u);
    const datagram cut = co_await ok(far.receive_from(buffer));
    EXPECT_EQ(cut.size, 3u);
    EXPECT_TRUE(cut.truncated);
    EXPECT_EQ(cut.from.family(), 0);
    const std::string large(100'000, 'l');
    EXPECT_EQ(co_await ok(near.send(large)), large.size());
    std::string got(100'001, ' ');
    EXPECT_EQ(co_await ok(far.receive(got)), large.size());
    const auto too_long = co_await near.send(std::string(10'000'000, 'x'));
    EXPECT_EQ(too_long.error(), std::errc::message_size);
    co_await ok(far.close());
    const auto refused = co_await near.send("x");
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
    const auto closed = co_await far.receive(buffer);
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(UnixDatagramTest, TryingEndsWhereThereIsNoRoom) {
  run([]() -> task<void> {
    auto [near, far] = unix_datagram::pair().value();
    std::array<char, 100> buffer{};
    int sent = 0;
    result<std::size_t> now = near.try_send(buffer);
    for (; now; now = near.try_send(buffer)) ++sent;
    EXPECT_EQ(now.error(), std::errc::resource_unavailable_try_again);
    EXPECT_GT(sent, 0);
    for (; sent; --sent) EXPECT_EQ(far.try_receive(buffer).value_or(0u), buffer.size());
    EXPECT_EQ(far.try_receive(buffer).error(), std::errc::resource_unavailable_try_again);
    co_return;
  });
}

TEST_P(UnixDatagramTest, APathIsSentToAndAnsweredFrom) {
  run([this]() -> task<void> {
    unix_datagram server = unix_datagram::bind(path("server")).value();
    unix_datagram client = unix_datagram::bind(path("client")).value();
    EXPECT_EQ(server.local_address().path(), path("server"));
    EXPECT_EQ(co_await ok(client.send_to("question", path("server"))), 8u);
    std::array<char, 20> buffer;
    const datagram question = co_await ok(server.receive_from(buffer));
    EXPECT_EQ(std::string_view(buffer.data(), question.size), "question");
    EXPECT_EQ(question.from.path(), path("client"));
    EXPECT_FALSE(question.truncated);
    co_await ok(server.send_to("answer", question.from.path()));
    EXPECT_EQ(co_await ok(client.receive(buffer)), 6u);

    EXPECT_TRUE(client.connect_to(path("server")));
    EXPECT_EQ(client.peer_address().path(), path("server"));
    co_await ok(client.send("connected"));
    EXPECT_EQ(co_await ok(server.receive(buffer)), 9u);
    unix_datagram nameless = unix_datagram::connect(path("server")).value();
    co_await ok(nameless.send("from nobody"));
    const datagram from_nobody = co_await ok(server.receive_from(buffer));
    EXPECT_EQ(from_nobody.from.path(), "");

    const std::string name = std::string("\0eddy datagrams\0", 16) + std::to_string(::getpid());
    unix_datagram hidden = unix_datagram::bind(name).value();
    co_await ok(client.send_to("no file", name));
    EXPECT_EQ(co_await ok(hidden.receive(buffer)), 7u);
  });
}

TEST_P(UnixDatagramTest, WhatIsWrongIsSaid) {
  run([this]() -> task<void> {
    unix_datagram one = unix_datagram::bind(path("one")).value();
    EXPECT_EQ(unix_datagram::bind(path("one")).error(), std::errc::address_in_use);
    for (const std::string& bad : {std::string(), std::string("a\0b", 3)}) {
      EXPECT_EQ(unix_datagram::bind(bad).error(), std::errc::invalid_argument);
      EXPECT_EQ(unix_datagram::connect(bad).error(), std::errc::invalid_argument);
      const auto sent = co_await one.send_to("x", bad);
      EXPECT_EQ(sent.error(), std::errc::invalid_argument);
    }
    const std::string longest = "/" + std::string(107, 'x');
    EXPECT_EQ(unix_datagram::bind(longest).error(), std::errc::filename_too_long);
    const auto long_one = co_await one.send_to("x", longest);
    EXPECT_EQ(long_one.error(), std::errc::filename_too_long);
    EXPECT_EQ(unix_datagram::connect(path("none")).error(), std::errc::no_such_file_or_directory);
    const auto nobody = co_await one.send_to("x", path("none"));
    EXPECT_EQ(nobody.error(), std::errc::no_such_file_or_directory);
    const auto unconnected = co_await one.send("x");
    EXPECT_EQ(unconnected.error(), std::errc::not_connected);
    const unix_listener stream = unix_listener::bind(path("stream")).value();
    EXPECT_EQ(unix_datagram::connect(path("stream")).error(), std::errc::wrong_protocol_type);
    EXPECT_EQ(unix_datagram::adopt(stream.native_handle()).error(), std::errc::wrong_protocol_type);
    const int number = one.release();
    unix_datagram again = unix_datagram::adopt(number).value();
    EXPECT_EQ(again.local_address().path(), path("one"));
    const auto released = co_await one.send_to("x", path("one"));
    EXPECT_EQ(released.error(), std::errc::bad_file_descriptor);
    co_await ok(again.close());
    const auto refused = co_await again.send_to("x", path("one"));
    EXPECT_EQ(refused.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(unix_datagram::connect(path("one")).error(), std::errc::connection_refused);
  });
}

/// Sends until there is no room at once.
template <class Send>
task<int> until_full(Send send) {
  for (int sent = 0;; ++sent) {
    join_handle<result<std::size_t>> h = spawn(send);
    for (int i = 0; i < 5 && !h.done(); ++i) co_await immediate();
    if (!h.done()) {
      h.cancel();
      const auto r = co_await h.join();
      EXPECT_TRUE(r.stopped());
      co_return sent;
    }
    const auto r = co_await h;
    EXPECT_TRUE(r) << r.error();
    if (!r) co_return sent;
  }
}

TEST_P(UnixDatagramTest, ASendWaitsForRoomThere) {
  run([this]() -> task<void> {
    unix_datagram server = unix_datagram::bind(path("server")).value();
    unix_datagram connected = unix_datagram::connect(path("server")).value();
    unix_datagram other = unix_datagram::bind(path("other")).value();
    const std::string to = path("server");
    const auto by_path = [](unix_datagram* from, std::string where) -> task<result<std::size_t>> {
      co_return co_await from->send_to("x", where);
    };
    const auto by_itself = [](unix_datagram* from) -> task<result<std::size_t>> {
      co_return co_await from->send("y");
    };
    std::array<char, 3> buffer;
    int sent = co_await until_full([&] { return by_path(&other, to); });
    EXPECT_GT(sent, 0);
    // Two that wait, each in its own way, and one that is stopped
    auto first = spawn(by_path, &other, to);
    auto second = spawn(by_itself, &connected);
    unix_datagram third = unix_datagram::connect(path("other")).value();
    const bool stopped =
        co_await stops_when_cancelled(spawn(by_path, &third, to), moment::inside_the_kernel);
    EXPECT_TRUE(stopped);
    EXPECT_FALSE(first.done() || second.done());
    for (int i = 0; i < sent + 2; ++i) co_await ok(server.receive(buffer));
    co_await ok(std::move(first));
    co_await ok(std::move(second));
  });
}

TEST_P(UnixDatagramTest, EachCanBeCancelled) {
  for (const moment at : moments) {
    run([this, at]() -> task<void> {
      const std::string name = "server" + std::to_string(static_cast<int>(at));
      unix_datagram server = unix_datagram::bind(path(name)).value();
      std::array<char, 3> buffer;
      const bool receiver = co_await stops_when_cancelled(spawn(server.receive(buffer)), at);
      const bool with_name = co_await stops_when_cancelled(spawn(server.receive_from(buffer)), at);
      EXPECT_TRUE(receiver && with_name);
    });
  }
}

}  // namespace
}  // namespace eddy::test
