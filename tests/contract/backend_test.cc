// The contract of runtime/backend/backend.h, clause by clause, on every backend: lists and reports,
// sleeping, cancelling, the pool. Streams and files stand in files of their own.
#include "tests/contract/backend_under_test.h"

#include <atomic>
#include <cerrno>
#include <deque>
#include <future>
#include <thread>

#include <poll.h>

namespace eddy::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Contract, every_backend, all_backends(), backend_name);
INSTANTIATE_TEST_SUITE_P(Contract, real_backend, real_backends(), backend_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(real_backend);

using operations = std::vector<test_operation*>;

// ---- Listed, inside, reported

TEST_P(every_backend, ReportsAnOperationThatAsksForNothingWithZero) {
  test_operation o;
  b().begin(o);
  EXPECT_EQ(o.where, operation::place::listed);
  EXPECT_EQ(b().run_until(o), 0);
  EXPECT_EQ(b().kernel->inside(), 0u);
}

TEST_P(every_backend, ReportsInTheOrderInWhichOperationsBegan) {
  std::deque<test_operation> all(50);
  operations expected, reported;
  for (test_operation& o : all) {
    b().begin(o);
    expected.push_back(&o);
  }
  while (all.back().reports == 0) {
    for (test_operation* o : b().poll()) reported.push_back(o);
  }
  EXPECT_EQ(reported, expected);
}

TEST_P(every_backend, ReportsEachOnceAndNothingTwice) {
  auto [near, far] = b().pair();
  char byte;
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(o);
  EXPECT_EQ(b().kernel->inside(), 1u);
  b().say(far, "xy");
  EXPECT_EQ(b().run_until(o), 1);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(b().poll().empty());
  EXPECT_EQ(o.reports, 1);
  EXPECT_EQ(b().kernel->inside(), 0u);
  EXPECT_EQ(b().hear(near), "y");
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, CompletesNothingOutsideOfRun) {
  auto [near, far] = b().pair();
  char byte = 0;
  b().say(far, "x");
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin(o);
  EXPECT_EQ(o.where, operation::place::listed);
  EXPECT_EQ(byte, 0);  // begun, it has touched nothing
  EXPECT_EQ(b().run_until(o), 1);
  EXPECT_EQ(byte, 'x');
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, CountsWhatItReports) {
  const auto before = b().kernel->counts().completions;
  EXPECT_EQ(b().finish({}), 0);
  EXPECT_EQ(b().finish({}), 0);
  EXPECT_EQ(b().kernel->counts().completions, before + 2);
}

TEST_P(every_backend, TakesAThousandAtOnceWhateverTheRingHolds) {
  make(8);
  std::deque<test_operation> all(1000);
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> receives;
  std::vector<char> bytes(100);
  for (std::size_t i = 0; i < 100; ++i) {
    pairs.push_back(b().pair());
    b().begin(receives.emplace_back(ask_for(verb::receive, pairs[i].first, &bytes[i], 1)));
  }
  for (test_operation& o : all) b().begin(o);
  for (test_operation& o : all) b().run_until(o);
  for (auto [near, far] : pairs) b().say(far, "x");
  for (test_operation& o : receives) EXPECT_EQ(b().run_until(o), 1);
  for (test_operation& o : all) EXPECT_EQ(o.reports, 1);
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

TEST_P(every_backend, ReportsNoMoreThanTheLimitAndTheRestLater) {
  std::deque<test_operation> all(20);
  operations expected, reported;
  for (test_operation& o : all) {
    b().begin(o);
    expected.push_back(&o);
  }
  b().turn.limit = 7;
  for (int runs = 0; runs < 20 && reported.size() < all.size(); ++runs) {
    operations now = b().poll();
    EXPECT_LE(now.size(), 7u);
    reported.insert(reported.end(), now.begin(), now.end());
  }
  EXPECT_EQ(reported, expected);
}

TEST_P(every_backend, LosesNoEventWhereTheLimitStopsIt) {
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> receives;
  char byte;
  for (int i = 0; i < 10; ++i) {
    pairs.push_back(b().pair());
    b().begin(receives.emplace_back(ask_for(verb::receive, pairs.back().first, &byte, 1)));
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(b().poll().empty());
  for (auto [near, far] : pairs) b().say(far, "x");
  b().turn.limit = 3;
  std::size_t reported = 0;
  // To the end of time: a run that leaves something ready behind must not sleep in the next.
  while (reported < 10) {
    std::size_t now = b().poll(time_point::max()).size();
    EXPECT_LE(now, 3u);
    reported += now;
  }
  for (test_operation& o : receives) EXPECT_EQ(o.reports, 1);
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

TEST_P(real_backend, ReportsInTheOrderInWhichDataArrived) {
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> receives;
  char byte;
  for (int i = 0; i < 4; ++i) {
    pairs.push_back(b().pair());
    b().begin_and_wait(receives.emplace_back(ask_for(verb::receive, pairs.back().first, &byte, 1)));
  }
  for (std::size_t i : {2, 0, 3, 1}) b().say(pairs[i].second, "x");
  operations reported;
  while (reported.size() < 4) {
    for (test_operation* o : b().poll(time_point::max())) reported.push_back(o);
  }
  EXPECT_EQ(reported, (operations{&receives[2], &receives[0], &receives[3], &receives[1]}));
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

// ---- Sleeping

TEST_P(every_backend, DoesNotSleepWhereUntilIsTheBeginningOfTime) {
  auto [near, far] = b().pair();
  char byte;
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin(o);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(b().poll().empty());  // it would never return
  b().say(far, "x");
  EXPECT_EQ(b().run_until(o), 1);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, SleepsUntilTheTimeAndNotLess) {
  for (duration d :
       {duration(1), duration(999), duration(100us), duration(1500us), duration(3ms)}) {
    const time_point until = b().kernel->now() + d;
    EXPECT_TRUE(b().poll(until).empty());
    EXPECT_GE(b().kernel->now(), until);
  }
}

TEST_P(every_backend, SleepsUntilTheTimeWithAnOperationInside) {
  auto [near, far] = b().pair();
  char byte;
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(o);
  for (duration d : {duration(1), duration(100us), duration(2500us)}) {
    const time_point until = b().kernel->now() + d;
    EXPECT_TRUE(b().poll(until).empty());
    EXPECT_GE(b().kernel->now(), until);
  }
  b().cancel(o);
  EXPECT_EQ(b().run_until(o), -ECANCELED);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, ReturnsFromATimeThatHasPassed) {
  EXPECT_TRUE(b().poll(b().kernel->now() - 1s).empty());
  EXPECT_TRUE(b().poll(time_point(1ns)).empty());
}

TEST_P(every_backend, WakeEndsTheNextSleep) {
  b().kernel->wake();
  const time_point until = b().kernel->now() + 20s;
  EXPECT_TRUE(b().poll(until).empty());
  EXPECT_LT(b().kernel->now(), until);
}

TEST_P(every_backend, WakeEndsTheNextSleepThoughARunWithoutSleepCameBetween) {
  auto [near, far] = b().pair();
  char byte;
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(o);
  b().kernel->wake();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(b().poll().empty());
  const time_point until = b().kernel->now() + 20s;
  EXPECT_TRUE(b().poll(until).empty());
  EXPECT_LT(b().kernel->now(), until);
  // … and no more than that one.
  const time_point soon = b().kernel->now() + 2ms;
  EXPECT_TRUE(b().poll(soon).empty());
  EXPECT_GE(b().kernel->now(), soon);
  b().cancel(o);
  EXPECT_EQ(b().run_until(o), -ECANCELED);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, DoesNotSleepOverAFullMailbox) {
  test_post post;
  (void)b().inbox.push(post);
  const time_point until = b().kernel->now() + 20s;
  EXPECT_TRUE(b().poll(until).empty());
  EXPECT_LT(b().kernel->now(), until);
  EXPECT_EQ(b().posts, 1);
}

TEST_P(real_backend, WakeOfAnotherThreadEndsASleep) {
  const time_point until = b().kernel->now() + 20s;
  std::thread other([&] { b().kernel->wake(); });
  EXPECT_TRUE(b().poll(until).empty());
  other.join();
  EXPECT_LT(b().kernel->now(), until);
}

TEST_P(real_backend, APostOfAnotherThreadEndsASleep) {
  for (int i = 0; i < 200; ++i) {
    test_post post;
    const time_point until = b().kernel->now() + 20s;
    std::thread other([&] {
      if (b().inbox.push(post)) b().kernel->wake();
    });
    while (!b().posts && b().kernel->now() < until) b().poll(until);
    other.join();
    ASSERT_EQ(b().posts, 1);
    b().posts = 0;
  }
}

TEST_P(real_backend, WakeKeepsErrno) {
  errno = 77;
  b().kernel->wake();
  EXPECT_EQ(errno, 77);
  b().poll(b().kernel->now() + 1ms);
}

TEST_P(real_backend, ASignalHandlerMayWake) {
  static detail::backend* woken;
  woken = b().kernel.get();
  struct sigaction action{}, before{};
  action.sa_handler = [](int) { woken->wake(); };
  sigaction(SIGUSR1, &action, &before);
  const pthread_t here = pthread_self();
  const time_point until = b().kernel->now() + 20s;
  std::thread other([here] { pthread_kill(here, SIGUSR1); });
  EXPECT_TRUE(b().poll(until).empty());
  other.join();
  EXPECT_LT(b().kernel->now(), until);
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(real_backend, ASignalThatWakesNobodyDoesNotEndASleep) {
  struct sigaction action{}, before{};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, &before);
  const pthread_t here = pthread_self();
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) {
      pthread_kill(here, SIGUSR1);
      std::this_thread::yield();
    }
  });
  const time_point until = b().kernel->now() + 5ms;
  EXPECT_TRUE(b().poll(until).empty());
  EXPECT_GE(b().kernel->now(), until);
  over = true;
  other.join();
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(real_backend, ItsHandleIsReadableOnceThereIsSomethingToDo) {
  auto [near, far] = b().pair();
  char byte;
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(o);
  pollfd p{b().kernel->native_handle(), POLLIN, 0};
  EXPECT_EQ(::poll(&p, 1, 0), 0);
  b().say(far, "x");
  EXPECT_EQ(::poll(&p, 1, 1000), 1);
  EXPECT_EQ(b().run_until(o), 1);
  b().close(near);
  b().close(far);
}

TEST_P(real_backend, AsksTheKernelNothingWhereNothingIsInFlight) {
  const auto before = b().kernel->counts().enters;
  for (int i = 0; i < 10; ++i) b().poll();
  EXPECT_EQ(b().kernel->counts().enters, before);
}

// ---- Cancelling

TEST_P(every_backend, ACancelledReceiveReportsThatItDidNothingAndLosesNoByte) {
  auto [near, far] = b().pair();
  char byte;
  test_operation o(ask_for(verb::receive, near, &byte, 1));
  b().begin_and_wait(o);
  b().cancel(o);
  EXPECT_EQ(b().run_until(o), -ECANCELED);
  EXPECT_EQ(b().kernel->inside(), 0u);
  b().say(far, "later");
  EXPECT_EQ(b().hear(near), "later");
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, ACancelThatRacesWithDataKeepsTheBytes) {
  auto [near, far] = b().pair();
  for (int i = 0; i < 300; ++i) {
    char byte = 0;
    test_operation o(ask_for(verb::receive, near, &byte, 1));
    b().begin_and_wait(o);
    const char sent[] = {static_cast<char>('a' + i % 26), 0};
    b().say(far, sent);
    b().cancel(o);
    const int result = b().run_until(o);
    if (result == 1) {
      EXPECT_EQ(byte, sent[0]);
    } else {
      ASSERT_EQ(result, -ECANCELED);
      ASSERT_EQ(b().hear(near), sent);
    }
  }
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, WhatWasWithdrawnFromTheListIsNeverTouched) {
  auto [near, far] = b().pair();
  b().say(far, "x");
  char byte = 0;
  test_operation first, withdrawn(ask_for(verb::receive, near, &byte, 1)), last;
  b().begin(first);
  b().begin(withdrawn);
  b().begin(last);
  withdrawn.unlink();
  EXPECT_EQ(b().run_until(last), 0);
  EXPECT_EQ(first.reports, 1);
  EXPECT_EQ(withdrawn.reports, 0);
  EXPECT_EQ(byte, 0);
  EXPECT_EQ(b().hear(near), "x");
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, CancelsOneOfTwoOnTheSameDescriptor) {
  auto [near, far] = b().pair();
  std::vector<char> big(4 << 20), in(64);
  test_operation write(ask_for(verb::send, near, big.data(), big.size()));
  b().begin(write);
  while (!write.reports) b().poll();
  while (b().kernel->ask(ask_for(verb::send, near, big.data(), big.size())) > 0) {
  }
  test_operation read(ask_for(verb::receive, near, in.data(), in.size()));
  b().begin_and_wait(read);
  b().begin_and_wait(write);
  b().cancel(write);
  EXPECT_EQ(b().run_until(write), -ECANCELED);
  EXPECT_EQ(read.reports, 0);
  b().say(far, "still");
  EXPECT_EQ(b().run_until(read), 5);
  b().close(near);
  b().close(far);
}

TEST_P(every_backend, ACancelledAcceptLosesNoConnection) {
  auto [server, address] = b().listener();
  test_operation accept(b().accept_from(server));
  b().begin_and_wait(accept);
  b().cancel(accept);
  EXPECT_EQ(b().run_until(accept), -ECANCELED);
  int client = b().socket();
  test_operation connect(ask_for(verb::connect, client, &address, sizeof address));
  b().begin(connect);
  b().begin(accept);
  EXPECT_EQ(b().run_until(connect), 0);
  int taken = b().run_until(accept);
  EXPECT_GE(taken, 0);
  for (int s : {server, client, taken}) EXPECT_EQ(b().close(s), 0);
}

TEST_P(every_backend, CancelsManyWithinTheLimit) {
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> receives;
  char byte;
  for (int i = 0; i < 10; ++i) {
    pairs.push_back(b().pair());
    b().begin(receives.emplace_back(ask_for(verb::receive, pairs.back().first, &byte, 1)));
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(b().poll().empty());
  for (test_operation& o : receives) b().cancel(o);
  b().turn.limit = 4;
  std::size_t reported = 0;
  while (reported < 10) {
    std::size_t now = b().poll(time_point::max()).size();
    EXPECT_LE(now, 4u);
    reported += now;
  }
  for (test_operation& o : receives) EXPECT_EQ(o.result, -ECANCELED);
  EXPECT_TRUE(b().turn.cancel.empty());
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

TEST_P(real_backend, BothSidesOfOneDescriptorAreTwoReportsWithinTheLimit) {
  auto [near, far] = b().pair();
  std::vector<char> block(1 << 16);
  const auto size = static_cast<std::uint32_t>(block.size());
  while (b().kernel->ask(ask_for(verb::send, near, block.data(), size)) > 0) {
  }
  char byte = 'x';
  test_operation in(ask_for(verb::receive, near, &byte, 1));
  test_operation out(ask_for(verb::send, near, &byte, 1));
  b().begin_and_wait(in);
  b().begin_and_wait(out);
  b().say(far, "x");
  while (b().kernel->ask(ask_for(verb::receive, far, block.data(), size)) > 0) {
  }
  b().turn.limit = 1;
  const time_point give_up = b().kernel->now() + 20s;
  while (in.reports + out.reports < 2 && b().kernel->now() < give_up)
    EXPECT_LE(b().poll(give_up).size(), 1u);
  EXPECT_EQ(in.result, 1);
  EXPECT_EQ(out.result, 1);
  b().close(near);
  b().close(far);
}

TEST_P(real_backend, ACancelledConnectReportsIt) {
  // A listener whose queue is full keeps the next connects on their way.
  int server = b().socket();
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::bind, server, &any, sizeof any)), 0);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::listen, server, nullptr, 0)), 0);
  sockaddr_in address = b().local_name(server);
  std::vector<int> clients;
  std::deque<test_operation> connects;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(b().socket());
    b().begin(
        connects.emplace_back(ask_for(verb::connect, clients.back(), &address, sizeof address)));
  }
  for (int i = 0; i < 5; ++i) b().poll();
  int cancelled = 0;
  for (test_operation& o : connects) {
    if (o.reports) continue;
    b().cancel(o);
    EXPECT_EQ(b().run_until(o), -ECANCELED);
    ++cancelled;
  }
  EXPECT_GT(cancelled, 0);
  EXPECT_EQ(b().kernel->inside(), 0u);
  for (int s : clients) b().close(s);
  b().close(server);
}

