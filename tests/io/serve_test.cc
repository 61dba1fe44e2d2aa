// serve on every backend.
#include <eddy/io/serve.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include <eddy/coro/ok.h>
#include <eddy/coro/shield.h>
#include <eddy/io/buffered_reader.h>

#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class ServeTest : public io_test {};
EDDY_ON_EVERY_BACKEND(ServeTest);
EDDY_IN_SIMULATION_TOO(ServeTest);

task<void> echo_lines(tcp_stream stream, int& connections) {
  ++connections;
  buffered_reader<tcp_stream> reader(stream);
  for (;;) {
    const result<std::string> line = co_await reader.read_line();
    if (!line) break;
    const std::string answer = *line + "\n";
    const result<void> written = co_await write_all(stream, answer);
    if (!written) break;
  }
}

task<std::string> ask(socket_address to, std::string line) {
  result<tcp_stream> stream = co_await tcp_stream::connect(to);
  EXPECT_TRUE(stream);
  const std::string sent = line + "\r\n";
  const result<void> written = co_await write_all(*stream, sent);
  EXPECT_TRUE(written);
  buffered_reader<tcp_stream> reader(*stream);
  const result<std::string> answer = co_await reader.read_line();
  co_return answer.value_or("no answer");
}

TEST_P(ServeTest, EachConnectionIsAChildAndClosingTheListenerEndsItWhenAllHaveEnded) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    int connections = 0;
    auto server = spawn([](tcp_listener& l, int& n) { return serve(l, echo_lines, std::ref(n)); },
                        std::ref(listener), std::ref(connections));
    for (int i = 0; i < 10; ++i) {
      const std::string line = "line " + std::to_string(i);
      const std::string answer = co_await ask(listener.local_address(), line);
      EXPECT_EQ(answer, line);
    }
    const result<void> closed = co_await listener.close();
    EXPECT_TRUE(closed);
    const result<void> served = co_await server;
    EXPECT_TRUE(served);
    EXPECT_EQ(connections, 10);
  });
}

TEST_P(ServeTest, AHandlersExceptionEndsItAndTheOtherConnections) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto handler = [](tcp_stream stream) -> task<void> {
      std::array<char, 1> byte;
      const result<std::size_t> n = co_await stream.read(byte);
      if (n && byte[0] == 'x') throw std::runtime_error("handler");
      co_await sleep_for(1h);
    };
    auto server =
        spawn([](tcp_listener& l, auto h) { return serve(l, h); }, std::ref(listener), handler);
    result<tcp_stream> quiet = co_await tcp_stream::connect(listener.local_address());
    result<tcp_stream> bad = co_await tcp_stream::connect(listener.local_address());
    const result<std::size_t> sent = co_await bad->write("x");
    EXPECT_TRUE(sent);
    auto ended = co_await server.join();
    EXPECT_FALSE(ended.has_value());
    EXPECT_THROW(static_cast<void>(ended.value()), std::runtime_error);
    std::array<char, 1> byte;
    const result<std::size_t> end = co_await quiet->read(byte);
    EXPECT_TRUE(!end || *end == 0);  // its handler was stopped, and its stream closed
  });
}

TEST_P(ServeTest, ACancelReachesTheAcceptAndAllConnections) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    int connections = 0;
    auto server = spawn([](tcp_listener& l, int& n) { return serve(l, echo_lines, std::ref(n)); },
                        std::ref(listener), std::ref(connections));
    const std::string answer = co_await ask(listener.local_address(), "hello");
    EXPECT_EQ(answer, "hello");
    result<tcp_stream> open = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(open);
    server.cancel();
    auto ended = co_await server.join();
    EXPECT_TRUE(ended.stopped());
  });
}

// ---- A handler's end is its own connection's ----

/// Serves with `server` while `talk` runs, and gives how it ended.
template <class Serve, class Talk>
task<result<void>> serve_while(Serve server, Talk talk) {
  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  auto serving = spawn(server, std::ref(listener));
  co_await talk(listener.local_address());
  const result<void> closed = co_await listener.close();
  EXPECT_TRUE(closed);
  co_return co_await serving;
}

/// As a user writes it: every error leaves the handler by ok().
task<result<void>> echo_plainly(tcp_stream stream) {
  std::array<char, 100> buffer;
  for (;;) {
    const std::size_t n = co_await ok(stream.read(buffer));
    if (n == 0) co_return {};
    co_await ok(write_all(stream, const_buffer(buffer.data(), n)));
  }
}

