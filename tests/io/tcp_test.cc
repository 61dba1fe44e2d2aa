// TCP on every backend: what a program sees on good days and on bad ones.
#include "tests/support/io_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <array>
#include <memory>
#include <optional>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/ok.h>

namespace eddy::test {
namespace {

class TcpTest : public io_test {};
EDDY_ON_EVERY_BACKEND(TcpTest);

TEST_P(TcpTest, AHundredConnectionsEchoAtOnce) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    join_handle<void> server = spawn(serve_echo, std::ref(listener));
    const auto talk = [](socket_address to, int number) -> task<void> {
      result<tcp_stream> s = co_await tcp_stream::connect(to);
      EXPECT_TRUE(s) << s.error();
      for (int round = 0; round < 10; ++round) {
        const std::string sent = "message " + std::to_string(number) + "/" + std::to_string(round);
        std::string back(sent.size(), ' ');
        const result<void> written = co_await write_all(*s, sent);
        EXPECT_TRUE(written);
        const result<void> read = co_await read_exactly(*s, back);
        EXPECT_TRUE(read);
        EXPECT_EQ(back, sent);
      }
    };
    std::vector<join_handle<void>> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(spawn(talk, listener.local_address(), i));
    for (join_handle<void>& c : clients) co_await c;
    const result<void> closed = co_await listener.close();
    EXPECT_TRUE(closed);
    co_await server;
  });
}

TEST_P(TcpTest, APortInUseIsReported) {
  run([]() -> task<void> {
    const tcp_listener first = tcp_listener::bind(socket_address::loopback(0)).value();
    EXPECT_NE(first.local_address().port(), 0);
    const auto second = tcp_listener::bind(first.local_address());
    EXPECT_EQ(second.error(), std::errc::address_in_use);
    co_return;
  });
}

TEST_P(TcpTest, ListenersMayShareAPortOnPurpose) {
  run([]() -> task<void> {
    listen_options shared;
    shared.reuse_port = true;
    const auto first = tcp_listener::bind(socket_address::loopback(0), shared).value();
    EXPECT_TRUE(tcp_listener::bind(first.local_address(), shared));
    co_return;
  });
}

TEST_P(TcpTest, ARefusedConnectionIsReported) {
  run([]() -> task<void> {
    std::optional<tcp_listener> gone(tcp_listener::bind(socket_address::loopback(0)).value());
    const socket_address nobody = gone->local_address();
    gone.reset();
    const result<tcp_stream> s = co_await tcp_stream::connect(nobody);
    EXPECT_EQ(s.error(), std::errc::connection_refused);
  });
}

TEST_P(TcpTest, OnlyInternetAddressesAreTcp) {
  run([]() -> task<void> {
    const socket_address local = socket_address::unix_path("/tmp/x").value();
    EXPECT_EQ(tcp_listener::bind(local).error(), std::errc::address_family_not_supported);
    const result<tcp_stream> s = co_await tcp_stream::connect(local);
    EXPECT_EQ(s.error(), std::errc::address_family_not_supported);
    const result<tcp_stream> none = co_await tcp_stream::connect(socket_address());
    EXPECT_EQ(none.error(), std::errc::address_family_not_supported);
  });
}

TEST_P(TcpTest, AListenerCanBeMadeBeforeItsRuntime) {
  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  run([&listener]() -> task<void> {
    join_handle<result<tcp_stream>> accepting = spawn(listener.accept());
    const result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(near);
    const result<tcp_stream> far = co_await accepting;
    EXPECT_TRUE(far);
  });
}

TEST_P(TcpTest, BothEndsKnowTheAddresses) {
  run([]() -> task<void> {
    const auto [near, far] = co_await tcp_pair();
    EXPECT_EQ(near.local_address(), far.peer_address());
    EXPECT_EQ(far.local_address(), near.peer_address());
    EXPECT_EQ(near.local_address().to_string().substr(0, 10), "127.0.0.1:");
  });
}

