// read_exactly, write_all and copy over any stream, on every backend.
#include "tests/support/io_test.h"
#include "tests/support/runtime_test.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <eddy/coro/ok.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>
#include <eddy/io/file.h>
#include <eddy/io/pipe.h>

namespace eddy::test {
namespace {

static_assert(readable_stream<tcp_stream> && writable_stream<tcp_stream>);
static_assert(readable_stream<unix_stream> && writable_stream<unix_stream>);
static_assert(readable_stream<pipe_reader> && !writable_stream<pipe_reader>);
static_assert(writable_stream<pipe_writer> && !readable_stream<pipe_writer>);
static_assert(readable_stream<file> && writable_stream<file>);
static_assert(!readable_stream<int> && !readable_stream<tcp_listener>);

class AlgorithmTest : public io_test {};
EDDY_ON_EVERY_BACKEND(AlgorithmTest);
EDDY_IN_SIMULATION_TOO(AlgorithmTest);

TEST_P(AlgorithmTest, StreamsOf64KiBPassUnchangedThroughSmallBuffers) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    EXPECT_TRUE(near.set_option(SOL_SOCKET, SO_SNDBUF, 4096));
    std::vector<unsigned char> sent(64 * 1024);
    std::iota(sent.begin(), sent.end(), static_cast<unsigned char>(7));
    std::vector<unsigned char> got(sent.size());
    join_handle<result<void>> writing = spawn(write_all(near, sent));
    const result<void> read = co_await read_exactly(far, got);
    EXPECT_TRUE(read);
    const result<void> written = co_await writing;
    EXPECT_TRUE(written);
    EXPECT_EQ(got, sent);
  });
}

TEST_P(AlgorithmTest, AnEndInTheMiddleIsEndOfStream) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const result<void> written = co_await write_all(near, "abc");
    EXPECT_TRUE(written);
    EXPECT_TRUE(near.shutdown_write());
    std::array<char, 4> buffer;
    const result<void> read = co_await read_exactly(far, buffer);
    EXPECT_EQ(read.error(), errc::end_of_stream);
  });
}

TEST_P(AlgorithmTest, AllOfAStreamIsReadUpToTheLimit) {
  run([]() -> task<void> {
    const std::string text(10'000, 't');
    for (const std::size_t size : {0, 1, 4095, 4096, 4097, 10'000}) {
      for (const bool too_long : {false, true}) {
        if (too_long && !size) continue;
        auto [near, far] = unix_stream::pair().value();
        const result<void> written = co_await write_all(near, text.substr(0, size));
        EXPECT_TRUE(written);
        EXPECT_TRUE(near.shutdown_write());
        const result<std::string> all = co_await read_all(far, too_long ? size - 1 : size);
        if (too_long) {
          EXPECT_EQ(all.error(), errc::message_too_long) << size;
        } else {
          EXPECT_EQ(all.value_or("?"), text.substr(0, size)) << size;
        }
      }
    }
    auto [near, far] = unix_stream::pair().value();
    auto reading = spawn(read_all(far, SIZE_MAX));
    for (int i = 0; i < 3; ++i) {  // in parts
      const result<void> written = co_await write_all(near, text);
      EXPECT_TRUE(written);
      co_await after_a_poll();
    }
    EXPECT_TRUE(near.shutdown_write());
    const result<std::string> all = co_await reading;
    EXPECT_EQ(all.value_or("?").size(), 30'000u);
  });
}

TEST_P(AlgorithmTest, AnErrorOfTheStreamIsThatOfReadingAllOfIt) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const result<void> written = co_await write_all(near, "some");
    EXPECT_TRUE(written);
    auto reading = spawn(read_all(far, 100));
    co_await after_a_poll();
    reset_at_close(near);
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed);
    const result<std::string> all = co_await reading;
    EXPECT_EQ(all.error(), std::errc::connection_reset);
  });
}

