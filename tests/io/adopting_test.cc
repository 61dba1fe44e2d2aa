// Descriptors that come from elsewhere and go elsewhere, of every kind, on every backend.
#include "tests/support/io_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <fstream>
#include <optional>
#include <string_view>

#include <eddy/coro/ok.h>
#include <eddy/io/file.h>
#include <eddy/io/inherited.h>
#include <eddy/io/pipe.h>
#include <eddy/io/udp.h>

namespace eddy::test {
namespace {

class AdoptingTest : public io_test {};
EDDY_ON_EVERY_BACKEND(AdoptingTest);
using AdoptingDeathTest = AdoptingTest;
EDDY_ON_EVERY_BACKEND(AdoptingDeathTest);

/// Does an epoll of this process still watch that number?
bool is_watched(int number) {
  const std::string wanted = "tfd:";
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream lines(one.path());
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(wanted, 0) == 0 && std::stoi(line.substr(wanted.size())) == number)
        return true;
    }
  }
  return false;
}

TEST_P(AdoptingTest, AListenerIsReleasedAndAdopted) {
  run([]() -> task<void> {
    tcp_listener first = tcp_listener::bind(socket_address::loopback(0)).value();
    const socket_address at = first.local_address();
    auto accepting = spawn(first.accept());
    co_await after_a_poll();
    accepting.cancel();
    const auto stopped = co_await accepting.join();
    EXPECT_TRUE(stopped.stopped());
    const int number = first.release();
    EXPECT_EQ(first.native_handle(), -1);
    EXPECT_FALSE(is_watched(number));
    const auto gone = co_await first.accept();
    EXPECT_EQ(gone.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(first.local_address().family(), 0);
    EXPECT_EQ(first.release(), -1);
    EXPECT_EQ(::fcntl(number, F_SETFL, 0), 0);
    const int delayed = 0;  // as of a program that knows of no such thing
    EXPECT_EQ(::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &delayed, sizeof delayed), 0);
    tcp_listener again = tcp_listener::adopt(number).value();
    EXPECT_EQ(again.local_address(), at);
    EXPECT_NE(::fcntl(number, F_GETFL) & O_NONBLOCK, 0);
    const tcp_stream near = co_await ok(tcp_stream::connect(at));
    const tcp_stream far = co_await ok(again.accept());
    EXPECT_EQ(far.peer_address(), near.local_address());
    EXPECT_TRUE(far.no_delay().value());
  });
}

TEST_P(AdoptingTest, AUnixListenerIsReleasedAndAdopted) {
  run([this]() -> task<void> {
    unix_listener first = unix_listener::bind(path("socket")).value();
    const int number = first.release();
    const auto gone = co_await first.accept();
    EXPECT_EQ(gone.error(), std::errc::bad_file_descriptor);
    unix_listener again = unix_listener::adopt(number).value();
    const unix_stream near = co_await ok(unix_stream::connect(path("socket")));
    const unix_stream far = co_await ok(again.accept());
    EXPECT_EQ(far.local_address().path(), path("socket"));
  });
}

/// Reads what another has written, released in between: nothing of it is known any more.
TEST_P(AdoptingTest, AReleasedStreamAndPipeGoOnElsewhere) {
  run([]() -> task<void> {
    auto both = unix_stream::pair().value();
    auto pipe = make_pipe().value();
    std::array<char, 10> buffer;
    const bool one =
        co_await stops_when_cancelled(spawn(both.first.read(buffer)), moment::inside_the_kernel);
    const bool other =
        co_await stops_when_cancelled(spawn(pipe.first.read(buffer)), moment::inside_the_kernel);
    EXPECT_TRUE(one && other);
    const int socket = both.first.release();
    const int end = pipe.first.release();
    EXPECT_FALSE(is_watched(socket));
    EXPECT_FALSE(is_watched(end));
    for (auto* closed : {&both.first}) {
      const auto read = co_await closed->read(buffer);
      EXPECT_EQ(read.error(), std::errc::bad_file_descriptor);
    }
    co_await ok(both.second.write("socket"));
    co_await ok(pipe.second.write("pipe"));
    EXPECT_EQ(::read(socket, buffer.data(), buffer.size()), 6);
    EXPECT_EQ(::read(end, buffer.data(), buffer.size()), 4);
    unix_stream again = unix_stream::adopt(socket).value();
    pipe_reader reader = pipe_reader::adopt(end).value();
    co_await ok(both.second.write("socket"));
    co_await ok(pipe.second.write("pipe"));
    EXPECT_EQ(co_await ok(again.read(buffer)), 6u);
    EXPECT_EQ(co_await ok(reader.read(buffer)), 4u);
  });
}

