// buffered_reader on every backend: whatever the boundaries, nothing is lost.
#include <eddy/io/buffered_reader.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include <eddy/coro/shield.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/file.h>

#include "tests/support/io_test.h"
#include "tests/support/sanitized.h"
#include "tests/support/scripted.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class BufferedReaderTest : public io_test {};
EDDY_ON_EVERY_BACKEND(BufferedReaderTest);
EDDY_IN_SIMULATION_TOO(BufferedReaderTest);

TEST_P(BufferedReaderTest, GivesLinesMessagesAndExactCountsWhateverTheBoundaries) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    auto writer = spawn(
        [](unix_stream s) -> task<void> {
          const std::string_view text = "first\r\nsecond\n\nkey: value\r\n\r\nbody12345rest";
          for (char c : text) {
            const result<std::size_t> n = co_await s.write(const_buffer(&c, 1));
            EXPECT_TRUE(n);
          }
        },
        std::move(far));
    buffered_reader<unix_stream> reader(near);
    result<std::string> line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "first");
    line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "second");
    line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "");
    line = co_await reader.read_until("\r\n\r\n");
    EXPECT_EQ(line.value_or("?"), "key: value");
    std::array<char, 9> body;
    const result<void> exact = co_await reader.read_exactly(body);
    EXPECT_TRUE(exact);
    EXPECT_EQ(std::string_view(body.data(), body.size()), "body12345");
    line = co_await reader.read_until("\n");
    EXPECT_EQ(line.error(), errc::end_of_stream);
    std::array<char, 10> rest;
    const result<std::size_t> left = co_await reader.read(rest);
    EXPECT_EQ(left.value_or(0), 4u);  // what came without its delimiter is not lost
    const result<std::size_t> end = co_await reader.read(rest);
    EXPECT_EQ(end.value_or(1), 0u);
    co_await writer;
  });
}

TEST_P(BufferedReaderTest, ACancelledCallLosesNothing) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    buffered_reader<unix_stream> reader(near);
    result<std::size_t> sent = co_await far.write("hel");
    EXPECT_EQ(sent.value_or(0), 3u);
    std::array<char, 5> word;
    const result<void> cut = co_await with_timeout(5ms, reader.read_exactly(word));
    EXPECT_EQ(cut.error(), errc::timed_out);
    const result<std::string> cut_line = co_await with_timeout(5ms, reader.read_line());
    EXPECT_EQ(cut_line.error(), errc::timed_out);
    sent = co_await far.write("lo\n");
    EXPECT_EQ(sent.value_or(0), 3u);
    const result<std::string> line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "hello");
  });
}

TEST_P(BufferedReaderTest, ALineThatIsTooLongIsAnErrorAndStaysReadable) {
  run([]() -> task<void> {
    auto [near, far] = unix_stream::pair().value();
    const result<std::size_t> sent = co_await far.write("0123456789\n");
    EXPECT_EQ(sent.value_or(0), 11u);
    buffered_reader<unix_stream> reader(near);
    result<std::string> line = co_await reader.read_line(9);
    EXPECT_EQ(line.error(), errc::message_too_long);
    line = co_await reader.read_line(10);
    EXPECT_EQ(line.value_or("?"), "0123456789");
  });
}

static_assert(readable_stream<scripted> && readable_stream<buffered_reader<scripted>>);

/// What is left, as text.
task<std::string> rest_of(buffered_reader<scripted>& reader) {
  std::string all;
  std::array<char, 100> buffer;
  for (;;) {
    const result<std::size_t> n = co_await reader.read(buffer);
    if (!n || *n == 0) co_return all;
    all.append(buffer.data(), *n);
  }
}

TEST_P(BufferedReaderTest, ALastLineWithoutAnEndIsALine) {
  run([]() -> task<void> {
    scripted stream{{"one\ntw", "o\r\n\nlast"}};
    buffered_reader reader(stream);
    std::vector<std::string> lines;
    for (;;) {
      const result<std::string> line = co_await reader.read_line();
      if (!line) {
        EXPECT_EQ(line.error(), errc::end_of_stream);
        break;
      }
      lines.push_back(*line);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "last"}));
    const result<std::string> again = co_await reader.read_line();
    EXPECT_EQ(again.error(), errc::end_of_stream);
  });
}