TEST_P(AlgorithmTest, NothingToMoveNeedsNoStream) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed);
    const result<void> read = co_await read_exactly(near, mutable_buffer());
    const result<void> written = co_await write_all(near, "");
    EXPECT_TRUE(read && written);
    const result<void> something = co_await write_all(near, "x");
    EXPECT_EQ(something.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(AlgorithmTest, CopyMovesAFileThroughAPipeIntoAFile) {
  run(
      [](std::string from, std::string to) -> task<void> {
        std::string content(1'000'003, 'c');
        std::iota(content.begin(), content.end(), char{0});
        const result<void> made = co_await write_file(from, content);
        EXPECT_TRUE(made);
        auto [reader, writer] = make_pipe().value();
        const auto feed = [](std::string name, pipe_writer& into) -> task<std::uint64_t> {
          result<file> f = co_await file::open(name, open_mode::read);
          const result<std::uint64_t> n = co_await copy(*f, into);
          const result<void> closed = co_await into.close();
          EXPECT_TRUE(closed);
          co_return n.value_or(0u);
        };
        auto feeding = spawn(feed, from, std::ref(writer));
        result<file> f = co_await file::open(to, open_mode::write | open_mode::create);
        const result<std::uint64_t> n = co_await copy(reader, *f);
        EXPECT_EQ(n.value_or(0u), content.size());
        const std::uint64_t fed = co_await feeding;
        EXPECT_EQ(fed, content.size());
        const result<std::string> back = co_await read_file(to);
        EXPECT_TRUE(back && *back == content);
      },
      path("from"), path("to"));
}

TEST_P(AlgorithmTest, CopyReportsTheErrorOfEitherSide) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    auto [reader, writer] = make_pipe().value();
    const result<std::size_t> written = co_await near.write("x");
    EXPECT_TRUE(written);
    const result<void> closed = co_await reader.close();
    EXPECT_TRUE(closed);
    const result<std::uint64_t> to_nobody = co_await copy(far, writer);
    EXPECT_EQ(to_nobody.error(), std::errc::broken_pipe);
    const result<std::uint64_t> from_closed = co_await copy(reader, far);
    EXPECT_EQ(from_closed.error(), std::errc::bad_file_descriptor);
  });
}

/// A stream of the program's own: what eddy's move in one operation, this moves in a task.
struct slow_stream : unix_stream {
  explicit slow_stream(unix_stream s) noexcept : unix_stream(std::move(s)) {}
  detail::transfer write(const_buffer data) noexcept {
    ++writes;
    return unix_stream::write(data.first(std::min<std::size_t>(data.size(), 10)));
  }
  detail::transfer read(mutable_buffer buffer) noexcept {
    ++reads;
    return unix_stream::read(buffer.first(std::min<std::size_t>(buffer.size(), 10)));
  }
  int writes = 0;
  int reads = 0;
};

TEST_P(AlgorithmTest, WhatDerivesFromAStreamIsAskedForItsOwnReadsAndWrites) {
  run([]() -> task<void> {
    auto [one, other] = unix_stream::pair().value();
    slow_stream near(std::move(one));
    slow_stream far(std::move(other));
    const std::string sent(95, 's');
    std::string got(95, ' ');
    const result<void> written = co_await write_all(near, sent);
    const result<void> read = co_await read_exactly(far, got);
    EXPECT_TRUE(written && read);
    EXPECT_EQ(near.writes, 10);
    EXPECT_EQ(far.reads, 10);
    EXPECT_EQ(got, sent);
  });
}

/// Text in which every place is known by what stands around it.
std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>('!' + (i * 7 + i / 90 + i / 8100) % 90);
  return text;
}

/// All that comes until the end.
template <class S>
task<std::string> rest_of(S& from) {
  std::string all;
  std::array<char, 5000> buffer;
  for (;;) {
    const result<std::size_t> n = co_await from.read(buffer);
    EXPECT_TRUE(n) << n.error();
    if (!n || *n == 0) co_return all;
    all.append(buffer.data(), *n);
  }
}

TEST_P(AlgorithmTest, AllOfAPipeMovesInParts) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    const std::string sent = pattern(500'000);
    std::string got(sent.size(), ' ');
    auto reading = spawn(read_exactly(reader, got));
    const result<void> written = co_await write_all(writer, sent);
    EXPECT_TRUE(written) << written.error();
    const result<void> read = co_await reading;
    EXPECT_TRUE(read) << read.error();
    EXPECT_TRUE(got == sent);
  });
}

TEST_P(AlgorithmTest, AnErrorInTheMiddleIsReported) {
  run([]() -> task<void> {
    // More than the system keeps for a connection.
    const std::string large(std::size_t{64} << 20, 'x');
    {
      auto [near, far] = co_await tcp_pair();
      auto writing = spawn(write_all(near, large));
      std::array<char, 1000> buffer;
      const result<void> some = co_await read_exactly(far, buffer);
      EXPECT_TRUE(some);
      reset_at_close(far);
      const result<void> closed = co_await far.close();
      EXPECT_TRUE(closed);
      const result<void> written = co_await writing;
      EXPECT_TRUE(written.error() == std::errc::connection_reset ||
                  written.error() == std::errc::broken_pipe)
          << written.error();
    }
    auto [reader, writer] = make_pipe().value();
    auto writing = spawn(write_all(writer, large));
    std::array<char, 1000> buffer;
    const result<void> some = co_await read_exactly(reader, buffer);
    EXPECT_TRUE(some);
    const result<void> closed = co_await reader.close();
    EXPECT_TRUE(closed);
    const result<void> written = co_await writing;
    EXPECT_EQ(written.error(), std::errc::broken_pipe);
  });
}

TEST_P(AlgorithmTest, ASecondWriteInTheMiddleAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = unix_stream::pair().value();
                 const std::string large(4 << 20, 'l');
                 spawn(write_all(near, large));
                 co_await after_a_poll();
                 const result<std::size_t> second = co_await near.write("x");
                 EXPECT_TRUE(second);
               }),
               "^eddy: a second operation .*unix_stream::write");
}

