// No descriptor left for a connection: accepting pauses without spinning, old connections are
// served, and it goes on soon after one is free again.
#include "tests/support/counting.h"
#include "tests/support/io_test.h"
#include "tests/support/runtime_test.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class no_descriptors : public io_test {};
EDDY_ON_EVERY_BACKEND(no_descriptors);

bool is_exhaustion(const std::error_code& e) {
  return e == std::errc::too_many_files_open;
}

struct tally {
  int accepted = 0;
  int refused = 0;
  std::vector<tcp_stream> held;
};

task<void> accept_all(tcp_listener& listener, tally& t) {
  for (;;) {
    result<tcp_stream> s = co_await listener.accept();
    if (s) {
      ++t.accepted;
      t.held.push_back(*std::move(s));
    } else if (is_exhaustion(s.error())) {
      ++t.refused;
    } else {
      ADD_FAILURE() << s.error().message();
      co_return;
    }
  }
}

/// Not connected yet: its own descriptor is taken before there is none.
int client_of(const socket_address& to) {
  const int s = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(s, 0);
  return s;
}
/// Ends in the backlog, whether it is accepted or not.
void connect_to(int s, const socket_address& to) {
  EXPECT_EQ(::connect(s, static_cast<const sockaddr*>(to.data()), to.size()), 0);
}

/// Where the library does not see it.
void close_elsewhere(int descriptor) {
  std::thread([descriptor] { ::close(descriptor); }).join();
}

task<void> an_exhausted_server() {
  runtime& rt = runtime::current();
  // (UBSan looks through a pipe at the first virtual table of each type: while there is one.)
  close_elsewhere(::dup(0));
  EXPECT_TRUE(is_exhaustion(std::error_code(EMFILE, std::system_category())));

  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  tally t;
  auto accepting = spawn(accept_all, std::ref(listener), std::ref(t));

  const int old_client = client_of(listener.local_address());
  connect_to(old_client, listener.local_address());
  while (t.accepted < 1) co_await yield();
  tcp_stream old = std::move(t.held.front());
  t.held.clear();

  std::vector<duration> recoveries;
  for (int round = 0; round < 5; ++round) {
    const int refused = t.refused;
    const int accepted = t.accepted;
    const int client = client_of(listener.local_address());
    std::vector<int> taken;
    for (int d; (d = ::fcntl(old_client, F_DUPFD_CLOEXEC, 0)) >= 0;) taken.push_back(d);
    EXPECT_EQ(errno, EMFILE);
    connect_to(client, listener.local_address());
    while (t.refused == refused) co_await sleep_for(1ms);

    // Without room: each accept() that is refused is followed by 100 ms of rest.
    const std::uint64_t ticks = rt.ticks();
    int served = 0;
    const time_point until = now() + 350ms;
    while (now() < until) {
      char byte = 'x';
      EXPECT_EQ(::send(old_client, &byte, 1, 0), 1);
      co_await ok(old.read(mutable_buffer(&byte, 1)));
      co_await ok(old.write(const_buffer(&byte, 1)));
      EXPECT_EQ(::recv(old_client, &byte, 1, 0), 1);
      ++served;
      co_await sleep_for(10ms);
    }
    EXPECT_GE(served, 3) << "old connections are served";
    EXPECT_LE(rt.ticks() - ticks, static_cast<std::uint64_t>(served) * 4 + 20) << "it spins";
    EXPECT_LE(t.refused - refused, 1 + 4) << "once, and once for each 100 ms";
    EXPECT_GE(t.refused - refused, 1 + 2) << "it does not ask again";

    // Given back where the library cannot see it, so that only its own rest ends the wait.
    const time_point freed = now();
    close_elsewhere(taken.back());
    taken.pop_back();
    while (t.accepted == accepted) co_await sleep_for(1ms);
    recoveries.push_back(now() - freed);

    for (const int d : taken) ::close(d);
    ::close(client);
    t.held.clear();
  }
  std::sort(recoveries.begin(), recoveries.end());
  std::printf("accepting again after %.1f ms (median), %.1f ms (most)\n",
              static_cast<double>(recoveries[2].count()) / 1e6,
              static_cast<double>(recoveries[4].count()) / 1e6);
  EXPECT_LE(recoveries[2], 200ms);
  ::close(old_client);
  accepting.cancel();
  static_cast<void>(co_await accepting.join());
}

TEST_P(no_descriptors, AcceptingRestsOldConnectionsAreServedAndItGoesOnSoonAfter) {
  EXPECT_EQ(run_apart([this] {
              const rlimit few{100, 100};
              ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
              run(an_exhausted_server);
            }),
            "");
}

/// Each runtime is a world with descriptors of its own: what is closed in another one makes no room
/// here, and must not set this loop going while it does not run.
void accepting_rests_beside_another_world(const std::string& backend) {
  const auto here = make_runtime(backend);
  const auto other = make_runtime("simulation");
  std::optional<std::pair<unix_stream, unix_stream>> of_other;
  // (Twice: UndefinedBehaviorSanitizer's first look at what an object is takes descriptors.)
  for (int i = 0; i < 2; ++i) {
    of_other.reset();
    eddy::run(*other, [&]() -> task<> {
      of_other = unix_stream::pair().value();
      co_return;
    });
  }
  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  const int client = client_of(listener.local_address());
  connect_to(client, listener.local_address());
  tally t;
  here->post([&] { spawn(accept_all, std::ref(listener), std::ref(t)); });
  here->run_nowait();
  close_elsewhere(::dup(0));
  const int first_free = ::dup(0);
  ::close(first_free);
  const auto limit = static_cast<rlim_t>(first_free);
  const rlimit none{limit, limit};
  // (The same.)
  ASSERT_EQ(std::error_code(EMFILE, std::system_category()), std::errc::too_many_files_open);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  while (t.refused == 0) here->run_once();
  while (here->pending().timers == 0) here->run_nowait();  // it pauses
  of_other.reset();
  EXPECT_EQ(here->pending().timers, 1u) << "what another world closed ended the pause";
  here->request_stop();
  here->run();
  ::close(client);
}

TEST_P(no_descriptors, WhatIsClosedInAnotherWorldMakesNoRoomHere) {
  EXPECT_EQ(run_apart([] { accepting_rests_beside_another_world(GetParam()); }), "");
}

}  // namespace
}  // namespace eddy::test
