// buffered_reader's peek, consume, skip and position, on every backend.
#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <eddy/coro/timeout.h>
#include <eddy/io/buffered_reader.h>

#include "tests/support/io_test.h"
#include "tests/support/scripted.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class LookingAheadTest : public io_test {};
EDDY_ON_EVERY_BACKEND(LookingAheadTest);
EDDY_IN_SIMULATION_TOO(LookingAheadTest);

/// What is left, as text.
task<std::string> rest_of(buffered_reader<scripted>& reader) {
  const result<std::string> all = co_await read_all(reader, 1000);
  co_return all.value_or("?");
}

TEST_P(LookingAheadTest, WhatIsPeekedAtIsTakenByWhoeverReadsNext) {
  run([]() -> task<void> {
    scripted stream{{"G", "ET / ", "HTTP"}};
    buffered_reader reader(stream);
    result<std::string_view> begin = co_await reader.peek(4);
    EXPECT_EQ(begin.value_or("?"), "GET ");
    EXPECT_EQ(stream.next, 2u);
    begin = co_await reader.peek(2);
    EXPECT_EQ(begin.value_or("?"), "GE");
    begin = co_await reader.peek(0);
    EXPECT_EQ(begin.value_or("?"), "");
    EXPECT_EQ(stream.next, 2u);  // (what is there is looked at without a read)
    EXPECT_EQ(reader.position(), 0u);
    result<std::string> word = co_await reader.read_until(" ");
    EXPECT_EQ(word.value_or("?"), "GET");
    begin = co_await reader.peek(7);
    EXPECT_EQ(begin.error(), errc::end_of_stream);
    EXPECT_EQ(reader.buffered(), "/ HTTP");
    begin = co_await reader.peek(6);
    EXPECT_EQ(begin.value_or("?"), "/ HTTP");
    reader.consume(2);
    EXPECT_EQ(reader.buffered(), "HTTP");
    EXPECT_EQ(*begin, "/ HTTP");  // lent until the next call
    EXPECT_EQ(reader.position(), 6u);
    const std::string rest = co_await rest_of(reader);
    EXPECT_EQ(rest, "HTTP");
    EXPECT_EQ(reader.position(), 10u);
  });
}

TEST_P(LookingAheadTest, APeekOfMoreThanTheSizeMakesRoomForIt) {
  run([]() -> task<void> {
    scripted stream{{"1234", "5678", "90"}};
    buffered_reader reader(stream, 4);
    const result<std::string_view> begin = co_await reader.peek(10);
    EXPECT_EQ(begin.value_or("?"), "1234567890");
    const std::string rest = co_await rest_of(reader);
    EXPECT_EQ(rest, "1234567890");
  });
}

TEST_P(LookingAheadTest, APeekThatIsCutLosesNothing) {
  run([]() -> task<void> {
    for (const std::string how : {"reset", "throw", "wait"}) {
      scripted stream{{"ab", how, "cd"}};
      buffered_reader reader(stream);
      bool thrown = false;
      try {
        const result<std::string_view> cut = co_await with_timeout(1ms, reader.peek(4));
        EXPECT_FALSE(cut);
      } catch (const std::runtime_error&) {
        thrown = true;
      }
      EXPECT_EQ(thrown, how == "throw");
      const result<std::string_view> whole = co_await reader.peek(4);
      EXPECT_EQ(whole.value_or("?"), "abcd") << how;
    }
  });
}

TEST_P(LookingAheadTest, SkippingTakesWhatNobodyWantsAndNothingBehindIt) {
  run([]() -> task<void> {
    for (const std::size_t size : {1, 3, 4, 5, 100}) {
      for (std::uint64_t count = 0; count <= 10; ++count) {
        scripted stream{{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}};
        buffered_reader reader(stream, size);
        const result<void> skipped = co_await reader.skip(count);
        EXPECT_TRUE(skipped);
        EXPECT_EQ(reader.position(), count);
        const std::string rest = co_await rest_of(reader);
        EXPECT_EQ(rest, std::string("0123456789").substr(count)) << size << " " << count;
      }
      scripted stream{{"0", "1", "2"}};
      buffered_reader reader(stream, size);
      const result<void> beyond = co_await reader.skip(5);
      EXPECT_EQ(beyond.error(), errc::end_of_stream);
      EXPECT_EQ(reader.position() + reader.buffered().size(), 3u);
      EXPECT_EQ(reader.position(), size < 5 ? std::min<std::size_t>(3, 5 - size) : 0);
    }
  });
}

