// UDP as the kernel gives it: limits, errors of the network, addresses, groups. (The simulation has
// none of that. All on the loopback; IPv6 where the machine has it.)
#include "tests/support/datagrams.h"

#include <fstream>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace eddy::test {
namespace {

class real_udp : public real_runtime {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    open_ = open_descriptors();
    real_runtime::SetUp();
  }
  void TearDown() override {
    real_runtime::TearDown();
    EXPECT_EQ(open_descriptors(), open_) << "a descriptor was left open, or closed twice";
  }

 private:
  std::size_t open_ = 0;
};
EDDY_TEST_ON_REAL_BACKENDS(real_udp);

// ---- Cut and joined

TEST_P(real_udp, WhereTheKernelDoesNotCutWeDo) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    EXPECT_TRUE(b.set_receive_buffer(1 << 20));
    const std::string text = letters(54 * 1200);
    const auto send_and_look = [](udp_socket& from, udp_socket& to,
                                  const std::string& what) -> task<> {
      const std::size_t sent =
          co_await ok(from.send_to(what, to.local_address(), in_segments(1200)));
      EXPECT_EQ(sent, what.size());
      expect_cut(co_await pieces(to, what.size()), what, 1200);
    };
    co_await send_and_look(a, b, text);
    const int on = 1;  // without checksums the kernel refuses (EINVAL), also after it has gone well
    EXPECT_EQ(::setsockopt(a.native_handle(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    for (int i = 0; i < 3; ++i) co_await send_and_look(a, b, text);
    // What is wrong with the whole is told all the same.
    const socket_address elsewhere = with_port("192.0.2.77", 0);
    udp_socket c = on_loopback();
    send_options bad = in_segments(1200);
    bad.from = &elsewhere;
    const auto error = co_await c.send_to(text, b.local_address(), bad);
    EXPECT_FALSE(error);
    const bool empty = co_await is_empty(b);
    EXPECT_TRUE(empty);
    co_await send_and_look(c, b, text);
  });
}

TEST_P(real_udp, DatagramsThatCameTogetherAreGivenAsOne) {
  run([]() -> task<> {
    udp_options joined;
    joined.coalesce = true;
    udp_socket a = on_loopback(), b = on_loopback(joined);
    const std::string text = letters(53 * 1200 + 100);
    std::string got;
    std::string buffer(65536, '\0');
    co_await ok(a.send_to(text, b.local_address(), in_segments(1200)));
    int receives = 0;
    while (got.size() < text.size()) {
      const datagram d = co_await ok(b.receive_from(buffer));
      EXPECT_FALSE(d.truncated);
      EXPECT_EQ(d.from, a.local_address());
      EXPECT_EQ(d.segment, d.size > 1200 ? 1200 : 0);
      got.append(buffer.data(), d.size);
      ++receives;
    }
    EXPECT_EQ(got, text);
    EXPECT_EQ(receives, 1);
    co_await ok(a.send_to("single", b.local_address()));
    const datagram single = co_await ok(b.receive_from(buffer));
    EXPECT_EQ(single.size, 6u);
    EXPECT_EQ(single.segment, 0);
    // In a batch, and cut off.
    co_await ok(a.send_to(text, b.local_address(), in_segments(1200)));
    co_await ok(a.send_to("single", b.local_address()));
    const std::array<mutable_buffer, 2> buffers{mutable_buffer(buffer).first(2000),
                                                mutable_buffer(buffer).from(2000)};
    std::array<datagram, 2> told;
    const std::size_t count = co_await ok(b.receive_batch(buffers, told));
    EXPECT_EQ(count, 2u);
    EXPECT_TRUE(told[0].truncated);
    EXPECT_EQ(told[0].size, 2000u);
    EXPECT_EQ(told[0].segment, 1200);
    EXPECT_EQ(told[1].segment, 0);
    EXPECT_EQ(told[1].size, 6u);
  });
}

