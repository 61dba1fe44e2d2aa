// expect: co_await std::move(it)
// It is awaited once: what is left of it is seen to be used up.
#include <eddy/io/tcp.h>

eddy::task<> awaits(eddy::tcp_stream& stream) {
  char buffer[10];
  auto one = stream.read(buffer);
  static_cast<void>(co_await one);
}
