// Opening what waits for other programs, on every backend: it holds up nothing, and can be given up.
#include "tests/support/kinds.h"

#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <eddy/coro/timeout.h>

namespace eddy::test {
namespace {

class OpeningTest : public io_test {};
EDDY_ON_EVERY_BACKEND(OpeningTest);

/// Opens a named pipe to write once an end to read is there, which is so as soon as somebody waits
/// for a writer.
task<int> writer_to(std::string name) {
  for (;;) {
    const int d = ::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (d >= 0) co_return d;
    co_await after_a_poll();
  }
}

// ---- Opening what waits ----

TEST_P(OpeningTest, OpeningANamedPipeToWriteWaitsForAReader) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        auto opening = spawn(file::open(name, open_mode::write));
        co_await a_while();
        EXPECT_FALSE(opening.done());
        const int reader = ::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        result<file> f = co_await opening;
        EXPECT_TRUE(f) << f.error();
        const result<std::size_t> written = co_await f->write("x");
        EXPECT_EQ(written.value_or(0u), 1u);
        EXPECT_EQ(drain(reader), 1u);
        ::close(reader);
        const result<std::size_t> late = co_await f->write("x");
        EXPECT_EQ(late.error(), std::errc::broken_pipe);
      },
      path("fifo"));
}

TEST_P(OpeningTest, OpeningANamedPipeToReadWaitsForAWriterAlsoASilentOne) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        auto opening = spawn(file::open(name, open_mode::read));
        co_await a_while();
        EXPECT_FALSE(opening.done());
        const int writer = co_await writer_to(name);
        result<file> f = co_await opening;
        char buffer[10];
        auto reading = spawn(f->read(buffer));
        co_await a_while();
        EXPECT_FALSE(reading.done());
        EXPECT_EQ(::write(writer, "said", 4), 4);
        const result<std::size_t> read = co_await reading;
        EXPECT_EQ(read.value_or(0u), 4u);
        ::close(writer);
        const result<std::size_t> end = co_await f->read(buffer);
        EXPECT_EQ(end.value_or(1u), 0u);
      },
      path("fifo"));
}

TEST_P(OpeningTest, AWriterWhoHasGoneAgainHasOpenedIt) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        for (const bool speaks : {false, true}) {
          auto opening = spawn(file::open(name, open_mode::read));
          const int writer = co_await writer_to(name);
          EXPECT_EQ(::write(writer, "last", speaks ? 4 : 0), speaks ? 4 : 0);
          ::close(writer);
          result<file> f = co_await opening;
          char buffer[10];
          const result<std::size_t> read = co_await f->read(buffer);
          EXPECT_EQ(read.value_or(99u), speaks ? 4u : 0u);
        }
      },
      path("fifo"));
}

TEST_P(OpeningTest, BothEndsOfANamedPipeMayBeOurs) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        const auto say = [](std::string n) -> task<void> {
          result<file> f = co_await file::open(n, open_mode::write);
          const result<std::size_t> written = co_await f->write("hello");
          EXPECT_EQ(written.value_or(0u), 5u);
        };
        for (const bool writer_first : {false, true}) {
          std::vector<join_handle<void>> saying;
          if (writer_first) saying.push_back(spawn(say, name));
          auto hearing = spawn(read_file(name));
          if (!writer_first) saying.push_back(spawn(say, name));
          const result<std::string> heard = co_await hearing;
          EXPECT_EQ(heard.value_or(""), "hello");
          co_await saying[0];
        }
      },
      path("fifo"));
}

TEST_P(OpeningTest, AWaitingOpenMeetsOneThatBlocks) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        for (const int other_end : {O_RDONLY, O_WRONLY}) {
          const bool we_write = other_end == O_RDONLY;
          int other = -1;
          std::thread blocks([&] { other = ::open(name.c_str(), other_end | O_CLOEXEC); });
          const result<file> f =
              co_await file::open(name, we_write ? open_mode::write : open_mode::read);
          EXPECT_TRUE(f) << f.error();
          blocks.join();
          EXPECT_GE(other, 0);
          ::close(other);
        }
      },
      path("fifo"));
}

TEST_P(OpeningTest, WaitingOpensHoldUpNothingAndCanBeCancelled) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string pipe, std::string name) -> task<void> {
        const result<void> made = co_await write_file(name, "content");
        EXPECT_TRUE(made);
        for (const open_mode mode : {open_mode::write, open_mode::read}) {
          std::vector<join_handle<result<file>>> opening;
          for (int i = 0; i < 100; ++i) opening.push_back(spawn(file::open(pipe, mode)));
          co_await a_while();
          const result<std::string> content = co_await read_file(name);
          EXPECT_EQ(content.value_or(""), "content");
          for (auto& h : opening) {
            EXPECT_FALSE(h.done());
            h.cancel();
          }
          for (auto& h : opening) {
            const auto r = co_await h.join();
            EXPECT_TRUE(r.stopped());
          }
          for (const moment at : moments) {
            const bool stopped = co_await stops_when_cancelled(spawn(file::open(pipe, mode)), at);
            EXPECT_TRUE(stopped);
          }
          const auto late = co_await with_timeout(2ms, file::open(pipe, mode));
          EXPECT_EQ(late.error(), errc::timed_out);
        }
      },
      path("fifo"), path("file"));
}

TEST_P(OpeningTest, ASocketIsNoPipeThatWaits) {
  const int s = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path("socket").c_str(), sizeof at.sun_path - 1);
  ASSERT_EQ(::bind(s, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  run(
      [](std::string name) -> task<void> {
        for (const open_mode mode : {open_mode::read, open_mode::write, read_write}) {
          const result<file> f = co_await file::open(name, mode);
          EXPECT_EQ(f.error(), std::errc::no_such_device_or_address);
        }
      },
      path("socket"));
  ::close(s);
}

TEST_P(OpeningTest, AFileOnWhichAnotherHasALeaseIsOpenedWhenItIsGivenBack) {
  const std::string name = path("file");
  std::ofstream(name) << "content";
  const int holder = ::open(name.c_str(), O_RDWR | O_CLOEXEC);
  const auto before = ::signal(SIGIO, SIG_IGN);
  if (::fcntl(holder, F_SETLEASE, F_WRLCK) != 0) {
    ::close(holder);
    GTEST_SKIP() << "no leases here";
  }
  run(
      [](std::string n, int d) -> task<void> {
        auto reading = spawn(read_file(n));
        co_await a_while();
        EXPECT_FALSE(reading.done());
        EXPECT_EQ(::fcntl(d, F_SETLEASE, F_UNLCK), 0);
        const result<std::string> content = co_await reading;
        EXPECT_EQ(content.value_or(""), "content");
      },
      name, holder);
  ::close(holder);
  ::signal(SIGIO, before);
}

TEST_P(OpeningTest, AFilesFlagsAreTheOnesAskedFor) {
  run(
      [](std::string name) -> task<void> {
        const result<file> f =
            co_await file::open(name, open_mode::append | open_mode::read | open_mode::create);
        EXPECT_EQ(::fcntl(f->native_handle(), F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
                  O_RDWR | O_APPEND);
        const result<file> folder = co_await file::open("/tmp", open_mode::read);
        EXPECT_EQ(::fcntl(folder->native_handle(), F_GETFL) & O_NONBLOCK, 0);
      },
      path("file"));
}

}  // namespace
}  // namespace eddy::test
