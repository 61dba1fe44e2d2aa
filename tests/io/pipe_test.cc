// Pipes and standard streams on every backend.
#include "tests/support/io_test.h"

#include <array>

#include <fcntl.h>

#include <eddy/io/pipe.h>

namespace eddy::test {
namespace {

class PipeTest : public io_test {};
EDDY_ON_EVERY_BACKEND(PipeTest);

TEST_P(PipeTest, BytesGoThroughAndEnd) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    std::array<char, 10> buffer;
    auto reading = spawn(reader.read(buffer));
    co_await after_a_poll();
    const result<std::size_t> written = co_await writer.write("hello");
    EXPECT_EQ(written.value_or(0u), 5u);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.value_or(0u), 5u);
    const result<void> closed = co_await writer.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> end = co_await reader.read(buffer);
    EXPECT_EQ(end.value_or(1u), 0u);
  });
}

TEST_P(PipeTest, MoreThanAPipeHoldsGoesThrough) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    const std::string sent(300'000, 'p');
    std::string got(sent.size(), ' ');
    auto writing = spawn(write_all(writer, sent));
    const result<void> read = co_await read_exactly(reader, got);
    const result<void> written = co_await writing;
    EXPECT_TRUE(read && written);
    EXPECT_EQ(got, sent);
  });
}

TEST_P(PipeTest, WithoutAReaderAWriteIsAnErrorAndNoSignal) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    co_await fill(writer);
    auto waiting = spawn(writer.write("more"));
    co_await after_a_poll();
    const result<void> closed = co_await reader.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> ended = co_await waiting;
    EXPECT_EQ(ended.error(), std::errc::broken_pipe);
    const result<std::size_t> written = co_await writer.write("x");
    EXPECT_EQ(written.error(), std::errc::broken_pipe);
  });
}

TEST_P(PipeTest, ReadsAndWritesCanBeCancelled) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      auto [reader, writer] = make_pipe().value();
      std::array<char, 10> buffer;
      const bool stopped = co_await stops_when_cancelled(spawn(reader.read(buffer)), at);
      EXPECT_TRUE(stopped);
      const result<std::size_t> written = co_await writer.write("kept");
      EXPECT_TRUE(written);
      const result<std::size_t> read = co_await reader.read(buffer);
      EXPECT_EQ(read.value_or(0u), 4u);
      co_await fill(writer);
      const bool stopped_too = co_await stops_when_cancelled(spawn(writer.write("x")), at);
      EXPECT_TRUE(stopped_too);
    });
  }
}

TEST_P(PipeTest, CloseEndsAReadOfAnotherTask) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    std::array<char, 10> buffer;
    auto reading = spawn(reader.read(buffer));
    co_await after_a_poll();
    const result<void> closed = co_await reader.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
    const result<std::size_t> late = co_await reader.read(buffer);
    EXPECT_EQ(late.error(), std::errc::bad_file_descriptor);
  });
}

/// What stands behind descriptor 0 for as long as it lives.
class other_input {
 public:
  explicit other_input(int d) : kept_(::fcntl(0, F_DUPFD_CLOEXEC, 3)) {
    EXPECT_EQ(::dup2(d, 0), 0);
  }
  ~other_input() {
    if (kept_ < 0) {
      ::close(0);
      return;
    }
    ::dup2(kept_, 0);
    ::close(kept_);
  }

 private:
  int kept_;
};

TEST_P(PipeTest, StandardInputIsReadAndStaysOpen) {
  int both[2];
  ASSERT_EQ(::pipe(both), 0);
  {
    const other_input input(both[0]);
    run(
        [](int writes) -> task<void> {
          for (int i = 0; i < 2; ++i) {
            pipe_reader in = standard_input();
            std::array<char, 10> buffer;
            auto reading = spawn(in.read(buffer));
            co_await after_a_poll();
            EXPECT_EQ(::write(writes, "line", 4), 4);
            const result<std::size_t> read = co_await reading;
            EXPECT_EQ(read.value_or(0u), 4u);
            EXPECT_EQ(::fcntl(0, F_GETFL) & O_NONBLOCK, 0);  // it is shared with other programs
          }
        },
        both[1]);
    EXPECT_GE(::fcntl(0, F_GETFD), 0);
  }
  ::close(both[0]);
  ::close(both[1]);
}

TEST_P(PipeTest, StandardInputMayBeAFile) {
  const std::string name = path("input");
  const int d = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(d, "content", 7), 7);
  ::lseek(d, 3, SEEK_SET);
  {
    const other_input input(d);
    run([]() -> task<void> {
      pipe_reader in = standard_input();
      std::array<char, 10> buffer;
      // from where the descriptor stands
      const result<std::size_t> read = co_await in.read(buffer);
      EXPECT_EQ(read.value_or(0u), 4u);
      const result<std::size_t> end = co_await in.read(buffer);
      EXPECT_EQ(end.value_or(1u), 0u);
    });
  }
  ::close(d);
}

}  // namespace
}  // namespace eddy::test
