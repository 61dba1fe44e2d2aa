// Chunks as a program sees them, on every backend: what is lent, shared, kept, given back, and what
// bad use gets.
#include "tests/support/runtime_test.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

class chunks : public every_runtime {};
INSTANTIATE_TEST_SUITE_P(on, chunks, all_backends(), backend_name);

std::pair<unix_stream, unix_stream> make_streams() {
  return unix_stream::pair().value();
}

TEST_P(chunks, AnEchoServerHoldsNothingWhileItWaits) {
  run([]() -> task<> {
    auto [near, far] = make_streams();
    const auto serve = [&]() -> task<> {
      chunk_stream in = far.chunks();
      for (;;) {
        const result<chunk> c = co_await in.next();
        EXPECT_TRUE(c);
        if (!c || c->empty()) co_return;
        const result<void> sent = co_await write_all(far, *c);
        EXPECT_TRUE(sent);
      }
    };
    const auto server = spawn(serve);
    for (int i = 0; i < 200; ++i) {
      const std::string said = "number " + std::to_string(i);
      std::string heard(said.size(), ' ');
      co_await ok(write_all(near, said));
      co_await ok(read_exactly(near, heard));
      EXPECT_EQ(heard, said);
    }
    EXPECT_TRUE(near.shutdown_write());
    co_await server;
  });
}

TEST_P(chunks, AtTheEndTheyAreEmptyAgainAndAgain) {
  run([]() -> task<> {
    auto [near, far] = make_streams();
    co_await ok(write_all(near, "last"));
    EXPECT_TRUE(near.shutdown_write());
    chunk_stream in = far.chunks();
    {
      const chunk c = co_await ok(in.next());
      EXPECT_EQ(c.text(), "last");
      EXPECT_EQ(c.bytes().size(), 4u);
    }
    for (int i = 0; i < 3; ++i) EXPECT_TRUE((co_await ok(in.next())).empty());
  });
}

TEST_P(chunks, StayAsTheyAreWhileTheyAreHeldAndMoved) {
  runtime_options options;
  options.chunk_size = 16;
  options.chunk_count = 32;
  make(options);
  run([]() -> task<> {
    auto [near, far] = make_streams();
    std::vector<chunk> held;
    {
      chunk_stream first = far.chunks();
      co_await ok(write_all(near, "one"));
      held.push_back((co_await ok(first.next())));
      chunk_stream in(std::move(first));
      co_await ok(write_all(near, std::string(40, '2')));
      for (int i = 0; i < 3; ++i) held.push_back((co_await ok(in.next())));
      std::swap(held[0], held[1]);
      held[3] = chunk();
    }  // they outlive what has given them
    EXPECT_EQ(held[1].text(), "one");
    EXPECT_EQ(held[0].text(), std::string(16, '2'));
    EXPECT_EQ(held[2].text(), std::string(16, '2'));
    EXPECT_TRUE(held[3].empty());
    held.clear();
  });
}

/// One stream cannot take all: it waits for its own.
TEST_P(chunks, AStreamHoldsItsShareAndNoMore) {
  runtime_options options;
  options.chunk_size = 1;
  options.chunk_count = 16;  // two for each
  make(options);
  run([]() -> task<> {
    auto [near, far] = make_streams();
    auto [other_near, other_far] = make_streams();
    co_await ok(write_all(near, "greedy"));
    chunk_stream greedy = far.chunks();
    std::optional<chunk> first = co_await ok(greedy.next());
    const chunk second = co_await ok(greedy.next());
    const auto third = spawn(greedy.next());
    for (int i = 0; i < 10; ++i) co_await immediate();
    EXPECT_FALSE(third.done());
    chunk_stream others = other_far.chunks();  // others are served meanwhile
    co_await ok(write_all(other_near, "o"));
    EXPECT_EQ((co_await ok(others.next())).text(), "o");
    first.reset();
    const result<chunk> came = co_await third;
    EXPECT_EQ(came->text(), "e");
    EXPECT_EQ(second.text(), "r");
  });
}

TEST_P(chunks, WhereAllAreLentTheOthersWaitInTurn) {
  runtime_options options;
  options.chunk_count = 2;
  make(options);
  run([&]() -> task<> {
    std::vector<std::pair<unix_stream, unix_stream>> streams;
    std::vector<chunk_stream> in;
    for (int i = 0; i < 5; ++i) streams.push_back(make_streams());
    for (auto& s : streams) in.push_back(s.second.chunks());
    std::vector<chunk> lent;
    for (std::size_t i = 0; i < 2; ++i) {
      co_await ok(write_all(streams[i].first, "x"));
      lent.push_back((co_await ok(in[i].next())));
    }
    std::vector<join_handle<void>> waiting;
    for (std::size_t i = 2; i < 5; ++i) {
      co_await ok(write_all(streams[i].first, "y"));
      waiting.push_back(spawn(
          [&](std::size_t number) -> task<> {
            const result<chunk> c = co_await in[number].next();
            EXPECT_TRUE(c);
            log(std::to_string(number));
            co_await next_tick();
          },
          i));
      for (int k = 0; k < 3; ++k) co_await immediate();
    }
    EXPECT_EQ(log.text(), "");
    lent.pop_back();
    for (auto& w : waiting) co_await w;
  });
  EXPECT_EQ(log.text(), "2 > 3 > 4");
}

