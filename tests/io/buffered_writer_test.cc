// buffered_writer on every backend: what was given to it goes out once, in order, whatever ends a
// call.
#include <eddy/io/buffered_writer.h>

#include <array>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <eddy/coro/shield.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/memory_stream.h>

#include "tests/support/io_test.h"
#include "tests/support/sanitized.h"
#include "tests/support/scripted.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

static_assert(writable_stream<sink> && !detail::gathering_stream<sink>);
static_assert(detail::gathering_stream<gathering_sink>);

using kind = sink_step::kind;

class BufferedWriterTest : public io_test {};
EDDY_ON_EVERY_BACKEND(BufferedWriterTest);
EDDY_IN_SIMULATION_TOO(BufferedWriterTest);

std::string pattern(std::size_t size, std::size_t from = 0) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (from + i) % 26);
  return text;
}

TEST_P(BufferedWriterTest, ManySmallWritesAreOneAtTheFlush) {
  run([]() -> task<void> {
    sink to;
    buffered_writer writer(to, 16);
    for (const std::string word : {"one ", "two ", "", "three"}) {
      const result<void> written = co_await writer.write(word);
      EXPECT_TRUE(written);
    }
    EXPECT_EQ(writer.buffered(), "one two three");
    EXPECT_TRUE(to.writes.empty());
    result<void> flushed = co_await writer.flush();
    EXPECT_TRUE(flushed);
    EXPECT_EQ(to.taken, "one two three");
    EXPECT_EQ(writer.buffered(), "");
    flushed = co_await writer.flush();  // nothing
    EXPECT_TRUE(flushed);
    EXPECT_EQ(to.writes.size(), 1u);
  });
}

TEST_P(BufferedWriterTest, WhatHasNoRoomSendsWhatIsThere) {
  run([]() -> task<void> {
    sink to;
    buffered_writer writer(to, 8);
    result<void> written = co_await writer.write("12345678");  // as large: past the buffer
    EXPECT_TRUE(written);
    EXPECT_EQ(to.taken, "12345678");
    written = co_await writer.write("abcde");
    EXPECT_TRUE(written);
    written = co_await writer.write("fgh");  // exactly full
    EXPECT_TRUE(written);
    EXPECT_EQ(to.writes.size(), 1u);
    written = co_await writer.write("i");
    EXPECT_TRUE(written);
    EXPECT_EQ(to.writes, (std::vector<std::size_t>{8, 8}));
    EXPECT_EQ(writer.buffered(), "i");
  });
}

TEST_P(BufferedWriterTest, LargeWritesGoPastTheBufferBehindWhatIsThere) {
  run([]() -> task<void> {
    const std::string large = "0123456789";
    sink plain;
    buffered_writer one(plain, 8);
    result<void> written = co_await one.write("ab");
    EXPECT_TRUE(written);
    written = co_await one.write(large);
    EXPECT_TRUE(written);
    EXPECT_EQ(plain.writes, (std::vector<std::size_t>{2, 10}));
    EXPECT_EQ(plain.from.back(), large.data());
    EXPECT_EQ(plain.taken, "ab0123456789");

    gathering_sink both;
    both.steps = {{kind::takes, 1}, {kind::takes, 4}, {kind::takes, 2}};
    buffered_writer other(both, 8);
    written = co_await other.write("ab");
    EXPECT_TRUE(written);
    written = co_await other.write(large);
    EXPECT_TRUE(written);
    EXPECT_EQ(both.writes, (std::vector<std::size_t>{12, 11, 7, 5}));
    EXPECT_EQ(both.gathered, 2u);  // then nothing of ours is left to be sent with it
    EXPECT_EQ(both.taken, "ab0123456789");
    EXPECT_EQ(other.buffered(), "");
  });
}

TEST_P(BufferedWriterTest, AWriterOfAnySizeWritesTheSame) {
  run([]() -> task<void> {
    for (const std::size_t size : {0, 1, 2, 7, 64}) {
      for (const std::size_t at_once : {1, 3, 1000}) {
        gathering_sink to;
        for (int i = 0; i < 2000; ++i) to.steps.push_back({kind::takes, at_once});
        buffered_writer writer(to, size);
        std::string given;
        for (std::size_t i = 0; i < 40; ++i) {
          const std::string piece = pattern(i * i % 23, given.size());
          given += piece;
          const result<void> written = co_await writer.write(piece);
          EXPECT_TRUE(written);
          EXPECT_LE(writer.buffered().size(), size);
        }
        const result<void> flushed = co_await writer.flush();
        EXPECT_TRUE(flushed);
        EXPECT_EQ(to.taken, given) << size << " " << at_once;
      }
    }
  });
}