TEST_P(real_udp, TheLongestGoesAndOneByteMoreDoesNot) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const std::string text = letters(65508);
    const std::size_t sent =
        co_await ok(a.send_to(std::string_view(text).substr(1), b.local_address()));
    EXPECT_EQ(sent, 65507u);
    const std::string got = co_await next(b);
    EXPECT_EQ(got, text.substr(1));
    const auto error = co_await a.send_to(text, b.local_address());
    EXPECT_EQ(error.error(), errc::message_too_long);
    const socket_address to = b.local_address();
    const std::array<outgoing, 2> out{outgoing{"before", &to}, outgoing{text, &to}};
    const std::size_t one = co_await ok(a.send_batch(out));
    EXPECT_EQ(one, 1u);
    const auto told = co_await a.send_batch(std::span(out).subspan(1));
    EXPECT_EQ(told.error(), errc::message_too_long);
    if (!has_v6()) co_return;
    udp_socket c = udp_socket::bind(socket_address::loopback_v6(0)).value();
    const std::string longer = letters(65528);
    co_await ok(c.send_to(std::string_view(longer).substr(1), c.local_address()));
    const std::string all = co_await next(c);
    EXPECT_EQ(all.size(), 65527u);
    const auto too_long = co_await c.send_to(longer, c.local_address());
    EXPECT_EQ(too_long.error(), errc::message_too_long);
    const auto cut = co_await c.send_to(longer, c.local_address(), in_segments(1200));
    EXPECT_EQ(cut.error(), errc::message_too_long);
  });
}

// ---- Errors of the network

TEST_P(real_udp, AConnectedOneIsToldOnceThatNobodyListens) {
  run([]() -> task<> {
    udp_socket a = on_loopback();
    EXPECT_TRUE(a.connect(nobody()));
    std::array<char, 16> buffer;
    for (int round = 0; round < 3; ++round) {
      // To what is sent next, …
      co_await ok(a.send("1"));
      const auto sent = co_await a.send("2");
      EXPECT_EQ(sent.error(), std::errc::connection_refused);
      // … to what is received next, …
      co_await ok(a.send("3"));
      const auto received = co_await a.receive_from(buffer);
      EXPECT_EQ(received.error(), std::errc::connection_refused);
      bool empty = co_await is_empty(a);
      EXPECT_TRUE(empty);
      // … and to what waits.
      auto waiting = spawn(a.receive(buffer));
      co_await after_a_poll();
      co_await ok(a.send("4"));
      const auto waited = co_await waiting;
      EXPECT_EQ(waited.error(), std::errc::connection_refused);
      std::array<datagram, 1> told;
      const std::array<mutable_buffer, 1> buffers{buffer};
      auto batch = spawn(a.receive_batch(buffers, told));
      co_await after_a_poll();
      co_await ok(a.send("5"));
      const auto none = co_await batch;
      EXPECT_EQ(none.error(), std::errc::connection_refused);
      co_await ok(a.send("6"));
      const std::array<outgoing, 1> out{outgoing{"7", nullptr}};
      const auto refused = co_await a.send_batch(out);
      EXPECT_EQ(refused.error(), std::errc::connection_refused);
      empty = co_await is_empty(a);
      EXPECT_TRUE(empty);
    }
    // It goes on working.
    udp_socket b = on_loopback();
    EXPECT_TRUE(a.connect(b.local_address()));
    co_await ok(a.send("there"));
    const std::string heard = co_await next(b);
    EXPECT_EQ(heard, "there");
  });
}

TEST_P(real_udp, WhatASendWasToldDoesNotEndAReceive) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const socket_address none = nobody();
    EXPECT_TRUE(a.connect(none));
    std::array<char, 16> buffer;
    co_await ok(a.send("1"));
    const auto sent = co_await a.send("2");
    EXPECT_EQ(sent.error(), std::errc::connection_refused);
    auto waiting = spawn(a.receive(buffer));
    co_await after_a_poll();
    EXPECT_FALSE(waiting.done());
    EXPECT_TRUE(a.connect(b.local_address()));
    co_await ok(b.send_to("data", a.local_address()));
    const std::size_t size = (co_await waiting).value();
    EXPECT_EQ(size, 4u);
  });
}