TEST_P(chunks, ACancelTakesNoByte) {
  runtime_options options;
  options.chunk_size = 4;
  options.chunk_count = 1;
  make(options);
  run([]() -> task<> {
    auto [near, far] = make_streams();
    chunk_stream in = far.chunks();
    for (int ticks = 0; ticks < 4; ++ticks) {
      const auto waiting = spawn(in.next());
      for (int i = 0; i < ticks; ++i) co_await immediate();
      waiting.cancel();
      EXPECT_TRUE((co_await waiting.join()).stopped());
    }
    co_await ok(write_all(near, "1234567"));
    {
      const chunk held = co_await ok(in.next());
      for (int ticks = 0; ticks < 4; ++ticks) {  // waits for its own share
        const auto waiting = spawn(in.next());
        for (int i = 0; i < ticks; ++i) co_await immediate();
        waiting.cancel();
        EXPECT_TRUE((co_await waiting.join()).stopped());
      }
      EXPECT_EQ(held.text(), "1234");
    }
    EXPECT_EQ((co_await ok(in.next())).text(), "567");
  });
}

TEST_P(chunks, ACloseEndsWhoWaits) {
  runtime_options options;
  options.chunk_count = 1;
  make(options);
  run([]() -> task<> {
    auto [near, far] = make_streams();
    auto [other_near, other_far] = make_streams();
    co_await ok(write_all(near, "x"));
    chunk_stream in = far.chunks();
    chunk_stream others = other_far.chunks();
    const chunk held = co_await ok(in.next());
    co_await ok(write_all(other_near, "y"));
    const auto its_own = spawn(in.next());
    const auto starved = spawn(others.next());
    for (int i = 0; i < 3; ++i) co_await immediate();
    co_await ok(far.close());
    co_await ok(other_far.close());
    const result<chunk> one = co_await its_own;
    EXPECT_EQ(one.error(), std::errc::operation_canceled);
    const result<chunk> other = co_await starved;
    EXPECT_EQ(other.error(), std::errc::operation_canceled);
    const result<chunk> after = co_await in.next();
    EXPECT_EQ(after.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(chunks, OfAPeerThatResetsComeAsAnError) {
  if (is_virtual()) return;
  run([]() -> task<> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    const auto accepting = spawn(listener.accept());
    tcp_stream near = co_await ok(tcp_stream::connect(listener.local_address()));
    tcp_stream far = co_await ok(accepting);
    const linger hard{1, 0};
    EXPECT_EQ(::setsockopt(near.native_handle(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    chunk_stream in = far.chunks();
    const auto waiting = spawn(in.next());
    co_await immediate();
    co_await ok(near.close());
    const result<chunk> c = co_await waiting;
    EXPECT_EQ(c.error(), std::errc::connection_reset);
  });
}

using bad_use_of_chunks = chunks;
INSTANTIATE_TEST_SUITE_P(on, bad_use_of_chunks, all_backends(), backend_name);

TEST_P(bad_use_of_chunks, AReadAfterThemAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> task<> {
                 auto [near, far] = make_streams();
                 chunk_stream in = far.chunks();
                 char byte;
                 static_cast<void>(co_await far.read(mutable_buffer(&byte, 1)));
               }),
               "a stream is read after its chunks\\(\\) were asked for: unix_stream::read");
  EXPECT_DEATH(run([]() -> task<> {
                 auto [near, far] = make_streams();
                 chunk_stream in = far.chunks();
                 std::string bytes(5, ' ');
                 static_cast<void>(co_await read_exactly(far, bytes));
               }),
               "a stream is read after its chunks\\(\\) were asked for");
}

TEST_P(bad_use_of_chunks, TwoAtOnceAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> task<> {
                 auto [near, far] = make_streams();
                 chunk_stream in = far.chunks();
                 const auto one = spawn(in.next());
                 const auto two = spawn(in.next());
                 static_cast<void>(co_await one);
                 static_cast<void>(co_await two);
               }),
               "chunk_stream::next");
}

TEST_P(bad_use_of_chunks, AskedForBesideAReadAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> task<> {
                 auto [near, far] = make_streams();
                 char byte;
                 const auto reading = spawn(far.read(mutable_buffer(&byte, 1)));
                 co_await immediate();
                 const chunk_stream in = far.chunks();
                 static_cast<void>(co_await reading);
               }),
               "a read is in flight");
}

TEST_P(bad_use_of_chunks, OneThatOutlivesItsRuntimeAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        chunk kept;
        run([&]() -> task<> {
          auto [near, far] = make_streams();
          co_await ok(write_all(near, "x"));
          kept = co_await ok(far.chunks().next());
        });
        drop_runtime();
      },
      "a runtime ends while a chunk of it is still lent");
}

}  // namespace
}  // namespace eddy::test
