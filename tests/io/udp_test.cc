// UDP on every backend: datagrams, batches, what is sent in segments. (What a network adds to them
// is in udp_network_test.cc.)
#include "tests/support/datagrams.h"

#include <optional>
#include <utility>

namespace eddy::test {
namespace {

class udp : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(udp);

// ---- One by one

TEST_P(udp, ADatagramComesWholeWithItsSender) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const std::size_t sent = co_await ok(a.send_to("hello", b.local_address()));
    EXPECT_EQ(sent, 5u);
    co_await ok(a.send_to("!", b.local_address()));
    std::array<char, 64> buffer{};
    const datagram first = co_await ok(b.receive_from(buffer));
    EXPECT_EQ(first.size, 5u);
    EXPECT_EQ(std::string(buffer.data(), 5), "hello");
    EXPECT_EQ(first.from, a.local_address());
    EXPECT_EQ(first.to.family(), 0);
    EXPECT_FALSE(first.truncated);
    EXPECT_EQ(first.segment, 0);
    const std::size_t second = co_await ok(b.receive(buffer));
    EXPECT_EQ(second, 1u);
  });
}

TEST_P(udp, AReceiveWaitsForTheNext) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    std::array<char, 64> buffer;
    for (int i = 0; i < 3; ++i) {
      auto receiving = spawn(b.receive_from(buffer));
      co_await after_a_poll();
      EXPECT_FALSE(receiving.done());
      co_await ok(a.send_to("late", b.local_address()));
      const datagram d = (co_await receiving).value();
      EXPECT_EQ(d.size, 4u);
      EXPECT_EQ(d.from, a.local_address());
    }
  });
}

TEST_P(udp, TryingWaitsForNothing) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    std::array<char, 10> buffer{};
    EXPECT_EQ(b.try_receive(buffer).error(), std::errc::resource_unavailable_try_again);
    EXPECT_EQ(a.try_send("x").error(), std::errc::destination_address_required);
    EXPECT_TRUE(a.connect(b.local_address()));
    EXPECT_EQ(a.try_send("hello").value_or(0u), 5u);
    EXPECT_EQ(a.try_send(const_buffer()).value_or(1u), 0u);
    EXPECT_EQ(a.try_send(letters(70000)).error(), std::errc::message_size);
    EXPECT_EQ(b.try_receive(mutable_buffer(buffer).first(0)).error(), std::errc::invalid_argument);
    EXPECT_EQ(b.try_receive(buffer).value_or(0u), 5u);
    EXPECT_EQ(std::string(buffer.data(), 5), "hello");
    EXPECT_EQ(b.try_receive(buffer).value_or(1u), 0u) << "an empty one is a datagram";
    EXPECT_EQ(b.try_receive(buffer).error(), std::errc::resource_unavailable_try_again);
    co_await ok(b.close());
    EXPECT_EQ(b.try_receive(buffer).error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(udp, WhatDoesNotFitIsGoneAndTold) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const std::string text = letters(100);
    std::array<char, 11> buffer{};
    for (int i = 0; i < 2; ++i) co_await ok(a.send_to(text, b.local_address()));
    co_await ok(a.send_to("next", b.local_address()));
    const datagram cut = co_await ok(b.receive_from(mutable_buffer(buffer).first(10)));
    EXPECT_EQ(cut.size, 10u);
    EXPECT_TRUE(cut.truncated);
    EXPECT_EQ(std::string(buffer.data()), text.substr(0, 10));
    const std::size_t size = co_await ok(b.receive(mutable_buffer(buffer).first(10)));
    EXPECT_EQ(size, 10u);
    const datagram whole = co_await ok(b.receive_from(buffer));
    EXPECT_EQ(whole.size, 4u);
    EXPECT_FALSE(whole.truncated);
  });
}

TEST_P(udp, AnEmptyOneIsADatagramAndNoEnd) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    EXPECT_TRUE(a.connect(b.local_address()));
    co_await ok(a.send_to("", b.local_address()));
    co_await ok(a.send(const_buffer()));
    co_await ok(a.send("x"));
    std::array<char, 8> buffer;
    const datagram empty = co_await ok(b.receive_from(buffer));
    EXPECT_EQ(empty.size, 0u);
    EXPECT_EQ(empty.from, a.local_address());
    const std::size_t size = co_await ok(b.receive(buffer));
    EXPECT_EQ(size, 0u);
    const std::string last = co_await next(b);
    EXPECT_EQ(last, "x");
  });
}