TEST_P(BufferedReaderTest, AnEmptyStreamHasNoLineAndALineEndAtTheEndBeginsNone) {
  run([]() -> task<void> {
    for (const std::string text : {"", "\n", "\r\n"}) {
      scripted stream;
      if (!text.empty()) stream.parts.push_back(text);
      buffered_reader reader(stream);
      if (!text.empty()) {
        const result<std::string> line = co_await reader.read_line();
        EXPECT_EQ(line.value_or("?"), "");
      }
      const result<std::string> end = co_await reader.read_line();
      EXPECT_EQ(end.error(), errc::end_of_stream);
    }
  });
}

TEST_P(BufferedReaderTest, ACarriageReturnAloneIsPartOfALine) {
  run([]() -> task<void> {
    scripted stream{{"a\rb\r", "\nc\r\r\nd\r"}};
    buffered_reader reader(stream);
    for (const std::string expected : {"a\rb", "c\r", "d\r"}) {
      const result<std::string> line = co_await reader.read_line();
      EXPECT_EQ(line.value_or("?"), expected);
    }
  });
}

TEST_P(BufferedReaderTest, AFileIsReadByLinesToItsLastOne) {
  run(
      [](std::string name) -> task<void> {
        const result<void> written = co_await write_file(name, "first\nlast");
        EXPECT_TRUE(written);
        result<file> f = co_await file::open(name, open_mode::read);
        buffered_reader reader(*f);
        result<std::string> line = co_await reader.read_line();
        EXPECT_EQ(line.value_or("?"), "first");
        line = co_await reader.read_line();
        EXPECT_EQ(line.value_or("?"), "last");
        line = co_await reader.read_line();
        EXPECT_EQ(line.error(), errc::end_of_stream);
      },
      path("lines"));
}

TEST_P(BufferedReaderTest, ALimitBoundsALineWithoutItsEnd) {
  run([]() -> task<void> {
    for (const std::string end : {"\n", "\r\n", ""}) {
      // (the line end comes later: what is there is exactly as long as the limit)
      scripted stream{{"0123456789" + end.substr(0, end.size() / 2), end.substr(end.size() / 2)}};
      if (end.empty()) stream.parts.pop_back();
      buffered_reader reader(stream);
      result<std::string> line = co_await reader.read_line(9);
      EXPECT_EQ(line.error(), errc::message_too_long) << end.size();
      line = co_await reader.read_line(10);
      EXPECT_EQ(line.value_or("?"), "0123456789") << end.size();
    }
    scripted stream{{"12345\r", "6\n"}};  // the "\r" turns out to be the line's own
    buffered_reader reader(stream);
    result<std::string> line = co_await reader.read_line(5);
    EXPECT_EQ(line.error(), errc::message_too_long);
    line = co_await reader.read_line(6);
    EXPECT_EQ(line.error(), errc::message_too_long);
    line = co_await reader.read_line(7);
    EXPECT_EQ(line.value_or("?"), "12345\r6");
    line = co_await reader.read_line(0);
    EXPECT_EQ(line.error(), errc::end_of_stream);
    scripted last{{"123\r"}};
    buffered_reader at_end(last);
    line = co_await at_end.read_line(3);
    EXPECT_EQ(line.error(), errc::message_too_long);
    line = co_await at_end.read_line(4);
    EXPECT_EQ(line.value_or("?"), "123\r");
  });
}

