// What every backend makes of waiting for a descriptor to be ready, which may be another's.
#include "tests/contract/backend_under_test.h"

#include <cerrno>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>

namespace eddy::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Contract, every_backend, all_backends(), backend_name);
INSTANTIATE_TEST_SUITE_P(Contract, real_backend, real_backends(), backend_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(real_backend);

TEST_P(every_backend, ReadyTellsWhatIsThere) {
  auto [near, far] = b().pair();
  EXPECT_EQ(b().finish(b().ready_for(near, POLLIN | POLLOUT)), POLLOUT);
  test_operation ready(b().ready_for(near, POLLIN));
  for (int i = 0; i < 2; ++i) {
    b().begin_and_wait(ready);
    b().say(far, "x");
    EXPECT_EQ(b().run_until(ready), POLLIN);
    b().begin(ready);
    EXPECT_EQ(b().run_until(ready), POLLIN);  // it takes nothing
    EXPECT_EQ(b().hear(near), "x");
  }
  b().begin_and_wait(ready);
  b().cancel(ready);
  EXPECT_EQ(b().run_until(ready), -ECANCELED);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, ReadyForBothSidesComesOnce) {
  auto [near, far] = b().pair();
  std::vector<char> big(1 << 20);
  while (b().kernel->ask(ask_for(verb::send, near, big.data(), big.size())) > 0) {
  }
  test_operation ready(b().ready_for(near, POLLIN | POLLOUT));
  b().begin_and_wait(ready);
  EXPECT_EQ(b().kernel->inside(), 1u);
  b().say(far, "x");
  EXPECT_EQ(b().run_until(ready), POLLIN);
  EXPECT_EQ(b().kernel->inside(), 0u);
  b().begin(ready);
  EXPECT_EQ(b().run_until(ready), POLLIN);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, AnyNumberMayWaitForOneDescriptorToBeReadyBesideItsReadsAndWrites) {
  auto [near, far] = b().pair();
  std::vector<char> big(1 << 20), in(1 << 16);
  while (b().kernel->ask(ask_for(verb::send, near, big.data(), big.size())) > 0) {
  }
  test_operation one(b().ready_for(near, POLLIN)), two(b().ready_for(near, POLLIN)),
      out(b().ready_for(near, POLLOUT)), both(b().ready_for(near, POLLIN | POLLOUT));
  char text[8] = {};
  test_operation read(ask_for(verb::receive, near, text, sizeof text)),
      write(ask_for(verb::send, near, "w", 1));
  for (test_operation* o : {&one, &read, &out, &two, &write, &both}) b().begin_and_wait(*o);
  EXPECT_EQ(b().kernel->inside(), 6u);
  b().cancel(two);
  EXPECT_EQ(b().run_until(two), -ECANCELED);
  b().cancel(read);
  EXPECT_EQ(b().run_until(read), -ECANCELED);
  b().say(far, "r");
  EXPECT_EQ(b().run_until(one), POLLIN);
  EXPECT_EQ(b().run_until(both), POLLIN);
  for (int i = 0; i < 3; ++i) b().poll();
  EXPECT_EQ(out.reports + write.reports, 0);
  while (!write.reports)
    ASSERT_GT(b().finish(ask_for(verb::receive, far, in.data(), in.size())), 0);
  EXPECT_EQ(write.result, 1);
  EXPECT_EQ(b().run_until(out), POLLOUT);
  EXPECT_EQ(b().hear(near), "r");
  EXPECT_EQ(b().kernel->inside(), 0u);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, WhoWaitsForWhatIsClosedHereCanBeCancelled) {
  auto [near, far] = b().pair();
  test_operation one(b().ready_for(near, POLLIN)), two(b().ready_for(near, POLLIN));
  b().begin_and_wait(one);
  b().begin_and_wait(two);
  EXPECT_EQ(b().close(near), 0);
  auto [again, other] = b().pair();
  EXPECT_EQ(again, near);
  b().say(other, "x");
  EXPECT_EQ(b().finish(b().ready_for(again, POLLIN)), POLLIN);
  for (test_operation* o : {&one, &two}) {
    b().cancel(*o);
    EXPECT_EQ(b().run_until(*o), -ECANCELED);
  }
  for (int d : {far, again, other}) b().close(d);
}

TEST_P(real_backend, ForeignDescriptorsMayBeClosedByTheirOwners) {
  for (int i = 0; i < 5; ++i) {
    int foreign = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    test_operation ready(b().ready_for(foreign, POLLIN));
    b().begin_and_wait(ready);
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(foreign, &one, sizeof one), 8);
    EXPECT_EQ(b().run_until(ready), POLLIN);
    ::close(foreign);  // the backend is not told; the next one has the same number
  }
}

TEST_P(real_backend, WhatCannotBeWaitedForIsReadyForAllThatIsAsked) {
  const int file = b().finish(b().open_file("/dev/null", O_RDWR));
  for (const int events : {POLLIN, POLLOUT, POLLPRI, POLLIN | POLLOUT}) {
    EXPECT_EQ(b().finish(b().ready_for(file, static_cast<unsigned>(events))), events);
  }
  b().close(file);
}

TEST_P(real_backend, AForeignNumberMayBeAnotherFilesWhileSomebodyWaits) {
  int foreign = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  test_operation lost(b().ready_for(foreign, POLLIN));
  b().begin_and_wait(lost);
  ::close(foreign);
  ASSERT_EQ(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), foreign);
  test_operation ready(b().ready_for(foreign, POLLIN));
  b().begin_and_wait(ready);
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(foreign, &one, sizeof one), 8);
  EXPECT_EQ(b().run_until(ready), POLLIN);
  if (lost.reports == 0) {
    b().cancel(lost);
    EXPECT_EQ(b().run_until(lost), -ECANCELED);
  }
  ::close(foreign);
}

}  // namespace
}  // namespace eddy::test
