// Guide, 26: a service from A to Z: names, limits, deadlines, children, and an end in good order.
#include <eddy/eddy.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

// One request. What goes wrong with it is an answer, too.
static eddy::task<std::string> answer(std::string line) {
  if (line.starts_with("say ")) {
    const auto done = co_await eddy::run_process({"echo", {line.substr(4)}});
    co_return done ? done->output : done.error().message() + "\n";
  }
  if (line.starts_with("look up ")) {
    const auto found = co_await eddy::with_timeout(5s, eddy::resolve(line.substr(8), 80));
    co_return found ? found->front().ip() + "\n" : found.error().message() + "\n";
  }
  co_return "what?\n";
}

// One connection. It ends with its first error: the peer's end, a line that is too long, or silence.
static eddy::task<eddy::result<void>> talk(eddy::tcp_stream stream) {
  eddy::buffered_reader lines(stream);
  for (;;) {
    const std::string line = co_await eddy::ok(eddy::with_timeout(30s, lines.read_line(1000)));
    const std::string said = co_await answer(line);
    co_await eddy::ok(eddy::with_timeout(10s, eddy::write_all(stream, said)));
  }
}

// SIGTERM or Ctrl-C: nobody new comes in, and who is there has five seconds.
static eddy::task<> serve(eddy::tcp_listener& listener) {
  const eddy::serve_options limits{.connections_at_most = 1000, .keep_going = true};
  const auto serving = eddy::spawn(eddy::serve(listener, limits, talk));
  const int signal = co_await eddy::interrupted();
  std::printf("told to stop by signal %d\n", signal);
  co_await eddy::ok(listener.close());
  const auto all_ended = co_await eddy::with_timeout(5s, serving.join());
  if (all_ended) co_return;
  serving.cancel();
  static_cast<void>(co_await serving.join());
}

static eddy::task<> use(std::uint16_t port) {
  auto stream = co_await eddy::ok(eddy::connect("localhost", port));
  eddy::buffered_reader lines(stream);
  const char* const requests[] = {"say hello", "look up 127.0.0.1", "go away"};
  for (const char* request : requests) {
    co_await eddy::ok(eddy::write_all(stream, std::string(request) + "\n"));
    const std::string heard = co_await eddy::ok(lines.read_line());
    std::printf("%s: %s\n", request, heard.c_str());
  }
  std::raise(SIGTERM);
}

static eddy::task<> serve_and_use() {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  eddy::spawn(use, listener.local_address().port());
  co_await serve(listener);
}

int main() {
  eddy::run(serve_and_use());
}
