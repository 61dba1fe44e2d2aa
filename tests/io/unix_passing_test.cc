// Descriptors and credentials over Unix sockets, on every backend: nothing leaks, whatever goes wrong.
#include "tests/support/io_test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <eddy/coro/ok.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/pipe.h>
#include <eddy/io/unix_datagram.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class PassingTest : public io_test {};
EDDY_ON_EVERY_BACKEND(PassingTest);

/// So many descriptors of nothing much.
std::vector<owned_descriptor> several(std::size_t count) {
  std::vector<owned_descriptor> all;
  for (std::size_t i = 0; i < count; ++i)
    all.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return all;
}
std::vector<int> numbers(const std::vector<owned_descriptor>& all) {
  std::vector<int> n;
  for (const owned_descriptor& d : all) n.push_back(d.get());
  return n;
}

TEST_P(PassingTest, AnOwnedDescriptorClosesItself) {
  const auto open = open_descriptors();
  {
    owned_descriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_GE(one.get(), 0);
    owned_descriptor other = std::move(one);
    EXPECT_EQ(one.get(), -1);  // NOLINT: it says so
    EXPECT_EQ(open_descriptors(), open + 1);
    const int number = other.release();
    EXPECT_EQ(other.get(), -1);
    EXPECT_EQ(::close(number), 0);
    other = owned_descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    other = owned_descriptor();
    EXPECT_EQ(open_descriptors(), open);
  }
}

template <class Socket>
task<void> passes_a_pipe(Socket& near, Socket& far) {
  auto pipe = make_pipe().value();
  const std::array<int, 1> end{pipe.second.native_handle()};
  EXPECT_EQ(co_await ok(near.send_descriptors("take this", end)), 9u);
  std::array<char, 20> buffer;
  received got = co_await ok(far.receive_descriptors(buffer, 1));
  EXPECT_EQ(std::string_view(buffer.data(), got.size), "take this");
  EXPECT_EQ(got.descriptors.size(), 1u);
  EXPECT_NE(::fcntl(got.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  pipe_writer writer = pipe_writer::adopt(got.descriptors[0].release()).value();
  co_await ok(pipe.second.close());
  co_await ok(writer.write("through the other one"));
  co_await ok(writer.close());
  std::array<char, 30> text;
  const std::size_t n = co_await ok(pipe.first.read(text));
  EXPECT_EQ(std::string_view(text.data(), n), "through the other one");
  const std::size_t end_of_it = co_await ok(pipe.first.read(text));
  EXPECT_EQ(end_of_it, 0u);
}

TEST_P(PassingTest, ADescriptorGoesFromEndToEnd) {
  run([]() -> task<void> {
    auto streams = unix_stream::pair().value();
    co_await passes_a_pipe(streams.first, streams.second);
    co_await passes_a_pipe(streams.second, streams.first);
    auto datagrams = unix_datagram::pair().value();
    co_await passes_a_pipe(datagrams.first, datagrams.second);
  });
}

TEST_P(PassingTest, OneThatWaitsGetsThem) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const auto sent = several(3);
    std::array<char, 20> buffer;
    auto receiving = spawn(both.second.receive_descriptors(buffer, 5));
    co_await after_a_poll();
    EXPECT_FALSE(receiving.done());
    co_await ok(both.first.send_descriptors("x", numbers(sent)));
    const received got = co_await ok(std::move(receiving));
    EXPECT_EQ(got.size, 1u);
    EXPECT_EQ(got.descriptors.size(), 3u);
    co_await ok(both.first.close());
    const received end = co_await ok(both.second.receive_descriptors(buffer, 5));
    EXPECT_TRUE(end.size == 0 && end.descriptors.empty());
  });
}

TEST_P(PassingTest, AsManyAsAMessageCarries) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const auto one = several(1);
    const std::vector<int> most(253, one[0].get());
    const std::vector<int> too_many(254, one[0].get());
    std::array<char, 20> buffer;
    co_await ok(both.first.send_descriptors("x", most));
    {
      const received got = co_await ok(both.second.receive_descriptors(buffer, 1000));
      EXPECT_EQ(got.descriptors.size(), 253u);
    }
    const auto many = co_await both.first.send_descriptors("x", too_many);
    EXPECT_EQ(many.error(), std::errc::invalid_argument);
    const auto none = co_await both.first.send_descriptors("x", std::span<const int>());
    EXPECT_EQ(none.error(), std::errc::invalid_argument);
    const auto no_data = co_await both.first.send_descriptors("", std::span(most));
    EXPECT_EQ(no_data.error(), std::errc::invalid_argument);
    const std::array<int, 2> bad{one[0].get(), 999'999};
    const auto not_open = co_await both.first.send_descriptors("x", bad);
    EXPECT_EQ(not_open.error(), std::errc::bad_file_descriptor);
    const auto nothing = co_await both.second.receive_descriptors(buffer, 0);
    EXPECT_EQ(nothing.error(), std::errc::invalid_argument);
    const auto no_room = co_await both.second.receive_descriptors(mutable_buffer(), 1);
    EXPECT_EQ(no_room.error(), std::errc::invalid_argument);
    // Nothing of all that has been sent
    EXPECT_EQ(both.second.try_read(buffer).error(), std::errc::resource_unavailable_try_again);
    co_await ok(both.first.close());
    const auto closed = co_await both.first.send_descriptors("x", std::span(most));
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
    const auto gone = co_await both.second.send_descriptors("x", std::span(most));
    EXPECT_EQ(gone.error(), std::errc::broken_pipe);
  });
}