TEST_P(real_udp, OneThatIsNotConnectedNeverHearsOfIt) {
  run([]() -> task<> {
    udp_socket a = on_loopback();
    std::array<char, 16> buffer;
    auto waiting = spawn(a.receive_from(buffer));
    const socket_address none = nobody();
    for (int i = 0; i < 3; ++i) {
      const std::size_t sent = co_await ok(a.send_to("x", none));
      EXPECT_EQ(sent, 1u);
      co_await after_a_poll();
    }
    EXPECT_FALSE(waiting.done());
    co_await ok(a.send_to("mine", a.local_address()));
    const datagram d = (co_await waiting).value();
    EXPECT_EQ(d.size, 4u);
  });
}

// ---- Addresses

TEST_P(real_udp, TheDestinationIsToldAndTheSourceIsChosen) {
  run([]() -> task<> {
    udp_options told;
    told.destination = true;
    udp_socket server = udp_socket::bind(socket_address::any(0), told).value();
    udp_socket client = on_loopback();
    const std::uint16_t port = server.local_address().port();
    std::array<char, 16> buffer;
    for (const char* host : {"127.0.0.1", "127.0.0.2", "127.1.2.3"}) {
      co_await ok(client.send_to("ask", with_port(host, port)));
      const datagram asked = co_await ok(server.receive_from(buffer));
      EXPECT_EQ(asked.to, with_port(host, port));
      EXPECT_EQ(asked.from, client.local_address());
      send_options same;
      same.from = &asked.to;
      co_await ok(server.send_to("answer", asked.from, same));
      const datagram answer = co_await ok(client.receive_from(buffer));
      EXPECT_EQ(answer.from, with_port(host, port));
      same.segment = 3;
      co_await ok(server.send_to("answer", asked.from, same));
      const datagram first = co_await ok(client.receive_from(buffer));
      const datagram second = co_await ok(client.receive_from(buffer));
      EXPECT_EQ(first.size, 3u);
      EXPECT_EQ(second.from, with_port(host, port));
    }
    const socket_address not_ours = with_port("192.0.2.77", 0), v6 = socket_address::loopback_v6(0);
    send_options from;
    from.from = &not_ours;
    const auto other = co_await server.send_to("x", client.local_address(), from);
    EXPECT_FALSE(other);
    from.from = &v6;
    const auto family = co_await server.send_to("x", client.local_address(), from);
    EXPECT_EQ(family.error(), std::errc::invalid_argument);
    const bool empty = co_await is_empty(client);
    EXPECT_TRUE(empty);
  });
}

TEST_P(real_udp, OneOfBothFamiliesSpeaksOfIPv4AsIPv4) {
  if (!has_v6()) GTEST_SKIP() << "no IPv6 here";
  run([]() -> task<> {
    udp_options told;
    told.destination = true;
    udp_socket both = udp_socket::bind(socket_address::any_v6(0), told).value();
    const std::uint16_t port = both.local_address().port();
    udp_socket v4 = on_loopback();
    udp_socket v6 = udp_socket::bind(socket_address::loopback_v6(0)).value();
    std::array<char, 16> buffer;
    co_await ok(v4.send_to("four", with_port("127.0.0.2", port)));
    const datagram four = co_await ok(both.receive_from(buffer));
    EXPECT_EQ(four.from, v4.local_address());
    EXPECT_EQ(four.to, with_port("127.0.0.2", port));
    send_options same;
    same.from = &four.to;
    co_await ok(both.send_to("answer", four.from, same));
    const datagram back = co_await ok(v4.receive_from(buffer));
    EXPECT_EQ(back.from, four.to);
    const std::array<outgoing, 1> out{outgoing{"batch", &four.from}};
    co_await ok(both.send_batch(out));
    const std::string batch = co_await next(v4);
    EXPECT_EQ(batch, "batch");
    co_await ok(v6.send_to("six", socket_address::loopback_v6(port)));
    const datagram six = co_await ok(both.receive_from(buffer));
    EXPECT_EQ(six.from, v6.local_address());
    EXPECT_EQ(six.to, socket_address::loopback_v6(port));
    same.from = &six.to;
    co_await ok(both.send_to("answer", six.from, same));
    const datagram there = co_await ok(v6.receive_from(buffer));
    EXPECT_EQ(there.from, six.to);
    EXPECT_TRUE(both.connect(v4.local_address()));
    EXPECT_EQ(both.peer_address(), v4.local_address());
    co_await ok(both.send("connected"));
    const std::string connected = co_await next(v4);
    EXPECT_EQ(connected, "connected");
    const auto wrong = co_await v4.send_to("x", v6.local_address());
    EXPECT_EQ(wrong.error(), std::errc::address_family_not_supported);
  });
}