/// One that sends something and is gone, with a reset. (Its handler has read what it sent.)
task<void> reset_a_connection(socket_address to) {
  result<tcp_stream> stream = co_await tcp_stream::connect(to);
  EXPECT_TRUE(stream);
  const result<void> written = co_await write_all(*stream, "some");
  EXPECT_TRUE(written);
  std::array<char, 4> back;
  const result<void> read = co_await read_exactly(*stream, back);
  EXPECT_TRUE(read);
  reset_at_close(*stream);
}

task<void> talk_as_usual(socket_address to) {
  const std::string answer = co_await ask(to, "line");
  EXPECT_EQ(answer, "line");
}

TEST_P(ServeTest, AnErrorThatAHandlerGivesCostsItsOwnConnection) {
  testing::internal::CaptureStderr();
  run([]() -> task<void> {
    const auto server = [](tcp_listener& l) { return serve(l, echo_plainly); };
    const result<void> served = co_await serve_while(server, [](socket_address to) -> task<void> {
      result<tcp_stream> before = co_await tcp_stream::connect(to);
      for (int i = 0; i < 5; ++i) co_await reset_a_connection(to);
      co_await talk_as_usual(to);
      const result<void> sent = co_await write_all(*before, "abc");
      EXPECT_TRUE(sent);
      std::array<char, 3> back;
      const result<void> read = co_await read_exactly(*before, back);
      EXPECT_TRUE(read);  // it has been there all the while
    });
    EXPECT_TRUE(served);
  });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");  // that is no news
}

/// Sends back what comes; throws at an "x".
task<void> echo_or_throw(tcp_stream stream) {
  std::array<char, 100> buffer;
  for (;;) {
    const std::size_t n = co_await ok(stream.read(buffer));
    if (n == 0) co_return;
    if (buffer[0] == 'x') throw std::runtime_error("an x");
    co_await ok(write_all(stream, const_buffer(buffer.data(), n)));
  }
}

/// Sends an "x", and waits until the server has closed the connection.
task<void> send_x(socket_address to) {
  result<tcp_stream> stream = co_await tcp_stream::connect(to);
  EXPECT_TRUE(stream);
  const result<void> written = co_await write_all(*stream, "x");
  EXPECT_TRUE(written);
  std::array<char, 1> byte;
  const result<std::size_t> end = co_await stream->read(byte);
  EXPECT_TRUE(!end || *end == 0);
}

TEST_P(ServeTest, KeepingGoingAHandlersExceptionCostsItsOwnConnectionAndIsTold) {
  std::vector<std::string> told;
  runtime rt(options());
  prepare(rt);
  rt.on_error([&](std::exception_ptr e) {
    EXPECT_EQ(&runtime::current(), &rt);
    EXPECT_FALSE(stop_requested());
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& x) {
      told.emplace_back(x.what());
    }
  });
  eddy::run(rt, []() -> task<void> {
    const auto server = [](tcp_listener& l) {
      return serve(l, {.keep_going = true}, echo_or_throw);
    };
    const result<void> served = co_await serve_while(server, [](socket_address to) -> task<void> {
      result<tcp_stream> before = co_await tcp_stream::connect(to);
      co_await send_x(to);
      co_await talk_as_usual(to);
      co_await send_x(to);
      const result<void> sent = co_await write_all(*before, "abc");
      EXPECT_TRUE(sent);
      std::array<char, 3> back;
      const result<void> read = co_await read_exactly(*before, back);
      EXPECT_TRUE(read);
    });
    EXPECT_TRUE(served);
  });
  EXPECT_EQ(told, (std::vector<std::string>{"an x", "an x"}));
}

TEST_P(ServeTest, KeepingGoingAReadThatFailsByOkIsToldToo) {
  std::vector<std::error_code> told;
  runtime rt(options());
  prepare(rt);
  rt.on_error([&told](std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::system_error& x) {
      told.push_back(x.code());
    }
  });
  eddy::run(rt, []() -> task<void> {
    const auto server = [](tcp_listener& l) {
      return serve(l, {.keep_going = true}, echo_or_throw);
    };
    const result<void> served = co_await serve_while(server, [](socket_address to) -> task<void> {
      co_await reset_a_connection(to);
      co_await talk_as_usual(to);
    });
    EXPECT_TRUE(served);
  });
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], std::errc::connection_reset);
}

