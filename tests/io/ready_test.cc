// readable(), writable(), ready() on descriptors of others, on every backend: each kind, several
// waits at once, numbers that are used again, and what is closed meanwhile.
#include <eddy/io/ready.h>

#include "tests/support/kinds.h"

#include <csignal>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

namespace eddy::test {
namespace {

class ReadyTest : public io_test {};
EDDY_ON_EVERY_BACKEND(ReadyTest);

constexpr interest everything = interest::read | interest::write | interest::priority;

int new_event() {
  return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}
void raise_event(int d) {
  const std::uint64_t one = 1;
  EXPECT_EQ(::write(d, &one, sizeof one), 8);
}
void lower_event(int d) {
  std::uint64_t count = 0;
  EXPECT_EQ(::read(d, &count, sizeof count), 8);
}
struct ends {
  explicit ends(int type = SOCK_STREAM) {
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both), 0);
  }
  ~ends() {
    for (const int d : both) close(d);
  }
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
  void close(int d) {
    for (int& one : both) {
      if (one == d && one >= 0) ::close(std::exchange(one, -1));
    }
  }
  void fill() const {
    const std::string much(1 << 16, 'f');
    while (::send(both[0], much.data(), much.size(), MSG_DONTWAIT) > 0) {
    }
  }
  int both[2] = {-1, -1};
};

/// It waits until something is done, ends then, and ends again as long as that is there.
task<void> waits_until(int d, const std::function<void()>& something) {
  const int flags = ::fcntl(d, F_GETFL);
  co_await waits_and_is_stopped(spawn(readable(d)));
  auto waiting = spawn(readable(d));
  co_await a_while();
  EXPECT_FALSE(waiting.done());
  something();
  const result<void> first = co_await waiting;
  EXPECT_TRUE(first);
  const result<void> again = co_await readable(d);
  EXPECT_TRUE(again);
  const result<interest> all = co_await ready(d, interest::read | interest::priority);
  EXPECT_TRUE(has(all.value_or(interest{}), interest::read));
  EXPECT_EQ(::fcntl(d, F_GETFL), flags);
}

TEST_P(ReadyTest, EveryKindOfDescriptorCanBeWaitedFor) {
  const auto check = [&](const char* kind, int d, const std::function<void()>& something) {
    SCOPED_TRACE(kind);
    ASSERT_GE(d, 0);
    run([&]() -> task<void> { return waits_until(d, something); });
    ::close(d);
  };
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    int both[2];
    ASSERT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, both), 0);
    check("socket", both[0], [&] { EXPECT_EQ(::send(both[1], "x", 1, 0), 1); });
    ::close(both[1]);
  }
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  check("pipe", pipe[0], [&] { EXPECT_EQ(::write(pipe[1], "x", 1), 1); });
  ::close(pipe[1]);
  const int fifo = named_pipe(path("fifo"));
  check("named pipe", ::dup(fifo), [&] { EXPECT_EQ(::write(fifo, "x", 1), 1); });
  ::close(fifo);
  const int event = ::eventfd(0, EFD_CLOEXEC);
  check("eventfd", event, [&] { raise_event(event); });
  const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  check("timerfd", timer, [&] {
    const itimerspec soon{{0, 0}, {0, 1000}};
    EXPECT_EQ(::timerfd_settime(timer, 0, &soon, nullptr), 0);
  });
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  check("pidfd", static_cast<int>(::syscall(SYS_pidfd_open, child, 0)),
        [&] { ::kill(child, SIGKILL); });
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  const int notify = ::inotify_init1(IN_CLOEXEC);
  const std::string seen = path("seen");
  std::ofstream(seen).put('x');
  ASSERT_GE(::inotify_add_watch(notify, seen.c_str(), IN_MODIFY), 0);
  check("inotify", notify, [&] { std::ofstream(seen).put('y'); });
  {
    const terminal t;
    check("terminal", ::dup(t.line), [&] { EXPECT_EQ(::write(t.user, "x", 1), 1); });
    check("the other end of a terminal", ::dup(t.user),
          [&] { EXPECT_EQ(::write(t.line, "x", 1), 1); });
  }
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  const int signals = ::signalfd(-1, &set, SFD_CLOEXEC);
  check("signalfd", ::dup(signals), [&] { EXPECT_EQ(::raise(SIGUSR2), 0); });
  signalfd_siginfo taken;
  EXPECT_EQ(::read(signals, &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
  ::close(signals);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const int nested = ::epoll_create1(EPOLL_CLOEXEC);
  const int inner = new_event();
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(nested, EPOLL_CTL_ADD, inner, &wanted), 0);
  check("epoll", nested, [&] { raise_event(inner); });
  ::close(inner);
}