TEST_P(real_udp, OneOfIPv6AloneLeavesIPv4ToOthers) {
  if (!has_v6()) GTEST_SKIP() << "no IPv6 here";
  run([]() -> task<> {
    udp_options alone;
    alone.v6_only = true;
    udp_socket v6 = udp_socket::bind(socket_address::any_v6(0), alone).value();
    const std::uint16_t port = v6.local_address().port();
    udp_socket v4 = udp_socket::bind(socket_address::any(port)).value();
    udp_socket client = on_loopback();
    co_await ok(client.send_to("four", socket_address::loopback(port)));
    const std::string four = co_await next(v4);
    EXPECT_EQ(four, "four");
    const auto no_way = co_await v6.send_to("x", client.local_address());
    EXPECT_FALSE(no_way);
    udp_socket both = udp_socket::bind(socket_address::any_v6(0)).value();
    EXPECT_EQ(udp_socket::bind(socket_address::any(both.local_address().port())).error(),
              std::errc::address_in_use);
  });
}

TEST_P(real_udp, APortIsSharedByThoseWhoSaySo) {
  run([]() -> task<> {
    udp_options shared;
    shared.reuse_port = true;
    udp_socket a = on_loopback(shared);
    const socket_address at = a.local_address();
    udp_socket b = udp_socket::bind(at, shared).value();
    EXPECT_EQ(udp_socket::bind(at).error(), std::errc::address_in_use);
    // Each goes to one of both, and always to the same one from the same sender.
    udp_socket client = on_loopback();
    for (int i = 0; i < 10; ++i) co_await ok(client.send_to("x", at));
    std::array<char, 4> buffer;
    auto at_a = spawn(a.receive(buffer));
    auto at_b = spawn(b.receive(buffer));
    while (!at_a.done() && !at_b.done()) co_await immediate();
    EXPECT_NE(at_a.done(), at_b.done());
    udp_socket& all = at_a.done() ? a : b;
    for (int i = 1; i < 10; ++i) co_await next(all);
    at_a.cancel();
    at_b.cancel();
    static_cast<void>(co_await at_a.join());
    static_cast<void>(co_await at_b.join());
  });
}

TEST_P(real_udp, ABroadcastNeedsThePermission) {
  run([]() -> task<> {
    udp_socket receiver = udp_socket::bind(socket_address::any(0)).value();
    const socket_address all = with_port("127.255.255.255", receiver.local_address().port());
    udp_socket a = on_loopback();
    const auto refused = co_await a.send_to("x", all);
    EXPECT_EQ(refused.error(), std::errc::permission_denied);
    EXPECT_EQ(a.connect(all).error(), std::errc::permission_denied);
    udp_options may;
    may.broadcast = true;
    udp_socket b = on_loopback(may);
    co_await ok(b.send_to("to all", all));
    const std::string heard = co_await next(receiver);
    EXPECT_EQ(heard, "to all");
  });
}

// ---- Groups