TEST_P(udp, AnEmptyBufferTakesNone) {
  run([]() -> task<> {
    udp_socket a = on_loopback();
    co_await ok(a.send_to("stays", a.local_address()));
    const auto none = co_await a.receive(mutable_buffer());
    EXPECT_EQ(none.error(), std::errc::invalid_argument);
    const auto nobody = co_await a.receive_from(mutable_buffer());
    EXPECT_EQ(nobody.error(), std::errc::invalid_argument);
    const std::string there = co_await next(a);
    EXPECT_EQ(there, "stays");
  });
}

TEST_P(udp, AConnectedOneHearsItsPeerAlone) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback(), stranger = on_loopback();
    EXPECT_EQ(a.peer_address().family(), 0);
    EXPECT_TRUE(a.connect(b.local_address()));
    EXPECT_EQ(a.peer_address(), b.local_address());
    co_await ok(stranger.send_to("not for you", a.local_address()));
    co_await ok(b.send_to("for you", a.local_address()));
    const std::string heard = co_await next(a);
    EXPECT_EQ(heard, "for you");
    co_await ok(a.send("yes"));
    const std::string answer = co_await next(b);
    EXPECT_EQ(answer, "yes");
    co_await ok(a.send_to("elsewhere", stranger.local_address()));
    const std::string other = co_await next(stranger);
    EXPECT_EQ(other, "elsewhere");
    EXPECT_TRUE(a.connect(stranger.local_address()));
    co_await ok(a.send("to another"));
    const std::string another = co_await next(stranger);
    EXPECT_EQ(another, "to another");
  });
}

TEST_P(udp, WhereToMustBeSaid) {
  run([]() -> task<> {
    udp_socket a = on_loopback();
    const auto nowhere = co_await a.send("x");
    EXPECT_EQ(nowhere.error(), std::errc::destination_address_required);
    const auto no_address = co_await a.send_to("x", socket_address());
    EXPECT_EQ(no_address.error(), std::errc::address_family_not_supported);
    const auto path = co_await a.send_to("x", socket_address::from_path("/tmp/x").value());
    EXPECT_EQ(path.error(), std::errc::address_family_not_supported);
    EXPECT_EQ(a.connect(socket_address()).error(), std::errc::address_family_not_supported);
    EXPECT_EQ(udp_socket::bind(socket_address()).error(), std::errc::address_family_not_supported);
    EXPECT_EQ(udp_socket::bind(a.local_address()).error(), std::errc::address_in_use);
  });
}

TEST_P(udp, ThousandsGoThereAndBackInOrder) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    auto echoing = spawn(
        [](udp_socket& s) -> task<> {
          std::array<char, 64> buffer;
          for (;;) {
            const datagram d = co_await ok(s.receive_from(buffer));
            co_await ok(s.send_to(const_buffer(buffer.data(), d.size), d.from));
          }
        },
        std::ref(b));
    for (int i = 0; i < 2000; ++i) {
      const std::string text = std::to_string(i);
      co_await ok(a.send_to(text, b.local_address()));
      const std::string back = co_await next(a);
      EXPECT_EQ(back, text);
    }
    echoing.cancel();
    static_cast<void>(co_await echoing.join());
  });
}

// ---- Ends

TEST_P(udp, AReceiveThatIsGivenUpTakesNone) {
  for (const moment at : moments) {
    run([at]() -> task<> {
      udp_socket a = on_loopback(), b = on_loopback();
      std::array<char, 16> buffer;
      std::array<datagram, 2> told;
      const std::array<mutable_buffer, 1> buffers{buffer};
      const bool one = co_await stops_when_cancelled(spawn(b.receive(buffer)), at);
      EXPECT_TRUE(one);
      const bool from = co_await stops_when_cancelled(spawn(b.receive_from(buffer)), at);
      EXPECT_TRUE(from);
      const bool batch = co_await stops_when_cancelled(spawn(b.receive_batch(buffers, told)), at);
      EXPECT_TRUE(batch);
      co_await ok(a.send_to("still there", b.local_address()));
      const std::string there = co_await next(b);
      EXPECT_EQ(there, "still there");
    });
  }
}

TEST_P(udp, WhatHasComeIsDeliveredToATaskThatStops) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    std::array<char, 16> buffer;
    co_await ok(a.send_to("1", b.local_address()));
    co_await ok(a.send_to("2", b.local_address()));
    int received = 0;
    auto h = spawn(
        [](udp_socket& s, mutable_buffer into, int& count) -> task<> {
          for (;;) {
            co_await ok(s.receive_from(into));
            ++count;
          }
        },
        std::ref(b), mutable_buffer(buffer), std::ref(received));
    while (received < 1) co_await immediate();
    h.cancel();
    static_cast<void>(co_await h.join());
    // Taken or not, it is not lost.
    if (received == 1) {
      const std::string rest = co_await next(b);
      EXPECT_EQ(rest, "2");
    }
  });
}

