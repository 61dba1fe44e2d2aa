// Standard streams that others share, on every backend: nothing that those do holds up the loop, and
// their flags stay as they are.
#include "tests/support/kinds.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <eddy/coro/offload.h>

namespace eddy::test {
namespace {

class StandardStreamsTest : public io_test {};
EDDY_ON_EVERY_BACKEND(StandardStreamsTest);

using StandardStreamsDeathTest = StandardStreamsTest;
EDDY_ON_EVERY_BACKEND(StandardStreamsDeathTest);

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

TEST_P(StandardStreamsTest, AStandardOutputThatNobodyReadsHoldsUpItsWriteOnly) {
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

TEST_P(StandardStreamsTest, AStandardInputWaitsForWhatComes) {
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

TEST_P(StandardStreamsTest, AtATerminalTheEndOfInputIsOneRead) {
  const terminal t;
  termios cooked{};
  ASSERT_EQ(::tcgetattr(t.line, &cooked), 0);
  cooked.c_lflag |= ICANON;
  cooked.c_cc[VEOF] = 4;
  ASSERT_EQ(::tcsetattr(t.line, TCSANOW, &cooked), 0);
  const stands_at zero(0, ::dup(t.line));
  run(
      [](int user) -> task<void> {
        pipe_reader in = standard_input();
        char buffer[100];
        for (int i = 0; i < 2; ++i) {
          auto reading = spawn(in.read(buffer));
          co_await a_while();
          EXPECT_EQ(::write(user, "\4", 1), 1);
          const result<std::size_t> end = co_await reading;
          EXPECT_EQ(end.value_or(1u), 0u);
          EXPECT_EQ(::write(user, "one\ntwo\n", 8), 8);
          for (int line = 0; line < 2; ++line) {
            const result<std::size_t> more = co_await in.read(buffer);
            EXPECT_EQ(more.value_or(0u), 4u);
          }
        }
      },
      t.user);
}

/// Whoever of two readers gets a line, nobody gets it twice, and the loop stands still for neither.
TEST_P(StandardStreamsTest, ATerminalMayHaveTwoReaders) {
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

TEST_P(StandardStreamsTest, EachPacketOfAPipeInPacketModeIsRead) {
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

TEST_P(StandardStreamsTest, AStandardOutputMayBeAFileOrADevice) {
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

TEST_P(StandardStreamsDeathTest, WithStandardStreamsClosedNothingOfOursTakesTheirPlace) {
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
TEST_P(StandardStreamsTest, ATerminalsReadWaitsInTheBackground) {
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

/// Reads all that there is, and the end of it twice.
task<std::string> everything_of_standard_input() {
  pipe_reader in = standard_input();
  std::string all;
  char buffer[3];
  for (;;) {
    const result<std::size_t> n = co_await in.read(buffer);
    if (!n) co_return n.error().message();
    if (*n == 0) break;
    all.append(buffer, *n);
  }
  const result<std::size_t> again = co_await in.read(buffer);
  EXPECT_EQ(again.value_or(1u), 0u);
  co_return all;
}

TEST_P(StandardStreamsTest, AStandardInputMayBeAFileADeviceOrASocket) {
  const std::string name = path("input");
  const int d = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(d, "not this: a file", 16), 16);
  ASSERT_EQ(::lseek(d, 10, SEEK_SET), 10);
  {
    const stands_at zero(0, ::dup(d));
    EXPECT_EQ(run(everything_of_standard_input), "a file");
    EXPECT_EQ(::lseek(d, 0, SEEK_CUR), 16) << "the position that others share";
  }
  ::close(d);
  {
    const stands_at zero(0, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(run(everything_of_standard_input), "");
  }
  for (const bool socket : {false, true}) {
    int ends[2];
    ASSERT_EQ(socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : ::pipe(ends), 0);
    const stands_at zero(0, ends[0]);
    ASSERT_EQ(::write(ends[1], "what comes", 10), 10);
    ::close(ends[1]);
    EXPECT_EQ(run(everything_of_standard_input), "what comes");
  }
  {
    const stands_at zero(0, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ::close(0);
    EXPECT_EQ(run([]() -> task<bool> {
                pipe_reader in = standard_input();
                char buffer[3];
                const result<std::size_t> none = co_await in.read(buffer);
                co_return none.error() == std::errc::bad_file_descriptor;
              }),
              true);
  }
}

struct way_out {
  const char* name;
  void (*leave)();
};
constexpr way_out ways_out[] = {
    {"return", [] {}},
    {"exit", [] { std::exit(0); }},
    {"_exit", [] { ::_exit(0); }},
    {"abort", [] { std::abort(); }},
    {"an exception", [] { throw 1; }},
    {"SIGKILL", [] { ::kill(::getpid(), SIGKILL); }},
    {"exec", [] { ::execl("/bin/true", "true", nullptr); }},
};

/// A program with a read and a write under way, that ends so.
[[noreturn]] void a_program(const runtime_options& options, void (*leave)()) {
  ::alarm(60);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(SIGABRT, SIG_DFL);
  ::close(2);  // what is said there is on purpose
  {
    runtime rt(options);
    eddy::run(
        rt,
        [](void (*end)()) -> task<void> {
          pipe_reader in = standard_input();
          pipe_writer out = standard_output();
          char buffer[10];
          auto reading = spawn_background(in.read(buffer));
          auto writing = spawn_background(out.write("written"));
          co_await a_while();
          end();
          reading.cancel();
          static_cast<void>(co_await reading.join());
          writing.cancel();
          static_cast<void>(co_await writing.join());
        },
        leave);
  }
  ::_exit(0);
}

TEST_P(StandardStreamsTest, NoEndOfTheProgramChangesTheirFlags) {
  const terminal t;
  int pipes[2];
  ASSERT_EQ(::pipe2(pipes, O_CLOEXEC), 0);
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  const int fifo = named_pipe(path("fifo"));
  const int file = ::open(path("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const std::pair<int, int> streams[] = {{t.line, t.line}, {pipes[0], pipes[1]},
                                         {fifo, fifo},     {sockets[0], sockets[1]},
                                         {file, file},     {null, null}};
  for (const auto& [in, out] : streams) {
    const int flags[] = {::fcntl(in, F_GETFL), ::fcntl(out, F_GETFL)};
    for (const way_out& way : ways_out) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::dup2(in, 0);
        ::dup2(out, 1);
        a_program(options(), way.leave);
      }
      int status = 0;
      EXPECT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_FALSE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) << way.name;
      EXPECT_EQ(::fcntl(in, F_GETFL), flags[0]) << way.name;
      EXPECT_EQ(::fcntl(out, F_GETFL), flags[1]) << way.name;
    }
  }
  for (const int d : {pipes[0], pipes[1], sockets[0], sockets[1], fifo, file, null}) ::close(d);
}

}  // namespace
}  // namespace eddy::test