TEST_P(BufferedReaderTest, ALimitOfZeroTakesWhatIsEmpty) {
  run([]() -> task<void> {
    scripted stream{{"\n\r\n--x"}};
    buffered_reader reader(stream);
    result<std::string> line = co_await reader.read_line(0);
    EXPECT_EQ(line.value_or("?"), "");
    line = co_await reader.read_line(0);
    EXPECT_EQ(line.value_or("?"), "");
    line = co_await reader.read_until("--", 0);
    EXPECT_EQ(line.value_or("?"), "");
    line = co_await reader.read_line(0);
    EXPECT_EQ(line.error(), errc::message_too_long);
    line = co_await reader.read_until("");
    EXPECT_EQ(line.error(), std::errc::invalid_argument);
    const result<std::size_t> into_nothing = co_await reader.read(mutable_buffer());
    EXPECT_EQ(into_nothing.error(), std::errc::invalid_argument);
    const result<void> nothing = co_await reader.read_exactly(mutable_buffer());
    EXPECT_TRUE(nothing);
    line = co_await reader.read_until("--", 0);
    EXPECT_EQ(line.error(), errc::end_of_stream);
    EXPECT_EQ(reader.buffered(), "x");
  });
}

TEST_P(BufferedReaderTest, AnyNumberIsALimit) {
  run([]() -> task<void> {
    for (const std::size_t limit :
         {std::string::npos, std::string::npos - 1, std::string::npos / 2 + 1}) {
      scripted stream{{"hello\n", "wor", "ld\r\n--", "end"}};
      buffered_reader reader(stream);
      result<std::string> line = co_await reader.read_line(limit);
      EXPECT_EQ(line.value_or("?"), "hello");
      line = co_await reader.read_until("\r\n--", limit);
      EXPECT_EQ(line.value_or("?"), "world");
      line = co_await reader.read_until("\r\n", limit);
      EXPECT_EQ(line.error(), errc::end_of_stream);
      const result<std::string_view> seen = co_await reader.view_line(limit);
      EXPECT_EQ(seen.value_or("?"), "end");
    }
  });
}

TEST_P(BufferedReaderTest, ADelimiterLongerThanTheLimitIsFoundAcrossParts) {
  run([]() -> task<void> {
    scripted stream{{"ab-", "-", "--", "=cd----=", "----", "----="}};
    buffered_reader reader(stream);
    result<std::string> message = co_await reader.read_until("----=", 2);
    EXPECT_EQ(message.value_or("?"), "ab");
    message = co_await reader.read_until("----=", 1);
    EXPECT_EQ(message.error(), errc::message_too_long);
    message = co_await reader.read_until("----=", 2);
    EXPECT_EQ(message.value_or("?"), "cd");
    message = co_await reader.read_until("----=", 4);  // (the longest match stands at the end)
    EXPECT_EQ(message.value_or("?"), "----");
  });
}

TEST_P(BufferedReaderTest, AViewOfALineLivesUntilTheNextCall) {
  run([]() -> task<void> {
    scripted stream{{"one\ntwo\r\nthr", "ee\n", "four"}};
    buffered_reader reader(stream);
    for (const std::string expected : {"one", "two", "three", "four"}) {
      const result<std::string_view> line = co_await reader.view_line();
      EXPECT_EQ(line.value_or("?"), expected);
    }
    const result<std::string_view> end = co_await reader.view_line();
    EXPECT_EQ(end.error(), errc::end_of_stream);
    scripted longer{{"01234\n"}};
    buffered_reader other(longer);
    result<std::string_view> line = co_await other.view_line(4);
    EXPECT_EQ(line.error(), errc::message_too_long);
    line = co_await other.view_line(5);
    EXPECT_EQ(line.value_or("?"), "01234");
  });
}

TEST_P(BufferedReaderTest, WhatIsThereAlreadyCanBeSeen) {
  run([]() -> task<void> {
    scripted stream{{"one\ntwo\n"}};
    buffered_reader reader(stream);
    EXPECT_EQ(reader.buffered(), "");
    const result<std::string> line = co_await reader.read_line();
    EXPECT_TRUE(line);
    EXPECT_EQ(reader.buffered(), "two\n");
    std::array<char, 2> part;
    const result<void> exact = co_await reader.read_exactly(part);
    EXPECT_TRUE(exact);
    EXPECT_EQ(reader.buffered(), "o\n");
  });
}