// ---- Calls and the pool

request call_of(int (*function)(void*), void* argument) {
  request r;
  r.what = verb::call;
  r.lane = pool_lane::compute;
  r.address = number(function);
  r.offset = number(argument);
  return r;
}

TEST_P(every_backend, ACallGivesWhatItsFunctionReturns) {
  int argument = 41;
  EXPECT_EQ(b().finish(call_of([](void* p) { return *static_cast<int*>(p) + 1; }, &argument)), 42);
  EXPECT_EQ(b().finish(call_of([](void*) { return -5; }, nullptr)), -5);
}

/// Holds threads of the pool until it is opened.
struct gate {
  std::promise<void> opened;
  std::shared_future<void> future = opened.get_future().share();
  std::atomic<int> inside{0};
  static int wait(void* p) {
    auto* g = static_cast<gate*>(p);
    ++g->inside;
    g->future.wait();
    return 7;
  }
  void has(int n) {
    while (inside.load() < n) std::this_thread::yield();
  }
};

TEST_P(real_backend, ACallRunsOnAnotherThreadAndComesByTheMailbox) {
  std::thread::id ran;
  test_operation call(call_of(
      [](void* p) { return *static_cast<std::thread::id*>(p) = std::this_thread::get_id(), 0; },
      &ran));
  b().begin(call);
  EXPECT_EQ(b().run_until(call), 0);
  EXPECT_TRUE(call.from_pool);
  EXPECT_NE(ran, std::this_thread::get_id());
  EXPECT_EQ(b().kernel->inside(), 0u);
}