TEST_P(ReadyTest, WhatNeverWaitsIsAlwaysReady) {
  const std::string name = path("file");
  std::ofstream(name).put('x');
  for (const std::string& what :
       {name, path(""), std::string("/dev/null"), std::string("/dev/zero")}) {
    SCOPED_TRACE(what);
    const int d = ::open(what.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(d, 0);
    run(
        [](int one) -> task<void> {
          EXPECT_TRUE(co_await readable(one));
          EXPECT_TRUE(co_await writable(one));
          const result<interest> both = co_await ready(one, interest::read | interest::write);
          EXPECT_EQ(both.value_or(interest{}), interest::read | interest::write);
          const result<interest> urgent = co_await ready(one, interest::priority);
          EXPECT_EQ(urgent.value_or(interest{}), interest::priority);
        },
        d);
    ::close(d);
  }
  const int system = ::open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
  if (system < 0) return;
  run([](int one) -> task<void> { EXPECT_TRUE(co_await readable(one)); }, system);
  ::close(system);
}

TEST_P(ReadyTest, WhatIsNoDescriptorIsAnError) {
  run([]() -> task<void> {
    co_await a_while();  // (what the runtime opens is open)
    const int gone = new_event();
    ::close(gone);
    for (const int bad : {-1, -100, gone, 1 << 20, 0x7fffffff}) {
      EXPECT_EQ((co_await readable(bad)).error(), std::errc::bad_file_descriptor) << bad;
      EXPECT_EQ((co_await writable(bad)).error(), std::errc::bad_file_descriptor) << bad;
      EXPECT_EQ((co_await ready(bad, everything)).error(), std::errc::bad_file_descriptor) << bad;
    }
    EXPECT_EQ((co_await ready(0, interest{})).error(), std::errc::invalid_argument);
  });
}

TEST_P(ReadyTest, TellsWhatIsThereAndTakesNothing) {
  run([]() -> task<void> {
    const ends s;
    const auto of = [&](interest wanted) { return ready(s.both[0], wanted); };
    EXPECT_EQ((co_await of(everything)).value_or(interest{}), interest::write);
    EXPECT_TRUE(co_await writable(s.both[0]));
    EXPECT_EQ(::send(s.both[1], "x", 1, 0), 1);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ((co_await of(everything)).value_or(interest{}), interest::read | interest::write);
    }
    s.fill();
    EXPECT_EQ((co_await of(everything)).value_or(interest{}), interest::read);
    char byte;
    EXPECT_EQ(::recv(s.both[0], &byte, 1, 0), 1);
    co_await waits_and_is_stopped(spawn(of(everything)));
    co_await waits_and_is_stopped(spawn(writable(s.both[0])));
    auto waiting = spawn(writable(s.both[0]));
    co_await after_a_poll();
    drain(s.both[1]);
    EXPECT_TRUE(co_await waiting);
  });
}

TEST_P(ReadyTest, UrgentDataIsAPriority) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    auto waiting = spawn(ready(near.native_handle(), interest::priority));
    for (int i = 0; i < 40; ++i) {  // other data is none
      co_await after_a_poll();
      EXPECT_EQ(::send(far.native_handle(), "x", 1, 0), 1);
    }
    co_await a_while();
    EXPECT_FALSE(waiting.done());
    EXPECT_EQ(::send(far.native_handle(), "!", 1, MSG_OOB), 1);
    EXPECT_TRUE(has((co_await waiting).value_or(interest{}), interest::priority));
  });
}

