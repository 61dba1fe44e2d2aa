// Numbers at their ends: whatever a caller gives as a size, a count or a limit, no sum with it wraps
// round. (Limits of buffered_reader: tests/io/buffered_reader_test.cc.)
#include "tests/support/io_test.h"
#include "tests/support/sanitized.h"

#include <array>
#include <climits>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class NumbersTest : public io_test {};
EDDY_ON_EVERY_BACKEND(NumbersTest);

/// Of everything a little: streams, files, the pool, microtasks, timers.
task<void> a_program(std::string name) {
  auto [near, far] = unix_stream::pair().value();
  const std::string sent(200'000, 's');
  std::string got(sent.size(), ' ');
  const auto [written, read] = co_await when_all(write_all(near, sent), read_exactly(far, got));
  EXPECT_TRUE(written && read && got == sent);
  const result<void> made = co_await write_file(name, "content");
  EXPECT_TRUE(made);
  const result<std::string> content = co_await read_file(name);
  EXPECT_EQ(content.value_or("?"), "content");
  std::atomic<int> calls{0};
  std::vector<task<void>> all;
  const auto call = [](std::atomic<int>& n) -> task<void> {
    co_await offload([](std::atomic<int>* c) { ++*c; }, &n);
    co_await next_tick();
    co_await sleep_for(0ms);
  };
  for (int i = 0; i < 20; ++i) all.push_back(call(calls));
  co_await when_all(std::move(all));
  EXPECT_EQ(calls, 20);
}

TEST_P(NumbersTest, ARuntimeTakesAnyNumbersAsItsOptions) {
  const auto works_with = [this](auto set, unsigned number) {
    runtime_options o = options();
    set(o, number);
    runtime rt(o);
    EXPECT_NO_THROW(eddy::run(rt, a_program, path("file"))) << number;
  };
  for (const unsigned n : {0u, 1u, 7u, 32769u, 1u << 20, 1u << 28, 1u << 31, UINT_MAX}) {
    works_with([](runtime_options& o, unsigned number) { o.ring_entries = number; }, n);
    works_with([](runtime_options& o, unsigned number) { o.pool_queue = number; }, n);
    works_with([](runtime_options& o, unsigned number) { o.callback_budget = number; }, n);
    works_with([](runtime_options& o, unsigned number) { o.pool_threads = number; }, n);
  }
}

TEST_P(NumbersTest, ASemaphoreHoldsAnyCountAndOneThatIsMoreAborts) {
  run([]() -> task<void> {
    semaphore all(SIZE_MAX);
    {
      const auto permit = co_await all.acquire();
      all.release(0);
    }
    EXPECT_TRUE(all.try_acquire());
    semaphore filled(1);
    filled.release(SIZE_MAX - 1);
    EXPECT_TRUE(filled.try_acquire());
  });
  for (const std::size_t count : {std::size_t{1}, SIZE_MAX / 2, SIZE_MAX}) {
    EXPECT_DEATH(
        {
          semaphore full(SIZE_MAX - count + 1);
          full.release(count);
        },
        "^eddy: a semaphore is released beyond what it can count");
  }
}

TEST_P(NumbersTest, AReleaseCountsWhatIsLeftWhenThoseWhoWaitedHaveTheirs) {
  EXPECT_DEATH(run([]() -> task<void> {
                 semaphore none(0);
                 spawn(
                     [](semaphore& s) -> task<void> {
                       auto permit = co_await s.acquire();
                       permit.forget();
                     },
                     std::ref(none));
                 co_await next_tick();
                 none.release(SIZE_MAX);  // one is handed over: what is left fits
                 co_await next_tick();
                 EXPECT_TRUE(none.try_acquire());
                 none.release(2);
                 none.release(1);
               }),
               "^eddy: a semaphore is released beyond what it can count");
}

TEST_P(NumbersTest, AChannelThatDoesNotFitInMemoryIsBadAlloc) {
#ifdef EDDY_SANITIZED
  GTEST_SKIP() << "their allocator ends the program";
#endif
  for (const std::size_t capacity : {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8 + 1, SIZE_MAX / 16})
    EXPECT_THROW(channel<std::uint64_t> c(capacity), std::bad_alloc) << capacity;
}

TEST_P(NumbersTest, ALatchCountsFromAnyNumber) {
  run([]() -> task<void> {
    latch far_off(SIZE_MAX);
    far_off.count_down();
    const result<void> waited = co_await with_timeout(0ms, far_off.wait());
    EXPECT_EQ(waited.error(), errc::timed_out);
  });
}

TEST_P(NumbersTest, WhenAllTakesAnyNumberAsItsMost) {
  run([]() -> task<void> {
    for (const std::size_t most : {std::size_t{1}, SIZE_MAX - 1, SIZE_MAX}) {
      std::vector<task<int>> tasks;
      const auto number = [](int n) -> task<int> {
        co_await yield();
        co_return n;
      };
      for (int i = 0; i < 5; ++i) tasks.push_back(number(i));
      const std::vector<int> numbers = co_await when_all(std::move(tasks), most);
      EXPECT_EQ(numbers, (std::vector<int>{0, 1, 2, 3, 4}));
    }
  });
}

TEST_P(NumbersTest, AListenerTakesAnyBacklog) {
  run([]() -> task<void> {
    for (const int backlog : {INT_MIN, -1, 0, 1, 65536, INT_MAX}) {
      listen_options o;
      o.backlog = backlog;
      auto listener = tcp_listener::bind(socket_address::loopback(0), o);
      EXPECT_TRUE(listener) << backlog;
      if (!listener) continue;
      auto accepting = spawn(listener->accept());
      const result<tcp_stream> near = co_await tcp_stream::connect(listener->local_address());
      const result<tcp_stream> far = co_await accepting;
      EXPECT_TRUE(near && far) << backlog;
    }
  });
}

TEST_P(NumbersTest, AReadTakesWhatIsThereWhateverTheSizeOfItsBuffer) {
  run([]() -> task<void> {
    const auto room = std::make_unique<std::byte[]>(1 << 20);
    for (const std::size_t size : {std::size_t{0x7ffff000}, std::size_t{1} << 32,
                                   (std::size_t{1} << 32) + 1, SIZE_MAX / 2 + 1, SIZE_MAX}) {
      const mutable_buffer all(room.get(), size);
      auto [near, far] = unix_stream::pair().value();
      result<std::size_t> n = co_await near.write("some");
      EXPECT_EQ(n.value_or(0), 4u);
      n = co_await far.read(all);
      EXPECT_EQ(n.value_or(0), 4u) << size;
      auto [reader, writer] = make_pipe().value();
      n = co_await writer.write("some");
      EXPECT_EQ(n.value_or(0), 4u);
      n = co_await reader.read(all);
      EXPECT_EQ(n.value_or(0), 4u) << size;
      n = co_await near.write("some");
      EXPECT_EQ(n.value_or(0), 4u);
      buffered_reader ahead(far);
      n = co_await ahead.read(all);
      EXPECT_EQ(n.value_or(0), 4u) << size;
    }
  });
}

TEST_P(NumbersTest, PermissionsAreTheLowerTwelveBitsOfAnyNumber) {
  const mode_t before = ::umask(0);
  run(
      [](std::string name, std::string folder) -> task<void> {
        result<file> made = co_await file::open(
            name, open_mode::write | open_mode::create | open_mode::exclusive, 0xffff0000u | 0600u);
        EXPECT_TRUE(made);
        const result<file_information> of_file = co_await file_status(name);
        EXPECT_EQ(of_file.value().permissions, 0600u);
        const result<void> folder_made = co_await make_directory(folder, 0xffff0000u | 0700u);
        EXPECT_TRUE(folder_made);
        const result<file_information> of_folder = co_await file_status(folder);
        EXPECT_EQ(of_folder.value().permissions & 0777u, 0700u);
      },
      path("file"), path("folder"));
  ::umask(before);
}

TEST_P(NumbersTest, AnIntervalTakesAnyPeriod) {
  run([]() -> task<void> {
    for (const missed_ticks missed :
         {missed_ticks::burst, missed_ticks::delay, missed_ticks::skip}) {
      interval never(duration::max(), missed);
      const auto waited = co_await with_timeout(0ms, never.tick());
      EXPECT_EQ(waited.error(), errc::timed_out);
      for (const duration period : {duration::min(), duration(-1), duration::zero()}) {
        interval always(period, missed);
        co_await always.tick();
        co_await always.tick();
      }
    }
  });
}

}  // namespace
}  // namespace eddy::test
