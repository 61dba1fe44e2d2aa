// Descriptors on every backend: who closes them and when, who may use them, and the caller's bugs.
#include "tests/support/io_test.h"

#include <fcntl.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <sys/stat.h>

#include <eddy/io/file.h>
#include <eddy/io/filesystem.h>

namespace eddy::test {
namespace {

class ClosingTest : public io_test {};
EDDY_ON_EVERY_BACKEND(ClosingTest);

using ClosingDeathTest = ClosingTest;
EDDY_ON_EVERY_BACKEND(ClosingDeathTest);

TEST_P(ClosingTest, ACloseEndsWhileAnotherTaskYieldsInEveryTick) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    bool closed = false;
    co_await yield();  // from here on in the pending phase, with nothing in flight
    spawn([&]() -> task<void> {
      EXPECT_TRUE(co_await near.close());
      closed = true;
    });
    for (int i = 0; !closed && i < 1000; ++i) co_await yield();
    EXPECT_TRUE(closed);
  });
}

TEST_P(ClosingTest, CloseEndsWhatOthersAwait) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await fill(near);
    std::array<char, 100> buffer;
    const auto use = [](auto awaitable, bool& went_on) -> task<result<std::size_t>> {
      const result<std::size_t> r = co_await std::move(awaitable);
      co_await next_tick();
      went_on = true;
      co_return r;
    };
    bool reader_went_on = false;
    bool writer_went_on = false;
    auto reading = spawn(use, near.read(buffer), std::ref(reader_went_on));
    auto writing = spawn(use, near.write("more"), std::ref(writer_went_on));
    co_await after_a_poll();
    EXPECT_EQ(runtime::current().pending().operations, 2u);
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed) << closed.error();
    EXPECT_EQ(near.native_handle(), -1);
    const result<std::size_t> read = co_await reading;
    const result<std::size_t> written = co_await writing;
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
    EXPECT_EQ(written.error(), std::errc::operation_canceled);
    EXPECT_TRUE(reader_went_on && writer_went_on);
    EXPECT_EQ(runtime::current().pending().total(), 0u);
  });
}

TEST_P(ClosingTest, CloseEndsAnOperationThatHasNotBegunYet) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 100> buffer;
    auto reading = spawn(near.read(buffer));
    co_await next_tick();
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
  });
}

TEST_P(ClosingTest, WhatCloseHasEndedIsDeliveredThoughItIsCancelledAsWell) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 100> buffer;
    auto reading = spawn(near.read(buffer));
    co_await after_a_poll();
    auto closing = spawn(near.close());
    co_await next_tick();
    reading.cancel();
    const auto read = co_await reading.join();
    EXPECT_TRUE(read.has_value());
    const result<void> closed = co_await closing;
    EXPECT_TRUE(closed);
  });
}

TEST_P(ClosingTest, WhileCloseWaitsNothingNewBegins) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 100> buffer;
    auto reading = spawn(near.read(buffer));
    co_await after_a_poll();
    auto closing = spawn(near.close());
    co_await next_tick();
    EXPECT_EQ(runtime::current().pending().closing, 1u);
    const auto ticks = runtime::current().ticks();
    const result<std::size_t> written = co_await near.write("x");
    EXPECT_EQ(written.error(), std::errc::bad_file_descriptor);
    const result<void> again = co_await near.close();
    EXPECT_EQ(again.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(near.set_no_delay(true).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(runtime::current().ticks(), ticks);
    EXPECT_GE(near.native_handle(), 0);
    const result<void> closed = co_await closing;
    EXPECT_TRUE(closed);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
  });
}