TEST_P(LookingAheadTest, MuchIsSkippedWithoutMemoryForIt) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const std::string much(1'000'000, 'x');
    auto writing = spawn(
        [](unix_stream to, std::string_view what) -> task<void> {
          const result<void> written = co_await write_all(to, what);
          EXPECT_TRUE(written);
          const result<void> more = co_await write_all(to, "rest");
          EXPECT_TRUE(more);
        },
        std::move(far), std::string_view(much));
    buffered_reader reader(near, 64);
    const result<void> skipped = co_await reader.skip(much.size());
    EXPECT_TRUE(skipped);
    const result<std::string> rest = co_await reader.read_line();
    EXPECT_EQ(rest.value_or("?"), "rest");
    EXPECT_EQ(reader.position(), much.size() + 4);
    const result<void> far_beyond = co_await reader.skip(UINT64_MAX);
    EXPECT_EQ(far_beyond.error(), errc::end_of_stream);
    co_await writing;
  });
}

TEST_P(LookingAheadTest, ASkipThatIsCutCanGoOn) {
  run([]() -> task<void> {
    for (const std::string how : {"reset", "wait"}) {
      for (const std::size_t size : {2, 4, 5, 6, 100}) {
        scripted stream{{"01", "23", how, "45", "rest"}};
        buffered_reader reader(stream, std::max<std::size_t>(size, 4));
        const result<void> cut = co_await with_timeout(1ms, reader.skip(6));
        EXPECT_FALSE(cut);
        EXPECT_TRUE(size < 6 || reader.position() == 0) << "up to its size, all or nothing";
        const result<void> skipped = co_await reader.skip(6 - reader.position());
        EXPECT_TRUE(skipped);
        const std::string rest = co_await rest_of(reader);
        EXPECT_EQ(rest, "rest") << how << size;
      }
    }
  });
}

TEST_P(LookingAheadTest, ThePositionCountsWhatWasGivenEachWay) {
  run([]() -> task<void> {
    scripted stream{{"l", "ine", "\r\n12", "345678", "abc-", "xy", "zz"}};
    buffered_reader reader(stream, 4);
    const result<std::string> line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "line");
    EXPECT_EQ(reader.position(), 6u);
    std::array<char, 8> large;
    const result<void> exact = co_await reader.read_exactly(large);  // past the buffer
    EXPECT_TRUE(exact);
    EXPECT_EQ(reader.position(), 14u);
    const result<std::string> message = co_await reader.read_until("-");
    EXPECT_TRUE(message);
    EXPECT_EQ(reader.position(), 18u);
    std::array<char, 9> cut_off;
    const result<void> cut = co_await reader.read_exactly(cut_off);
    EXPECT_EQ(cut.error(), errc::end_of_stream);
    EXPECT_EQ(reader.position(), 18u);  // it was given back
    std::array<char, 9> all;
    const result<std::size_t> n = co_await reader.read(all);
    EXPECT_EQ(n.value_or(0), 4u);
    EXPECT_EQ(reader.position(), 22u);
  });
}

TEST_P(LookingAheadTest, ALineTooLongIsSkippedToItsEnd) {
  run([]() -> task<void> {
    scripted stream{{"0123456789\r", "\nnext\n"}};
    buffered_reader reader(stream);
    result<std::string> line = co_await reader.read_line(6);
    EXPECT_EQ(line.error(), errc::message_too_long);
    for (;;) {  // (as the docstring of a protocol would say: skip what is there, look again)
      const std::size_t end = reader.buffered().find('\n');
      if (end != std::string_view::npos) {
        reader.consume(end + 1);
        break;
      }
      reader.consume(reader.buffered().size());
      const result<std::string_view> more = co_await reader.peek(1);
      EXPECT_TRUE(more);
      if (!more) break;
    }
    line = co_await reader.read_line(6);
    EXPECT_EQ(line.value_or("?"), "next");
  });
}

TEST_P(LookingAheadTest, ConsumingWhatIsNotThereOrUnderAWaitAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 scripted stream{{"text"}};
                 buffered_reader reader(stream);
                 const result<std::string_view> there = co_await reader.peek(4);
                 EXPECT_TRUE(there);
                 reader.consume(5);
               }),
               "^eddy: a buffer was cut behind its end");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = unix_stream::pair().value();
                 buffered_reader reader(near);
                 spawn(reader.peek(4));
                 co_await after_a_poll();
                 reader.consume(0);
               }),
               "^eddy: consume\\(\\) of a buffered_reader while a call waits");
}

}  // namespace
}  // namespace eddy::test