TEST_P(TcpTest, StreamsAreNotDelayedAndCloseOnExec) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    for (tcp_stream* s : {&near, &far}) {
      int value = 0;
      socklen_t size = sizeof value;
      EXPECT_EQ(::getsockopt(s->native_handle(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
      EXPECT_EQ(value, 1);
      EXPECT_TRUE(s->set_no_delay(false));
      EXPECT_EQ(::getsockopt(s->native_handle(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
      EXPECT_EQ(value, 0);
      EXPECT_EQ(::fcntl(s->native_handle(), F_GETFD), FD_CLOEXEC);
    }
  });
}

TEST_P(TcpTest, AReadIsShortAndEndsWithZeroForEver) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const result<std::size_t> written = co_await near.write("abc");
    EXPECT_EQ(*written, 3u);
    std::array<char, 100> buffer;
    const result<std::size_t> read = co_await far.read(buffer);
    EXPECT_EQ(*read, 3u);
    const result<void> closed = co_await near.close();
    EXPECT_TRUE(closed);
    for (int i = 0; i < 3; ++i) {
      const result<std::size_t> end = co_await far.read(buffer);
      EXPECT_TRUE(end);
      EXPECT_EQ(end.value_or(1u), 0u);
    }
  });
}

TEST_P(TcpTest, AHalfClosedPeerStillReads) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    EXPECT_TRUE(near.shutdown_write());
    std::array<char, 100> buffer;
    const result<std::size_t> end = co_await far.read(buffer);
    EXPECT_EQ(*end, 0u);
    const result<void> written = co_await write_all(far, "answer");
    EXPECT_TRUE(written);
    const result<std::size_t> read = co_await near.read(buffer);
    EXPECT_EQ(*read, 6u);
    const result<std::size_t> refused = co_await near.write("more");
    EXPECT_EQ(refused.error(), std::errc::broken_pipe);
  });
}

TEST_P(TcpTest, AResetEndsAReadThatWaits) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    std::array<char, 100> buffer;
    join_handle<result<std::size_t>> reading = spawn(near.read(buffer));
    co_await after_a_poll();
    reset_at_close(far);
    const result<void> closed = co_await far.close();
    EXPECT_TRUE(closed);
    const result<std::size_t> read = co_await reading;
    EXPECT_EQ(read.error(), std::errc::connection_reset);
  });
}

TEST_P(TcpTest, AResetEndsAWriteThatWaits) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    co_await fill(near);
    const std::string more(100'000, 'y');
    join_handle<result<void>> writing = spawn(write_all(near, more));
    co_await after_a_poll();
    EXPECT_FALSE(writing.done());
    reset_at_close(far);
    const result<void> closed = co_await far.close();
    EXPECT_TRUE(closed);
    const result<void> written = co_await writing;
    EXPECT_TRUE(written.error() == std::errc::connection_reset ||
                written.error() == std::errc::broken_pipe)
        << written.error();
    const result<std::size_t> again = co_await near.write("z");
    EXPECT_EQ(again.error(), std::errc::broken_pipe);
  });
}

TEST_P(TcpTest, AReadAndAWriteMayBeInFlightTogether) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const std::string out(3 << 20, 'o');
    const std::string back(2 << 20, 'b');
    std::string got_out(out.size(), ' ');
    std::string got_back(back.size(), ' ');
    join_handle<result<void>> all[] = {spawn(write_all(near, out)), spawn(write_all(far, back)),
                                       spawn(read_exactly(far, got_out)),
                                       spawn(read_exactly(near, got_back))};
    for (auto& h : all) {
      const result<void> r = co_await h;
      EXPECT_TRUE(r) << r.error();
    }
    EXPECT_EQ(out, got_out);
    EXPECT_EQ(back, got_back);
  });
}