TEST_P(ClosingTest, CloseEndsInTheClosePhase) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::string order;
    const auto in_check = [](std::string& o) -> task<void> {
      co_await immediate();
      o += "check ";
    };
    const auto in_pending = [](std::string& o) -> task<void> {
      co_await yield();
      o += "pending ";
    };
    auto check = spawn(in_check, std::ref(order));
    auto pending = spawn(in_pending, std::ref(order));
    const result<void> closed = co_await near.close();
    order += "close ";
    EXPECT_TRUE(closed);
    co_await check;
    co_await pending;
    // (we are in a poll phase: the check phase of this tick, its close phase, the next tick)
    EXPECT_EQ(order, "check close pending ");
  });
}

TEST_P(ClosingTest, AnAcceptIsEndedByClosingTheListener) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto accepting = spawn(listener.accept());
    co_await after_a_poll();
    const result<void> closed = co_await listener.close();
    EXPECT_TRUE(closed);
    const result<tcp_stream> s = co_await accepting;
    EXPECT_EQ(s.error(), std::errc::operation_canceled);
    const result<tcp_stream> again = co_await listener.accept();
    EXPECT_EQ(again.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(listener.local_address().family(), 0);
  });
}

TEST_P(ClosingTest, WhatIsClosedNeverTouchesAReusedNumber) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const int number = near.native_handle();
    std::array<char, 4> buffer;
    detail::transfer late = near.read(buffer);  // described, not begun
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed);
    auto [one, two] = unix_stream::pair().value();
    unix_stream& same = one.native_handle() == number ? one : two;
    unix_stream& other = &same == &one ? two : one;
    EXPECT_EQ(same.native_handle(), number);
    const result<std::size_t> written = co_await other.write("mine");
    EXPECT_TRUE(written);
    const result<std::size_t> read = co_await std::move(late);
    EXPECT_EQ(read.error(), std::errc::bad_file_descriptor);
    const result<std::size_t> wrote = co_await near.write("x");
    EXPECT_EQ(wrote.error(), std::errc::bad_file_descriptor);
    const result<void> twice = co_await near.close();
    EXPECT_EQ(twice.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(near.shutdown_write().error(), std::errc::bad_file_descriptor);
    const result<std::size_t> still = co_await same.read(buffer);
    EXPECT_EQ(*still, 4u);
  });
}

TEST_P(ClosingTest, WhatIsDescribedMovesUntilItIsAwaited) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 4> buffer;
    auto one = far.write("one");
    auto other = std::move(one);
    const result<std::size_t> written = co_await std::move(other);
    EXPECT_EQ(written.value_or(0u), 3u);
    std::vector<detail::transfer> several;
    several.push_back(near.read(mutable_buffer()));
    several.push_back(near.read(buffer));
    several.front() = std::move(several.back());
    const result<std::size_t> read = co_await std::move(several.front());
    EXPECT_EQ(read.value_or(0u), 3u);
    // What is kept in it moves with it: a path, an address.
    auto naming = file_status("/");
    auto named = std::move(naming);
    const result<file_information> status = co_await std::move(named);
    EXPECT_TRUE(status && status->kind == file_kind::directory);
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto connecting = tcp_stream::connect(listener.local_address());
    auto connects = std::move(connecting);
    const result<tcp_stream> connected = co_await std::move(connects);
    EXPECT_TRUE(connected);
    auto accepting = listener.accept();
    auto accepts = std::move(accepting);
    const result<tcp_stream> accepted = co_await std::move(accepts);
    EXPECT_TRUE(accepted);
    auto ending = near.close();
    auto end = std::move(ending);
    const result<void> closed = co_await std::move(end);
    EXPECT_TRUE(closed);
  });
}

TEST_P(ClosingTest, ASecondCloseIsRefusedWhileTheFirstIsUnderWay) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    auto first = spawn(near.close());
    auto second = spawn(near.close());
    const result<void> one = co_await first;
    const result<void> two = co_await second;
    EXPECT_TRUE(one);
    EXPECT_EQ(two.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(ClosingTest, ACloseThatHasBegunIsNotCancelled) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    auto closing = spawn(near.close());
    co_await next_tick();
    closing.cancel();
    const auto r = co_await closing.join();
    EXPECT_TRUE(r.has_value());
    EXPECT_EQ(near.native_handle(), -1);
  });
}