/// Each kind of descriptor is offered to each noun.
TEST_P(AdoptingTest, WhatIsOfAnotherKindStaysWithTheCaller) {
  run([this]() -> task<void> {
    const tcp_listener tcp = tcp_listener::bind(socket_address::loopback(0)).value();
    const unix_listener local = unix_listener::bind(path("socket")).value();
    const auto streams = unix_stream::pair().value();
    auto [near, far] = co_await tcp_pair();
    const udp_socket udp = udp_socket::bind(socket_address::loopback(0)).value();
    const auto pipe = make_pipe().value();
    const int other = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    const auto error = [](auto adopted) { return adopted ? std::error_code() : adopted.error(); };
    constexpr auto family = std::errc::address_family_not_supported;
    constexpr auto type = std::errc::wrong_protocol_type;
    constexpr auto state = std::errc::invalid_argument;
    constexpr auto no_socket = std::errc::not_a_socket;

    EXPECT_EQ(error(tcp_stream::adopt(tcp.native_handle())), state);
    EXPECT_EQ(error(tcp_stream::adopt(streams.first.native_handle())), family);
    EXPECT_EQ(error(tcp_stream::adopt(udp.native_handle())), type);
    EXPECT_EQ(error(tcp_stream::adopt(pipe.first.native_handle())), no_socket);
    EXPECT_EQ(error(tcp_listener::adopt(near.native_handle())), state);
    EXPECT_EQ(error(tcp_listener::adopt(local.native_handle())), family);
    EXPECT_EQ(error(unix_stream::adopt(local.native_handle())), state);
    EXPECT_EQ(error(unix_stream::adopt(near.native_handle())), family);
    EXPECT_EQ(error(unix_listener::adopt(streams.first.native_handle())), state);
    EXPECT_EQ(error(unix_listener::adopt(tcp.native_handle())), family);
    EXPECT_EQ(error(udp_socket::adopt(near.native_handle())), type);
    EXPECT_EQ(error(unix_stream::adopt(other)), type);
    for (const int closed : {-1, 999'999}) {
      constexpr auto bad = std::errc::bad_file_descriptor;
      EXPECT_EQ(error(tcp_stream::adopt(closed)), bad);
      EXPECT_EQ(error(tcp_listener::adopt(closed)), bad);
      EXPECT_EQ(error(unix_stream::adopt(closed)), bad);
      EXPECT_EQ(error(unix_listener::adopt(closed)), bad);
      EXPECT_EQ(error(udp_socket::adopt(closed)), bad);
      EXPECT_EQ(error(pipe_reader::adopt(closed)), bad);
      EXPECT_EQ(error(pipe_writer::adopt(closed)), bad);
      EXPECT_EQ(error(file::adopt(closed)), bad);
    }
    EXPECT_EQ(::close(other), 0);
    // All of them are as they were
    EXPECT_TRUE(near.get_option<int>(SOL_SOCKET, SO_TYPE));
    co_await ok(near.write("x"));
    std::array<char, 1> buffer;
    co_await ok(far.read(buffer));
  });
}

TEST_P(AdoptingDeathTest, AReleaseUnderAnOperationAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
                 spawn(listener.accept());
                 co_await after_a_poll();
                 listener.release();
               }),
               "^eddy: .*released while an operation on it is in flight");
}

// ---- From a service manager ----

/// What a child process says, which has those descriptors from 3 on, and those variables.
int in_a_child(const std::vector<int>& descriptors, const char* count, const char* names,
               bool for_it, int (*program)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<int> high;
    for (const int d : descriptors) high.push_back(::fcntl(d, F_DUPFD, 100));
    ::close_range(3, 99, 0);
    for (std::size_t i = 0; i < high.size(); ++i) ::dup2(high[i], 3 + static_cast<int>(i));
    ::close_range(100, ~0u, 0);
    if (count) ::setenv("LISTEN_FDS", count, 1);
    if (names) ::setenv("LISTEN_FDNAMES", names, 1);
    ::setenv("LISTEN_PID", std::to_string(for_it ? ::getpid() : 1).c_str(), 1);
    ::_exit(program());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_P(AdoptingTest, WhatAServiceManagerPassesIsTakenOnce) {
  const tcp_listener tcp = tcp_listener::bind(socket_address::loopback(0)).value();
  const unix_listener local = unix_listener::bind(path("socket")).value();
  const std::vector<int> both{tcp.native_handle(), local.native_handle()};
  const auto two = [] {
    auto all = inherited_listeners();
    if (!all || all->size() != 2) return 1;
    if ((*all)[0].name != "web" || (*all)[1].name != "unknown") return 2;
    if ((*all)[0].descriptor != 3 || (*all)[1].descriptor != 4) return 3;
    if (!(::fcntl(3, F_GETFD) & FD_CLOEXEC) || !(::fcntl(4, F_GETFD) & FD_CLOEXEC)) return 4;
    if (::getenv("LISTEN_FDS") || ::getenv("LISTEN_PID") || ::getenv("LISTEN_FDNAMES")) return 5;
    if (!tcp_listener::adopt(3) || !unix_listener::adopt(4)) return 6;
    auto again = inherited_listeners();
    return again && again->empty() ? 0 : 7;
  };
  EXPECT_EQ(in_a_child(both, "2", "web", true, two), 0);
  const auto none = [] {
    auto all = inherited_listeners();
    if (!all || !all->empty()) return 1;
    return ::getenv("LISTEN_FDS") ? 2 : 0;
  };
  EXPECT_EQ(in_a_child(both, "2", "web", false, none), 0);
  EXPECT_EQ(in_a_child(both, nullptr, nullptr, true, none), 0);
  EXPECT_EQ(in_a_child({}, "0", nullptr, true, none), 0);
  const auto no_number = [] {
    const bool invalid = inherited_listeners().error() == std::errc::invalid_argument;
    return invalid && !::getenv("LISTEN_FDS") ? 0 : 1;
  };
  EXPECT_EQ(in_a_child(both, "two", nullptr, true, no_number), 0);
  EXPECT_EQ(in_a_child(both, "-1", nullptr, true, no_number), 0);
  EXPECT_EQ(in_a_child(both, "99999999999", nullptr, true, no_number), 0);
  const auto not_open = [] {
    return inherited_listeners().error() == std::errc::bad_file_descriptor ? 0 : 1;
  };
  EXPECT_EQ(in_a_child(both, "3", nullptr, true, not_open), 0);
}

}  // namespace
}  // namespace eddy::test