TEST_P(BufferedWriterTest, AFailedCallLosesNothingAndAFlushTriesAgain) {
  run([]() -> task<void> {
    for (const kind how : {kind::fails, kind::throws, kind::waits}) {
      for (const std::size_t size : {4, 8, 100}) {
        for (std::size_t before = 0; before <= 10; ++before) {
          gathering_sink to;
          if (before) to.steps.push_back({kind::takes, before});
          to.steps.push_back({how});
          to.steps.push_back({how});
          buffered_writer writer(to, size);
          int cut = 0;
          const auto failing = [&](task<result<void>> call) -> task<void> {
            try {
              const result<void> r = co_await with_timeout(1ms, std::move(call));
              if (!r) ++cut;
            } catch (const std::runtime_error&) {
              ++cut;
            }
          };
          co_await failing(writer.write("abc"));
          co_await failing(writer.write("defghij"));
          co_await failing(writer.flush());
          for (int i = 0; i < 4; ++i) co_await failing(writer.flush());
          const std::size_t not_reached = to.steps.size();
          EXPECT_EQ(static_cast<std::size_t>(cut) + not_reached, 2u);  // each is told, once
          EXPECT_EQ(to.taken, "abcdefghij")
              << static_cast<int>(how) << " " << size << " " << before;
        }
      }
    }
  });
}

// However much has gone when the call is cut, and wherever the boundaries are.
TEST_P(BufferedWriterTest, ACancelAtEachByteAndThenAFlushIsByteExact) {
  run([]() -> task<void> {
    constexpr std::size_t pieces[] = {1, 5, 0, 9, 2, 20, 3, 8, 7, 1};
    std::size_t all = 0;
    for (const std::size_t p : pieces) all += p;
    for (const std::size_t capacity : {1, 3, 16}) {
      for (const std::size_t size : {0, 1, 4, 8, 16}) {
        for (std::size_t heard = 0; heard < all; ++heard) {
          auto [near, far] = duplex(capacity);
          buffered_writer writer(near, size);
          std::string given;
          auto writing = spawn(
              [](buffered_writer<memory_stream>& w, std::string& so_far,
                 std::span<const std::size_t> sizes) -> task<void> {
                for (const std::size_t p : sizes) {
                  const std::string piece = pattern(p, so_far.size());
                  so_far += piece;
                  const result<void> written = co_await w.write(piece);
                  EXPECT_TRUE(written);
                }
                co_await sleep_for(1h);
              },
              std::ref(writer), std::ref(given), std::span<const std::size_t>(pieces));
          std::string got;
          std::array<char, 1> byte;
          for (int idle = 0; got.size() < heard && idle < 3;) {
            const result<std::size_t> n = far.try_read(byte);
            if (n) {
              got += byte[0];
              idle = 0;
            } else {
              ++idle;
            }
            co_await next_tick();
          }
          writing.cancel();
          const auto end = co_await writing.join();
          EXPECT_TRUE(end.stopped());
          auto flushing = spawn(
              [](buffered_writer<memory_stream>& w, memory_stream& stream) -> task<void> {
                const result<void> flushed = co_await w.flush();
                EXPECT_TRUE(flushed);
                EXPECT_TRUE(stream.shutdown_write());
              },
              std::ref(writer), std::ref(near));
          const result<std::string> rest = co_await read_all(far, 1000);
          co_await flushing;
          EXPECT_EQ(got + rest.value_or("?"), given) << capacity << " " << size << " " << heard;
        }
      }
    }
  });
}