TEST_P(ClosingTest, InAStoppingTaskTheDestructorCloses) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const auto hold = [](tcp_stream s) -> task<void> {
      std::array<char, 10> buffer;
      const result<std::size_t> n = co_await s.read(buffer);
      ADD_FAILURE() << n.value_or(0u);
    };
    const bool stopped =
        co_await stops_when_cancelled(spawn(hold, std::move(near)), moment::inside_the_kernel);
    EXPECT_TRUE(stopped);
    std::array<char, 10> buffer;
    const result<std::size_t> end = co_await far.read(buffer);
    EXPECT_EQ(end.value_or(1u), 0u);
  });
}

TEST_P(ClosingTest, AStopInTheMiddleOfEverythingLeavesNothingOpen) {
  EXPECT_THROW(run([]() -> task<void> {
                 tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
                 spawn(serve_echo, std::ref(listener));
                 const auto talk = [](socket_address to) -> task<void> {
                   result<tcp_stream> s = co_await tcp_stream::connect(to);
                   std::array<char, 100> buffer;
                   for (;;) {
                     const result<void> w = co_await write_all(*s, "ping");
                     const result<std::size_t> r = co_await s->read(buffer);
                     if (!w || !r) break;
                   }
                 };
                 for (int i = 0; i < 20; ++i) spawn(talk, listener.local_address());
                 for (int i = 0; i < 20; ++i) co_await yield();
                 runtime::current().request_stop();
                 co_await sleep_for(std::chrono::hours(1));
               }),
               stopped_error);
}

// ---- Descriptors that come and go ----

TEST_P(ClosingTest, ADescriptorCanBeReleasedAndAdopted) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 10> buffer;
    const bool stopped =
        co_await stops_when_cancelled(spawn(near.read(buffer)), moment::inside_the_kernel);
    EXPECT_TRUE(stopped);  // the backend knows it now
    const int number = near.release();
    EXPECT_EQ(near.native_handle(), -1);
    ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) & ~O_NONBLOCK);
    result<tcp_stream> again = tcp_stream::adopt(number);
    EXPECT_TRUE(again) << again.error();
    EXPECT_EQ(again->native_handle(), number);
    EXPECT_TRUE(::fcntl(number, F_GETFL) & O_NONBLOCK);
    const result<std::size_t> written = co_await far.write("hello");
    EXPECT_TRUE(written);
    const result<std::size_t> read = co_await again->read(buffer);
    EXPECT_EQ(read.value_or(0u), 5u);
  });
}

/// Something that waits on a descriptor which only file::open has made: a pipe in the file system.
task<void> read_from_fifo(std::string name, int expected_number) {
  result<file> f = co_await file::open(name, open_mode::read | open_mode::write);
  EXPECT_EQ(f->native_handle(), expected_number);
  std::array<char, 10> buffer;
  for (int i = 0; i < 2; ++i) {
    auto reading = spawn(f->read(buffer));
    for (int polls = 0; polls < 3; ++polls) co_await after_a_poll();
    EXPECT_EQ(::write(f->native_handle(), "line", 4), 4);
    const result<std::size_t> n = co_await reading;
    EXPECT_EQ(n.value_or(0u), 4u);
  }
}

TEST_P(ClosingTest, NothingIsRememberedOfAReleasedNumber) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        auto both = unix_stream::pair().value();
        std::array<char, 10> buffer;
        const bool stopped = co_await stops_when_cancelled(spawn(both.first.read(buffer)),
                                                           moment::inside_the_kernel);
        EXPECT_TRUE(stopped);
        const int number = both.first.release();
        EXPECT_EQ(::close(number), 0);
        co_await read_from_fifo(name, number);
      },
      path("fifo"));
}