TEST_P(BufferedReaderTest, OneByteThatIsThereIsGivenWithoutWaiting) {
  run([]() -> task<void> {
    scripted stream{{"1\n2"}};  // (what it is asked for after that is the end)
    buffered_reader reader(stream);
    const result<std::string> line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "1");
    const std::uint64_t tick = runtime::current().ticks();
    std::vector<char> large(100'000);
    const result<std::size_t> n = co_await reader.read(large);
    EXPECT_EQ(n.value_or(0), 1u);
    EXPECT_EQ(large[0], '2');
    EXPECT_EQ(stream.asked.size(), 1u);
    EXPECT_EQ(runtime::current().ticks(), tick);
  });
}

TEST_P(BufferedReaderTest, TheSizeIsTheCallersAndLargeReadsGoPastTheBuffer) {
  run([]() -> task<void> {
    scripted by_default{{"x"}};
    buffered_reader ordinary(by_default);
    std::array<char, 1000> small;
    result<std::size_t> n = co_await ordinary.read(small);
    EXPECT_EQ(n.value_or(0), 1u);
    EXPECT_EQ(by_default.asked, (std::vector<std::size_t>{16384}));

    scripted stream{{"abc", "defgh", "ij"}};
    buffered_reader reader(stream, 8);
    std::array<char, 7> less;
    n = co_await reader.read(less);  // by way of the buffer
    EXPECT_EQ(n.value_or(0), 3u);
    std::array<char, 8> as_large;
    n = co_await reader.read(as_large);
    EXPECT_EQ(n.value_or(0), 5u);
    EXPECT_EQ(std::string_view(as_large.data(), 5), "defgh");
    EXPECT_EQ(stream.asked, (std::vector<std::size_t>{8, 8}));
    EXPECT_NE(stream.into[0], less.data());
    EXPECT_EQ(stream.into[1], as_large.data());
    n = co_await reader.read(less);
    EXPECT_EQ(n.value_or(0), 2u);
  });
}

TEST_P(BufferedReaderTest, ALargeExactReadGoesPastTheBufferAndReadsNothingBehindIt) {
  run([]() -> task<void> {
    scripted stream{{"12", "345678", "9abcdefg", "hij", "klmnop"}};
    buffered_reader reader(stream, 4);
    std::array<char, 1> one;
    result<void> exact = co_await reader.read_exactly(one);
    EXPECT_TRUE(exact);
    std::array<char, 18> large;
    exact = co_await reader.read_exactly(large);
    EXPECT_TRUE(exact);
    EXPECT_EQ(std::string_view(large.data(), large.size()), "23456789abcdefghij");
    EXPECT_EQ(stream.into[1], large.data() + 1);
    EXPECT_EQ(stream.asked, (std::vector<std::size_t>{4, 17, 11, 3}));
    EXPECT_EQ(reader.buffered(), "");
    std::array<char, 6> rest;
    exact = co_await reader.read_exactly(rest);
    EXPECT_TRUE(exact);
    EXPECT_EQ(std::string_view(rest.data(), rest.size()), "klmnop");
  });
}

TEST_P(BufferedReaderTest, ALargeExactReadThatDoesNotEndWellLosesNothing) {
  run([]() -> task<void> {
    for (const std::string how : {"end", "reset", "throw", "wait"}) {
      scripted stream{{"12", "345678", "9abcdefg"}};
      if (how != "end") stream.parts.push_back(how);
      buffered_reader reader(stream, 4);
      std::array<char, 1> one;
      const result<void> exact = co_await reader.read_exactly(one);
      EXPECT_TRUE(exact);
      std::array<char, 50> large;
      if (how == "throw") {
        bool thrown = false;
        try {
          std::ignore = co_await reader.read_exactly(large);
        } catch (const std::runtime_error&) {
          thrown = true;
        }
        EXPECT_TRUE(thrown);
      } else {
        const result<void> cut = co_await with_timeout(1ms, reader.read_exactly(large));
        EXPECT_EQ(cut.error(), how == "end"     ? make_error_code(errc::end_of_stream)
                               : how == "reset" ? make_error_code(std::errc::connection_reset)
                                                : make_error_code(errc::timed_out));
      }
      large.fill('?');  // it is the caller's again
      stream.parts.resize(3);
      EXPECT_EQ(reader.buffered(), "23456789abcdefg") << how;
      const std::string rest = co_await rest_of(reader);
      EXPECT_EQ(rest, "23456789abcdefg") << how;
    }
  });
}

