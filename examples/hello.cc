// Says hello over TCP: server and client in one program, which ends by itself.
#include <eddy/eddy.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

// An error that leaves a handler (its client is gone) costs that connection, and no other.
static eddy::task<eddy::result<void>> greet(eddy::tcp_stream stream) {
  co_await eddy::ok(eddy::write_all(stream, "hello\n"));
  co_return {};
}

static eddy::task<> greet_everybody(eddy::tcp_listener listener) {
  co_await eddy::ok(eddy::serve(listener, {.keep_going = true}, greet));
}

static eddy::task<> hello() {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  const auto address = listener.local_address();
  eddy::spawn_background(greet_everybody, std::move(listener));  // does not keep the program alive

  auto stream = co_await eddy::ok(eddy::tcp_stream::connect(address));
  std::array<char, 64> buffer;
  const auto size =
      co_await eddy::ok(eddy::with_timeout(std::chrono::seconds(1), stream.read(buffer)));
  std::fwrite(buffer.data(), 1, size, stdout);
}

int main() {
  eddy::run(hello());
}