TEST_P(PassingTest, MoreThanAskedForAreClosed) {
  run([]() -> task<void> {
    const auto sent = several(20);
    std::array<char, 20> buffer;
    for (std::size_t at_most = 1; at_most < 8; ++at_most) {
      for (std::size_t more = 1; more < 12; ++more) {
        auto both = unix_stream::pair().value();
        const auto open = open_descriptors();
        const std::vector<int> all = numbers(sent);
        co_await ok(both.first.send_descriptors("x", std::span(all).first(at_most + more)));
        const auto got = co_await both.second.receive_descriptors(buffer, at_most);
        EXPECT_EQ(got.error(), errc::message_too_long) << at_most << " + " << more;
        EXPECT_EQ(open_descriptors(), open);
        // The stream goes on
        co_await ok(both.first.send_descriptors("y", std::span(all).first(at_most)));
        const received next = co_await ok(both.second.receive_descriptors(buffer, at_most));
        EXPECT_EQ(next.descriptors.size(), at_most);
        EXPECT_EQ(buffer[0], 'y');
      }
    }
  });
}

TEST_P(PassingTest, AFullTableClosesThemAll) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const auto sent = several(8);
    co_await ok(both.first.send_descriptors("x", numbers(sent)));
    co_await ok(both.first.send_descriptors("y", std::array<int, 1>{sent[0].get()}));
    rlimit before{};
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = ::dup(sent[0].get());
    ::close(next);
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(next) + 6;  // for six of the eight
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::array<char, 20> buffer;
    const auto got = co_await both.second.receive_descriptors(buffer, 10);
    const int same = ::dup(sent[0].get());
    EXPECT_EQ(same, next) << "some were left open";
    ::close(same);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(got.error(), std::errc::too_many_files_open);
    const received then = co_await ok(both.second.receive_descriptors(buffer, 10));
    EXPECT_EQ(then.descriptors.size(), 1u);
    EXPECT_EQ(buffer[0], 'y');
  });
}

TEST_P(PassingTest, AnOrdinaryReadDropsThem) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const auto sent = several(3);
    const auto open = open_descriptors();
    std::array<char, 20> buffer;
    const std::array<mutable_buffer, 1> in{mutable_buffer(buffer)};
    for (int way = 0; way < 5; ++way) {
      co_await ok(both.first.send_descriptors("x", numbers(sent)));
      if (way == 0) co_await ok(both.second.read(buffer));
      if (way == 1) co_await ok(both.second.read(in));
      if (way == 2) both.second.try_read(buffer).value();
      if (way == 3) co_await ok(read_exactly(both.second, mutable_buffer(buffer.data(), 1)));
      if (way == 4) {
        const auto too_many = co_await both.second.receive_descriptors(buffer, 1);
        EXPECT_EQ(too_many.error(), errc::message_too_long);
      }
      EXPECT_EQ(open_descriptors(), open) << way;
    }
    // One that waits for it, on a socket where much else has gone
    auto reading = spawn(both.second.read(buffer));
    co_await after_a_poll();
    co_await ok(both.first.send_descriptors("x", numbers(sent)));
    co_await ok(both.first.write("and more"));
    EXPECT_EQ(co_await ok(std::move(reading)), 1u);
    EXPECT_EQ(co_await ok(both.second.read(buffer)), 8u);
    EXPECT_EQ(open_descriptors(), open);
  });
}

TEST_P(PassingTest, BytesBeforeThemComeAlongAndBytesAfterThemDoNot) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    const auto sent = several(1);
    std::array<char, 20> buffer;
    co_await ok(both.first.write("cc"));
    co_await ok(both.first.send_descriptors("dd", numbers(sent)));
    co_await ok(both.first.write("ee"));
    const received got = co_await ok(both.second.receive_descriptors(buffer, 3));
    EXPECT_EQ(std::string_view(buffer.data(), got.size), "ccdd");
    EXPECT_EQ(got.descriptors.size(), 1u);
    const received rest = co_await ok(both.second.receive_descriptors(buffer, 3));
    EXPECT_EQ(std::string_view(buffer.data(), rest.size), "ee");
    EXPECT_TRUE(rest.descriptors.empty());
  });
}