TEST_P(real_udp, AGroupsMembersEachGetACopy) {
  run([]() -> task<> {
    udp_options shared;
    shared.reuse_address = true;
    udp_socket a = udp_socket::bind(socket_address::any(0), shared).value();
    const socket_address group = with_port("239.255.73.1", a.local_address().port());
    udp_socket b = udp_socket::bind(socket_address::any(group.port()), shared).value();
    EXPECT_TRUE(a.join_group(group, "lo"));
    EXPECT_TRUE(b.join_group(group, "1"));  // the loopback's number
    EXPECT_EQ(a.join_group(group, "lo").error(), std::errc::address_in_use);
    udp_socket sender = on_loopback();
    co_await ok(sender.send_to("all", group));
    for (udp_socket* s : {&a, &b}) {
      const std::string heard = co_await next(*s);
      EXPECT_EQ(heard, "all");
    }
    EXPECT_TRUE(b.leave_group(group, "lo"));
    EXPECT_EQ(b.leave_group(group, "lo").error(), std::errc::address_not_available);
    udp_socket other = udp_socket::bind(socket_address::any(0)).value();
    EXPECT_TRUE(other.set_multicast_interface("lo"));
    EXPECT_TRUE(other.set_multicast_hops(0));
    co_await ok(other.send_to("some", group));
    const std::string heard = co_await next(a);
    EXPECT_EQ(heard, "some");
    EXPECT_EQ(a.join_group(group, "no such thing").error(), std::errc::no_such_device);
    EXPECT_EQ(a.join_group(group, "0").error(), std::errc::no_such_device);
    EXPECT_EQ(a.join_group(socket_address::loopback(0), "lo").error(), std::errc::invalid_argument);
    EXPECT_EQ(a.set_multicast_interface("no such thing").error(), std::errc::no_such_device);
  });
}

/// How many sockets are in a group of IPv6, as the kernel lists them.
int members_on_loopback(const std::string& group) {
  std::ifstream list("/proc/net/igmp6");
  std::string number, interface, address, rest;
  int users = 0;
  while (list >> number >> interface >> address >> users && std::getline(list, rest)) {
    if (interface == "lo" && address == group) return users;
  }
  return 0;
}

TEST_P(real_udp, AGroupOfIPv6HasAnInterface) {
  if (!has_v6()) GTEST_SKIP() << "no IPv6 here";
  run([]() -> task<> {
    udp_socket a = udp_socket::bind(socket_address::any_v6(0)).value();
    const std::uint16_t port = a.local_address().port();
    const socket_address group = with_port("[ff01::7301%lo]", port);
    EXPECT_TRUE(a.join_group(group));
    EXPECT_EQ(a.join_group(group, "lo").error(), std::errc::address_in_use);
    udp_socket sender = udp_socket::bind(socket_address::any_v6(0)).value();
    EXPECT_TRUE(sender.set_multicast_interface("lo"));
    EXPECT_EQ(members_on_loopback("ff010000000000000000000000007301"), 1);
    // (As a rule there is no way to groups on the loopback.)
    const auto sent = co_await sender.send_to("six", group);
    if (sent) {
      const std::string heard = co_await next(a);
      EXPECT_EQ(heard, "six");
    } else {
      EXPECT_EQ(sent.error(), std::errc::network_unreachable);
    }
    EXPECT_TRUE(a.leave_group(group, "lo"));
    EXPECT_EQ(members_on_loopback("ff010000000000000000000000007301"), 0);
  });
}

