// read_exactly, write_all and copy over any stream, on every backend.
#include "tests/support/io_test.h"

#include <array>
#include <numeric>

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

TEST_P(AlgorithmTest, StreamsOf64KiBPassUnchangedThroughSmallBuffers) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const int small = 4096;
    EXPECT_EQ(::setsockopt(near.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
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

}  // namespace
}  // namespace eddy::test
