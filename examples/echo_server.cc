// An echo server: echo_server PORT [--backend io_uring|epoll]
// Serves until SIGINT or SIGTERM, and then ends with exit code 0.
#include <eddy/eddy.h>

#include <signal.h>

#include <array>
#include <charconv>
#include <chrono>
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

/// Errors after which accepting goes on: accept() itself pauses after them, so this does not spin.
static bool will_pass(const std::error_code& error) {
  return error == std::errc::too_many_files_open ||
         error == std::errc::too_many_files_open_in_system || error == std::errc::no_buffer_space ||
         error == std::errc::not_enough_memory;
}

/// Accepts for ever; each connection is a child of the group, so a stop reaches them all.
static eddy::task<> accept_all(eddy::tcp_listener& listener, eddy::task_group& connections) {
  eddy::time_point complained{};
  for (;;) {
    eddy::result<eddy::tcp_stream> stream = co_await listener.accept();
    if (stream) {
      connections.spawn(echo, *std::move(stream));
    } else if (!will_pass(stream.error())) {
      throw std::system_error(stream.error(), "accept");
    } else if (eddy::now() >= complained + std::chrono::seconds(1)) {
      complained = eddy::now();
      std::fprintf(stderr, "echo_server: %s; old connections go on\n",
                   stream.error().message().c_str());
    }
  }
}

static eddy::task<> serve(std::uint16_t port) {
  eddy::result<eddy::tcp_listener> bound =
      eddy::tcp_listener::bind(eddy::socket_address::any(port));
  if (!bound) throw std::system_error(bound.error(), "port " + std::to_string(port));
  eddy::tcp_listener listener = *std::move(bound);
  std::printf(
      "listening on %s (%s)\n", listener.local_address().to_string().c_str(),
      eddy::runtime::current().backend() == eddy::backend_kind::io_uring ? "io_uring" : "epoll");
  std::fflush(stdout);
  co_await eddy::with_task_group(
      [&listener](eddy::task_group& connections) { return accept_all(listener, connections); });
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
    // as it was asked to
  }
  ::signal(SIGINT, SIG_IGN);  // it is ending, and the runtime goes
  ::signal(SIGTERM, SIG_IGN);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "echo_server: %s\n", e.what());
  return 1;
}