TEST_P(TcpTest, EmptyBuffersNeedNoKernel) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const auto ticks = runtime::current().ticks();
    const result<std::size_t> read = co_await near.read(mutable_buffer());
    EXPECT_EQ(read.error(), std::errc::invalid_argument);
    const result<std::size_t> written = co_await near.write("");
    EXPECT_EQ(written.value_or(1u), 0u);
    EXPECT_EQ(runtime::current().ticks(), ticks);
    for (int i = 0; i < 10'000; ++i) {  // with the budget spent they queue
      const result<std::size_t> again = co_await near.write("");
      EXPECT_EQ(again.value_or(1u), 0u);
    }
    EXPECT_GT(runtime::current().ticks(), ticks + 5);
  });
}

TEST_P(TcpTest, ResultsComposeWithOkAndStopsWithCatchStopped) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    const auto exchange = [](tcp_stream& a, tcp_stream& b) -> task<result<std::size_t>> {
      std::array<char, 10> buffer;
      co_await ok(a.write("hello"));
      const std::size_t n = co_await ok(b.read(buffer));
      co_await ok(a.close());
      const std::size_t end = co_await ok(b.read(buffer));
      EXPECT_EQ(end, 0u);
      co_await ok(a.write("late"));
      ADD_FAILURE();
      co_return n;
    };
    const result<std::size_t> r = co_await exchange(near, far);
    EXPECT_EQ(r.error(), std::errc::bad_file_descriptor);

    auto [one, other] = co_await tcp_pair();
    const auto wait = [](tcp_stream& s, bool& stopped) -> task<void> {
      std::array<char, 10> buffer;
      const std::optional<result<std::size_t>> n = co_await catch_stopped(s.read(buffer));
      stopped = !n;
    };
    bool stopped = false;
    join_handle<void> waiting = spawn(wait, std::ref(one), std::ref(stopped));
    co_await after_a_poll();
    waiting.cancel();
    const auto ended = co_await waiting.join();
    EXPECT_TRUE(ended.has_value() && stopped);
  });
}

// ---- Cancelling ----

TEST_P(TcpTest, ACancelledReadStopsAndLosesNothing) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      auto [near, far] = co_await tcp_pair();
      std::array<char, 100> buffer;
      const bool stopped = co_await stops_when_cancelled(spawn(near.read(buffer)), at);
      EXPECT_TRUE(stopped);
      const result<std::size_t> written = co_await far.write("kept");
      EXPECT_TRUE(written);
      const result<std::size_t> read = co_await near.read(buffer);
      EXPECT_EQ(*read, 4u);
    });
  }
}

TEST_P(TcpTest, ACancelledWriteStops) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      auto [near, far] = co_await tcp_pair();
      co_await fill(near);
      const bool stopped = co_await stops_when_cancelled(spawn(near.write("more")), at);
      EXPECT_TRUE(stopped);
    });
  }
}

TEST_P(TcpTest, ACancelledAcceptStopsAndLosesNoConnection) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
      const bool stopped = co_await stops_when_cancelled(spawn(listener.accept()), at);
      EXPECT_TRUE(stopped);
      const result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
      EXPECT_TRUE(near);
      const result<tcp_stream> far = co_await listener.accept();
      EXPECT_TRUE(far);
    });
  }
}

TEST_P(TcpTest, ACancelledConnectClosesItsSocket) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      // A listener whose backlog is full answers no more: the connect waits.
      listen_options small;
      small.backlog = 0;
      const tcp_listener listener = tcp_listener::bind(socket_address::loopback(0), small).value();
      const result<tcp_stream> first = co_await tcp_stream::connect(listener.local_address());
      EXPECT_TRUE(first);
      const auto open = open_descriptors();
      const bool stopped =
          co_await stops_when_cancelled(spawn(tcp_stream::connect(listener.local_address())), at);
      EXPECT_TRUE(stopped);
      EXPECT_EQ(open_descriptors(), open);
    });
  }
}

