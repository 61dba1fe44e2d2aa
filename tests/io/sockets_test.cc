// What all streams and sockets have, on every backend: options, several buffers at once, trying,
// aborting.
#include "tests/support/io_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <eddy/coro/ok.h>
#include <eddy/coro/task_group.h>
#include <eddy/io/any_stream.h>
#include <eddy/io/halves.h>
#include <eddy/io/memory_stream.h>
#include <eddy/io/pipe.h>
#include <eddy/io/udp.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class SocketsTest : public io_test {};
EDDY_ON_EVERY_BACKEND(SocketsTest);
using SocketsDeathTest = SocketsTest;
EDDY_ON_EVERY_BACKEND(SocketsDeathTest);

// ---- Options ----

TEST_P(SocketsTest, OptionsAreSetAndReadBack) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    EXPECT_EQ(near.no_delay().value(), true);
    EXPECT_TRUE(near.set_no_delay(false));
    EXPECT_EQ(near.no_delay().value(), false);

    EXPECT_FALSE(near.keep_alive().value());
    EXPECT_TRUE(near.set_keep_alive(keep_alive{.idle = 7s, .interval = 1500ms, .probes = 3}));
    const auto kept = near.keep_alive().value();
    EXPECT_TRUE(kept && kept->idle == 7s && kept->interval == 2s && kept->probes == 3);
    EXPECT_TRUE(near.set_keep_alive(false));
    EXPECT_FALSE(near.keep_alive().value());
    EXPECT_TRUE(near.set_keep_alive(true));
    EXPECT_TRUE(near.keep_alive().value());
    EXPECT_EQ(
        near.set_keep_alive(keep_alive{.idle = 1s, .interval = 1s, .probes = 100'000}).error(),
        std::errc::invalid_argument);

    EXPECT_FALSE(near.linger().value());
    EXPECT_TRUE(near.set_linger(1ms));
    EXPECT_EQ(near.linger().value(), duration(1s));
    EXPECT_TRUE(near.set_linger(0s));
    EXPECT_EQ(near.linger().value(), duration::zero());
    EXPECT_TRUE(near.set_linger(std::nullopt));
    EXPECT_FALSE(near.linger().value());

    EXPECT_EQ(near.user_timeout().value(), duration::zero());
    EXPECT_TRUE(near.set_user_timeout(12'345ms));
    EXPECT_EQ(near.user_timeout().value(), duration(12'345ms));

    EXPECT_TRUE(near.set_send_buffer(20'000));
    EXPECT_EQ(near.send_buffer().value(), 40'000u);
    EXPECT_TRUE(near.set_receive_buffer(30'000));
    EXPECT_EQ(near.receive_buffer().value(), 60'000u);
  });
}

TEST_P(SocketsTest, EverySocketTakesTheSystemsOptions) {
  run([this]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    auto local = unix_stream::pair().value();
    udp_socket datagrams = udp_socket::bind(socket_address::loopback(0)).value();
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    unix_listener paths = unix_listener::bind(path("socket")).value();
    const auto both_ways = [](auto& socket) {
      EXPECT_TRUE(socket.set_option(SOL_SOCKET, SO_PRIORITY, 3));
      EXPECT_EQ(socket.template get_option<int>(SOL_SOCKET, SO_PRIORITY).value(), 3);
      EXPECT_TRUE(socket.set_option(SOL_SOCKET, SO_KEEPALIVE, true));
      EXPECT_EQ(socket.template get_option<bool>(SOL_SOCKET, SO_KEEPALIVE).value(), true);
      const auto nothing = socket.template get_option<int>(SOL_SOCKET, 99'999);
      EXPECT_EQ(nothing.error(), std::errc::no_protocol_option);
      EXPECT_GT(socket.send_buffer().value(), 0u);
      const timeval time{1, 500'000};
      EXPECT_TRUE(socket.set_option(SOL_SOCKET, SO_RCVTIMEO, time));
      EXPECT_EQ(socket.template get_option<timeval>(SOL_SOCKET, SO_RCVTIMEO).value().tv_sec, 1);
    };
    both_ways(near);
    both_ways(local.first);
    both_ways(datagrams);
    both_ways(listener);
    both_ways(paths);
    co_await ok(near.close());
    EXPECT_EQ(near.set_option(SOL_SOCKET, SO_PRIORITY, 3).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(near.get_option<int>(SOL_SOCKET, SO_PRIORITY).error(),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(near.info().error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(near.keep_alive().error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(SocketsTest, AConnectionTellsOfItself) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 5> buffer;
    co_await ok(write_all(near, "hello"));
    co_await ok(read_exactly(far, buffer));
    const tcp_information known = near.info().value();
    EXPECT_GT(known.round_trip, duration::zero());
    EXPECT_GT(known.window, 0u);
    EXPECT_GT(known.segment, 500u);
    EXPECT_EQ(known.retransmits, 0u);
  });
}

// ---- Both families ----

bool has_v6() {
  return tcp_listener::bind(socket_address::loopback_v6(0)).has_value();
}

TEST_P(SocketsTest, AListenerTakesBothFamiliesUnlessItIsToldOtherwise) {
  if (!has_v6()) GTEST_SKIP() << "this machine has no IPv6";
  run([]() -> task<void> {
    tcp_listener both = tcp_listener::bind(socket_address::any_v6(0)).value();
    const std::uint16_t port = both.local_address().port();
    for (const socket_address& to :
         {socket_address::loopback(port), socket_address::loopback_v6(port)}) {
      auto accepting = spawn(both.accept());
      const tcp_stream near = co_await ok(tcp_stream::connect(to));
      const tcp_stream far = co_await ok(std::move(accepting));
      EXPECT_EQ(far.peer_address(), near.local_address()) << far.peer_address().to_string();
      EXPECT_EQ(far.local_address(), to);
    }
    listen_options one;
    one.v6_only = true;
    const tcp_listener v6 = tcp_listener::bind(socket_address::any_v6(0), one).value();
    const auto refused =
        co_await tcp_stream::connect(socket_address::loopback(v6.local_address().port()));
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
    // The port is free for the other family
    EXPECT_TRUE(tcp_listener::bind(socket_address::any(v6.local_address().port())));
  });
}

// ---- Several buffers ----

/// What each kind of stream has, tried with an end to write to and one to read from.
template <class Writer, class Reader>
task<void> moves_several(Writer& to, Reader& from) {
  const std::string head = "head ";
  const std::string body = "and body";
  const std::array<const_buffer, 4> out{const_buffer(head), const_buffer(), const_buffer(body),
                                        const_buffer()};
  EXPECT_EQ(co_await ok(to.write(out)), 13u);
  std::array<char, 3> first;
  std::array<char, 20> rest;
  const std::array<mutable_buffer, 3> in{mutable_buffer(first), mutable_buffer(),
                                         mutable_buffer(rest)};
  EXPECT_EQ(co_await ok(from.read(in)), 13u);
  EXPECT_EQ(std::string(first.data(), 3) + std::string(rest.data(), 10), head + body);

  // One that waits
  auto reading = spawn(from.read(in));
  co_await after_a_poll();
  EXPECT_FALSE(reading.done());
  EXPECT_EQ(co_await ok(to.write(out)), 13u);
  EXPECT_EQ(co_await ok(std::move(reading)), 13u);

  // What cannot be asked for
  const std::array<const_buffer, 2> nothing;
  EXPECT_EQ(co_await ok(to.write(nothing)), 0u);
  const auto none_out = co_await to.write(std::span<const const_buffer>());
  EXPECT_EQ(none_out.error(), std::errc::invalid_argument);
  const auto none_in = co_await from.read(std::span<const mutable_buffer>());
  EXPECT_EQ(none_in.error(), std::errc::invalid_argument);
  const std::array<mutable_buffer, 2> no_room;
  const auto empty = co_await from.read(no_room);
  EXPECT_EQ(empty.error(), std::errc::invalid_argument);
  const std::vector<const_buffer> too_many(1025, const_buffer(head));
  const auto many = co_await to.write(too_many);
  EXPECT_EQ(many.error(), std::errc::invalid_argument);
  const std::vector<const_buffer> most(1024, const_buffer(head));
  EXPECT_EQ(co_await ok(to.write(most)), 1024 * head.size());
  std::string got(1024 * head.size(), ' ');
  std::vector<mutable_buffer> bits;
  for (std::size_t i = 0; i < 1024; ++i) bits.emplace_back(got.data() + 5 * i, 5);
  co_await ok(from.read(bits));
  EXPECT_EQ(got.substr(5 * 1020), "head head head head ");

  // A head and its body, in many parts
  const std::string large(1'000'000, 'l');
  std::string all(large.size() + 10, ' ');
  auto writing = spawn(
      [](Writer& w, const std::string& middle) -> task<result<void>> {
        co_return co_await write_all(w, "begin", "", middle, std::string("  end"));
      },
      std::ref(to), std::cref(large));
  co_await ok(read_exactly(from, all));
  co_await ok(std::move(writing));
  EXPECT_TRUE(all == "begin" + large + "  end");
}

TEST_P(SocketsTest, SeveralBuffersMoveAtOnce) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await moves_several(near, far);
    auto local = unix_stream::pair().value();
    co_await moves_several(local.first, local.second);
    auto pipe = make_pipe().value();
    co_await moves_several(pipe.second, pipe.first);
    auto memory = duplex(65536);
    co_await moves_several(memory.first, memory.second);
    any_stream any(std::move(local.first));
    co_await moves_several(any, local.second);
  });
}

TEST_P(SocketsTest, SeveralBuffersOfOneThatIsClosed) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await ok(near.close());
    std::array<char, 3> memory;
    const std::array<mutable_buffer, 1> in{mutable_buffer(memory)};
    const std::array<const_buffer, 1> out{const_buffer(memory)};
    const auto read = co_await near.read(in);
    EXPECT_EQ(read.error(), std::errc::bad_file_descriptor);
    const auto written = co_await near.write(out);
    EXPECT_EQ(written.error(), std::errc::bad_file_descriptor);
    const std::array<const_buffer, 1> nothing;
    const auto none = co_await near.write(nothing);
    EXPECT_EQ(none.error(), std::errc::bad_file_descriptor);
    const auto whole = co_await write_all(near, "a", "b");
    EXPECT_EQ(whole.error(), std::errc::bad_file_descriptor);
    const auto end = co_await far.read(in);
    EXPECT_EQ(end.value_or(1u), 0u);
  });
}

TEST_P(SocketsTest, AWriteOfSeveralBuffersRaisesNoSignal) {
  run([]() -> task<void> {
    auto local = unix_stream::pair().value();
    auto pipe = make_pipe().value();
    co_await ok(local.second.close());
    co_await ok(pipe.first.close());
    const std::array<const_buffer, 2> out{const_buffer("a"), const_buffer("b")};
    const auto to_socket = co_await local.first.write(out);
    EXPECT_EQ(to_socket.error(), std::errc::broken_pipe);
    const auto to_pipe = co_await pipe.second.write(out);
    EXPECT_EQ(to_pipe.error(), std::errc::broken_pipe);
    EXPECT_EQ(local.first.try_write("x").error(), std::errc::broken_pipe);
    EXPECT_EQ(pipe.second.try_write("x").error(), std::errc::broken_pipe);
    const auto whole = co_await write_all(pipe.second, "a", "b");
    EXPECT_EQ(whole.error(), std::errc::broken_pipe);
  });
}

template <class Writer, class Reader>
task<void> several_are_stopped(Writer& to, Reader& from, moment at) {
  std::array<char, 10> memory;
  const std::array<mutable_buffer, 1> in{mutable_buffer(memory)};
  const std::array<const_buffer, 2> out{const_buffer("a"), const_buffer("b")};
  const bool reader = co_await stops_when_cancelled(spawn(from.read(in)), at);
  EXPECT_TRUE(reader);
  co_await fill(to);
  const bool writer = co_await stops_when_cancelled(spawn(to.write(out)), at);
  EXPECT_TRUE(writer);
  const bool whole = co_await stops_when_cancelled(
      spawn([](Writer& w) -> task<result<void>> { co_return co_await write_all(w, "a", "b"); },
            std::ref(to)),
      at);
  EXPECT_TRUE(whole);
}

TEST_P(SocketsTest, SeveralBuffersCanBeCancelled) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      auto [near, far] = co_await tcp_pair();
      co_await several_are_stopped(near, far, at);
      auto local = unix_stream::pair().value();
      co_await several_are_stopped(local.first, local.second, at);
      auto pipe = make_pipe().value();
      co_await several_are_stopped(pipe.second, pipe.first, at);
    });
  }
}

TEST_P(SocketsTest, ABufferIsLaidOutAsTheKernelReadsIt) {
  char memory[3];
  const mutable_buffer in(memory, 3);
  const const_buffer out(memory, 2);
  iovec native{};
  std::memcpy(&native, &in, sizeof native);
  EXPECT_TRUE(native.iov_base == memory && native.iov_len == 3);
  std::memcpy(&native, &out, sizeof native);
  EXPECT_TRUE(native.iov_base == memory && native.iov_len == 2);
}

// ---- Trying ----

template <class Writer, class Reader>
task<void> tries(Writer& to, Reader& from) {
  constexpr auto again = std::errc::resource_unavailable_try_again;
  std::array<char, 10> buffer;
  EXPECT_EQ(from.try_read(buffer).error(), again);
  EXPECT_EQ(to.try_write("hello").value_or(0u), 5u);
  EXPECT_EQ(from.try_read(mutable_buffer(buffer.data(), 3)).value_or(0u), 3u);
  EXPECT_EQ(co_await ok(from.read(buffer)), 2u);
  EXPECT_EQ(from.try_read(buffer).error(), again);
  EXPECT_EQ(to.try_write("").value_or(1u), 0u);
  EXPECT_EQ(from.try_read(mutable_buffer()).error(), std::errc::invalid_argument);

  // Beside what has waited already: an edge that came meanwhile is not lost
  auto reading = spawn(from.read(buffer));
  co_await after_a_poll();
  EXPECT_EQ(to.try_write("one").value_or(0u), 3u);
  EXPECT_EQ(co_await ok(std::move(reading)), 3u);
  EXPECT_EQ(to.try_write("two").value_or(0u), 3u);
  EXPECT_EQ(from.try_read(mutable_buffer(buffer.data(), 1)).value_or(0u), 1u);
  EXPECT_EQ(co_await ok(from.read(buffer)), 2u);

  const std::string block(100'000, 'x');
  std::size_t written = 0;
  for (;;) {
    const auto n = to.try_write(block);
    if (!n) {
      EXPECT_EQ(n.error(), again);
      break;
    }
    written += *n;
  }
  auto writing = spawn(to.write(block));
  co_await after_a_poll();
  EXPECT_FALSE(writing.done());
  std::string all(written, ' ');
  co_await ok(read_exactly(from, all));
  const std::size_t more = co_await ok(std::move(writing));
  std::string rest(more, ' ');
  co_await ok(read_exactly(from, rest));
}

TEST_P(SocketsTest, WhatIsPossibleNowIsTried) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await tries(near, far);
    auto local = unix_stream::pair().value();
    co_await tries(local.first, local.second);
    auto pipe = make_pipe().value();
    co_await tries(pipe.second, pipe.first);
    any_stream any(std::move(local.first));
    co_await tries(any, local.second);
    any.abort();
    EXPECT_EQ(any.try_write("x").error(), std::errc::bad_file_descriptor);
    EXPECT_TRUE(near.shutdown_write());
    std::array<char, 1> buffer;
    co_await after_a_poll();
    EXPECT_EQ(far.try_read(buffer).value_or(1u), 0u);
    co_await ok(far.close());
    EXPECT_EQ(far.try_read(buffer).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(far.try_write("x").error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(SocketsTest, TryingNeverWaitsForASharedPipeAndLeavesItsFlags) {
  run([]() -> task<void> {
    int both[2];
    EXPECT_EQ(::pipe2(both, O_CLOEXEC), 0);  // blocks
    pipe_reader from = pipe_reader::adopt(both[0]).value();
    pipe_writer to = pipe_writer::adopt(both[1]).value();
    co_await tries(to, from);
    EXPECT_EQ(::fcntl(both[0], F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(both[1], F_GETFL) & O_NONBLOCK, 0);
    pipe_reader zeros = pipe_reader::adopt(::open("/dev/zero", O_RDONLY | O_CLOEXEC)).value();
    std::array<char, 3> buffer;
    EXPECT_EQ(zeros.try_read(buffer).value_or(0u), 3u);
    pipe_reader file = pipe_reader::adopt(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC)).value();
    EXPECT_EQ(file.try_read(buffer).error(), std::errc::operation_not_supported);
  });
}

TEST_P(SocketsDeathTest, TryingBesideOneInFlightAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 std::array<char, 10> buffer;
                 spawn(near.read(buffer));
                 co_await next_tick();
                 EXPECT_TRUE(near.try_write("the other way is free"));
                 EXPECT_FALSE(near.try_read(buffer));
               }),
               "^eddy: a second operation .*tcp_stream::read");
}

TEST_P(SocketsDeathTest, TryingWhereChunksAreReadAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 const chunk_stream chunks = near.chunks();
                 EXPECT_TRUE(near.try_write("the other way is free"));
                 std::array<char, 10> buffer;
                 EXPECT_FALSE(near.try_read(buffer));
               }),
               "^eddy: a stream is read after its chunks");
}

// ---- Aborting ----

TEST_P(SocketsTest, AnAbortedConnectionIsReset) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await ok(write_all(near, "dropped, or not"));
    near.abort();
    EXPECT_EQ(near.native_handle(), -1);
    std::array<char, 100> buffer;
    result<std::size_t> n = std::size_t{1};
    while (n && *n) n = co_await far.read(buffer);
    EXPECT_EQ(n.error(), std::errc::connection_reset);
    near.abort();  // again: nothing
    const auto read = co_await near.read(buffer);
    EXPECT_EQ(read.error(), std::errc::bad_file_descriptor);
    const auto closed = co_await near.close();
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
  });
}

