// What stands behind a descriptor, on every backend: each kind gives what it should, and nothing
// that others do with it holds up the loop.
#include "tests/support/io_test.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include <eddy/coro/offload.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/file.h>
#include <eddy/io/filesystem.h>
#include <eddy/io/pipe.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

constexpr open_mode read_write = open_mode::read | open_mode::write;

/// What stands behind a standard stream for as long as this lives; `d` is closed at once.
class stands_at {
 public:
  stands_at(int number, int d) : number_(number), kept_(::fcntl(number, F_DUPFD_CLOEXEC, 3)) {
    EXPECT_EQ(::dup2(d, number), number);
    ::close(d);
  }
  ~stands_at() {
    if (kept_ < 0) {
      ::close(number_);
      return;
    }
    ::dup2(kept_, number_);
    ::close(kept_);
  }
  stands_at(const stands_at&) = delete;
  stands_at& operator=(const stands_at&) = delete;

 private:
  int number_;
  int kept_;
};

/// A terminal and who sits before it.
struct terminal {
  terminal() {
    EXPECT_EQ(::grantpt(user), 0);
    EXPECT_EQ(::unlockpt(user), 0);
    line = ::open(::ptsname(user), O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_GE(line, 0);
    termios raw{};
    EXPECT_EQ(::tcgetattr(line, &raw), 0);
    ::cfmakeraw(&raw);
    EXPECT_EQ(::tcsetattr(line, TCSANOW, &raw), 0);
  }
  ~terminal() {
    ::close(line);
    ::close(user);
  }
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  int user = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int line = -1;
};

/// A pipe with a name, both ends in one blocking descriptor.
int named_pipe(const std::string& name) {
  EXPECT_EQ(::mkfifo(name.c_str(), 0600), 0);
  return ::open(name.c_str(), O_RDWR | O_CLOEXEC);
}

/// Takes all that there is, without waiting.
std::size_t drain(int d) {
  std::vector<char> buffer(1 << 16);
  std::size_t all = 0;
  for (;;) {
    pollfd p{d, POLLIN, 0};
    if (::poll(&p, 1, 0) <= 0) return all;
    const ssize_t n = ::read(d, buffer.data(), buffer.size());
    if (n <= 0) return all;
    all += static_cast<std::size_t>(n);
  }
}

/// The loop goes on: timers, polls and threads have their turn (else the test stands still here).
task<void> a_while() {
  for (int i = 0; i < 3; ++i) {
    co_await sleep_for(1ms);
    co_await after_a_poll();
  }
}

/// It waits, the loop goes on meanwhile, and it can be called back.
template <class T>
task<void> waits_and_is_stopped(join_handle<T> h) {
  co_await a_while();
  EXPECT_FALSE(h.done());
  h.cancel();
  const auto r = co_await h.join();
  EXPECT_TRUE(r.stopped());
}

class KindsTest : public io_test {};
EDDY_ON_EVERY_BACKEND(KindsTest);

using KindsDeathTest = KindsTest;
EDDY_ON_EVERY_BACKEND(KindsDeathTest);

// ---- Opened as files ----

TEST_P(KindsTest, AReadOfANamedPipeCanBeCancelledWhateverItsSize) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        std::vector<char> buffer(1 << 20);
        for (const std::size_t size : {std::size_t{1}, std::size_t{65537}, buffer.size()}) {
          std::vector<file> files;
          for (int i = 0; i < 8; ++i)
            files.push_back((co_await file::open(name, read_write)).value());
          std::vector<join_handle<result<std::size_t>>> reading;
          for (file& f : files)
            reading.push_back(spawn(f.read(mutable_buffer(buffer.data(), size))));
          for (auto& h : reading) co_await waits_and_is_stopped(std::move(h));
        }
      },
      path("fifo"));
}

TEST_P(KindsTest, ANamedPipeGivesWhatIsThereAndTakesWhatItHolds) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, read_write);
        std::vector<char> buffer(200'000, 'x');
        EXPECT_EQ(::write(f->native_handle(), "some", 4), 4);
        const result<std::size_t> some = co_await f->read(buffer);
        EXPECT_EQ(some.value_or(0u), 4u);
        const result<std::size_t> written = co_await f->write(buffer);
        EXPECT_EQ(written.value_or(0u), 65536u);
        co_await waits_and_is_stopped(spawn(f->write(buffer)));
        const result<std::size_t> read = co_await f->read(buffer);
        EXPECT_EQ(read.value_or(0u), 65536u);
        const result<std::size_t> at = co_await f->read_at(buffer, 0);
        EXPECT_EQ(at.error(), std::errc::invalid_seek);
      },
      path("fifo"));
}