TEST_P(real_backend, WhatThePoolHasNoRoomForStaysListedAndIsDoneLater) {
  make(64, {1, 1});
  gate g;
  test_operation running(call_of(gate::wait, &g)), queued(call_of(gate::wait, &g));
  b().begin(running);
  b().poll();
  g.has(1);
  b().begin(queued);
  std::deque<test_operation> more;
  for (int i = 0; i < 3; ++i)
    b().begin(more.emplace_back(call_of([](void*) { return 3; }, nullptr)));
  test_operation nothing;
  b().begin(nothing);
  EXPECT_EQ(b().run_until(nothing), 0);  // what needs no pool is not held up
  EXPECT_EQ(queued.where, operation::place::inside);
  for (test_operation& o : more) EXPECT_EQ(o.where, operation::place::listed);
  // One that stays listed is its owner's.
  more[1].unlink();
  g.opened.set_value();
  for (test_operation* o : {&more[0], &more[2]}) EXPECT_EQ(b().run_until(*o), 3);
  EXPECT_EQ(b().run_until(queued), 7);
  EXPECT_EQ(b().run_until(running), 7);
  EXPECT_EQ(more[1].reports, 0);
}

TEST_P(real_backend, WhatWaitsForThePoolKeepsItsOrderThoughTheLimitStopsTheHandOver) {
  make(64, {1, 1});
  gate g;
  test_operation running(call_of(gate::wait, &g)), queued(call_of(gate::wait, &g));
  b().begin(running);
  b().poll();
  g.has(1);
  b().begin(queued);
  b().poll();
  static std::vector<int> order;
  order.clear();
  int one = 1, two = 2;
  auto note = [](void* p) { return order.push_back(*static_cast<int*>(p)), 0; };
  test_operation first(call_of(note, &one)), second(call_of(note, &two)), nothing[3];
  b().begin(first);
  for (test_operation& o : nothing) b().begin(o);
  b().begin(second);
  b().turn.limit = 2;
  b().poll();
  g.opened.set_value();
  b().run_until(second);
  b().run_until(first);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  for (test_operation* o : {&running, &queued, &nothing[0], &nothing[1], &nothing[2]})
    b().run_until(*o);
}

TEST_P(real_backend, QueuedPoolWorkIsTakenBackAndRunningWorkIsNot) {
  make(64, {1, 8});
  gate g;
  test_operation running(call_of(gate::wait, &g)), queued(call_of(gate::wait, &g));
  b().begin(running);
  b().poll();
  g.has(1);
  b().begin(queued);
  b().poll();
  b().cancel(queued);
  b().cancel(running);
  EXPECT_EQ(b().run_until(queued), -ECANCELED);
  EXPECT_TRUE(b().poll().empty());
  g.opened.set_value();
  EXPECT_EQ(b().run_until(running), 7);
  EXPECT_EQ(g.inside, 1);
}

}  // namespace
}  // namespace eddy::test
