// Exhaustive cancel of what is built on streams: lines, frames, copies, chunks, whole buffers.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/any_stream.h>
#include <eddy/io/buffered_reader.h>
#include <eddy/io/buffered_writer.h>
#include <eddy/io/chunks.h>
#include <eddy/io/frames.h>
#include <eddy/io/halves.h>
#include <eddy/io/memory_stream.h>

#include "tests/cancel/harness.h"

namespace eddy::test {
namespace {

task<> lines(world& w) {
  auto& c = w.connect();
  const std::string text = "one\ntwo\nthree\n";
  const auto writes = [&]() -> task<> {
    const counted frame;
    for (const char& letter : text) {
      const auto n = co_await c.near.write(std::string_view(&letter, 1));
      if (n) ++w.written;
    }
  };
  const auto reads = [&]() -> task<> {
    const counted frame;
    buffered_reader reader(c.far);
    for (int i = 0; i < 3;) {
      // A line that was begun and is stopped loses nothing: the reader has it, the next call gives
      // it.
      const auto line = co_await with_timeout(30us, reader.read_line());
      if (!line) continue;
      EXPECT_EQ(*line, i == 0 ? "one" : i == 1 ? "two" : "three");
      ++i;
    }
  };
  ++w.cleanups_due;
  const auto drops = [&]() -> task<> {
    // (what the reader has, goes with it: the accounts of this scenario are its lines)
    w.written = w.read = 0;
    std::string rest(64, ' ');
    static_cast<void>(c.near.shutdown_write());
    for (;;) {
      const auto n = co_await c.far.read(rest);
      if (!n || !*n) break;
    }
    ++w.cleanups_done;
  };
  co_await finally(when_all(writes(), reads()), drops);
}

/// What the writer believes has gone is what arrives.
task<> a_buffered_writer(world& w) {
  auto& c = w.connect();
  buffered_writer writer(c.near, 8);
  struct account {
    world& in;
    const buffered_writer<unix_stream>& writer;
    std::size_t given = 0;
    account(world& to, const buffered_writer<unix_stream>& of) : in(to), writer(of) {}
    account(const account&) = delete;
    account& operator=(const account&) = delete;
    ~account() { in.written += static_cast<long>(given - writer.buffered().size()); }
  };
  const auto writes = [&]() -> task<> {
    const counted frame;
    account sum(w, writer);
    for (const std::size_t size : {3, 5, 1, 20, 2}) {
      const std::string piece(size, 'x');
      sum.given += size;
      const auto written = co_await writer.write(piece);
      EXPECT_TRUE(written);
    }
    const auto flushed = co_await writer.flush();
    EXPECT_TRUE(flushed);
  };
  co_await when_all(writes(), w.read_some(c, 4));
}

task<> frames_through_memory(world& w) {
  auto [near, far] = duplex(3);
  const auto writes = [&w](memory_stream to) -> task<> {
    const counted frame;
    buffered_writer writer(to, 4);
    for (const std::string_view message : {"a", "bcdefg", ""}) {
      const auto written = co_await write_frame(writer, message);
      EXPECT_TRUE(written);
      co_await w.hopping(1);
    }
    const auto flushed = co_await writer.flush();
    EXPECT_TRUE(flushed);
    const auto closed = co_await to.close();
    EXPECT_TRUE(closed);
  };
  const auto reads = [](memory_stream from) -> task<> {
    const counted frame;
    auto [reading, writing] = into_halves(any_stream(std::move(from)));
    buffered_reader reader(reading, 2);
    for (const std::string_view message : {"a", "bcdefg", ""}) {
      for (;;) {
        // One that was begun and is stopped loses nothing.
        const auto got = co_await with_timeout(30us, read_frame(reader));
        if (got.error() == errc::timed_out) continue;
        EXPECT_EQ(got.value_or("?"), message);
        break;
      }
    }
    const auto end = co_await read_frame(reader);
    EXPECT_EQ(end.error(), errc::closed);
  };
  co_await when_all(writes(std::move(near)), reads(std::move(far)));
}

task<> copies(world& w) {
  auto from = unix_stream::pair().value();
  auto to = unix_stream::pair().value();
  const auto writes = [&]() -> task<> {
    const counted frame;
    const std::string data(3000, 'x');
    EXPECT_TRUE(co_await write_all(from.first, data));
    EXPECT_TRUE(from.first.shutdown_write());
  };
  const auto [n, nothing] = co_await when_all(copy(from.second, to.first), writes());
  EXPECT_EQ(n.value(), 3000u);
  co_await w.hopping(1);
}

/// One chunk for two streams: the second waits until the first has given it back.
task<> chunks_in_turn(world& w) {
  auto& a = w.connect();
  auto& b = w.connect();
  const auto reads = [&](world::connection& c) -> task<> {
    const counted frame;
    c.by_chunks = true;
    chunk_stream in = c.far.chunks();
    for (int left = 12; left > 0;) {
      const result<chunk> came = co_await in.next();
      if (!came || came->empty()) break;
      w.read += static_cast<long>(came->size());
      left -= static_cast<int>(came->size());
      co_await w.hopping(2);
    }
  };
  const auto writes = [&](world::connection& c) -> task<> {
    co_await w.write(c, 5);
    co_await w.hopping(1);
    co_await w.write(c, 7);
  };
  static_cast<void>(co_await when_all(reads(a), reads(b), writes(a), writes(b)));
}

/// A stream that is stopped in the middle keeps an unknown part, but a part from the beginning.
task<> all_of_a_buffer_in_parts(world& w) {
  auto both = unix_stream::pair().value();
  constexpr std::size_t size = 300'000;
  const auto at = [](std::size_t i) { return static_cast<char>(i * 7 + i / 251); };
  const auto writes = [&]() -> task<> {
    const counted frame;
    std::string data(size, ' ');
    for (std::size_t i = 0; i < size; ++i) data[i] = at(i);
    EXPECT_TRUE(co_await write_all(both.first, data));
    EXPECT_TRUE(both.first.shutdown_write());
  };
  const auto reads = [&]() -> task<> {
    const counted frame;
    std::string data(size, ' ');
    EXPECT_TRUE(co_await read_exactly(both.second, data));
    for (std::size_t i = 0; i < size; ++i) {
      if (data[i] != at(i)) {
        ADD_FAILURE() << "not what was sent, at " << i;
        break;
      }
    }
  };
  static_cast<void>(co_await when_all(writes(), reads()));
  co_await w.hopping(1);
}

task<> a_close_under_parts_of_a_write(world& w) {
  auto both = unix_stream::pair().value();
  const auto writes = [&]() -> task<> {
    const counted frame;
    const std::string data(300'000, 'x');
    EXPECT_EQ((co_await write_all(both.first, data)).error(), std::errc::operation_canceled);
  };
  const auto reads = [&]() -> task<> {
    const counted frame;
    std::string data(100'000, ' ');
    EXPECT_TRUE(co_await read_exactly(both.second, data));
    EXPECT_TRUE(co_await both.first.close());
  };
  static_cast<void>(co_await when_all(writes(), reads()));
  co_await w.hopping(1);
}

constexpr scenario table[] = {
    {"Lines", lines},
    {"ABufferedWriter", a_buffered_writer},
    {"FramesThroughMemory", frames_through_memory},
    {"Copies", copies},
    {"AllOfABufferInParts", all_of_a_buffer_in_parts},
    {"ACloseUnderPartsOfAWrite", a_close_under_parts_of_a_write},
    {"ChunksInTurn", chunks_in_turn},
};

class exhaustive_cancel : public ::testing::TestWithParam<case_of_table> {};
INSTANTIATE_TEST_SUITE_P(streams, exhaustive_cancel, ::testing::ValuesIn(every_case(table)),
                         case_name);

TEST_P(exhaustive_cancel, NothingIsLeftLostOrDoneTwice) {
  RecordProperty("plays", static_cast<int>(play_all(*GetParam().what, GetParam().backend)));
}

}  // namespace
}  // namespace eddy::test