TEST_P(ReadyTest, ErrorsAndHangUpsMakeAllReady) {
  run([]() -> task<void> {
    int pipe[2];
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    auto all = spawn(ready(pipe[0], everything));
    co_await a_while();
    EXPECT_FALSE(all.done());
    ::close(pipe[1]);
    EXPECT_EQ((co_await all).value_or(interest{}), everything) << "no writer is left";
    ::close(pipe[0]);

    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    auto urgent = spawn(ready(pipe[1], interest::priority));
    co_await a_while();
    EXPECT_FALSE(urgent.done());
    ::close(pipe[0]);
    EXPECT_EQ((co_await urgent).value_or(interest{}), interest::priority) << "no reader is left";
    ::close(pipe[1]);

    ends s;
    s.fill();
    auto reads = spawn(readable(s.both[0]));
    auto writes = spawn(writable(s.both[0]));
    auto both = spawn(ready(s.both[0], everything));
    co_await a_while();
    EXPECT_FALSE(reads.done() || writes.done() || both.done());
    s.close(s.both[1]);
    EXPECT_TRUE(co_await reads);
    EXPECT_TRUE(co_await writes);
    EXPECT_EQ((co_await both).value_or(interest{}), everything);
  });
}

TEST_P(ReadyTest, AnyNumberMayWaitForOneDescriptor) {
  run([]() -> task<void> {
    const ends s;
    s.fill();
    std::vector<join_handle<result<void>>> readers;
    std::vector<join_handle<result<void>>> writers;
    for (int i = 0; i < 3; ++i) {
      readers.push_back(spawn(readable(s.both[0])));
      writers.push_back(spawn(writable(s.both[0])));
    }
    auto both = spawn(ready(s.both[0], everything));
    co_await a_while();
    // One of each gives up, and the others do not notice.
    co_await waits_and_is_stopped(std::move(readers[1]));
    co_await waits_and_is_stopped(std::move(writers[0]));
    EXPECT_EQ(::send(s.both[1], "x", 1, 0), 1);
    EXPECT_TRUE(co_await readers[0]);
    EXPECT_TRUE(co_await readers[2]);
    EXPECT_EQ((co_await both).value_or(interest{}), interest::read);
    co_await a_while();
    EXPECT_FALSE(writers[1].done() || writers[2].done());
    drain(s.both[1]);
    EXPECT_TRUE(co_await writers[1]);
    EXPECT_TRUE(co_await writers[2]);
  });
}

TEST_P(ReadyTest, AStreamOfOursMayBeWaitedForBesideItsReads) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const int d = near.native_handle();
    char buffer[8];
    for (int round = 0; round < 3; ++round) {
      // Whichever comes first, and whichever goes.
      auto before = spawn(readable(d));
      if (round != 1) co_await a_while();
      auto reading = spawn(near.read(buffer));
      if (round != 2) co_await a_while();
      auto behind = spawn(readable(d));
      co_await waits_and_is_stopped(spawn(ready(d, interest::read)));
      co_await waits_and_is_stopped(std::move(behind));
      EXPECT_FALSE(before.done() || reading.done());
      EXPECT_TRUE(co_await far.write("one"));
      EXPECT_EQ((co_await reading).value_or(0u), 3u);
      // (It has been read before somebody looked for the other: that is nothing to wake up for.)
      if (!before.done()) {
        EXPECT_TRUE(co_await far.write("two"));
      }
      EXPECT_TRUE(co_await before);
      drain(d);
      co_await waits_and_is_stopped(spawn(near.read(buffer)));
      EXPECT_TRUE(co_await far.write("three"));
      EXPECT_EQ((co_await near.read(buffer)).value_or(0u), 5u);
    }
  });
}