TEST_P(udp, AnotherTasksCloseEndsAReceive) {
  run([]() -> task<> {
    for (int which = 0; which < 3; ++which) {
      udp_socket s = on_loopback();
      std::array<char, 16> buffer;
      std::array<datagram, 1> told;
      const std::array<mutable_buffer, 1> buffers{buffer};
      std::optional<join_handle<result<datagram>>> from;
      std::optional<join_handle<result<std::size_t>>> count;
      if (which == 0) from.emplace(spawn(s.receive_from(buffer)));
      if (which == 1) count.emplace(spawn(s.receive(buffer)));
      if (which == 2) count.emplace(spawn(s.receive_batch(buffers, told)));
      co_await after_a_poll();
      co_await ok(s.close());
      std::error_code error;
      if (from) error = (co_await *from).error();
      if (count) error = (co_await *count).error();
      EXPECT_EQ(error, std::errc::operation_canceled);
    }
  });
}

TEST_P(udp, AClosedOneSaysSo) {
  run([]() -> task<> {
    udp_socket s = on_loopback();
    const socket_address own = s.local_address();
    co_await ok(s.close());
    std::array<char, 16> buffer;
    std::array<datagram, 1> told;
    const std::array<mutable_buffer, 1> buffers{buffer};
    const std::array<outgoing, 1> out{outgoing{"x", &own}};
    std::vector<std::error_code> errors;
    errors.push_back((co_await s.receive(buffer)).error());
    errors.push_back((co_await s.receive_from(buffer)).error());
    errors.push_back((co_await s.receive_batch(buffers, told)).error());
    errors.push_back((co_await s.send("x")).error());
    errors.push_back((co_await s.send("")).error());
    errors.push_back((co_await s.send_to("x", own)).error());
    errors.push_back((co_await s.send_batch(out)).error());
    errors.push_back((co_await s.close()).error());
    errors.push_back(s.connect(own).error());
    errors.push_back(s.join_group(with_port("239.1.2.3", 0)).error());
    errors.push_back(s.set_hops(3).error());
    errors.push_back(s.set_multicast_loop(false).error());
    errors.push_back(s.set_receive_buffer(3).error());
    for (const std::error_code& e : errors) EXPECT_EQ(e, std::errc::bad_file_descriptor);
    EXPECT_EQ(s.native_handle(), -1);
    EXPECT_EQ(s.local_address().family(), 0);
    EXPECT_EQ(s.peer_address().family(), 0);
  });
}

// ---- Batches

/// Sends `texts` by as many batches as it takes; gives how many.
task<int> send_all(udp_socket& s, const std::vector<std::string>& texts, const socket_address& to) {
  std::vector<outgoing> out;
  for (const std::string& text : texts) out.push_back({text, &to});
  int batches = 0;
  for (std::size_t sent = 0; sent < out.size(); ++batches)
    sent += co_await ok(s.send_batch(std::span(out).subspan(sent)));
  co_return batches;
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back("number " + std::to_string(i));
  return texts;
}

TEST_P(udp, ABatchGoesAndComesAtOnceInItsOrder) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const std::vector<std::string> texts = numbers(64);
    std::vector<std::array<char, 32>> memory(64);
    const std::vector<mutable_buffer> buffers(memory.begin(), memory.end());
    std::vector<datagram> told(64);
    const socket_address to = b.local_address();
    for (int round = 0; round < 3; ++round) {
      const int batches = co_await send_all(a, texts, to);
      EXPECT_EQ(batches, 1);
      const std::size_t count = co_await ok(b.receive_batch(buffers, told));
      EXPECT_EQ(count, 64u);
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(std::string(memory[i].data(), told[i].size), texts[i]);
        EXPECT_EQ(told[i].from, a.local_address());
        EXPECT_FALSE(told[i].truncated);
      }
    }
  });
}

TEST_P(udp, ABatchTakesWhatIsThereAndWaitsForTheFirst) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    std::vector<std::array<char, 8>> memory(8);
    const std::vector<mutable_buffer> buffers(memory.begin(), memory.end());
    std::vector<datagram> told(5);
    for (int round = 0; round < 3; ++round) {
      auto receiving = spawn(b.receive_batch(buffers, told));
      co_await after_a_poll();
      EXPECT_FALSE(receiving.done());
      co_await ok(a.send_to("longer than that", b.local_address()));
      const std::size_t one = (co_await receiving).value();
      EXPECT_EQ(one, 1u);
      EXPECT_EQ(told[0].size, 8u);
      EXPECT_TRUE(told[0].truncated);
      co_await send_all(a, numbers(7), b.local_address());
      const std::size_t five = co_await ok(b.receive_batch(buffers, told));
      EXPECT_EQ(five, 5u);
      const std::size_t two = co_await ok(b.receive_batch(buffers, told));
      EXPECT_EQ(two, 2u);
    }
  });
}

