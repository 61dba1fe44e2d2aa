// Guide, 10: serve() gives each connection a task of its own; buffered_reader gives lines.
#include <eddy/eddy.h>

#include <cstdio>
#include <functional>
#include <string>

static eddy::task<> answer(eddy::tcp_stream stream, int& count) {
  eddy::buffered_reader lines(stream);
  for (;;) {
    const auto line = co_await lines.read_line();
    if (!line) co_return;  // the end of the stream, or an error
    const std::string reply = "answer " + std::to_string(++count) + " to " + *line + "\n";
    const auto sent = co_await eddy::write_all(stream, reply);
    if (!sent) co_return;
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
  const auto server = eddy::spawn(eddy::serve(listener, answer, std::ref(count)));
  co_await ask(listener.local_address(), "a question");
  co_await ask(listener.local_address(), "another question");

  // no new connections; those that exist end in their own time
  co_await eddy::ok(listener.close());
  const auto end = co_await server;
  if (end) std::puts("all served");
}

int main() {
  eddy::run(talk());
}
