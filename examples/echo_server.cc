// An echo server: echo_server PORT [--backend io_uring|epoll]
// Serves until SIGINT or SIGTERM, and then ends with exit code 0.
#include <eddy/eddy.h>

#include <signal.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

static eddy::runtime* running;
static void stop(int) {
  running->request_stop();
}  // safe in a signal handler

/// One connection. Its errors (a peer that is gone) concern nobody else: it just ends, and the
/// stream is closed.
static eddy::task<> echo(eddy::tcp_stream stream) {
  std::array<char, 16384> buffer;
  for (;;) {
    const eddy::result<std::size_t> n = co_await stream.read(buffer);
    if (!n || *n == 0) co_return;
    const eddy::result<void> sent =
        co_await eddy::write_all(stream, eddy::const_buffer(buffer.data(), *n));
    if (!sent) co_return;
  }
}

static eddy::task<> serve(std::uint16_t port) {
  eddy::result<eddy::tcp_listener> bound =
      eddy::tcp_listener::bind(eddy::socket_address::any(port));
  if (!bound) throw std::system_error(bound.error(), "port " + std::to_string(port));
  eddy::tcp_listener listener = *std::move(bound);
  const bool ring = eddy::runtime::current().backend() == eddy::backend_kind::io_uring;
  std::printf("listening on %s (%s)\n", listener.local_address().to_string().c_str(),
              ring ? "io_uring" : "epoll");
  std::fflush(stdout);
  // A child for each connection: a stop reaches them all. Where descriptors run out, those that
  // exist go on.
  const eddy::result<void> end = co_await eddy::serve(listener, echo);
  if (!end) throw std::system_error(end.error(), "accept");
}

static int usage(const char* program) {
  std::fprintf(stderr, "usage: %s PORT [--backend io_uring|epoll]\n", program);
  return 2;
}

int main(int count, char** arguments) try {
  eddy::runtime_options options;
  std::uint16_t port = 0;
  if (count != 2 && count != 4) return usage(arguments[0]);
  const std::string_view number = arguments[1];
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
  if (error != std::errc() || end != number.data() + number.size()) return usage(arguments[0]);
  if (count == 4) {
    const std::string_view backend = arguments[3];
    if (std::strcmp(arguments[2], "--backend") != 0) return usage(arguments[0]);
    if (backend == "io_uring") {
      options.backend = eddy::backend_kind::io_uring;
    } else if (backend == "epoll") {
      options.backend = eddy::backend_kind::epoll;
    } else {
      return usage(arguments[0]);
    }
  }

  eddy::runtime rt(options);
  running = &rt;
  struct sigaction action{};
  action.sa_handler = stop;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  try {
    eddy::run(rt, serve, port);
  } catch (const eddy::stopped_error&) {
    ::signal(SIGINT, SIG_IGN);  // as it was asked to; now the runtime goes
    ::signal(SIGTERM, SIG_IGN);
  }
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "echo_server: %s\n", e.what());
  return 1;
}
