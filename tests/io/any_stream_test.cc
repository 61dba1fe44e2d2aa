// any_stream, any_reader, any_writer: whatever is inside, it behaves as itself.
#include <eddy/io/any_stream.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <eddy/coro/timeout.h>
#include <eddy/io/buffered_reader.h>
#include <eddy/io/file.h>
#include <eddy/io/memory_stream.h>
#include <eddy/io/pipe.h>

#include "tests/support/io_test.h"
#include "tests/support/scripted.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

static_assert(stream<any_stream> && detail::gathering_stream<any_stream>);
static_assert(readable_stream<any_reader> && !writable_stream<any_reader>);
static_assert(writable_stream<any_writer> && !readable_stream<any_writer>);
static_assert(std::is_convertible_v<tcp_stream, any_stream>);
static_assert(!std::is_constructible_v<any_stream, pipe_reader>);
static_assert(!std::is_copy_constructible_v<any_stream>);
static_assert(stream<tcp_stream> && stream<unix_stream> && !stream<file> && !stream<scripted>);

class AnyStreamTest : public io_test {};
EDDY_ON_EVERY_BACKEND(AnyStreamTest);
EDDY_IN_SIMULATION_TOO(AnyStreamTest);

TEST_P(AnyStreamTest, StreamsOfSeveralTypesAreOneType) {
  run([]() -> task<void> {
    auto [tcp_near, tcp_far] = co_await tcp_pair();
    auto [unix_near, unix_far] = unix_stream::pair().value();
    auto [memory_near, memory_far] = duplex(100);
    std::vector<std::pair<any_stream, any_stream>> pairs;
    pairs.emplace_back(std::move(tcp_near), std::move(tcp_far));
    pairs.emplace_back(std::move(unix_near), std::move(unix_far));
    pairs.emplace_back(std::move(memory_near), std::move(memory_far));
    for (auto& [near, far] : pairs) {
      auto echoing = spawn(echo_over<any_stream>, std::ref(far));
      const result<void> written = co_await write_all(near, "hello");
      EXPECT_TRUE(written);
      std::array<char, 5> buffer;
      const result<void> read = co_await read_exactly(near, buffer);
      EXPECT_TRUE(read);
      EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
      EXPECT_TRUE(near.shutdown_write());
      co_await echoing;
      const result<void> closed = co_await near.close();
      EXPECT_TRUE(closed);
      const result<std::size_t> after = co_await near.read(buffer);
      EXPECT_EQ(after.error(), std::errc::bad_file_descriptor);
    }
  });
}

TEST_P(AnyStreamTest, ReadersAndWritersOfAnyKind) {
  run(
      [](std::string name) -> task<void> {
        auto [from, to] = make_pipe().value();
        any_reader reader(std::move(from));
        any_writer writer(std::move(to));
        const result<std::size_t> n = co_await writer.write("through a pipe");
        EXPECT_EQ(n.value_or(0), 14u);
        result<void> closed = co_await writer.close();
        EXPECT_TRUE(closed);
        result<std::string> all = co_await read_all(reader, 100);
        EXPECT_EQ(all.value_or("?"), "through a pipe");
        const result<void> written = co_await write_file(name, "in a file");
        EXPECT_TRUE(written);
        result<file> f = co_await file::open(name, open_mode::read);
        reader = any_reader(std::move(*f));
        all = co_await read_all(reader, 100);
        EXPECT_EQ(all.value_or("?"), "in a file");
        closed = co_await reader.close();
        EXPECT_TRUE(closed);
        reader = any_reader(scripted{{"of the", " program's own"}});
        all = co_await read_all(reader, 100);
        EXPECT_EQ(all.value_or("?"), "of the program's own");
        closed = co_await reader.close();  // it has none
        EXPECT_TRUE(closed);
      },
      path("file"));
}

