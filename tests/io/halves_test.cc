// into_halves: one stream, two owners.
#include <eddy/io/halves.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <eddy/io/any_stream.h>
#include <eddy/io/buffered_writer.h>
#include <eddy/io/frames.h>
#include <eddy/io/memory_stream.h>

#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

static_assert(readable_stream<read_half<tcp_stream>> && !writable_stream<read_half<tcp_stream>>);
static_assert(writable_stream<write_half<tcp_stream>> && !readable_stream<write_half<tcp_stream>>);
static_assert(detail::moves_whole<read_half<tcp_stream>>);
static_assert(detail::moves_whole<write_half<unix_stream>>);
static_assert(!detail::moves_whole<write_half<memory_stream>>);
static_assert(detail::gathering_stream<write_half<memory_stream>>);
static_assert(std::is_nothrow_move_assignable_v<read_half<tcp_stream>>);

class HalvesTest : public io_test {};
EDDY_ON_EVERY_BACKEND(HalvesTest);
EDDY_IN_SIMULATION_TOO(HalvesTest);

TEST_P(HalvesTest, TwoTasksOwnAHalfEachAndTheWritersEndIsTheStreams) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    auto echoing = spawn(echo_over<tcp_stream>, std::ref(far));
    auto [reader, writer] = into_halves(std::move(near));
    const std::string text(300'000, 't');
    auto writing = spawn(
        [](write_half<tcp_stream> to, const std::string& what) -> task<void> {
          const result<void> written = co_await write_all(to, what);
          EXPECT_TRUE(written);
        },
        std::move(writer), std::cref(text));
    auto reading = spawn(
        [](read_half<tcp_stream> from) -> task<std::string> {
          const result<std::string> all = co_await read_all(from, SIZE_MAX);
          co_return all.value_or("?");
        },
        std::move(reader));
    co_await writing;
    co_await echoing;  // (it has read to the end of what the writer wrote)
    EXPECT_TRUE(far.shutdown_write());
    const std::string got = co_await reading;
    EXPECT_TRUE(got == text);
  });
}

TEST_P(HalvesTest, TheStreamGoesWithTheSecondHalfWhicheverThatIs) {
  run([]() -> task<void> {
    for (const bool reader_first : {true, false}) {
      auto [near, far] = unix_stream::pair().value();
      auto both = std::make_optional(into_halves(std::move(near)));
      std::optional<read_half<unix_stream>> reader(std::move(both->first));
      std::optional<write_half<unix_stream>> writer(std::move(both->second));
      both.reset();  // (what was moved from ends nothing)
      std::array<char, 4> buffer;
      if (reader_first) {
        reader.reset();
        const result<std::size_t> n = co_await writer->write("text");
        EXPECT_EQ(n.value_or(0), 4u);
        const result<std::size_t> got = co_await far.read(buffer);
        EXPECT_EQ(got.value_or(0), 4u);
        writer.reset();
      } else {
        writer.reset();
        const result<std::size_t> end = co_await far.read(buffer);
        EXPECT_EQ(end.value_or(1), 0u);
        const result<std::size_t> n = co_await far.write("text");
        EXPECT_EQ(n.value_or(0), 4u);
        const result<std::size_t> got = co_await reader->read(buffer);
        EXPECT_EQ(got.value_or(0), 4u);
        reader.reset();
      }
      const result<std::size_t> gone = co_await far.write("x");
      EXPECT_EQ(gone.error(), std::errc::broken_pipe);
    }
  });
}

TEST_P(HalvesTest, TheHalvesAreOneStreamAgain) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    auto [reader, writer] = into_halves(std::move(near));
    EXPECT_EQ(&reader.next_layer(), &writer.next_layer());
    unix_stream whole = reunite(std::move(reader), std::move(writer));
    const result<std::size_t> n = co_await whole.write("text");  // its side was not ended
    EXPECT_EQ(n.value_or(0), 4u);
    const result<void> closed = co_await whole.close();
    EXPECT_TRUE(closed);
  });
}

TEST_P(HalvesTest, AssigningAHalfEndsTheOneThatWasThere) {
  run([]() -> task<void> {
    auto [near, far] = duplex(10);
    auto [other_near, other_far] = duplex(10);
    auto [reader, writer] = into_halves(std::move(near));
    auto [other_reader, other_writer] = into_halves(std::move(other_near));
    writer = std::move(other_writer);
    std::array<char, 4> buffer;
    result<std::size_t> n = co_await far.read(buffer);
    EXPECT_EQ(n.value_or(1), 0u);
    n = co_await writer.write("text");
    EXPECT_EQ(n.value_or(0), 4u);
    n = co_await other_far.read(buffer);
    EXPECT_EQ(n.value_or(0), 4u);
    reader = std::move(other_reader);
    n = co_await far.write("x");  // both of that one's halves are gone
    EXPECT_EQ(n.error(), std::errc::broken_pipe);
  });
}

TEST_P(HalvesTest, AHalfTakesWhatTheStreamTakes) {
  run([]() -> task<void> {
    auto [near, far] = duplex(100);
    auto [reader, writer] = into_halves(any_stream(std::move(near)));
    {
      buffered_writer lines(writer, 8);
      result<void> written = co_await write_frame(lines, "through all of them");
      EXPECT_TRUE(written);
      written = co_await lines.flush();
      EXPECT_TRUE(written);
    }
    EXPECT_TRUE(writer.shutdown_write());
    buffered_reader frames(far);
    const result<std::string> got = co_await read_frame(frames);
    EXPECT_EQ(got.value_or("?"), "through all of them");
    const result<std::string> end = co_await read_frame(frames);
    EXPECT_EQ(end.error(), errc::closed);
    std::array<char, 2> first;
    std::array<char, 8> second;
    const std::array<mutable_buffer, 2> in{mutable_buffer(first), mutable_buffer(second)};
    const result<std::size_t> sent = co_await far.write("abcd");
    EXPECT_TRUE(sent);
    const result<std::size_t> n = co_await reader.read(in);
    EXPECT_EQ(n.value_or(0), 4u);
  });
}

TEST_P(HalvesTest, ACancelOfOneHalfLeavesTheOther) {
  run([]() -> task<void> {
    for (const moment at : moments) {
      auto [near, far] = unix_stream::pair().value();
      auto [reader, writer] = into_halves(std::move(near));
      auto reading = spawn(
          [](read_half<unix_stream> from) -> task<void> {
            std::array<char, 4> buffer;
            std::ignore = co_await from.read(buffer);
          },
          std::move(reader));
      const bool stopped = co_await stops_when_cancelled(std::move(reading), at);
      EXPECT_TRUE(stopped);
      const result<std::size_t> n = co_await writer.write("text");
      EXPECT_EQ(n.value_or(0), 4u);
    }
  });
}

TEST_P(HalvesTest, HalvesOfTwoStreamsAndUseAfterAMoveAbort) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [one, one_far] = duplex(1);
                 auto [two, two_far] = duplex(1);
                 auto [reader, writer] = into_halves(std::move(one));
                 auto [other_reader, other_writer] = into_halves(std::move(two));
                 std::ignore = reunite(std::move(reader), std::move(other_writer));
                 co_return;
               }),
               "^eddy: reunite\\(\\) of two halves of different streams");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [one, one_far] = duplex(1);
                 auto [reader, writer] = into_halves(std::move(one));
                 const auto moved = std::move(writer);
                 std::ignore = writer.shutdown_write();
                 co_return;
               }),
               "^eddy: half of a stream is used after it was moved from");
}

}  // namespace
}  // namespace eddy::test
