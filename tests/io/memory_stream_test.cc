// duplex: two streams in memory behave as sockets do.
#include <eddy/io/memory_stream.h>

#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

static_assert(stream<memory_stream> && detail::gathering_stream<memory_stream>);

class MemoryStreamTest : public io_test {};
EDDY_ON_EVERY_BACKEND(MemoryStreamTest);
EDDY_IN_SIMULATION_TOO(MemoryStreamTest);

TEST_P(MemoryStreamTest, WhatIsWrittenIsReadWhateverTheCapacity) {
  run([]() -> task<void> {
    std::string sent;
    for (int i = 0; i < 1000; ++i) sent += std::to_string(i);
    for (const std::size_t capacity : {1, 2, 3, 7, 1000, 100'000}) {
      auto [near, far] = duplex(capacity);
      const auto writes = [&]() -> task<void> {
        const result<void> written = co_await write_all(near, sent);
        EXPECT_TRUE(written);
        EXPECT_TRUE(near.shutdown_write());
      };
      const auto [nothing, got] = co_await when_all(writes(), read_all(far, sent.size()));
      static_cast<void>(nothing);
      EXPECT_EQ(got.value_or("?"), sent) << capacity;
    }
  });
}

TEST_P(MemoryStreamTest, BothWaysAtOnceOfOneByteEach) {
  run([]() -> task<void> {
    auto [near, far] = duplex(1);
    auto echoing = spawn(echo_over<memory_stream>, std::ref(far));
    const std::string sent(500, 'x');
    std::string got(sent.size(), ' ');
    const auto [written, read] = co_await when_all(write_all(near, sent), read_exactly(near, got));
    EXPECT_TRUE(written && read);
    EXPECT_EQ(got, sent);
    EXPECT_TRUE(near.shutdown_write());
    co_await echoing;
  });
}

TEST_P(MemoryStreamTest, AWriteTakesWhatThereIsRoomForAndAReadWhatIsThere) {
  run([]() -> task<void> {
    auto [near, far] = duplex(4);
    result<std::size_t> n = co_await near.write("abcdef");
    EXPECT_EQ(n.value_or(0), 4u);
    std::array<char, 3> three;
    n = co_await far.read(three);
    EXPECT_EQ(n.value_or(0), 3u);
    n = co_await near.write("efg");
    EXPECT_EQ(n.value_or(0), 3u);
    std::array<char, 9> nine;
    n = co_await far.read(nine);
    EXPECT_EQ(std::string_view(nine.data(), n.value_or(0)), "defg");  // (around the edge)
  });
}

TEST_P(MemoryStreamTest, SeveralBuffersAreOne) {
  run([]() -> task<void> {
    auto [near, far] = duplex(8);
    const std::array<const_buffer, 3> out{const_buffer("abc"), const_buffer(),
                                          const_buffer("defghij")};
    result<std::size_t> n = co_await near.write(out);
    EXPECT_EQ(n.value_or(0), 8u);
    std::array<char, 2> first;
    std::array<char, 20> second;
    const std::array<mutable_buffer, 3> in{mutable_buffer(first), mutable_buffer(),
                                           mutable_buffer(second)};
    n = co_await far.read(in);
    EXPECT_EQ(n.value_or(0), 8u);
    EXPECT_EQ(std::string_view(first.data(), 2), "ab");
    EXPECT_EQ(std::string_view(second.data(), 6), "cdefgh");
    n = co_await near.write(std::span<const const_buffer>());
    EXPECT_EQ(n.error(), std::errc::invalid_argument);
    n = co_await far.read(std::span<const mutable_buffer>());
    EXPECT_EQ(n.error(), std::errc::invalid_argument);
  });
}

TEST_P(MemoryStreamTest, NothingNeedsNoWait) {
  run([]() -> task<void> {
    auto [near, far] = duplex(1);
    result<std::size_t> n = co_await near.write("");
    EXPECT_EQ(n.value_or(1), 0u);
    n = co_await near.read(mutable_buffer());
    EXPECT_EQ(n.error(), std::errc::invalid_argument);
    n = near.try_write("x");
    EXPECT_EQ(n.value_or(0), 1u);
    n = co_await near.write("");  // full or not
    EXPECT_EQ(n.value_or(1), 0u);
    const std::array<const_buffer, 2> empty{};
    n = co_await near.write(empty);
    EXPECT_EQ(n.value_or(1), 0u);
  });
}

TEST_P(MemoryStreamTest, TheEndComesAfterWhatWasWritten) {
  run([]() -> task<void> {
    auto [near, far] = duplex(10);
    result<std::size_t> n = co_await near.write("abc");
    EXPECT_TRUE(n);
    EXPECT_TRUE(near.shutdown_write());
    EXPECT_TRUE(near.shutdown_write());
    n = co_await near.write("d");
    EXPECT_EQ(n.error(), std::errc::broken_pipe);
    n = co_await far.write("answer");  // the other way goes on
    EXPECT_TRUE(n);
    const result<std::string> got = co_await read_all(far, 10);
    EXPECT_EQ(got.value_or("?"), "abc");
    std::array<char, 10> buffer;
    for (int i = 0; i < 2; ++i) {
      n = co_await far.read(buffer);
      EXPECT_EQ(n.value_or(1), 0u);
    }
    n = co_await near.read(buffer);
    EXPECT_EQ(n.value_or(0), 6u);
  });
}

TEST_P(MemoryStreamTest, TheOtherEndGoneIsAnEndAndABrokenPipe) {
  run([]() -> task<void> {
    auto [near, other] = duplex(10);
    {
      memory_stream far = std::move(other);
      const result<std::size_t> n = co_await far.write("abc");
      EXPECT_TRUE(n);
    }
    result<std::size_t> n = co_await near.write("x");
    EXPECT_EQ(n.error(), std::errc::broken_pipe);
    const result<std::string> got = co_await read_all(near, 10);
    EXPECT_EQ(got.value_or("?"), "abc");
    std::array<char, 1> buffer;
    n = co_await other.read(buffer);  // it was moved from
    EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(other.shutdown_write().error(), std::errc::bad_file_descriptor);
    n = other.try_write("x");
    EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
    other.abort();
    const result<void> closed = co_await other.close();
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(MemoryStreamTest, WhatWaitsAtEitherEndHearsOfAClose) {
  run([]() -> task<void> {
    for (const bool reset : {false, true}) {
      auto [near, far] = duplex(1);
      const result<std::size_t> full = co_await near.write("x");
      const result<std::size_t> other_full = co_await far.write("x");
      EXPECT_TRUE(full && other_full);
      std::array<char, 1> one;
      std::array<char, 1> two;
      auto near_writes = spawn(near.write("y"));
      auto far_writes = spawn(far.write("y"));
      co_await next_tick();
      const result<std::size_t> taken = near.try_read(two);
      EXPECT_TRUE(taken);
      co_await next_tick();
      const result<std::size_t> again = near.try_read(two);  // what far_writes brought
      EXPECT_TRUE(again);
      auto near_reads = spawn(near.read(one));
      co_await next_tick();
      if (reset) {
        near.abort();
      } else {
        const result<void> closed = co_await near.close();
        EXPECT_TRUE(closed);
        EXPECT_TRUE(near_writes.done() && near_reads.done()) << "it waits for those";
      }
      result<std::size_t> n = co_await near_writes;
      EXPECT_EQ(n.error(), std::errc::operation_canceled);
      n = co_await near_reads;
      EXPECT_EQ(n.error(), std::errc::operation_canceled);
      n = co_await far_writes;
      EXPECT_TRUE(n);
      n = co_await far.write("z");
      EXPECT_EQ(n.error(), reset ? std::errc::connection_reset : std::errc::broken_pipe);
      n = co_await far.read(two);
      if (reset) {
        EXPECT_EQ(n.error(), std::errc::connection_reset);
      } else {
        EXPECT_EQ(n.value_or(0), 1u);  // what near had written
      }
      n = co_await near.read(one);
      EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
      n = co_await near.write("z");
      EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
      const result<void> twice = co_await near.close();
      EXPECT_EQ(twice.error(), std::errc::bad_file_descriptor);
    }
  });
}

TEST_P(MemoryStreamTest, AReadAndAWriteThatWaitHearOfTheOtherEndsEnd) {
  run([]() -> task<void> {
    for (const int how : {0, 1, 2, 3}) {
      auto [near, other] = duplex(1);
      std::optional<memory_stream> far(std::move(other));
      const result<std::size_t> full = co_await near.write("x");
      EXPECT_TRUE(full);
      std::array<char, 1> buffer;
      auto reads = spawn(near.read(buffer));
      auto writes = spawn(near.write("y"));
      co_await next_tick();
      if (how == 0) far.reset();
      if (how == 1) std::ignore = co_await far->close();
      if (how == 2) far->abort();
      if (how == 3) {
        EXPECT_TRUE(far->shutdown_write());
      }
      result<std::size_t> n = co_await reads;
      if (how == 2) {
        EXPECT_EQ(n.error(), std::errc::connection_reset);
      } else {
        EXPECT_EQ(n.value_or(1), 0u);
      }
      if (how == 3) {
        EXPECT_FALSE(writes.done());
        far.reset();
      }
      n = co_await writes;
      EXPECT_EQ(n.error(), how == 2 ? std::errc::connection_reset : std::errc::broken_pipe);
    }
    auto [near, far] = duplex(1);  // and of its own
    const result<std::size_t> full = co_await near.write("x");
    EXPECT_TRUE(full);
    auto writes = spawn(near.write("y"));
    co_await next_tick();
    EXPECT_TRUE(near.shutdown_write());
    const result<std::size_t> n = co_await writes;
    EXPECT_EQ(n.error(), std::errc::broken_pipe);
  });
}

TEST_P(MemoryStreamTest, WhatIsPossibleNow) {
  run([]() -> task<void> {
    auto [near, far] = duplex(2);
    std::array<char, 4> buffer;
    result<std::size_t> n = near.try_read(buffer);
    EXPECT_EQ(n.error(), std::errc::resource_unavailable_try_again);
    n = near.try_write("abc");
    EXPECT_EQ(n.value_or(0), 2u);
    n = near.try_write("c");
    EXPECT_EQ(n.error(), std::errc::resource_unavailable_try_again);
    n = far.try_read(buffer);
    EXPECT_EQ(n.value_or(0), 2u);
    auto reads = spawn(far.read(buffer));
    co_await next_tick();
    n = near.try_write("d");  // wakes it
    EXPECT_TRUE(n);
    n = co_await reads;
    EXPECT_EQ(n.value_or(0), 1u);
  });
}

TEST_P(MemoryStreamTest, ACancelTakesNothing) {
  run([]() -> task<void> {
    auto [near, far] = duplex(3);
    std::array<char, 8> buffer;
    for (const bool told : {false, true}) {
      auto reads = spawn(near.read(buffer));
      co_await next_tick();
      if (told) {
        const result<std::size_t> n = far.try_write("abc");
        EXPECT_TRUE(n);
      }
      reads.cancel();  // (told: it was made ready already)
      const auto end = co_await reads.join();
      EXPECT_TRUE(end.stopped());
    }
    for (const bool told : {false, true}) {
      auto writes = spawn(far.write("x"));
      co_await next_tick();
      if (told) {
        const result<std::size_t> n = near.try_read(buffer);
        EXPECT_EQ(std::string_view(buffer.data(), n.value_or(0)), "abc");
      }
      writes.cancel();
      const auto end = co_await writes.join();
      EXPECT_TRUE(end.stopped());
    }
    const result<std::size_t> n = near.try_read(buffer);
    EXPECT_EQ(n.error(), std::errc::resource_unavailable_try_again);
    const result<std::size_t> late = co_await with_timeout(1ms, near.read(buffer));
    EXPECT_EQ(late.error(), errc::timed_out);
  });
}

TEST_P(MemoryStreamTest, WhatIsThereAlreadyCountsAsAMicrotask) {
  runtime_options few = options();
  few.callback_budget = 10;
  runtime rt(few);
  prepare(rt);
  eddy::run(rt, []() -> task<void> {
    auto [near, far] = duplex(1000);
    const std::uint64_t before = runtime::current().ticks();
    for (int i = 0; i < 500; ++i) {
      const result<std::size_t> written = co_await near.write("x");
      EXPECT_EQ(written.value_or(0), 1u);
      std::array<char, 10> buffer;
      const result<std::size_t> read = co_await far.read(buffer);
      EXPECT_EQ(read.value_or(0), 1u);
    }
    EXPECT_GE(runtime::current().ticks() - before, 90u);
    EXPECT_LE(runtime::current().ticks() - before, 110u);
  });
}

TEST_P(MemoryStreamTest, AWaitForNobodyIsADeadlock) {
  EXPECT_THROW(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::array<char, 1> buffer;
                 std::ignore = co_await near.read(buffer);
               }),
               deadlock);
}

TEST_P(MemoryStreamTest, CallsMoveUntilTheyAreAwaited) {
  run([]() -> task<void> {
    auto [near, far] = duplex(10);
    auto one = near.write("hello");
    auto other = std::move(one);
    one = near.write("dropped");
    const result<std::size_t> n = co_await std::move(other);
    EXPECT_EQ(n.value_or(0), 5u);
    std::array<char, 10> buffer;
    const result<std::size_t> got = far.try_read(buffer);
    EXPECT_EQ(std::string_view(buffer.data(), got.value_or(0)), "hello");
  });
}

TEST_P(MemoryStreamTest, BadUseAborts) {
  EXPECT_DEATH(std::ignore = duplex(0), "^eddy: a duplex has room for one byte at least");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::array<char, 1> buffer;
                 spawn(near.read(buffer));
                 co_await next_tick();
                 std::ignore = co_await near.read(buffer);
               }),
               "^eddy: a second read of a memory_stream while one waits "
               "\\(the second: memory_stream_test.cc:[0-9]+, the first: ");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::ignore = co_await near.write("x");
                 spawn(near.write("y"));
                 co_await next_tick();
                 std::ignore = co_await near.write("z");
               }),
               "^eddy: a second write of a memory_stream while one waits");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::array<char, 1> buffer;
                 spawn(near.read(buffer));
                 co_await next_tick();
                 std::ignore = near.try_read(buffer);
               }),
               "^eddy: try_read\\(\\) of a memory_stream beside a read that waits");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::array<char, 1> buffer;
                 spawn(near.read(buffer));
                 co_await next_tick();
                 const memory_stream moved = std::move(near);
               }),
               "^eddy: a memory_stream is moved while a call on it waits");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::optional<memory_stream> end(std::move(near));
                 std::array<char, 1> buffer;
                 spawn(end->read(buffer));
                 co_await next_tick();
                 end.reset();
               }),
               "^eddy: a memory_stream is destroyed while a call on it waits");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 auto call = near.write("x");
                 std::ignore = co_await std::move(call);
                 std::ignore = co_await std::move(call);
               }),
               "^eddy: an operation is awaited a second time");
}

}  // namespace
}  // namespace eddy::test