TEST_P(ServeTest, WithoutACallbackAnExceptionIsALineOnStderr) {
  const auto said_of = [this](auto handler) {
    testing::internal::CaptureStderr();
    run(
        [](auto h) -> task<void> {
          const auto server = [](tcp_listener& l, auto f) {
            return serve(l, {.keep_going = true}, f);
          };
          tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
          auto serving = spawn(server, std::ref(listener), h);
          co_await send_x(listener.local_address());
          const result<void> closed = co_await listener.close();
          EXPECT_TRUE(closed);
          const result<void> served = co_await serving;
          EXPECT_TRUE(served);
        },
        handler);
    return testing::internal::GetCapturedStderr();
  };
  const std::string told = "eddy: nobody is left to hear of an exception: ";
  const std::string of_a_read = said_of(echo_or_throw);
  EXPECT_TRUE(std::regex_match(
      of_a_read, std::regex(told + "std::runtime_error: an x \\(after serve_test.cc:[0-9]+\\)\n")))
      << of_a_read;
  const auto throws_at_once = [](tcp_stream) -> task<void> {
    throw std::logic_error("two\nlines");
    co_return;
  };
  EXPECT_EQ(said_of(throws_at_once), told + "std::logic_error: two lines\n");
  const auto throws_no_exception = [](tcp_stream) -> task<result<void>> { throw 7; };
  EXPECT_EQ(said_of(throws_no_exception), told + "int, not a std::exception\n");
}

TEST_P(ServeTest, KeepingGoingACallableThatThrowsBeforeItGivesATaskIsTold) {
  int told = 0;
  runtime rt(options());
  prepare(rt);
  rt.on_error([&told](std::exception_ptr) { ++told; });
  eddy::run(rt, []() -> task<void> {
    const auto server = [](tcp_listener& l) {
      return serve(l, {.keep_going = true},
                   [](tcp_stream) -> task<void> { throw std::runtime_error("no task"); });
    };
    const result<void> served = co_await serve_while(server, send_x);
    EXPECT_TRUE(served);
  });
  EXPECT_EQ(told, 1);
}

/// An argument that cannot be copied a second time.
struct copied_once {
  copied_once() = default;
  copied_once(const copied_once& other) : copies(other.copies) {
    if (++*copies > 1) throw std::runtime_error("a copy");
  }
  copied_once(copied_once&&) noexcept = default;
  copied_once& operator=(const copied_once&) = delete;
  ~copied_once() = default;
  std::shared_ptr<int> copies = std::make_shared<int>(0);
};

TEST_P(ServeTest, KeepingGoingAnArgumentWhoseCopyThrowsCostsItsOwnConnection) {
  std::vector<std::string> told;
  runtime rt(options());
  prepare(rt);
  rt.on_error([&told](std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& x) {
      told.emplace_back(x.what());
    }
  });
  eddy::run(rt, []() -> task<void> {
    const auto server = [](tcp_listener& l) {
      return serve(
          l, {.keep_going = true},
          [](tcp_stream s, copied_once) { return echo_plainly(std::move(s)); }, copied_once());
    };
    const result<void> served = co_await serve_while(server, [](socket_address to) -> task<void> {
      co_await talk_as_usual(to);
      co_await send_x(to);
    });
    EXPECT_TRUE(served);
  });
  EXPECT_EQ(told, (std::vector<std::string>{"a copy"}));
}

TEST_P(ServeTest, WhatOnErrorThrowsEndsTheRun) {
  runtime rt(options());
  prepare(rt);
  rt.on_error([](std::exception_ptr e) { std::rethrow_exception(e); });
  const auto main = []() -> task<void> {
    const auto server = [](tcp_listener& l) {
      return serve(l, {.keep_going = true}, echo_or_throw);
    };
    std::ignore = co_await serve_while(server, [](socket_address to) -> task<void> {
      co_await send_x(to);
      co_await sleep_for(1h);
    });
  };
  EXPECT_THROW(eddy::run(rt, main), std::runtime_error);
}