template <class A, class B>
task<void> aborts_under_both(A& near, B& far) {
  std::array<char, 10> buffer;
  co_await fill(near);
  auto reading = spawn(near.read(buffer));
  auto writing = spawn(near.write("x"));
  co_await after_a_poll();
  near.abort();
  EXPECT_EQ(near.try_write("x").error(), std::errc::bad_file_descriptor);
  const auto read = co_await reading;
  EXPECT_EQ(read.error(), std::errc::operation_canceled);
  const auto written = co_await writing;
  EXPECT_EQ(written.error(), std::errc::operation_canceled);
  EXPECT_EQ(near.native_handle(), -1);
  std::vector<char> rest(1 << 20);
  result<std::size_t> n = std::size_t{1};
  while (n && *n) n = co_await far.read(rest);
  if constexpr (std::is_same_v<A, tcp_stream>) {
    EXPECT_EQ(n.error(), std::errc::connection_reset);
  } else {
    EXPECT_TRUE(n) << n.error();
  }
}

TEST_P(SocketsTest, AnAbortEndsWhatIsInFlight) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await aborts_under_both(near, far);
    auto local = unix_stream::pair().value();
    co_await aborts_under_both(local.first, local.second);
    // Before it was handed to the kernel
    auto pipe = make_pipe().value();
    std::array<char, 10> buffer;
    auto reading = spawn(pipe.first.read(buffer));
    co_await next_tick();
    pipe.first.abort();
    const auto read = co_await reading;
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
    EXPECT_EQ(pipe.first.native_handle(), -1);
    pipe.second.abort();
    EXPECT_EQ(pipe.second.native_handle(), -1);
  });
}

TEST_P(SocketsTest, AnAbortUnderAStoppedTaskStopsIt) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 10> buffer;
    auto reading = spawn(near.read(buffer));
    co_await after_a_poll();
    reading.cancel();
    near.abort();
    const auto r = co_await reading.join();
    EXPECT_TRUE(r.stopped());
    EXPECT_EQ(near.native_handle(), -1);
  });
}

TEST_P(SocketsTest, AnAbortWithoutARuntime) {
  std::optional<std::pair<unix_stream, unix_stream>> both(unix_stream::pair().value());
  both->first.abort();
  EXPECT_EQ(both->first.native_handle(), -1);
  std::array<char, 3> buffer;
  EXPECT_EQ(both->second.try_read(buffer).value_or(1u), 0u);
}

}  // namespace
}  // namespace eddy::test
