// Ten thousand connections on one loop: all are served, an idle loop does not wake up for them, and
// nothing is left.
#include "tests/support/counting.h"
#include "tests/support/io_test.h"
#include "tests/support/soak.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class held_connections : public io_test {};
EDDY_ON_EVERY_BACKEND(held_connections);

/// False: the system does not let us have as many descriptors.
bool want_descriptors(std::size_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count) limit.rlim_max = count;  // may be refused to who is not root
  limit.rlim_cur = count;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::size_t most_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

/// The other process: connects `count` times, each address of 127.0.0.0/8 no more often than it has
/// ports for; says a byte on each and hears it back; when told so, once more; then closes all.
[[noreturn]] void be_the_clients(std::uint16_t port, std::size_t count, int told) {
  std::vector<int> sockets;
  const auto fail = [](const char* what) {
    std::perror(what);
    ::_exit(1);
  };
  const auto talk = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      const char byte = static_cast<char>(i);
      if (::send(sockets[i], &byte, 1, 0) != 1) fail("client: send");
    }
    for (std::size_t i = from; i < to; ++i) {
      char byte = 0;
      if (::recv(sockets[i], &byte, 1, 0) != 1 || byte != static_cast<char>(i))
        fail("client: recv");
    }
  };
  for (std::size_t i = 0; i < count; ++i) {
    const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0) fail("client: socket");
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(0x7f000001u + static_cast<std::uint32_t>(i / 5000));
    if (::connect(s, reinterpret_cast<const sockaddr*>(&to), sizeof to)) fail("client: connect");
    sockets.push_back(s);
    if (i % 500 == 499) talk(i - 499, i + 1);  // so that the backlog does not fill
  }
  talk(count - count % 500, count);
  char word;
  if (::read(told, &word, 1) != 1) fail("client: read");
  for (std::size_t i = 0; i < count; i += 500) talk(i, std::min(i + 500, count));
  ::_exit(0);
}

struct held {
  std::size_t connections = 0;
  std::size_t most = 0;
  std::size_t echoed = 0;
};

task<void> echo(tcp_stream s, held& h) {
  ++h.connections;
  h.most = std::max(h.most, h.connections);
  std::array<char, 64> buffer;
  for (;;) {
    const result<std::size_t> n = co_await s.read(buffer);
    if (!n || *n == 0) break;
    co_await ok(write_all(s, const_buffer(buffer.data(), *n)));
    h.echoed += *n;
  }
  --h.connections;
}

task<void> hold(tcp_listener& listener, std::size_t count, duration idle, int tell) {
  runtime& rt = runtime::current();
  held h;
  co_await with_task_group([&](task_group& group) -> task<> {
    for (std::size_t i = 0; i < count; ++i)
      group.spawn(echo, co_await ok(listener.accept()), std::ref(h));
    while (h.echoed < count) co_await sleep_for(1ms);
    EXPECT_EQ(h.connections, count);

    // Nobody speaks: the loop sleeps.
    co_await sleep_for(1ms);
    const std::uint64_t ticks = rt.ticks();
    co_await sleep_for(idle);
    EXPECT_EQ(rt.ticks(), ticks + 1);

    EXPECT_EQ(::write(tell, "x", 1), 1);
  });
  EXPECT_EQ(h.most, count);
  EXPECT_EQ(h.connections, 0u);
  EXPECT_EQ(h.echoed, 2 * count);
}

TEST_P(held_connections, AllAreServedAndAnIdleLoopDoesNotWakeUpForThem) {
  // The long run: as many as the system lets us have descriptors for, up to 50,000.
  const std::size_t count = soak_minutes() && want_descriptors(50'200) ? 50'000
                            : soak_minutes()
                                ? std::max<std::size_t>(10'000, most_descriptors() - 200)
                                : 10'000;
  const duration idle = soak_minutes()
                            ? duration(std::chrono::minutes(std::max(soak_minutes() / 4, 1u)))
                            : duration(1s);
  EXPECT_EQ(run_apart([&] {
              ASSERT_TRUE(want_descriptors(count + 200))
                  << "this test needs " << count + 200
                  << " descriptors: raise the limit (`ulimit -Hn`), or run it as root";
              int pipe[2];
              ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
              tcp_listener listener = tcp_listener::bind(socket_address::any(0)).value();
              const std::uint16_t port = listener.local_address().port();
              const pid_t clients = ::fork();
              ASSERT_GE(clients, 0);
              if (clients == 0) {
                ::close(pipe[1]);
                be_the_clients(port, count, pipe[0]);
              }
              ::close(pipe[0]);
              const std::size_t before = open_descriptors();
              run(hold, std::ref(listener), count, idle, pipe[1]);
              EXPECT_EQ(open_descriptors(), before);
              ::close(pipe[1]);
              int status = 0;
              ::waitpid(clients, &status, 0);
              EXPECT_EQ(status, 0) << "the clients have failed (see above)";
            }),
            "");
  std::printf("%s: %zu connections\n", GetParam().c_str(), count);
}

}  // namespace
}  // namespace eddy::test