TEST_P(BufferedReaderTest, ACancelInEveryMomentOfALargeExactReadLosesNothing) {
  run([]() -> task<void> {
    for (int polls = 0; polls < 6; ++polls) {
      auto [near, far] = unix_stream::pair().value();
      buffered_reader reader(near, 16);
      std::array<char, 64> large;
      auto reading = spawn(reader.read_exactly(large));
      std::string sent;
      for (int i = 0; i < polls; ++i) {
        const std::string part(7, static_cast<char>('a' + i));
        const result<std::size_t> n = co_await far.write(part);
        EXPECT_EQ(n.value_or(0), part.size());
        sent += part;
        if (i % 2) co_await after_a_poll();
      }
      reading.cancel();
      const auto end = co_await reading.join();
      EXPECT_TRUE(end.stopped());
      EXPECT_TRUE(far.shutdown_write());
      std::string got;
      std::array<char, 5> few;
      for (;;) {
        const result<std::size_t> n = co_await reader.read(few);
        EXPECT_TRUE(n);
        if (!n || *n == 0) break;
        got.append(few.data(), *n);
      }
      EXPECT_EQ(got, sent) << polls;
    }
  });
}

TEST_P(BufferedReaderTest, ABufferOfAnySizeGivesTheSameLines) {
  run([]() -> task<void> {
    std::string text;
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < 60; ++i) {
      lines.emplace_back(i * i % 91, static_cast<char>('a' + i % 26));
      text += lines.back() + (i % 3 ? "\n" : "\r\n");
    }
    for (const std::size_t size : {0, 1, 2, 7, 64, 16384}) {
      auto [near, far] = unix_stream::pair().value();
      auto writing = spawn(write_all(far, text));
      buffered_reader reader(near, size);
      for (const std::string& expected : lines) {
        const result<std::string> line = co_await reader.read_line();
        EXPECT_EQ(line.value_or("?"), expected) << size;
      }
      const result<void> written = co_await writing;
      EXPECT_TRUE(written);
    }
  });
}

TEST_P(BufferedReaderTest, AnErrorInTheMiddleOfALineLosesNothingAndIsNotRepeated) {
  run([]() -> task<void> {
    scripted stream{{"one\nbegin", "reset", "ning\nlast"}};
    buffered_reader reader(stream);
    result<std::string> line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "one");
    line = co_await reader.read_line();
    EXPECT_EQ(line.error(), std::errc::connection_reset);
    EXPECT_EQ(reader.buffered(), "begin");
    line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "beginning");
    line = co_await reader.read_until("\n");
    EXPECT_EQ(line.error(), errc::end_of_stream);
    EXPECT_EQ(reader.buffered(), "last");
    line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "last");
  });
}

TEST_P(BufferedReaderTest, WhatIsTooLongStaysTooLongUntilSomebodyTakesIt) {
  run([]() -> task<void> {
    scripted stream{{"0123456789\nnext\n"}};
    buffered_reader reader(stream);
    for (int i = 0; i < 3; ++i) {
      const result<std::string> line = co_await reader.read_line(4);
      EXPECT_EQ(line.error(), errc::message_too_long);
    }
    std::array<char, 6> some;
    const result<void> exact = co_await reader.read_exactly(some);
    EXPECT_TRUE(exact);
    result<std::string> line = co_await reader.read_line(4);  // the rest of it
    EXPECT_EQ(line.value_or("?"), "6789");
    line = co_await reader.read_line(4);
    EXPECT_EQ(line.value_or("?"), "next");
  });
}

TEST_P(BufferedReaderTest, ALineOfManyReadsIsLookedAtOnce) {
  run([]() -> task<void> {
    // (Looked through from its beginning at every read, this would take minutes.)
    const std::string sent = std::string(16 << 20, 'x') + "\nrest";
    auto [near, far] = unix_stream::pair().value();
    auto writing = spawn(write_all(far, sent));
    buffered_reader reader(near, 64);
    const result<std::string_view> line = co_await reader.view_line(SIZE_MAX);
    EXPECT_EQ(line.value_or("?").size(), std::size_t{16} << 20);
    const result<std::string> rest = co_await reader.read_until("t");
    EXPECT_EQ(rest.value_or("?"), "res");
    const result<void> written = co_await writing;
    EXPECT_TRUE(written);
  });
}