TEST_P(ClosingTest, NothingIsRememberedOfANumberClosedOnAnotherThread) {
  std::optional<std::pair<unix_stream, unix_stream>> both(unix_stream::pair().value());
  runtime rt(options());
  eddy::run(rt, [&both]() -> task<void> {
    std::array<char, 10> buffer;
    const bool stopped =
        co_await stops_when_cancelled(spawn(both->first.read(buffer)), moment::inside_the_kernel);
    EXPECT_TRUE(stopped);
  });
  const int number = both->first.native_handle();
  std::thread([&both] { both.reset(); }).join();
  // Made where no runtime runs, with the same number: rt hears of it with its first operation.
  both.emplace(unix_stream::pair().value());
  EXPECT_EQ(both->first.native_handle(), number);
  eddy::run(rt, [&both]() -> task<void> {
    std::array<char, 10> buffer;
    auto reading = spawn(both->first.read(buffer));
    co_await after_a_poll();
    const result<std::size_t> written = co_await both->second.write("x");
    EXPECT_TRUE(written);
    const result<std::size_t> n = co_await reading;
    EXPECT_EQ(n.value_or(0u), 1u);
  });
}

TEST_P(ClosingTest, OnlyStreamSocketsAreAdopted) {
  run([]() -> task<void> {
    const int null = ::open("/dev/null", O_RDONLY);
    EXPECT_EQ(tcp_stream::adopt(null).error(), std::errc::not_a_socket);
    ::close(null);
    const int datagrams = ::socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT_EQ(tcp_stream::adopt(datagrams).error(), std::errc::wrong_protocol_type);
    ::close(datagrams);
    EXPECT_EQ(tcp_stream::adopt(-1).error(), std::errc::bad_file_descriptor);
    co_return;
  });
}

TEST_P(ClosingTest, AFreshConnectionMayGoToAnotherRuntime) {
  std::optional<std::pair<tcp_stream, tcp_stream>> both;
  run([&both]() -> task<void> {
    both.emplace(co_await tcp_pair());
    both->first = tcp_stream::adopt(both->first.release()).value();  // fresh again
  });
  run([&both]() -> task<void> {
    std::array<char, 10> buffer;
    join_handle<result<std::size_t>> reading = spawn(both->second.read(buffer));
    co_await after_a_poll();
    const result<std::size_t> written = co_await both->first.write("hello");
    EXPECT_TRUE(written);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.value_or(0u), 5u);
  });
  both.reset();
}

// ---- The caller's bugs ----

TEST_P(ClosingDeathTest, ASecondReadInFlightAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 std::array<char, 10> buffer;
                 spawn(near.read(buffer));
                 co_await next_tick();
                 const result<std::size_t> second = co_await near.read(buffer);
                 EXPECT_TRUE(second);
               }),
               "^eddy: a second operation .*tcp_stream::read");
}

TEST_P(ClosingDeathTest, ASecondAcceptInFlightAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
                 spawn(listener.accept());
                 co_await after_a_poll();
                 const result<tcp_stream> second = co_await listener.accept();
                 EXPECT_TRUE(second);
               }),
               "^eddy: a second operation .*tcp_listener::accept");
}

TEST_P(ClosingDeathTest, MovingAStreamInFlightAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 std::array<char, 10> buffer;
                 spawn(near.read(buffer));
                 co_await after_a_poll();
                 tcp_stream moved(std::move(near));
                 co_await after_a_poll();
               }),
               "^eddy: .*moved while");
}

TEST_P(ClosingDeathTest, DestroyingAStreamInFlightAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto pair =
                     std::make_unique<std::pair<tcp_stream, tcp_stream>>(co_await tcp_pair());
                 std::array<char, 10> buffer;
                 spawn(pair->first.read(buffer));
                 co_await after_a_poll();
                 pair.reset();
               }),
               "^eddy: .*destroyed while");
}