TEST_P(KindsTest, ADeviceGivesWhatIsThere) {
  if (::access("/dev/kmsg", R_OK) != 0) GTEST_SKIP() << "the kernel's messages may not be read";
  run([]() -> task<void> {
    result<file> f = co_await file::open("/dev/kmsg", open_mode::read);
    std::vector<char> buffer(1 << 20);
    const result<std::size_t> record = co_await f->read(buffer);
    EXPECT_GT(record.value_or(0u), 0u);
    EXPECT_LT(record.value_or(0u), 10'000u);
    const result<std::size_t> at = co_await f->read_at(buffer, 0);
    EXPECT_EQ(at.error(), std::errc::invalid_seek);
    ::lseek(f->native_handle(), 0, SEEK_END);
    co_await waits_and_is_stopped(spawn(f->read(buffer)));
  });
}

TEST_P(KindsTest, OffsetsBeyondTheSystemsAreRefused) {
  run(
      [](std::string name) -> task<void> {
        const result<void> made = co_await write_file(name, "0123456789");
        EXPECT_TRUE(made);
        result<file> f = co_await file::open(name, read_write);
        char two[2] = {'X', 'X'};
        constexpr std::uint64_t most = 0x7fff'ffff'ffff'ffff;
        for (const std::uint64_t offset : {~std::uint64_t{0}, ~std::uint64_t{1}, most + 1, most,
                                           most - 1, std::uint64_t{0x8000'0000'0000'0000}}) {
          const result<std::size_t> read = co_await f->read_at(two, offset);
          EXPECT_EQ(read.error(), std::errc::invalid_argument) << offset;
          const result<std::size_t> written = co_await f->write_at(two, offset);
          EXPECT_EQ(written.error(), std::errc::invalid_argument) << offset;
        }
        const result<std::size_t> beyond = co_await f->read_at(two, most - 2);
        EXPECT_EQ(beyond.value_or(1u), 0u);
        for (const std::uint64_t size : {~std::uint64_t{0}, most + 1}) {
          const result<void> cut = co_await f->truncate(size);
          EXPECT_EQ(cut.error(), std::errc::invalid_argument) << size;
        }
        const result<std::string> kept = co_await read_file(name);
        EXPECT_EQ(kept.value_or(""), "0123456789");
      },
      path("file"));
}

// ---- Opening what waits ----

TEST_P(KindsTest, OpeningANamedPipeToWriteWaitsForAReader) {
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

TEST_P(KindsTest, OpeningANamedPipeToReadWaitsForAWriterAlsoASilentOne) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        auto opening = spawn(file::open(name, open_mode::read));
        co_await a_while();
        EXPECT_FALSE(opening.done());
        const int writer = ::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        EXPECT_GE(writer, 0) << "the end to read is there for others";
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

TEST_P(KindsTest, AWriterWhoHasGoneAgainHasOpenedIt) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        for (const bool speaks : {false, true}) {
          auto opening = spawn(file::open(name, open_mode::read));
          int writer = -1;
          while (writer < 0) {  // until the reader's end is there
            co_await after_a_poll();
            writer = ::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
          }
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

TEST_P(KindsTest, BothEndsOfANamedPipeMayBeOurs) {
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

TEST_P(KindsTest, AWaitingOpenMeetsOneThatBlocks) {
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

TEST_P(KindsTest, WaitingOpensHoldUpNothingAndCanBeCancelled) {
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

TEST_P(KindsTest, ASocketIsNoPipeThatWaits) {
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

TEST_P(KindsTest, AFileOnWhichAnotherHasALeaseIsOpenedWhenItIsGivenBack) {
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

TEST_P(KindsTest, AFilesFlagsAreTheOnesAskedFor) {
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

// ---- Standard streams ----

/// A write to what nobody reads waits, alone, and goes on when somebody does.
task<void> writes_what_is_read_late(int reader) {
  const int flags = ::fcntl(1, F_GETFL);
  pipe_writer out = standard_output();
  const std::string data(300'000, 'd');
  // What the kernel has room for, then it waits.
  std::size_t taken = 0;
  auto writing = spawn(
      [](pipe_writer& w, const std::string& all, std::size_t& sum) -> task<void> {
        while (sum < all.size())
          sum += (co_await w.write(const_buffer(all.data() + sum, all.size() - sum))).value();
      },
      std::ref(out), std::cref(data), std::ref(taken));
  std::size_t heard = 0;
  for (std::size_t before = 1; before != taken;) {
    before = taken;
    co_await a_while();
  }
  EXPECT_FALSE(writing.done());
  while (!writing.done()) {
    co_await after_a_poll();
    heard += drain(reader);
  }
  co_await writing;
  heard += drain(reader);
  EXPECT_EQ(heard, data.size());
  // Whole, and called back.
  co_await waits_and_is_stopped(spawn(write_all(out, data)));
  drain(reader);
  const result<std::size_t> again = co_await out.write("again");
  EXPECT_EQ(again.value_or(0u), 5u);
  EXPECT_EQ(drain(reader), 5u);
  EXPECT_EQ(::fcntl(1, F_GETFL), flags) << "they are shared with other programs";
}

TEST_P(KindsTest, AStandardOutputThatNobodyReadsHoldsUpItsWriteOnly) {
  {
    const terminal t;
    const stands_at one(1, ::dup(t.line));
    run(writes_what_is_read_late, t.user);
  }
  {
    const int both = named_pipe(path("fifo"));
    const stands_at one(1, ::dup(both));
    run(writes_what_is_read_late, both);
    ::close(both);
  }
  {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    {
      const stands_at one(1, ends[1]);
      run(writes_what_is_read_late, ends[0]);
    }
    ::close(ends[0]);
  }
  {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    {
      const stands_at one(1, ends[1]);
      run(writes_what_is_read_late, ends[0]);
    }
    ::close(ends[0]);
  }
}

task<void> reads_what_comes_late(int writer) {
  const int flags = ::fcntl(0, F_GETFL);
  pipe_reader in = standard_input();
  char buffer[100];
  for (int i = 0; i < 2; ++i) {
    co_await waits_and_is_stopped(spawn(in.read(buffer)));
    auto reading = spawn(in.read(buffer));
    co_await a_while();
    EXPECT_EQ(::write(writer, "line", 4), 4);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.value_or(0u), 4u);
    // What another reader has taken is not there: it goes on waiting.
    const int other = ::open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    auto late = spawn(in.read(buffer));
    co_await a_while();
    EXPECT_EQ(::write(writer, "theirs", 6), 6);
    char taken[10];
    if (::read(other, taken, sizeof taken) == 6) {
      co_await waits_and_is_stopped(std::move(late));
    } else {  // (a worker of the kernel's had not even begun)
      EXPECT_EQ((co_await late).value_or(0u), 6u);
    }
    ::close(other);
  }
  EXPECT_EQ(::fcntl(0, F_GETFL), flags) << "they are shared with other programs";
}

TEST_P(KindsTest, AStandardInputWaitsForWhatComes) {
  {
    const terminal t;
    const stands_at zero(0, ::dup(t.line));
    run(reads_what_comes_late, t.user);
  }
  {
    const int both = named_pipe(path("fifo"));
    const stands_at zero(0, ::dup(both));
    run(reads_what_comes_late, both);
    ::close(both);
  }
  {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    {
      const stands_at zero(0, ends[0]);
      run(reads_what_comes_late, ends[1]);
    }
    ::close(ends[1]);
  }
}

/// Whoever of two readers gets a line, nobody gets it twice, and the loop stands still for neither.
TEST_P(KindsTest, ATerminalMayHaveTwoReaders) {
  const terminal t;
  const stands_at zero(0, ::dup(t.line));
  run(
      [](int line, int user) -> task<void> {
        constexpr int bytes = 3000;
        std::atomic<int> theirs{0};
        std::atomic<bool> over{false};
        std::thread other([&] {
          char byte;
          while (!over) {
            pollfd p{line, POLLIN, 0};
            // (Ready, it may wait all the same: the loop's read came first. The last byte ends it.)
            if (::poll(&p, 1, 1) > 0 && ::read(line, &byte, 1) == 1) theirs += byte == 'x';
          }
        });
        int ours = 0;
        auto reading = spawn(
            [](int& n) -> task<void> {
              pipe_reader in = standard_input();
              char byte = 'x';
              while ((co_await in.read(mutable_buffer(&byte, 1))).value() == 1) n += byte == 'x';
            },
            std::ref(ours));
        for (int i = 0; i < bytes; ++i) {
          EXPECT_EQ(::write(user, "x", 1), 1);
          if (i % 8 == 0) co_await after_a_poll();
        }
        while (ours + theirs < bytes) co_await sleep_for(1ms);
        over = true;
        reading.cancel();
        static_cast<void>(co_await reading.join());
        EXPECT_EQ(::write(user, "e", 1), 1);
        other.join();
        EXPECT_EQ(ours + theirs, bytes);
      },
      t.line, t.user);
}

TEST_P(KindsTest, EachPacketOfAPipeInPacketModeIsRead) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_DIRECT | O_CLOEXEC), 0);
  {
    const stands_at zero(0, ends[0]);
    run(
        [](int writer) -> task<void> {
          pipe_reader in = standard_input();
          char buffer[100];
          for (int round = 0; round < 3; ++round) {
            auto reading = spawn(in.read(buffer));
            co_await a_while();
            for (int i = 0; i < 3; ++i) EXPECT_EQ(::write(writer, "xy", 2), 2);
            const result<std::size_t> first = co_await reading;
            EXPECT_EQ(first.value_or(0u), 2u);
            for (int i = 0; i < 2; ++i) {
              const result<std::size_t> next = co_await in.read(buffer);
              EXPECT_EQ(next.value_or(0u), 2u);
            }
          }
        },
        ends[1]);
  }
  ::close(ends[1]);
}

TEST_P(KindsTest, AStandardOutputMayBeAFileOrADevice) {
  const std::string name = path("output");
  const int d = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(d, "before ", 7), 7);
  {
    const stands_at one(1, ::dup(d));
    run([]() -> task<void> {
      pipe_writer out = standard_output();
      const result<void> all = co_await write_all(out, std::string(300'000, 'a'));
      EXPECT_TRUE(all);
    });
    EXPECT_EQ(::lseek(d, 0, SEEK_CUR), 300'007) << "the position that others share";
  }
  ::close(d);
  const stands_at one(1, ::open("/dev/null", O_RDWR | O_CLOEXEC));
  run([]() -> task<void> {
    pipe_writer out = standard_output();
    const result<std::size_t> written = co_await out.write("nowhere");
    EXPECT_EQ(written.value_or(0u), 7u);
  });
}

TEST_P(KindsDeathTest, WithStandardStreamsClosedNothingOfOursTakesTheirPlace) {
  EXPECT_EXIT(
      {
        for (const int d : {0, 1, 2}) ::close(d);
        runtime rt(options());
        rt.native_handle();
        const bool right = eddy::run(rt, []() -> task<bool> {
          co_await offload([] {});
          co_await a_while();
          bool all = true;
          for (const int d : {0, 1, 2}) all = all && ::fcntl(d, F_GETFD) == -1;
          pipe_writer out = standard_output();
          pipe_reader in = standard_input();
          char buffer[10];
          all = all && (co_await out.write("12345678")).error() == std::errc::bad_file_descriptor;
          all = all && (co_await in.read(buffer)).error() == std::errc::bad_file_descriptor;
          co_return all;
        });
        ::_exit(right ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

/// In a session of its own, before a terminal where something was typed: the program in the
/// background goes on, and reads once it is brought to the foreground.
TEST_P(KindsTest, ATerminalsReadWaitsInTheBackground) {
  const terminal t;
  const std::string name = ::ptsname(t.user);
  ASSERT_EQ(::write(t.user, "line", 4), 4);
  int told[2];
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  const pid_t leader = ::fork();
  if (leader == 0) {
    ::alarm(60);
    ::setsid();
    ::dup2(::open(name.c_str(), O_RDWR), 0);
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t worker = ::fork();
    if (worker == 0) {
      ::alarm(60);
      ::setpgid(0, 0);
      runtime rt(options());
      const bool right = eddy::run(
          rt,
          [](int tell) -> task<bool> {
            pipe_reader in = standard_input();
            char buffer[100];
            auto reading = spawn(in.read(buffer));
            co_await a_while();
            if (reading.done() || ::write(tell, "b", 1) != 1) co_return false;
            const result<std::size_t> read = co_await reading;
            co_return read.value_or(0u) == 4;
          },
          told[1]);
      ::_exit(right ? 0 : 1);
    }
    ::setpgid(worker, worker);
    char byte;
    int status = 0;
    if (::read(told[0], &byte, 1) == 1 && ::tcsetpgrp(0, worker) == 0 &&
        ::waitpid(worker, &status, WUNTRACED) == worker && WIFEXITED(status))
      ::_exit(WEXITSTATUS(status));
    ::kill(worker, SIGKILL);
    ::_exit(99);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(leader, &status, 0), leader);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ::close(told[0]);
  ::close(told[1]);
}

}  // namespace
}  // namespace eddy::test