TEST_P(TcpTest, WhatHasFinishedIsDeliveredThoughItIsCancelled) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    auto [near2, far2] = co_await tcp_pair();
    struct reader {
      std::array<char, 10> buffer;
      std::size_t got = 0;
      std::optional<join_handle<void>> task;
      bool went_on = false;
    } a, b;
    // Both reads are reported in one poll. Whoever comes first cancels the other, which has its
    // byte, and no more.
    const auto read = [](tcp_stream& s, reader& mine, reader& other) -> task<void> {
      const result<std::size_t> n = co_await s.read(mine.buffer);
      mine.got = n.value_or(0u);
      other.task->cancel();
      co_await next_tick();
      mine.went_on = true;
    };
    a.task = spawn(read, std::ref(near), std::ref(a), std::ref(b));
    b.task = spawn(read, std::ref(near2), std::ref(b), std::ref(a));
    co_await after_a_poll();
    EXPECT_EQ(::send(far.native_handle(), "x", 1, 0), 1);
    EXPECT_EQ(::send(far2.native_handle(), "y", 1, 0), 1);
    const auto first = co_await a.task->join();
    const auto second = co_await b.task->join();
    EXPECT_EQ(a.got, 1u);
    EXPECT_EQ(b.got, 1u);
    EXPECT_NE(a.went_on, b.went_on);
    EXPECT_NE(first.stopped(), second.stopped());
  });
}

TEST_P(TcpTest, NoByteIsLostBetweenCancelledReads) {
  run([]() -> task<void> {
    auto [near, far] = co_await tcp_pair();
    constexpr int total = 2000;
    const auto send = [](tcp_stream& s) -> task<void> {
      for (int i = 0; i < total; ++i) {
        const char c = static_cast<char>('a' + i % 26);
        const result<std::size_t> n = co_await s.write(const_buffer(&c, 1));
        EXPECT_TRUE(n);
        co_await yield();
      }
      EXPECT_TRUE(s.shutdown_write());
    };
    join_handle<void> sending = spawn(send, std::ref(far));
    std::string all;
    bool ended = false;
    int stops = 0;
    while (!ended) {
      const auto read = [](tcp_stream& s, std::string& to, bool& end) -> task<void> {
        std::array<char, 16> buffer;
        const result<std::size_t> n = co_await s.read(buffer);
        EXPECT_TRUE(n);
        to.append(buffer.data(), n.value_or(0u));
        end = n.value_or(0u) == 0;
      };
      join_handle<void> reading = spawn(read, std::ref(near), std::ref(all), std::ref(ended));
      if (all.size() % 2) co_await after_a_poll();
      co_await yield();
      reading.cancel();
      const auto r = co_await reading.join();
      stops += r.stopped();
    }
    co_await sending;
    EXPECT_EQ(all.size(), std::size_t{total});
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<char>('a' + i % 26));
    EXPECT_GT(stops, 0);
  });
}

// ---- Descriptors run out ----

/// Takes every descriptor that is left.
class no_descriptor_left {
 public:
  no_descriptor_left() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = 100;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int d; (d = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(d);
    EXPECT_EQ(errno, EMFILE);
  }
  ~no_descriptor_left() {
    for (int d : taken_) ::close(d);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  /// Behind the library's back.
  void give_one() {
    ::close(taken_.back());
    taken_.pop_back();
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST_P(TcpTest, WithoutDescriptorsAcceptReportsOnceAndWaitsForAClose) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    join_handle<result<tcp_stream>> accepting = spawn(listener.accept());
    result<tcp_stream> old_near = co_await tcp_stream::connect(listener.local_address());
    result<tcp_stream> old_far = co_await accepting;
    std::optional<tcp_listener> spare(tcp_listener::bind(socket_address::loopback(0)).value());
    result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(old_near && old_far && near);
    const no_descriptor_left nothing;

    const result<tcp_stream> refused = co_await listener.accept();
    EXPECT_EQ(refused.error(), std::errc::too_many_files_open);

    // The next one waits, and asks nobody.
    const auto ticks = runtime::current().ticks();
    join_handle<result<tcp_stream>> next = spawn(listener.accept());
    co_await after_a_poll();
    EXPECT_EQ(runtime::current().pending().timers, 1u);
    EXPECT_EQ(runtime::current().pending().operations, 0u);
    // Old connections go on.
    const result<std::size_t> written = co_await old_near->write("on");
    std::array<char, 10> buffer;
    const result<std::size_t> read = co_await old_far->read(buffer);
    EXPECT_TRUE(written && read);
    EXPECT_LT(runtime::current().ticks() - ticks, 10u);
    EXPECT_FALSE(next.done());

    // A close ends the wait at once.
    spare.reset();
    EXPECT_EQ(runtime::current().pending().timers, 0u);
    EXPECT_EQ(runtime::current().pending().operations, 1u);
    const result<tcp_stream> accepted = co_await next;
    EXPECT_TRUE(accepted) << accepted.error();
  });
}