/// Reads from a stream of somebody else's.
task<void> reads(tcp_stream& s) {
  std::array<char, 10> buffer;
  static_cast<void>(co_await s.read(buffer));
}
constexpr int reads_at = __LINE__ - 2;

std::string in_flight_at(const std::string& rest) {
  return "^eddy: a stream, listener or file is destroyed while an operation on it is in flight: "
         "tcp_stream::read at closing_test.cc:" +
         std::to_string(reads_at) + rest + "\n";
}

TEST_P(ClosingDeathTest, WhatIsDestroyedInFlightIsNamedAndWhoAwaitedItWhere) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto pair =
                     std::make_unique<std::pair<tcp_stream, tcp_stream>>(co_await tcp_pair());
                 spawn(reads, std::ref(pair->first));
                 co_await after_a_poll();
                 pair.reset();
               }),
               in_flight_at(""));
}

task<void> owns_what_is_read() {
  auto [near, far] = co_await tcp_pair();
  spawn(reads, std::ref(near));
  co_await sleep_for(std::chrono::hours(1));
}
constexpr int stopped_at = __LINE__ - 2;

TEST_P(ClosingDeathTest, WhatGoesWithAStoppedTaskInFlightIsSaidWithItsPlace) {
  EXPECT_DEATH(run([]() -> task<void> {
                 const auto owner = spawn(owns_what_is_read);
                 for (int i = 0; i < 5; ++i) co_await after_a_poll();
                 owner.cancel();
               }),
               in_flight_at("; it went with a frame that was stopped at closing_test.cc:" +
                            std::to_string(stopped_at)));
}

TEST_P(ClosingDeathTest, TheExceptionThatWasOnItsWayIsSaidToo) {
  const auto owner = [](tcp_stream mine) -> task<void> {
    spawn(reads, std::ref(mine));
    co_await after_a_poll();
    throw std::runtime_error("the cause");  // `mine` goes with the frame
  };
  EXPECT_DEATH(run([owner]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 co_await spawn(owner, std::move(near));
               }),
               in_flight_at("; on its way: std::runtime_error: the cause"));
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 spawn(reads, std::ref(near));
                 co_await after_a_poll();
                 throw std::runtime_error("the cause");  // `near` goes before anybody has caught it
               }),
               in_flight_at("; an exception is on its way"));
}

TEST_P(ClosingDeathTest, AwaitingAnOperationTwiceAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 auto writing = near.write("x");
                 const result<std::size_t> once = co_await std::move(writing);
                 EXPECT_TRUE(once);
                 const result<std::size_t> twice = co_await std::move(writing);
                 EXPECT_TRUE(twice);
               }),
               "^eddy: .*awaited a second time");
}

TEST_P(ClosingDeathTest, MovingAnOperationThatIsAwaitedAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = co_await tcp_pair();
                 std::array<char, 10> buffer;
                 auto reading = near.read(buffer);
                 const auto awaits = [](detail::transfer& t) -> task<void> {
                   const result<std::size_t> n = co_await std::move(t);
                   EXPECT_TRUE(n);
                 };
                 spawn(awaits, std::ref(reading));
                 co_await after_a_poll();
                 auto moved = std::move(reading);
                 co_await after_a_poll();
               }),
               "^eddy: .*moved while it is awaited");
}

TEST_P(ClosingDeathTest, UseInAnotherRuntimeAborts) {
  const auto in_both = [this] {
    std::optional<std::pair<tcp_stream, tcp_stream>> both;
    runtime first(options());
    eddy::run(first, [&both]() -> task<void> {
      both.emplace(co_await tcp_pair());
      const result<std::size_t> n = co_await both->first.write("x");
      EXPECT_TRUE(n);
    });
    run([&both]() -> task<void> {
      const result<std::size_t> n = co_await both->first.write("x");
      EXPECT_TRUE(n);
    });
  };
  EXPECT_DEATH(in_both(), "^eddy: .*another runtime");
}

}  // namespace
}  // namespace eddy::test
