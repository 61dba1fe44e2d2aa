// Guide, 10: serve() gives each connection a task of its own; buffered_reader gives lines.
#include <eddy/eddy.h>

#include <cstdio>
#include <functional>
#include <string>

// The end of the stream leaves it by ok(), and so does an error: both end this connection only.
static eddy::task<eddy::result<void>> answer(eddy::tcp_stream stream, int& count) {
  eddy::buffered_reader lines(stream);
  for (;;) {
    const std::string line = co_await eddy::ok(lines.read_line());
    const std::string reply = "answer " + std::to_string(++count) + " to " + line + "\n";
    co_await eddy::ok(eddy::write_all(stream, reply));
  }
}

static eddy::task<> ask(eddy::socket_address server, std::string question) {
  auto stream = co_await eddy::ok(eddy::tcp_stream::connect(server));
  co_await eddy::ok(eddy::write_all(stream, question + "\n"));
  eddy::buffered_reader lines(stream);
  const std::string line = co_await eddy::ok(lines.read_line());
  std::puts(line.c_str());
}

static eddy::task<> talk() {
  int count = 0;
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  const eddy::serve_options options{.connections_at_most = 1000, .keep_going = true};
  const auto server = eddy::spawn(eddy::serve(listener, options, answer, std::ref(count)));
  co_await ask(listener.local_address(), "a question");
  co_await ask(listener.local_address(), "another question");

  co_await eddy::ok(
      listener.close());  // no new connections; those that exist end in their own time
  const auto end = co_await server;
  if (end) std::puts("all served");
}

int main() {
  eddy::run(talk());
}
