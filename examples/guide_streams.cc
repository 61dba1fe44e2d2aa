// Guide, 9: streams. One vocabulary for TCP, Unix sockets and pipes.
#include <eddy/eddy.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <string_view>
#include <utility>

// Works with every stream.
template <class S>
static eddy::task<> shout_back(S stream) {
  std::array<char, 256> buffer;
  for (;;) {
    // at least one byte; 0: the peer has ended its side
    const auto n = co_await stream.read(buffer);
    if (!n || *n == 0) co_return;
    std::transform(buffer.begin(), buffer.begin() + *n, buffer.begin(),
                   [](unsigned char c) { return std::toupper(c); });
    const auto sent = co_await eddy::write_all(stream, eddy::const_buffer(buffer.data(), *n));
    if (!sent) co_return;
  }
}

template <class S>
static eddy::task<> talk(S& stream) {
  co_await eddy::ok(eddy::write_all(stream, "is anybody there?\n"));
  std::array<char, 18> answer;
  co_await eddy::ok(eddy::read_exactly(stream, answer));
  std::printf("%.*s", static_cast<int>(answer.size()), answer.data());
}

static eddy::task<> accept_one(eddy::tcp_listener listener) {
  auto stream = co_await eddy::ok(listener.accept());
  co_await shout_back(std::move(stream));
}

static eddy::task<> talk_to_both() {
  auto [here, there] = eddy::unix_stream::pair().value();
  eddy::spawn(shout_back<eddy::unix_stream>, std::move(there));
  co_await talk(here);

  auto listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  const auto address = listener.local_address();
  eddy::spawn(accept_one, std::move(listener));
  auto stream = co_await eddy::ok(eddy::tcp_stream::connect(address));
  co_await talk(stream);
}  // both streams are closed here, so both servers read an end and end too

int main() {
  eddy::run(talk_to_both());
}