TEST_P(real_udp, HopsAreSetForEachFamily) {
  run([]() -> task<> {
    const auto number = [](const udp_socket& s, int level, int name) {
      int value = -1;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(s.native_handle(), level, name, &value, &size), 0);
      return value;
    };
    udp_socket s = on_loopback();
    EXPECT_TRUE(s.set_hops(7));
    EXPECT_TRUE(s.set_multicast_hops(3));
    EXPECT_TRUE(s.set_multicast_loop(false));
    EXPECT_EQ(number(s, IPPROTO_IP, IP_TTL), 7);
    EXPECT_EQ(number(s, IPPROTO_IP, IP_MULTICAST_TTL), 3);
    EXPECT_EQ(number(s, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
    EXPECT_TRUE(s.set_multicast_loop(true));
    EXPECT_EQ(number(s, IPPROTO_IP, IP_MULTICAST_LOOP), 1);
    for (const int hops : {-1, 0, 256})
      EXPECT_EQ(s.set_hops(hops).error(), std::errc::invalid_argument) << hops;
    for (const int hops : {-1, 256})
      EXPECT_EQ(s.set_multicast_hops(hops).error(), std::errc::invalid_argument) << hops;
    EXPECT_TRUE(s.set_send_buffer(100'000));
    EXPECT_GE(number(s, SOL_SOCKET, SO_SNDBUF), 100'000);
    EXPECT_TRUE(s.set_receive_buffer(~std::size_t{0}));
    if (!has_v6()) co_return;
    udp_socket both = udp_socket::bind(socket_address::any_v6(0)).value();
    EXPECT_TRUE(both.set_hops(9));
    EXPECT_TRUE(both.set_multicast_hops(0));
    EXPECT_EQ(number(both, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 9);
    EXPECT_EQ(number(both, IPPROTO_IP, IP_TTL), 9);
    EXPECT_EQ(number(both, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 0);
    EXPECT_EQ(number(both, IPPROTO_IP, IP_MULTICAST_TTL), 0);
  });
}

// ---- Descriptors

TEST_P(real_udp, ADescriptorIsGivenAwayAndTakenOver) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    EXPECT_TRUE(a.connect(b.local_address()));
    EXPECT_NE(::fcntl(a.native_handle(), F_GETFD) & FD_CLOEXEC, 0);
    const int number = a.release();
    EXPECT_EQ(a.native_handle(), -1);
    const auto gone = co_await a.send("x");
    EXPECT_EQ(gone.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(::fcntl(number, F_SETFL, 0), 0);
    udp_socket again = udp_socket::adopt(number).value();
    EXPECT_EQ(again.native_handle(), number);
    EXPECT_NE(::fcntl(number, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(again.peer_address(), b.local_address());
    co_await ok(again.send("taken over"));
    const std::string heard = co_await next(b);
    EXPECT_EQ(heard, "taken over");
    udp_socket moved = std::move(again);
    const auto empty = co_await again.send("x");  // NOLINT: it says so
    EXPECT_EQ(empty.error(), std::errc::bad_file_descriptor);
    co_await ok(moved.send("moved"));
  });
}

TEST_P(real_udp, WhatIsNoUdpSocketStaysWithTheCaller) {
  run([]() -> task<> {
    const auto refused = [](int number) {
      const std::error_code error = udp_socket::adopt(number).error();
      EXPECT_EQ(::close(number), number < 0 ? -1 : 0);
      return error;
    };
    EXPECT_EQ(refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
              std::errc::wrong_protocol_type);
    EXPECT_EQ(refused(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
              std::errc::address_family_not_supported);
    EXPECT_EQ(refused(::open("/dev/null", O_RDONLY | O_CLOEXEC)), std::errc::not_a_socket);
    EXPECT_EQ(refused(-1), std::errc::bad_file_descriptor);
    co_return;
  });
}

TEST_P(real_udp, ASecondOfAKindAborts) {
  const auto twice = [this](auto begin_two) { run(begin_two); };
  EXPECT_DEATH(twice([]() -> task<> {
                 udp_socket s = on_loopback();
                 std::array<char, 4> buffer;
                 auto first = spawn(s.receive(buffer));
                 co_await after_a_poll();
                 static_cast<void>(co_await s.receive_from(buffer));
               }),
               "eddy: .*udp_socket::receive_from");
  EXPECT_DEATH(twice([]() -> task<> {
                 udp_socket s = on_loopback();
                 std::array<char, 4> buffer;
                 std::array<datagram, 1> told;
                 const std::array<mutable_buffer, 1> buffers{buffer};
                 auto first = spawn(s.receive_from(buffer));
                 co_await after_a_poll();
                 static_cast<void>(co_await s.receive_batch(buffers, told));
               }),
               "eddy: .*udp_socket::receive_batch");
  EXPECT_DEATH(twice([]() -> task<> {
                 udp_socket s = on_loopback();
                 std::array<char, 4> buffer;
                 auto first = spawn(s.receive_from(buffer));
                 co_await after_a_poll();
                 const udp_socket moved = std::move(s);
               }),
               "eddy: .*moved");
}

}  // namespace
}  // namespace eddy::test