TEST_P(BufferedReaderTest, ABufferThatCannotBeHadIsBadAllocAndNothingIsLost) {
#ifdef EDDY_SANITIZED
  GTEST_SKIP() << "their allocator ends the program";
#endif
  run([]() -> task<void> {
    scripted stream{{"text"}};
    buffered_reader reader(stream, std::string::npos);
    bool thrown = false;
    try {
      std::ignore = co_await reader.read_line();
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_TRUE(stream.asked.empty());
  });
}

TEST_P(BufferedReaderTest, BufferedLinesCountAsMicrotasks) {
  runtime_options few = options();
  few.callback_budget = 10;
  runtime rt(few);
  prepare(rt);
  eddy::run(rt, []() -> task<void> {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "line\n";
    scripted stream{{text}};
    buffered_reader reader(stream);
    const std::uint64_t before = runtime::current().ticks();
    for (int i = 0; i < 1000; ++i) {
      const result<std::string> line = co_await reader.read_line();
      EXPECT_EQ(line.value_or("?"), "line");
    }
    EXPECT_GE(runtime::current().ticks() - before, 90u);
    EXPECT_LE(runtime::current().ticks() - before, 110u);
  });
}

TEST_P(BufferedReaderTest, InAStoppingTaskNothingIsTaken) {
  run([]() -> task<void> {
    scripted stream{{"one\ntwo\nthree\nfour"}};
    buffered_reader reader(stream);
    const result<std::string> line = co_await reader.read_line();
    EXPECT_EQ(line.value_or("?"), "one");
    std::array<char, 3> three;
    const auto stops = [&](auto call) -> task<bool> {
      auto h = spawn(
          [](auto f, buffered_reader<scripted>& r) -> task<void> {
            co_await shield(yield());  // the stop has come by then
            std::ignore = co_await f(r);
          },
          call, std::ref(reader));
      co_await next_tick();
      h.cancel();
      const auto end = co_await h.join();
      co_return end.stopped();
    };
    bool stopped = co_await stops([](auto& r) { return r.read_line(); });
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.view_line(); });
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.read_until("\n"); });
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.read_line(1); });  // (too long)
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.read_until("", 1); });
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.read(mutable_buffer()); });
    EXPECT_TRUE(stopped);
    auto read = [&three](auto& r) { return r.read(three); };
    stopped = co_await stops(read);
    EXPECT_TRUE(stopped);
    auto exactly = [&three](auto& r) { return r.read_exactly(three); };
    stopped = co_await stops(exactly);
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.peek(3); });
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.skip(3); });
    EXPECT_TRUE(stopped);
    stopped = co_await stops([](auto& r) { return r.skip(100'000); });
    EXPECT_TRUE(stopped);
    EXPECT_EQ(reader.buffered(), "two\nthree\nfour");
  });
}

TEST_P(BufferedReaderTest, ASecondCallAbortsAndSoDoesItsEndWhileOneWaits) {
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = unix_stream::pair().value();
                 buffered_reader reader(near);
                 spawn(reader.read_line());
                 co_await after_a_poll();
                 std::ignore = co_await reader.read_line();
               }),
               "^eddy: a second read of a buffered_reader while one waits "
               "\\(the second: buffered_reader_test.cc:[0-9]+, the first: "
               "buffered_reader_test.cc:[0-9]+\\)");
  EXPECT_DEATH(run([]() -> task<void> {
                 auto [near, far] = unix_stream::pair().value();
                 std::optional<buffered_reader<unix_stream>> reader(near);
                 spawn(reader->read_line());
                 co_await after_a_poll();
                 reader.reset();
               }),
               "^eddy: a buffered_reader is destroyed while a task reads from it");
}

}  // namespace
}  // namespace eddy::test