TEST_P(BufferedWriterTest, ACancelInTheKernelAndThenAFlushIsByteExact) {
  run([]() -> task<void> {
    const std::string large = pattern(3'000'000);
    for (const moment at : moments) {
      auto [near, far] = unix_stream::pair().value();
      buffered_writer writer(near, 1000);
      const result<void> begun = co_await writer.write("begin ");
      EXPECT_TRUE(begun);
      const bool stopped = co_await stops_when_cancelled(spawn(writer.write(large)), at);
      EXPECT_TRUE(stopped);
      const bool taken = at != moment::before_it_begins;
      EXPECT_EQ(writer.buffered().size() > 6, taken);
      auto reading = spawn(read_all(far, SIZE_MAX));
      const bool flush_stopped = co_await stops_when_cancelled(spawn(writer.flush()), at);
      EXPECT_TRUE(flush_stopped || at == moment::inside_the_kernel);
      const result<void> flushed = co_await writer.flush();
      EXPECT_TRUE(flushed);
      EXPECT_TRUE(near.shutdown_write());
      const result<std::string> got = co_await reading;
      EXPECT_TRUE(got.value_or("?") == (taken ? "begin " + large : "begin "));
    }
  });
}

TEST_P(BufferedWriterTest, InAStoppingTaskAWriteIsTakenAndNothingGoes) {
  run([]() -> task<void> {
    sink to;
    buffered_writer writer(to, 8);
    for (const std::string piece : {"abc", "defgh", "i"}) {
      auto h = spawn(
          [](buffered_writer<sink>& w, std::string text) -> task<void> {
            co_await shield(yield());  // the stop has come by then
            std::ignore = co_await w.write(text);
          },
          std::ref(writer), piece);
      co_await next_tick();
      h.cancel();
      const auto end = co_await h.join();
      EXPECT_TRUE(end.stopped() || piece == "i");
    }
    const result<void> flushed = co_await writer.flush();
    EXPECT_TRUE(flushed);
    EXPECT_EQ(to.taken, "abcdefghi");
  });
}

TEST_P(BufferedWriterTest, BufferedWritesCountAsMicrotasks) {
  runtime_options few = options();
  few.callback_budget = 10;
  runtime rt(few);
  prepare(rt);
  eddy::run(rt, []() -> task<void> {
    sink to;
    buffered_writer writer(to);
    const std::uint64_t before = runtime::current().ticks();
    for (int i = 0; i < 1000; ++i) {
      const result<void> written = co_await writer.write("line\n");
      EXPECT_TRUE(written);
    }
    EXPECT_GE(runtime::current().ticks() - before, 90u);
    EXPECT_LE(runtime::current().ticks() - before, 110u);
  });
}

TEST_P(BufferedWriterTest, MemoryThatCannotBeHadIsBadAllocAndNothingIsTaken) {
#ifdef EDDY_SANITIZED
  GTEST_SKIP() << "their allocator ends the program";
#endif
  run([]() -> task<void> {
    sink to;
    buffered_writer writer(to, SIZE_MAX);
    bool thrown = false;
    try {
      std::ignore = co_await writer.write("text");
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(writer.buffered(), "");
    const result<void> flushed = co_await writer.flush();
    EXPECT_TRUE(flushed);
    EXPECT_TRUE(to.writes.empty());
  });
}

TEST_P(BufferedWriterTest, AClosedStreamSaysSoAndKeepsTheBytes) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const result<void> closed = co_await far.close();
    EXPECT_TRUE(closed);
    buffered_writer writer(near);
    const result<void> written = co_await writer.write("lost");
    EXPECT_TRUE(written);
    for (int i = 0; i < 2; ++i) {
      const result<void> flushed = co_await writer.flush();
      EXPECT_EQ(flushed.error(), std::errc::broken_pipe);
      EXPECT_EQ(writer.buffered(), "lost");
    }
  });
}

TEST_P(BufferedWriterTest, ASecondCallAbortsAndSoDoesItsEndWhileOneWaits) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 buffered_writer writer(near, 1);
                 spawn(writer.write("abc"));
                 co_await next_tick();
                 std::ignore = co_await writer.flush();
               }),
               "^eddy: a second write of a buffered_writer while one waits "
               "\\(the second: buffered_writer_test.cc:[0-9]+, the first: "
               "buffered_writer_test.cc:[0-9]+\\)");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = duplex(1);
                 std::optional<buffered_writer<memory_stream>> writer;
                 writer.emplace(near, 1);
                 spawn(writer->write("abc"));
                 co_await next_tick();
                 writer.reset();
               }),
               "^eddy: a buffered_writer is destroyed while a task writes through it");
}

}  // namespace
}  // namespace eddy::test
