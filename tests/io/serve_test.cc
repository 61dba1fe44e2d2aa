// serve on every backend.
#include <eddy/io/serve.h>

#include <array>
#include <optional>
#include <stdexcept>

#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/buffered_reader.h>

#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class ServeTest : public io_test {};
EDDY_ON_EVERY_BACKEND(ServeTest);

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

}  // namespace
}  // namespace eddy::test
