// What every backend makes of the rest of the world: names, interfaces, signals, terminals.
#include "tests/contract/backend_under_test.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "runtime/name_query.h"

namespace eddy::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Contract, every_backend, all_backends(), backend_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(real_backend);

TEST_P(every_backend, AnInterfaceHasANumber) {
  EXPECT_GE(b().kernel->ask(ask_for(verb::interface_index, -1, "lo")), 1);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::interface_index, -1, "nosuchone0")), -ENODEV);
}

TEST_P(every_backend, ANumericNameIsItsAddress) {
  detail::name_query q;
  q.host = "127.0.0.3";
  request r = ask_for(verb::look_up, -1, &q);
  r.lane = pool_lane::lookup;
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(q.failed, detail::name_query::failure::none);
  ASSERT_FALSE(q.addresses.empty());
  sockaddr_in found{};
  EXPECT_EQ(q.addresses[0].size, sizeof found);
  std::memcpy(&found, q.addresses[0].bytes.data(), sizeof found);
  EXPECT_EQ(found.sin_family, AF_INET);
  EXPECT_EQ(ntohl(found.sin_addr.s_addr), INADDR_LOOPBACK + 2);
}

TEST_P(every_backend, ALookUpThatFindsNothingSaysSoInItsAnswer) {
  detail::name_query q;
  q.host = "127.0.0.3";
  q.family = AF_INET6;
  request r = ask_for(verb::look_up, -1, &q);
  r.lane = pool_lane::lookup;
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(q.failed, detail::name_query::failure::not_found);
  EXPECT_TRUE(q.addresses.empty());
}

constexpr std::uint64_t bit_of(int signal) {
  return std::uint64_t{1} << (signal - 1);
}
request watching(int bell, std::uint64_t wanted, std::uint32_t options = 0) {
  request r = ask_for(verb::watch_signals, bell);
  r.offset = wanted;
  r.options = options;
  return r;
}

TEST_P(every_backend, ASignalRingsTheBellOfWhoWatchesIt) {
  const int bell = b().kernel->ask(watching(-1, bit_of(SIGUSR1) | bit_of(SIGUSR2)));
  ASSERT_GE(bell, 0);
  const auto take = [&] { return b().kernel->ask(ask_for(verb::take_signal, bell)); };
  std::uint64_t rings = 0;
  test_operation read(ask_for(verb::read, bell, &rings, sizeof rings));
  EXPECT_EQ(take(), -EAGAIN);
  for (int i = 0; i < 3; ++i) {
    b().begin_and_wait(read);
    b().raise_signal(SIGUSR2);
    b().raise_signal(SIGUSR1);
    b().raise_signal(SIGUSR2);
    EXPECT_EQ(b().run_until(read), static_cast<int>(sizeof rings));
    EXPECT_EQ(take(), SIGUSR1) << "the lowest first";
    b().begin(read);
    EXPECT_EQ(b().run_until(read), static_cast<int>(sizeof rings)) << "one is left";
    EXPECT_EQ(take(), SIGUSR2);
    EXPECT_EQ(take(), -EAGAIN) << "equal ones are one";
    // What the last of them rang may still be there, and nothing with it.
    while (b().kernel->ask(ask_for(verb::read, bell, &rings, sizeof rings)) > 0) {
    }
  }
  // Watched no longer, it is dropped; what was not asked for never comes.
  b().raise_signal(SIGUSR1);
  EXPECT_EQ(b().kernel->ask(watching(bell, bit_of(SIGUSR2))), 0);
  EXPECT_EQ(take(), -EAGAIN);
  EXPECT_EQ(b().kernel->ask(watching(bell, 0, watch_no_more)), 0);
  EXPECT_EQ(b().close(bell), 0);
}

TEST_P(every_backend, WhatCannotBeWatchedIsRefused) {
  EXPECT_EQ(b().kernel->ask(watching(-1, bit_of(SIGKILL) | bit_of(SIGUSR1))), -EINVAL);
  EXPECT_EQ(b().kernel->ask(watching(987, bit_of(SIGUSR1))), -EBADF);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::take_signal, 987)), -EBADF);
  const int bell = b().kernel->ask(watching(-1, bit_of(SIGUSR1)));
  ASSERT_GE(bell, 0);
  EXPECT_EQ(b().kernel->ask(watching(bell, bit_of(SIGUSR1) | bit_of(SIGSTOP))), -EINVAL);
  b().raise_signal(SIGUSR1);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::take_signal, bell)), SIGUSR1) << "it is as it was";
  EXPECT_EQ(b().kernel->ask(watching(bell, 0, watch_no_more)), 0);
  b().close(bell);
}

TEST_P(every_backend, WhatIsNoTerminalSaysSo) {
  auto [near, far] = b().pair();
  winsize size{};
  EXPECT_EQ(b().kernel->ask(ask_for(verb::terminal_size, near, &size)), -ENOTTY);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::begin_raw, near)), -ENOTTY);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::end_raw, near)), -EBADF);
  EXPECT_EQ(b().kernel->ask(ask_for(verb::terminal_size, 987, &size)), -EBADF);
  b().close(near);
  b().close(far);
}

}  // namespace
}  // namespace eddy::test