TEST_P(ServeTest, OnErrorMaySetAnotherAndEndTheServer) {
  runtime rt(options());
  prepare(rt);
  std::string told;
  tcp_listener* listening = nullptr;
  rt.on_error([&](std::exception_ptr) {
    told += "first ";
    rt.on_error([&](std::exception_ptr) {
      told += "second ";
      spawn([](tcp_listener& l) -> task<void> { std::ignore = co_await l.close(); },
            std::ref(*listening));
    });
  });
  eddy::run(rt, [&]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    listening = &listener;
    auto serving =
        spawn([](tcp_listener& l) { return serve(l, {.keep_going = true}, echo_or_throw); },
              std::ref(listener));
    co_await send_x(listener.local_address());
    co_await send_x(listener.local_address());
    const result<void> served = co_await serving;
    EXPECT_TRUE(served);
    co_await yield();
  });
  EXPECT_EQ(told, "first second ");
}

TEST_P(ServeTest, KeepingGoingACancelEndsAllAndNothingIsTold) {
  runtime rt(options());
  prepare(rt);
  rt.on_error([](std::exception_ptr) { ADD_FAILURE() << "a stop is no exception"; });
  eddy::run(rt, []() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto serving = spawn(
        [](tcp_listener& l) {
          return serve(l, {.connections_at_most = 1, .keep_going = true}, echo_or_throw);
        },
        std::ref(listener));
    result<tcp_stream> served = co_await tcp_stream::connect(listener.local_address());
    result<tcp_stream> waiting = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(served && waiting);
    const result<void> sent = co_await write_all(*served, "a");
    EXPECT_TRUE(sent);
    std::array<char, 1> byte;
    const result<void> back = co_await read_exactly(*served, byte);
    EXPECT_TRUE(back);
    serving.cancel();
    const auto end = co_await serving.join();
    EXPECT_TRUE(end.stopped());
    const result<std::size_t> over = co_await served->read(byte);
    EXPECT_TRUE(!over || *over == 0);
  });
}

// ---- At most so many ----

TEST_P(ServeTest, FullTheNextAcceptWaitsForAConnectionsEnd) {
  run([]() -> task<void> {
    struct {
      int now = 0;
      int most = 0;
      int all = 0;
    } count;
    const auto handler = [&count](tcp_stream stream) -> task<result<void>> {
      ++count.all;
      count.most = std::max(count.most, ++count.now);
      const result<void> end = co_await echo_plainly(std::move(stream));
      --count.now;
      co_return end;
    };
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto serving =
        spawn([](tcp_listener& l, auto h) { return serve(l, {.connections_at_most = 2}, h); },
              std::ref(listener), handler);
    std::vector<tcp_stream> clients;
    for (int i = 0; i < 5; ++i)
      clients.push_back((co_await tcp_stream::connect(listener.local_address())).value());
    std::array<char, 1> byte;
    for (tcp_stream& client : clients) {  // (first in, first out: each is served in its turn)
      const result<void> sent = co_await write_all(client, "a");
      EXPECT_TRUE(sent);
      const result<void> back = co_await read_exactly(client, byte);
      EXPECT_TRUE(back);
      EXPECT_LE(count.now, 2);
      const result<void> closed = co_await client.close();
      EXPECT_TRUE(closed);
    }
    EXPECT_EQ(count.all, 5);
    EXPECT_EQ(count.most, 2);
    const result<void> closed = co_await listener.close();
    EXPECT_TRUE(closed);
    const result<void> served = co_await serving;
    EXPECT_TRUE(served);
    EXPECT_EQ(count.now, 0);
  });
}

TEST_P(ServeTest, FullAClosedListenerEndsItWhenThoseThatExistHaveEnded) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto serving =
        spawn([](tcp_listener& l) { return serve(l, {.connections_at_most = 1}, echo_plainly); },
              std::ref(listener));
    result<tcp_stream> client = co_await tcp_stream::connect(listener.local_address());
    const result<void> sent = co_await write_all(*client, "a");
    EXPECT_TRUE(sent);
    std::array<char, 1> byte;
    result<void> back = co_await read_exactly(*client, byte);
    EXPECT_TRUE(back);
    const result<void> closed = co_await listener.close();
    EXPECT_TRUE(closed);
    co_await after_a_poll();
    EXPECT_FALSE(serving.done());
    const result<void> again = co_await write_all(*client, "b");
    EXPECT_TRUE(again);
    back = co_await read_exactly(*client, byte);
    EXPECT_TRUE(back);
    const result<void> gone = co_await client->close();
    EXPECT_TRUE(gone);
    const result<void> served = co_await serving;
    EXPECT_TRUE(served);
  });
}

}  // namespace
}  // namespace eddy::test