TEST_P(AnyStreamTest, SeveralBuffersGoWhereTheStreamTakesThem) {
  run([]() -> task<void> {
    auto [one, other] = duplex(100);
    any_stream near(std::move(one));
    any_stream far(std::move(other));
    const std::array<const_buffer, 3> out{const_buffer(), const_buffer("abc"), const_buffer("def")};
    result<std::size_t> n = co_await near.write(out);
    EXPECT_EQ(n.value_or(0), 6u);
    std::array<char, 2> first;
    std::array<char, 8> second;
    const std::array<mutable_buffer, 2> in{mutable_buffer(first), mutable_buffer(second)};
    n = co_await far.read(in);
    EXPECT_EQ(n.value_or(0), 6u);
    EXPECT_EQ(std::string_view(second.data(), 4), "cdef");

    any_writer writer{sink()};  // takes but one
    n = co_await writer.write(out);
    EXPECT_EQ(n.value_or(0), 3u);
    n = co_await writer.write(std::span<const const_buffer>());
    EXPECT_EQ(n.value_or(1), 0u);
    any_reader reader(scripted{{"xy"}});
    n = co_await reader.read(in);
    EXPECT_EQ(n.value_or(0), 2u);
  });
}

TEST_P(AnyStreamTest, OneThatWasMovedFromIsClosed) {
  run([]() -> task<void> {
    auto [one, far] = duplex(10);
    any_stream near(std::move(one));
    any_stream moved(std::move(near));
    std::array<char, 1> buffer;
    result<std::size_t> n = co_await near.read(buffer);
    EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
    n = co_await near.write("x");
    EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(near.shutdown_write().error(), std::errc::bad_file_descriptor);
    const result<void> closed = co_await near.close();
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
    near = std::move(moved);
    n = co_await near.write("x");
    EXPECT_EQ(n.value_or(0), 1u);
  });
}

TEST_P(AnyStreamTest, AMoveLeavesWhatWaitsAlone) {
  run([]() -> task<void> {
    auto [one, far] = unix_stream::pair().value();
    any_stream near(std::move(one));
    std::array<char, 4> buffer;
    auto reading = spawn(near.read(buffer));
    co_await after_a_poll();
    any_stream moved(std::move(near));
    const result<std::size_t> sent = co_await far.write("text");
    EXPECT_TRUE(sent);
    const result<std::size_t> n = co_await reading;
    EXPECT_EQ(n.value_or(0), 4u);
  });
}

TEST_P(AnyStreamTest, ACancelIsTheStreamsOwn) {
  run([]() -> task<void> {
    for (const moment at : moments) {
      auto [one, far] = unix_stream::pair().value();
      any_stream near(std::move(one));
      std::array<char, 4> buffer;
      const bool stopped = co_await stops_when_cancelled(spawn(near.read(buffer)), at);
      EXPECT_TRUE(stopped);
      const result<std::size_t> late = co_await with_timeout(1ms, near.read(buffer));
      EXPECT_EQ(late.error(), errc::timed_out);
      const result<std::size_t> sent = co_await far.write("text");
      EXPECT_TRUE(sent);
      const result<std::size_t> n = co_await near.read(buffer);
      EXPECT_EQ(n.value_or(0), 4u);
    }
  });
}

TEST_P(AnyStreamTest, ASecondReadAbortsAndSoDoesItsEndInFlight) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [one, far] = unix_stream::pair().value();
                 any_stream near(std::move(one));
                 std::array<char, 1> buffer;
                 spawn(near.read(buffer));
                 co_await after_a_poll();
                 std::ignore = co_await near.read(buffer);
               }),
               "^eddy: a second operation is begun while one of its kind is in flight");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [one, far] = unix_stream::pair().value();
                 std::optional<any_stream> near(std::move(one));
                 std::array<char, 1> buffer;
                 spawn(near->read(buffer));
                 co_await after_a_poll();
                 near.reset();
               }),
               "^eddy: a stream, listener or file is destroyed");
}

}  // namespace
}  // namespace eddy::test