TEST_P(ReadyTest, ANumberMayBeAnotherFilesBetweenTwoWaits) {
  run([]() -> task<void> {
    for (int i = 0; i < 10; ++i) {
      const int d = new_event();
      auto waiting = spawn(readable(d));
      co_await after_a_poll();
      raise_event(d);
      EXPECT_TRUE(co_await waiting);
      // Its owner closes it without a word. (Sometimes the file lives on, by another number.)
      const int kept = i % 2 ? ::dup(d) : -1;
      ::close(d);
      const int next = new_event();
      EXPECT_EQ(next, d);
      co_await waits_and_is_stopped(spawn(readable(next)));
      raise_event(next);
      EXPECT_TRUE(co_await readable(next));
      ::close(next);
      if (kept >= 0) ::close(kept);
    }
  });
}

/// Closed while somebody waits, the wait is its owner's mistake: it can be called back, and others
/// have their right answers.
TEST_P(ReadyTest, WhatIsClosedElsewhereHoldsUpNobodyElse) {
  run([]() -> task<void> {
    for (const bool lives_on : {false, true}) {
      const int d = new_event();
      auto lost = spawn(readable(d));
      auto also_lost = spawn(ready(d, everything & interest::read));
      co_await after_a_poll();
      const int kept = lives_on ? ::dup(d) : -1;
      ::close(d);
      const int next = new_event();
      EXPECT_EQ(next, d);
      co_await waits_and_is_stopped(std::move(also_lost));
      co_await waits_and_is_stopped(spawn(readable(next)));
      auto waiting = spawn(readable(next));
      co_await after_a_poll();
      EXPECT_FALSE(waiting.done());
      raise_event(next);
      EXPECT_TRUE(co_await waiting);
      lower_event(next);
      if (lives_on) raise_event(kept);
      co_await a_while();
      lost.cancel();
      static_cast<void>(co_await lost.join());
      co_await waits_and_is_stopped(spawn(readable(next)));
      ::close(next);
      if (lives_on) ::close(kept);
    }
  });
}

TEST_P(ReadyTest, AStreamOfOursMayBeClosedUnderAWait) {
  run([]() -> task<void> {
    for (int i = 0; i < 3; ++i) {
      auto [near, far] = unix_stream::pair().value();
      const int d = near.native_handle();
      auto lost = spawn(readable(d));
      co_await after_a_poll();
      char buffer[8];
      auto reading = spawn(near.read(buffer));
      co_await after_a_poll();
      EXPECT_TRUE(co_await near.close());
      EXPECT_EQ((co_await reading).error(), std::errc::operation_canceled);
      auto [again, other] = unix_stream::pair().value();
      EXPECT_EQ(again.native_handle(), d);
      EXPECT_TRUE(co_await other.write("x"));
      EXPECT_TRUE(co_await readable(d));
      EXPECT_EQ((co_await again.read(buffer)).value_or(0u), 1u);
      co_await waits_and_is_stopped(std::move(lost));
    }
  });
}

TEST_P(ReadyTest, AWaitGoesOnWhenItsDescriptorIsTakenOver) {
  run([]() -> task<void> {
    int pipe[2];
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    auto waiting = spawn(readable(pipe[0]));
    co_await a_while();
    pipe_reader reader = pipe_reader::adopt(pipe[0]).value();
    co_await a_while();
    EXPECT_FALSE(waiting.done());
    EXPECT_EQ(::write(pipe[1], "x", 1), 1);
    EXPECT_TRUE(co_await waiting);
    auto last = spawn(readable(pipe[0]));
    EXPECT_TRUE(co_await last);
    char byte;
    EXPECT_EQ((co_await reader.read(mutable_buffer(&byte, 1))).value_or(0u), 1u);
    auto beyond = spawn(readable(pipe[0]));
    co_await after_a_poll();
    EXPECT_EQ(reader.release(), pipe[0]);
    ::close(pipe[1]);
    EXPECT_TRUE(co_await beyond);
    ::close(pipe[0]);
  });
}