TEST_P(AlgorithmTest, EachCanBeCancelledMidway) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      auto [near, far] = unix_stream::pair().value();
      const result<std::size_t> some = co_await far.write("some");
      EXPECT_TRUE(some);
      std::array<char, 10> buffer;
      const bool reader = co_await stops_when_cancelled(spawn(read_exactly(near, buffer)), at);
      EXPECT_TRUE(reader);
      const std::string large(4 << 20, 'l');
      const bool writer = co_await stops_when_cancelled(spawn(write_all(near, large)), at);
      EXPECT_TRUE(writer);
      const bool both = co_await stops_when_cancelled(spawn(copy(near, near)), at);
      EXPECT_TRUE(both);
    });
  }
}

// ---- One operation, on every backend ----

class whole_transfers : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(whole_transfers);

TEST_P(whole_transfers, ManyPartsAreOneOperation) {
  run([&]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const std::string sent = pattern(1'000'000);
    auto writing = spawn(write_all(near, sent));
    co_await after_a_poll();
    std::string got;
    std::array<char, 5000> buffer;
    while (got.size() < sent.size()) {
      EXPECT_EQ(rt().pending().operations, writing.done() ? 0u : 1u);
      const result<std::size_t> n = co_await far.read(buffer);
      EXPECT_TRUE(n);
      if (!n) co_return;
      got.append(buffer.data(), *n);
    }
    EXPECT_TRUE(got == sent);
    const result<void> written = co_await writing;
    EXPECT_TRUE(written);
    // The other way round.
    std::string back(sent.size(), ' ');
    auto reading = spawn(read_exactly(near, back));
    std::size_t left = sent.size();
    while (left) {
      EXPECT_FALSE(reading.done());
      const result<std::size_t> n = co_await far.write(
          const_buffer(sent.data() + sent.size() - left, std::min<std::size_t>(left, 7001)));
      EXPECT_TRUE(n);
      left -= n.value_or(left);
    }
    const result<void> read = co_await reading;
    EXPECT_TRUE(read);
    EXPECT_TRUE(back == sent);
  });
}

TEST_P(whole_transfers, CancelledInTheMiddleAPartIsThereAndTheStreamIsFree) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const std::string sent = pattern(1'000'000);
    auto writing = spawn(write_all(near, sent));
    std::array<char, 10> begin;
    const result<void> begun = co_await read_exactly(far, begin);
    EXPECT_TRUE(begun);
    const bool stopped =
        co_await stops_when_cancelled(std::move(writing), moment::inside_the_kernel);
    EXPECT_TRUE(stopped);
    std::array<char, 100> never;
    const bool read_stopped =
        co_await stops_when_cancelled(spawn(read_exactly(near, never)), moment::inside_the_kernel);
    EXPECT_TRUE(read_stopped);
    EXPECT_TRUE(near.shutdown_write());
    const std::string got = std::string(begin.data(), begin.size()) + co_await rest_of(far);
    EXPECT_LT(got.size(), sent.size());
    EXPECT_TRUE(sent.starts_with(got));
  });
}

TEST_P(whole_transfers, ADeadlineInTheMiddleIsTimedOut) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const std::string large = pattern(1'000'000);
    const result<void> written = co_await with_timeout(1ms, write_all(near, large));
    EXPECT_EQ(written.error(), errc::timed_out);
    std::array<char, 10> buffer;
    const result<void> read = co_await with_timeout(1ms, read_exactly(near, buffer));
    EXPECT_EQ(read.error(), errc::timed_out);
  });
}

TEST_P(whole_transfers, ACloseInTheMiddleEndsIt) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const std::string large = pattern(1'000'000);
    auto writing = spawn(write_all(near, large));
    std::array<char, 10> buffer;
    auto reading = spawn(read_exactly(near, buffer));
    const result<std::size_t> some = co_await far.write("some");
    EXPECT_TRUE(some);
    co_await after_a_poll();
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed);
    const result<void> written = co_await writing;
    EXPECT_EQ(written.error(), std::errc::operation_canceled);
    const result<void> read = co_await reading;
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
  });
}

TEST_P(whole_transfers, TheyMoveUntilTheyAreAwaited) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    auto one = write_all(near, "hello");
    auto other = std::move(one);
    one = write_all(near, "dropped");
    std::array<char, 5> buffer;
    const auto [written, read] = co_await when_all(std::move(other), read_exactly(far, buffer));
    EXPECT_TRUE(written && read);
    EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
    co_await ok(write_all(near, "again"));
    co_await ok(read_exactly(far, buffer));
    EXPECT_EQ(std::string_view(buffer.data(), 5), "again");
  });
}

}  // namespace
}  // namespace eddy::test
