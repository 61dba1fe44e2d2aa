// Guide, 9: chunks() lends the memory that a stream receives into; who waits has none.
#include <eddy/eddy.h>

#include <cstdio>
#include <string>

static eddy::task<> count(eddy::tcp_stream stream) {
  std::size_t bytes = 0;
  eddy::chunk_stream chunks = stream.chunks();
  for (;;) {
    const eddy::chunk chunk = co_await eddy::ok(chunks.next());
    if (chunk.empty()) break;  // the end
    bytes += chunk.size();
  }  // here it is given back
  std::printf("%zu bytes\n", bytes);
}

static eddy::task<> send() {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  const auto accepting = eddy::spawn(listener.accept());
  auto stream = co_await eddy::ok(eddy::tcp_stream::connect(listener.local_address()));
  const auto counting = eddy::spawn(count, co_await eddy::ok(accepting));
  const std::string block(100'000, 'x');
  for (int i = 0; i < 10; ++i) co_await eddy::ok(eddy::write_all(stream, block));
  co_await eddy::ok(stream.close());
  co_await counting;
}

int main() {
  eddy::run(send());
}
