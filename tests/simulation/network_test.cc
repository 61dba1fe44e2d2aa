// Machines that talk over ways that take time, are cut, or lead to a machine that is off.
#include <cerrno>
#include <string>
#include <vector>

#include "tests/simulation/programs.h"

namespace eddy::test {
namespace {

class network : public ::testing::Test {
 protected:
  static constexpr instant ms = 1'000'000;

  network() {
    server = near.listen(7);
    client = far.socket();
  }
  void connect() {
    ASSERT_EQ(far.connect(client, near.on, 7), 0);
    accepted = near.accept(server);
    ASSERT_GE(accepted, 0);
  }

  world in{a_millisecond()};
  machine& a = in.add_machine("a");
  machine& b = in.add_machine("b");
  program near{a}, far{b};
  int server = -1, client = -1, accepted = -1;
};

TEST_F(network, AHandshakeTakesARoundTripAndOneWayMore) {
  ASSERT_EQ(far.connect(client, a, 7), 0);
  EXPECT_EQ(in.now(), 2 * ms);
  EXPECT_GE(near.accept(server), 0);
  EXPECT_EQ(in.now(), 3 * ms);
}

TEST_F(network, BytesTakeTheirWay) {
  connect();
  const instant before = in.now();
  EXPECT_EQ(far.say(client, "hello"), 5);
  EXPECT_EQ(in.now(), before);
  EXPECT_EQ(near.hear(accepted), "hello");
  EXPECT_EQ(in.now(), before + ms);
}

TEST_F(network, ANarrowLinkTakesItsTimeForEachByte) {
  connect();
  in.between(b, a).bandwidth = 1'000'000;
  const instant before = in.now();
  const std::string text(50'000, 'x');
  EXPECT_EQ(far.say(client, text), 50'000);
  EXPECT_EQ(near.hear(accepted).size(), 64u);
  EXPECT_EQ(in.now(), before + 50 * ms + ms);
}

TEST_F(network, NobodyAtThePortIsToldAfterARoundTripAndOnceMore) {
  EXPECT_EQ(far.connect(client, a, 8), -ECONNREFUSED);
  EXPECT_EQ(in.now(), 2 * ms);
  EXPECT_EQ(far.connect(client, a, 8), -ECONNABORTED);
}

TEST_F(network, AnAddressOfNobodyIsUnreachable) {
  const sockaddr_in nobody = program::address(0x0a000063, 7);
  EXPECT_EQ(far.finish(asking(verb::connect, client, &nobody, sizeof nobody)), -ENETUNREACH);
}

TEST_F(network, WhatIsCutOffComesWhenItIsSentAgain) {
  connect();
  in.partition(b, a);
  EXPECT_EQ(far.say(client, "one"), 3);
  in.advance_to(in.now() + 50 * ms);
  in.heal();
  EXPECT_EQ(far.say(client, "two"), 3);
  const instant before = in.now();
  EXPECT_EQ(near.hear(accepted), "onetwo") << "no hole";
  EXPECT_GT(in.now(), before + 100 * ms);
}

TEST_F(network, APartitionMayBeOneWay) {
  connect();
  in.partition(a, b);
  EXPECT_EQ(far.say(client, "there"), 5);
  EXPECT_EQ(near.hear(accepted), "there");
  EXPECT_EQ(near.say(accepted, "back"), 4);
  asked hears(asking(verb::receive, client, nullptr, 0));
  char text[8];
  hears.ask.address = reinterpret_cast<std::uintptr_t>(text);
  hears.ask.length = sizeof text;
  far.begin(hears);
  for (int i = 0; i < 20; ++i) {
    far.turn();
    ASSERT_TRUE(in.step());
  }
  EXPECT_FALSE(hears.reported);
  in.heal();
  EXPECT_EQ(far.finish(hears), 4);
}

TEST_F(network, AConnectionThatIsCutOffTimesOutOnceSomethingIsSent) {
  connect();
  in.partition(b, a);
  in.partition(a, b);
  EXPECT_EQ(far.say(client, "x"), 1);
  const instant before = in.now();
  EXPECT_EQ(far.hear(client), std::to_string(-ETIMEDOUT));
  EXPECT_GT(in.now() - before, 700 * second);
  EXPECT_LE(in.now() - before, 930 * second);
  EXPECT_EQ(far.hear(client), "");
}

TEST_F(network, AFullBacklogLosesWhoComesAndHasHimComeAgain) {
  const int other = near.listen(9, 0);
  std::vector<int> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(far.socket());
  EXPECT_EQ(far.connect(clients[0], a, 9), 0);
  in.advance_to(in.now() + ms);
  const sockaddr_in at = program::address(a.address(), 9);
  asked second_one(asking(verb::connect, clients[1], &at, sizeof at));
  far.begin(second_one);
  far.turn();
  const instant began = in.now();
  far.turn();
  in.advance_to(began + 1500 * ms);
  far.turn();
  EXPECT_FALSE(second_one.reported);
  EXPECT_GE(near.accept(other), 0);
  EXPECT_EQ(far.finish(second_one), 0);
  EXPECT_EQ(in.now(), began + 2 * second + 2 * ms);
}

TEST_F(network, NobodyWhoAnswersIsGivenUpAfterAMinuteOrTwo) {
  in.partition(b, a);
  EXPECT_EQ(far.connect(client, a, 7), -ETIMEDOUT);
  EXPECT_EQ(in.now(), 131 * second);
}

TEST_F(network, AProgramThatIsKilledClosesWhatItHad) {
  connect();
  EXPECT_EQ(near.say(accepted, "bye"), 3);
  a.kill();
  EXPECT_EQ(a.open_descriptors(), 0u);
  EXPECT_EQ(far.hear(client), "bye");
  EXPECT_EQ(far.hear(client), "");
  EXPECT_EQ(far.say(client, "x"), 1);
  in.advance_to(in.now() + 2 * ms);
  EXPECT_EQ(far.say(client, "x"), -EPIPE);
  EXPECT_EQ(near.ask(asking(verb::listen, server, nullptr, 5)), -EBADF);
}

TEST_F(network, AMachineThatIsOffIsSilentAndThenKnowsNothing) {
  connect();
  a.cut_power();
  EXPECT_EQ(far.say(client, "anybody?"), 8);
  const instant before = in.now();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(in.step());
  EXPECT_GT(in.now(), before + second);
  far.turn();
  a.turn_on();
  EXPECT_EQ(far.hear(client), std::to_string(-ECONNRESET));
}

TEST_F(network, WhatWasInsideADeadProgramEndsAndDoesNothing) {
  connect();
  char byte = 0;
  asked waits(asking(verb::receive, accepted, &byte, 1)), begun;
  near.begin(waits);
  near.turn();
  near.begin(begun);
  a.kill();
  near.turn();
  EXPECT_TRUE(waits.reported);
  EXPECT_EQ(waits.result, -ECANCELED);
  EXPECT_TRUE(begun.reported);
  EXPECT_EQ(begun.result, -ECANCELED);
  EXPECT_EQ(near.inside(), 0u);
}

TEST_F(network, DatagramsArriveAfterTheirWay) {
  const int one = near.socket(SOCK_DGRAM), other = far.socket(SOCK_DGRAM);
  const sockaddr_in at = program::address(INADDR_ANY, 5);
  ASSERT_EQ(near.ask(asking(verb::bind, one, &at, sizeof at)), 0);
  ASSERT_EQ(far.connect(other, a, 5), 0);
  const instant before = in.now();
  EXPECT_EQ(far.say(other, "d"), 1);
  EXPECT_EQ(near.hear(one), "d");
  EXPECT_EQ(in.now(), before + ms);
  in.partition(b, a);
  EXPECT_EQ(far.say(other, "lost"), 4);
  in.advance_to(in.now() + 2 * ms);
  in.heal();
  EXPECT_EQ(far.say(other, "e"), 1);
  EXPECT_EQ(near.hear(one), "e");
  // Nobody is there.
  near.ask(asking(verb::close, one));
  EXPECT_EQ(far.say(other, "x"), 1);
  EXPECT_EQ(far.hear(other), std::to_string(-ECONNREFUSED));
}

TEST_F(network, HostsAreKnownByName) {
  detail::name_query q;
  q.host = "a";
  EXPECT_EQ(far.finish(asking(verb::look_up, -1, &q)), 0);
  ASSERT_EQ(q.addresses.size(), 1u);
  q = {};
  q.host = "c";
  EXPECT_EQ(far.finish(asking(verb::look_up, -1, &q)), 0);
  EXPECT_EQ(q.failed, detail::name_query::failure::not_found);
}

TEST_F(network, AClockThatDriftsIsNeverEarly) {
  b.set_clock(duration(0), 250);
  const time_point until = b.now() + std::chrono::hours(1);
  const instant then = b.when(until);
  in.advance_to(then - 1);
  EXPECT_LT(b.now(), until);
  in.advance_to(then);
  EXPECT_GE(b.now(), until);
  EXPECT_LT(then, 3600 * second);
}

}  // namespace
}  // namespace eddy::test