TEST_P(TcpTest, WithoutDescriptorsAcceptAsksAgainAfterAWhile) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(near);
    no_descriptor_left nothing;
    const auto ticks = runtime::current().ticks();
    const time_point began = now();
    for (int i = 0; i < 3; ++i) {
      const result<tcp_stream> refused = co_await listener.accept();
      EXPECT_EQ(refused.error(), std::errc::too_many_files_open);
    }
    EXPECT_GE(now() - began, std::chrono::milliseconds(200));
    nothing.give_one();
    const result<tcp_stream> accepted = co_await listener.accept();
    EXPECT_TRUE(accepted) << accepted.error();
    EXPECT_LT(runtime::current().ticks() - ticks, 30u);
  });
}

TEST_P(TcpTest, AnAcceptAfterACloseAsksAtOnce) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    std::optional<tcp_listener> spare(tcp_listener::bind(socket_address::loopback(0)).value());
    result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(near);
    const no_descriptor_left nothing;
    const result<tcp_stream> refused = co_await listener.accept();
    EXPECT_EQ(refused.error(), std::errc::too_many_files_open);
    spare.reset();
    join_handle<result<tcp_stream>> next = spawn(listener.accept());
    co_await next_tick();
    EXPECT_EQ(runtime::current().pending().timers, 0u);
    const result<tcp_stream> accepted = co_await next;
    EXPECT_TRUE(accepted) << accepted.error();
  });
}

TEST_P(TcpTest, AnAcceptThatPausesCanBeCancelledAndClosed) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    result<tcp_stream> near = co_await tcp_stream::connect(listener.local_address());
    EXPECT_TRUE(near);
    {
      const no_descriptor_left nothing;
      const result<tcp_stream> refused = co_await listener.accept();
      EXPECT_EQ(refused.error(), std::errc::too_many_files_open);
      for (const moment at : moments) {
        const bool stopped = co_await stops_when_cancelled(spawn(listener.accept()), at);
        EXPECT_TRUE(stopped);
        EXPECT_EQ(runtime::current().pending().timers, 0u);
      }
      join_handle<result<tcp_stream>> last = spawn(listener.accept());
      co_await after_a_poll();
      EXPECT_EQ(runtime::current().pending().timers, 1u);
      const result<void> closed = co_await listener.close();
      EXPECT_TRUE(closed);
      const result<tcp_stream> ended = co_await last;
      EXPECT_EQ(ended.error(), std::errc::operation_canceled);
    }
  });
}

TEST_P(TcpTest, WithoutDescriptorsNothingElseCanBeMadeEither) {
  run([]() -> task<void> {
    co_await yield();
    const tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    auto none = co_await tcp_stream::connect(listener.local_address());  // (the backend is made)
    EXPECT_TRUE(none);
    const no_descriptor_left nothing;
    EXPECT_EQ(tcp_listener::bind(socket_address::loopback(0)).error(),
              std::errc::too_many_files_open);
    EXPECT_EQ(unix_stream::pair().error(), std::errc::too_many_files_open);
    const result<tcp_stream> s = co_await tcp_stream::connect(listener.local_address());
    EXPECT_EQ(s.error(), std::errc::too_many_files_open);
  });
}

}  // namespace
}  // namespace eddy::test
