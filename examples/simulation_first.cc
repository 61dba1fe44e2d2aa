// A first simulation: a server and a client, a hundred times, each time with other faults.
#include <cstdio>
#include <string>

#include <eddy/eddy.h>
#include <eddy/simulation/assert.h>
#include <eddy/simulation/simulate.h>

using namespace std::chrono_literals;

eddy::task<> greet(eddy::tcp_stream peer) {
  eddy::buffered_reader<eddy::tcp_stream> lines(peer);
  while (auto name = co_await lines.read_line()) {
    if (!co_await eddy::write_all(peer, "hello " + *name + "\n")) co_return;
  }
}

eddy::task<> server() {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::any(7000)).value();
  co_await eddy::ok(eddy::serve(listener, greet));
}

eddy::task<> client() {
  auto stream = co_await eddy::ok(eddy::connect("server", 7000));
  co_await eddy::ok(eddy::write_all(stream, "world\n"));
  eddy::buffered_reader<eddy::tcp_stream> lines(stream);
  const std::string answer = co_await eddy::ok(lines.read_line());
  eddy::always(answer == "hello world", "it is greeted by name");
}

int main() {
  const auto report = eddy::simulate([](eddy::simulation& sim) {
    sim.host("server", server);
    sim.client("client", client);
    sim.run();
  });
  std::printf("%llu runs\n", static_cast<unsigned long long>(report.runs));
}