TEST_P(udp, AConnectedOneSendsABatchToItsPeer) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const std::array<outgoing, 2> out{outgoing{"one", nullptr}, outgoing{"", nullptr}};
    const auto nowhere = co_await a.send_batch(out);
    EXPECT_EQ(nowhere.error(), std::errc::destination_address_required);
    EXPECT_TRUE(a.connect(b.local_address()));
    const std::size_t sent = co_await ok(a.send_batch(out));
    EXPECT_EQ(sent, 2u);
    const std::string one = co_await next(b);
    const std::string two = co_await next(b);
    EXPECT_EQ(one, "one");
    EXPECT_EQ(two, "");
  });
}

TEST_P(udp, WhatGoesNowhereEndsABatchAndIsToldByTheNext) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    const socket_address to = b.local_address(), none;
    std::vector<outgoing> out(64, outgoing{"x", &to});
    out[40].to = &none;
    const std::size_t sent = co_await ok(a.send_batch(out));
    EXPECT_EQ(sent, 40u);
    const auto error = co_await a.send_batch(std::span(out).subspan(sent));
    EXPECT_EQ(error.error(), std::errc::address_family_not_supported);
    const std::size_t rest = co_await ok(a.send_batch(std::span(out).subspan(sent + 1)));
    EXPECT_EQ(rest, 23u);
  });
}

TEST_P(udp, ABatchOfNothingOrTooMuchIsRefused) {
  run([]() -> task<> {
    udp_socket s = on_loopback();
    const socket_address own = s.local_address();
    std::array<char, 4> memory;
    std::vector<mutable_buffer> buffers(1025, mutable_buffer(memory));
    std::vector<datagram> told(1025);
    const std::vector<outgoing> out(1025, outgoing{"x", &own});
    std::vector<std::error_code> errors;
    errors.push_back((co_await s.receive_batch({}, told)).error());
    errors.push_back((co_await s.receive_batch(buffers, {})).error());
    errors.push_back((co_await s.receive_batch(buffers, told)).error());
    errors.push_back((co_await s.send_batch({})).error());
    errors.push_back((co_await s.send_batch(out)).error());
    buffers.resize(3);
    buffers[1] = {};
    errors.push_back((co_await s.receive_batch(buffers, told)).error());
    for (const std::error_code& e : errors) EXPECT_EQ(e, std::errc::invalid_argument);
    const bool empty = co_await is_empty(s);
    EXPECT_TRUE(empty);
  });
}

// ---- Cut and joined

// (The simulation refuses to cut, as devices do: there all of this is what we cut.)
TEST_P(udp, WhatIsSentInSegmentsComesAsDatagrams) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    EXPECT_TRUE(b.set_receive_buffer(1 << 20));
    const std::string text = letters(53 * 1200 + 700);
    for (int round = 0; round < 3; ++round) {
      const std::size_t sent = co_await ok(a.send_to(text, b.local_address(), in_segments(1200)));
      EXPECT_EQ(sent, text.size());
      const auto all = co_await pieces(b, text.size());
      EXPECT_EQ(all.size(), 54u);
      expect_cut(all, text, 1200);
    }
    EXPECT_TRUE(a.connect(b.local_address()));
    co_await ok(a.send(text, in_segments(1200)));
    expect_cut(co_await pieces(b, text.size()), text, 1200);
    // No more than one of them: it is sent as it is.
    co_await ok(a.send("short", in_segments(1200)));
    co_await ok(a.send("", in_segments(1200)));
    const std::string one = co_await next(b);
    EXPECT_EQ(one, "short");
    const std::string none = co_await next(b);
    EXPECT_EQ(none, "");
  });
}

TEST_P(udp, MoreSegmentsThanThereMayBeAreRefused) {
  run([]() -> task<> {
    udp_socket a = on_loopback(), b = on_loopback();
    EXPECT_TRUE(b.set_receive_buffer(1 << 20));
    const auto many = co_await a.send_to(letters(1281), b.local_address(), in_segments(10));
    EXPECT_EQ(many.error(), errc::message_too_long);
    const auto large = co_await a.send_to(letters(65508), b.local_address(), in_segments(1200));
    EXPECT_EQ(large.error(), errc::message_too_long);
    const bool empty = co_await is_empty(b);
    EXPECT_TRUE(empty);
    const std::string text = letters(1280);
    const std::size_t sent = co_await ok(a.send_to(text, b.local_address(), in_segments(10)));
    EXPECT_EQ(sent, 1280u);
    const auto all = co_await pieces(b, 1280);
    EXPECT_EQ(all.size(), 128u);
    expect_cut(all, text, 10);
  });
}

}  // namespace
}  // namespace eddy::test