TEST_P(PassingTest, BothCanBeCancelled) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      auto both = unix_stream::pair().value();
      const auto sent = several(2);
      const std::vector<int> all = numbers(sent);
      std::array<char, 20> buffer;
      const auto open = open_descriptors();
      const bool receiver =
          co_await stops_when_cancelled(spawn(both.second.receive_descriptors(buffer, 3)), at);
      EXPECT_TRUE(receiver);
      co_await fill(both.first);
      const bool sender = co_await stops_when_cancelled(
          spawn(both.first.send_descriptors("x", std::span<const int>(all))), at);
      EXPECT_TRUE(sender);
      EXPECT_EQ(open_descriptors(), open);
    });
  }
}

/// A cancel that comes as they come: they are delivered, or still there, or closed; never lost.
TEST_P(PassingTest, NothingLeaksWhereTheReceiverIsCancelled) {
  run([]() -> task<void> {
    const auto sent = several(2);
    const std::vector<int> all = numbers(sent);
    for (int round = 0; round < 30; ++round) {
      auto both = unix_stream::pair().value();
      std::array<char, 20> buffer;
      const auto open = open_descriptors();
      std::optional receiving(spawn(both.second.receive_descriptors(buffer, 3)));
      for (int i = 0; i < round % 4; ++i) co_await immediate();
      co_await ok(both.first.send_descriptors("x", std::span<const int>(all)));
      for (int i = 0; i < round / 4 % 4; ++i) co_await immediate();
      receiving->cancel();
      {
        auto r = co_await receiving->join();
        if (r.stopped()) {
          const received got = co_await ok(both.second.receive_descriptors(buffer, 3));
          EXPECT_EQ(got.descriptors.size(), 2u);
        }
      }
      receiving.reset();  // and its result
      EXPECT_EQ(open_descriptors(), open) << round;
    }
  });
}

/// The task that has them is destroyed before it goes on.
TEST_P(PassingTest, NothingLeaksWhereTheRuntimeEnds) {
  const auto sent = several(2);
  const std::vector<int> all = numbers(sent);
  for (int polls = 0; polls < 4; ++polls) {
    const auto open = open_descriptors();
    {
      runtime rt(options());
      eddy::run(rt, [&]() -> task<void> {
        auto both = unix_stream::pair().value();
        auto receives = [](unix_stream s) -> task<void> {
          std::array<char, 20> buffer;
          const auto got = co_await s.receive_descriptors(buffer, 3);
          co_await sleep_for(std::chrono::hours(1));
        };
        spawn_background(receives, std::move(both.second));
        for (int i = 0; i < polls; ++i) co_await immediate();
        co_await ok(both.first.send_descriptors("x", std::span<const int>(all)));
        for (int i = 0; i < polls; ++i) co_await immediate();
      });
    }
    EXPECT_EQ(open_descriptors(), open) << polls;
  }
}

TEST_P(PassingTest, ACloseUnderAReceiverLeavesNothing) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    std::array<char, 20> buffer;
    auto receiving = spawn(both.second.receive_descriptors(buffer, 3));
    co_await after_a_poll();
    co_await ok(both.second.close());
    const auto got = co_await receiving;
    EXPECT_EQ(got.error(), std::errc::operation_canceled);
    both.first.abort();
  });
}

// ---- Who is there ----

TEST_P(PassingTest, TheOtherEndIsKnown) {
  run([this]() -> task<void> {
    const auto is_us = [](const result<credentials>& who) {
      return who && who->pid == ::getpid() && who->uid == ::getuid() && who->gid == ::getgid();
    };
    auto both = unix_stream::pair().value();
    EXPECT_TRUE(is_us(both.first.peer_credentials()));
    auto datagrams = unix_datagram::pair().value();
    EXPECT_TRUE(is_us(datagrams.first.peer_credentials()));
    const unix_datagram alone = unix_datagram::bind(path("datagrams")).value();
    EXPECT_EQ(alone.peer_credentials().error(), std::errc::not_connected);

    unix_listener listener = unix_listener::bind(path("socket")).value();
    const pid_t child = ::fork();
    if (child == 0) {
      const int s = ::socket(AF_UNIX, SOCK_STREAM, 0);
      const socket_address at = listener.local_address();
      const bool connected = ::connect(s, static_cast<const sockaddr*>(at.data()), at.size()) == 0;
      char byte;
      ::_exit(connected && ::read(s, &byte, 1) == 0 ? 0 : 1);
    }
    unix_stream far = co_await ok(listener.accept());
    const result<credentials> who = far.peer_credentials();
    EXPECT_TRUE(who && who->pid == child);
    co_await ok(far.close());
    EXPECT_EQ(far.peer_credentials().error(), std::errc::bad_file_descriptor);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  });
}

}  // namespace
}  // namespace eddy::test
