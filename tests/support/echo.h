// The one server of the tests.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include <eddy/coro/spawn.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/tcp.h>

namespace eddy::test {

/// Sends back what comes, to the end.
template <class S>
task<void> echo_over(S& stream) {
  std::array<char, 1000> buffer;
  for (;;) {
    const result<std::size_t> n = co_await stream.read(buffer);
    if (!n || *n == 0) break;
    const result<void> written = co_await write_all(stream, const_buffer(buffer.data(), *n));
    if (!written) break;
  }
}
inline task<void> echo(tcp_stream stream) {
  co_await echo_over(stream);
}

/// So for each connection, each a task of its own.
inline task<void> serve_echo(tcp_listener& listener) {
  for (;;) {
    result<tcp_stream> s = co_await listener.accept();
    if (!s) break;
    spawn(echo, *std::move(s));
  }
}

}  // namespace eddy::test