TEST_P(ReadyTest, BothNumbersOfOneFileMayBeWaitedFor) {
  run([]() -> task<void> {
    const int d = new_event();
    const int other = ::dup(d);
    auto one = spawn(readable(d));
    auto two = spawn(readable(other));
    co_await a_while();
    raise_event(d);
    EXPECT_TRUE(co_await one);
    EXPECT_TRUE(co_await two);
    lower_event(d);
    auto three = spawn(readable(other));
    co_await after_a_poll();
    ::close(d);
    raise_event(other);
    EXPECT_TRUE(co_await three);
    ::close(other);
  });
}

TEST_P(ReadyTest, ACancelAtAnyMomentTakesNothing) {
  run([]() -> task<void> {
    for (const moment at : moments) {
      for (const bool is_there : {false, true}) {
        const ends s;
        if (is_there) {
          EXPECT_EQ(::send(s.both[1], "x", 1, 0), 1);
        }
        const bool stopped = co_await stops_when_cancelled(spawn(readable(s.both[0])), at);
        if (!is_there || at != moment::inside_the_kernel) {
          EXPECT_TRUE(stopped);
        }
        if (!is_there) {
          EXPECT_EQ(::send(s.both[1], "x", 1, 0), 1);
        }
        char byte = 0;
        EXPECT_EQ(::recv(s.both[0], &byte, 1, MSG_DONTWAIT), 1);
      }
    }
  });
}

TEST_P(ReadyTest, AWaitHoldsTheLoopAndIsCountedOnce) {
  const int d = new_event();
  runtime rt(options());
  eddy::run(rt, [&]() -> task<void> {
    static_cast<void>(spawn(readable(d)));
    co_await after_a_poll();
    EXPECT_EQ(rt.pending().operations, 1u);
    static_cast<void>(spawn([](int event) -> task<void> {
      co_await sleep_for(1ms);
      raise_event(event);
    }(d)));
  });
  EXPECT_EQ(rt.pending().total(), 0u);
  ::close(d);
}

/// As libraries have it that hand out sets of descriptors.
TEST_P(ReadyTest, TheFirstOfManyIsTold) {
  run([]() -> task<void> {
    std::vector<int> events;
    for (int i = 0; i < 3; ++i) events.push_back(new_event());
    for (unsigned i = 0; i < 300; ++i) {
      const std::size_t which = i * 7 % 3;
      auto waiting = spawn([](const std::vector<int>& of) -> task<std::size_t> {
        const auto first = co_await when_any(readable(of[0]), readable(of[1]), readable(of[2]));
        if (std::get<0>(first)) co_return 0u;
        co_return std::get<1>(first) ? 1u : 2u;
      }(events));
      if (i % 2) co_await after_a_poll();
      raise_event(events[which]);
      EXPECT_EQ(co_await waiting, which);
      lower_event(events[which]);
    }
    for (const int d : events) ::close(d);
  });
}

TEST_P(ReadyTest, ATimeoutEndsAWait) {
  run([]() -> task<void> {
    const int d = new_event();
    EXPECT_EQ((co_await with_timeout(1ms, readable(d))).error(), errc::timed_out);
    ::close(d);
  });
}

/// Of epoll's set, so that a descriptor that its owner closes leaves nothing there.
TEST_P(ReadyTest, NothingIsKeptAfterTheWait) {
  if (GetParam() != "epoll") GTEST_SKIP() << "there is no set";
  runtime rt(options());
  const auto watched = [&rt] {
    std::ifstream all("/proc/self/fdinfo/" + std::to_string(rt.native_handle()));
    std::size_t n = 0;
    for (std::string line; std::getline(all, line);) n += line.rfind("tfd:", 0) == 0;
    return n;
  };
  eddy::run(rt, [&]() -> task<void> {
    const int d = new_event();
    const std::size_t before = watched();
    auto one = spawn(readable(d));
    auto two = spawn(readable(d));
    co_await after_a_poll();
    EXPECT_EQ(watched(), before + 1);
    one.cancel();
    static_cast<void>(co_await one.join());
    EXPECT_EQ(watched(), before + 1);
    raise_event(d);
    EXPECT_TRUE(co_await two);
    EXPECT_EQ(watched(), before);
    ::close(d);
  });
}

}  // namespace
}  // namespace eddy::test
