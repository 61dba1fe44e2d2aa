// Several hosts in one world: their programs, deaths, partitions, and how a run ends.
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <eddy/eddy.h>
#include <eddy/simulation/assert.h>
#include <eddy/simulation/simulation.h>

#include "tests/support/soak.h"

namespace eddy {
namespace {

using namespace std::chrono_literals;

/// Counts itself: one for each frame that lives.
struct alive {
  alive() noexcept { ++count; }
  alive(const alive&) = delete;
  alive& operator=(const alive&) = delete;
  ~alive() { --count; }
  inline static int count = 0;
};

simulation_options plain() {
  simulation_options o;
  o.preset = faults::none;
  return o;
}

task<> echo(tcp_stream peer) {
  const alive here;
  std::array<char, 64> buffer;
  for (;;) {
    const auto n = co_await peer.read(buffer);
    if (!n || !*n) co_return;
    if (!co_await write_all(peer, std::span(buffer.data(), *n))) co_return;
  }
}

task<> echo_server() {
  const alive here;
  auto listener = tcp_listener::bind(socket_address::any(7)).value();
  co_await with_task_group([&](task_group& group) -> task<> {
    for (;;) group.spawn(echo, co_await ok(listener.accept()));
  });
}

/// What one exchange gives: what came back, or the error's name.
task<std::string> exchange(socket_address to, std::string text) {
  auto stream = co_await tcp_stream::connect(to);
  if (!stream) co_return stream.error().message();
  if (auto sent = co_await write_all(*stream, text); !sent) co_return sent.error().message();
  std::string answer(text.size(), '\0');
  if (auto got = co_await read_exactly(*stream, answer); !got) co_return got.error().message();
  co_return answer;
}

TEST(Hosts, TalkToEachOther) {
  simulation sim(plain());
  simulated_host& server = sim.host("server", echo_server);
  std::string answer;
  sim.client("client",
             [&, to = server.address(7)]() -> task<> { answer = co_await exchange(to, "hello"); });
  sim.run();
  EXPECT_EQ(answer, "hello");
  EXPECT_TRUE(server.running());
  EXPECT_FALSE(sim["client"].running());
  EXPECT_EQ(server.name(), "server");
}

TEST(Hosts, FindEachOtherByName) {
  simulation sim(plain());
  sim.host("server", echo_server);
  std::string answer;
  sim.client("client", [&]() -> task<> {
    auto stream = co_await ok(connect("server", 7));
    co_await ok(write_all(stream, "hi"));
    answer.resize(2);
    co_await ok(read_exactly(stream, answer));
  });
  sim.run();
  EXPECT_EQ(answer, "hi");
}

TEST(Hosts, GiveTheSameTraceForTheSameSeedOnly) {
  const auto hash_of = [](std::uint64_t seed) {
    simulation_options o;
    o.seed = seed;
    simulation sim(o);
    simulated_host& server = sim.host("server", echo_server);
    for (const char* name : {"one", "two"}) {
      sim.client(name, [to = server.address(7)]() -> task<> {
        for (int i = 0; i < 10; ++i) static_cast<void>(co_await exchange(to, "hello"));
      });
    }
    sim.run();
    return sim.trace_hash();
  };
  EXPECT_EQ(hash_of(1), hash_of(1));
  EXPECT_NE(hash_of(1), hash_of(2));
}

TEST(Hosts, WaitWithoutTakingTime) {
  simulation_options o = plain();
  o.limit = 24h * 366;
  simulation sim(o);
  sim.client("sleeper", []() -> task<> { co_await sleep_for(24h * 365); });
  sim.run();
  EXPECT_GE(sim.now().time_since_epoch(), 24h * 365);
  EXPECT_LT(sim.events(), 1000U);
}

TEST(Hosts, AKilledOneLeavesNothingAndItsPeersHearOfIt) {
  simulation sim(plain());
  simulated_host& server = sim.host("server", echo_server);
  bool after = false;
  std::string heard;
  sim.client("client", [&, to = server.address(7)]() -> task<> {
    auto stream = co_await ok(tcp_stream::connect(to));
    co_await ok(write_all(stream, "hello"));
    char byte = 0;
    std::string got;
    for (;;) {
      const auto n = co_await stream.read({&byte, 1});
      if (!n || !*n) {
        heard = n ? "end" : n.error().message();
        break;
      }
      got += byte;
    }
    EXPECT_EQ(got, "hello");
    after = true;
  });
  sim.at(1s, [&] {
    EXPECT_GE(alive::count, 2);
    server.kill();
    EXPECT_EQ(alive::count, 0);
    EXPECT_FALSE(server.running());
  });
  sim.run();
  EXPECT_TRUE(after);
  EXPECT_EQ(heard, "end");
}

TEST(Hosts, OfOneThatLostItsPowerPeersHearNothing) {
  simulation sim(plain());
  simulated_host& server = sim.host("server", echo_server);
  std::string first;
  std::error_code second;
  sim.client("client", [&, to = server.address(7)]() -> task<> {
    first = co_await exchange(to, "hello");
    co_await sleep_for(2s);
    const auto late = co_await with_timeout(5s, exchange(to, "hello"));
    if (!late) second = late.error();
  });
  sim.at(1s, [&] { server.cut_power(); });
  sim.run();
  EXPECT_EQ(first, "hello");
  EXPECT_EQ(second, std::errc::timed_out);
}

TEST(Hosts, RestartOverWhatTheDiskHolds) {
  simulation sim(plain());
  const auto counts = [](int* starts) -> task<> {
    auto file = co_await ok(
        file::open("/starts", open_mode::write | open_mode::append | open_mode::create));
    co_await ok(file.write(std::string_view("x")));
    ++*starts;
    co_await sleep_for(24h);
  };
  int starts = 0;
  simulated_host& counter = sim.host("counter", counts, &starts);
  sim.at(1s, [&] {
    counter.kill();
    counter.restart(1s);
  });
  sim.at(3s, [&] { counter.restart(); });
  sim.run_for(5s);
  EXPECT_EQ(starts, 3);
  EXPECT_EQ(counter.disk().read("/starts"), "xxx");
  counter.cut_power();  // (nothing was synced, and nothing is drawn)
  EXPECT_EQ(counter.disk().read("/starts"), "");
}

TEST(Hosts, AFrozenOneMakesNoTickAndItsKernelGoesOn) {
  simulation sim(plain());
  simulated_host& server = sim.host("server", echo_server);
  time_point answered;
  sim.client("client", [&, to = server.address(7)]() -> task<> {
    co_await sleep_for(2s);
    auto stream = co_await ok(tcp_stream::connect(to));  // (the kernel takes it)
    EXPECT_LT(sim.now().time_since_epoch(), 3s);
    co_await ok(write_all(stream, "hello"));
    std::string answer(5, '\0');
    co_await ok(read_exactly(stream, answer));
    answered = sim.now();
  });
  sim.at(1s, [&] { server.freeze(); });
  sim.at(10s, [&] { server.thaw(); });
  sim.run();
  EXPECT_GE(answered.time_since_epoch(), 10s);
  EXPECT_LT(answered.time_since_epoch(), 11s);
}

TEST(Hosts, AreStoppedAndKilledWhereThatTakesTooLong) {
  simulation sim(plain());
  bool stopped = false;
  sim.host("polite", [&]() -> task<> {
    co_await finally(sleep_for(24h), [&]() -> task<> {
      stopped = true;
      co_return;
    });
  });
  sim.host("stubborn", []() -> task<> { co_await shield(sleep_for(24h)); });
  sim.at(1s, [&] {
    sim["polite"].stop();
    sim["stubborn"].stop();
  });
  sim.run_for(30s);
  EXPECT_TRUE(stopped);
  EXPECT_FALSE(sim["polite"].running());
  EXPECT_TRUE(sim["stubborn"].running());
  sim.run_for(2s);
  EXPECT_FALSE(sim["stubborn"].running());
}

TEST(Hosts, HearSignalsOrFollowTheirDefault) {
  simulation sim(plain());
  int heard = 0;
  sim.host("listens", [&]() -> task<> {
    signal_set signals({SIGTERM});
    heard = co_await signals.next();
  });
  sim.host("does not", []() -> task<> { co_await sleep_for(24h); });
  sim.at(1s, [&] {
    for (const char* name : {"listens", "does not"}) sim[name].raise(SIGCHLD);
  });
  sim.at(2s, [&] {
    EXPECT_TRUE(sim["does not"].running());
    for (const char* name : {"listens", "does not"}) sim[name].raise(SIGTERM);
    EXPECT_FALSE(sim["does not"].running());
  });
  sim.run_for(3s);
  EXPECT_EQ(heard, SIGTERM);
  EXPECT_FALSE(sim["listens"].running());
}

TEST(Hosts, APartitionIsWaitedOutByAStream) {
  simulation sim(plain());
  simulated_host& server = sim.host("server", echo_server);
  std::string answer;
  simulated_host& client = sim.client("client", [&, to = server.address(7)]() -> task<> {
    auto stream = co_await ok(tcp_stream::connect(to));
    co_await sleep_for(2s);
    co_await ok(write_all(stream, "hello"));
    answer.resize(5);
    co_await ok(read_exactly(stream, answer));
    EXPECT_GE(sim.now().time_since_epoch(), 5s);
  });
  sim.at(1s, [&] { sim.partition(server, client, direction::back); });
  sim.at(5s, [&] { sim.heal(); });
  sim.run();
  EXPECT_EQ(answer, "hello");
}

TEST(Hosts, WhatIsAskedForInsideATickHappensAfterIt) {
  simulation sim(plain());
  bool went_on = false, went_too_far = false;
  sim.host("suicidal", [&]() -> task<> {
    const alive here;
    sim["suicidal"].kill();
    went_on = true;
    co_await sleep_for(1s);
    went_too_far = true;
  });
  sim.run_for(5s);
  EXPECT_TRUE(went_on);
  EXPECT_FALSE(went_too_far);
  EXPECT_EQ(alive::count, 0);
}

TEST(Hosts, NothingIsLeftAfterManyKills) {
  simulation_options o;
  o.seed = 7;
  simulation sim(o);
  simulated_host& server = sim.host("server", echo_server);
  const auto asks = [&](socket_address to) -> task<> {
    const alive here;
    for (;;) {
      static_cast<void>(co_await with_timeout(5ms, exchange(to, "hello")));
      co_await sleep_for(100us);
    }
  };
  std::vector<simulated_host*> all{&server};
  for (const char* name : {"one", "two", "three"})
    all.push_back(&sim.host(name, asks, server.address(7)));
  int kills = 0;
  const int wanted = test::in_ci_or_soak(1000, 10'000);
  sim.every({1ms, 10us}, [&] {
    simulated_host& one = *all[sim.choose(all.size(), "whom")];
    one.kill();
    one.restart(sim.pick("back after", between<duration>{0s, 1ms}));
    ++kills;
  });
  EXPECT_TRUE(sim.run_until([&] { return kills == wanted; }, 1h));
  for (simulated_host* h : all) h->kill();
  EXPECT_EQ(alive::count, 0);
}

// ---- How a run fails

std::string failure_of(simulation& sim) {
  try {
    sim.run();
  } catch (const simulation_failure& e) {
    return e.reason();
  }
  return "";
}

TEST(Hosts, WhatAMainThrowsFailsTheRun) {
  simulation sim(plain());
  sim.host("faulty", []() -> task<> {
    co_await sleep_for(1s);
    throw std::runtime_error("broken");
  });
  sim.client("client", []() -> task<> { co_await sleep_for(1h); });
  EXPECT_EQ(failure_of(sim), "exception: std::runtime_error: broken");
}

TEST(Hosts, AWorldInWhichNothingIsLeftToHappenIsStuck) {
  simulation sim(plain());
  simulated_host& server = sim.host("server", []() -> task<> {
    auto listener = tcp_listener::bind(socket_address::any(7)).value();
    auto peer = co_await ok(listener.accept());
    char byte = 0;
    static_cast<void>(co_await peer.read({&byte, 1}));
  });
  sim.client("client", [to = server.address(7)]() -> task<> {
    auto stream = co_await ok(tcp_stream::connect(to));
    char byte = 0;
    static_cast<void>(co_await stream.read({&byte, 1}));
  });
  try {
    sim.run();
    FAIL() << "it ended";
  } catch (const simulation_failure& e) {
    EXPECT_EQ(e.reason(), "stuck: nothing is left to happen, and it waits: client");
    const std::string text = e.what();
    EXPECT_NE(text.find("main: tcp_stream::read at hosts_test.cc"), std::string::npos) << text;
    EXPECT_NE(text.find("  server:"), std::string::npos) << text;
    EXPECT_NE(text.find("  client:"), std::string::npos) << text;
  }
}

TEST(Hosts, ADeadlockOnOneFailsTheRun) {
  simulation sim(plain());
  sim.client("client", []() -> task<> {
    event never;
    co_await never.wait();
  });
  EXPECT_EQ(failure_of(sim), "deadlock: on client nothing can wake what waits");
}

TEST(Hosts, ALimitOfTimeAndALoopThatSpinsFailTheRun) {
  {
    simulation sim(plain());
    sim.client("client", []() -> task<> { co_await sleep_for(2h); });
    EXPECT_EQ(failure_of(sim), "limit: of virtual time: 3600 s");
  }
  simulation_options o = plain();
  o.tick_cost = 0ns;
  simulation sim(o);
  sim.client("client", []() -> task<> {
    for (;;) co_await yield();
  });
  EXPECT_EQ(failure_of(sim), "spinning: time stands still, and client has always more to do");
}

TEST(Hosts, AnInvariantIsAskedAfterEachEvent) {
  simulation sim(plain());
  int n = 0;
  sim.client("client", [&]() -> task<> {
    for (;; ++n) co_await sleep_for(1s);
  });
  sim.invariant("n is small", [&] { return n < 5; });
  EXPECT_EQ(failure_of(sim), "invariant: n is small");
  EXPECT_EQ(n, 5);
}

TEST(Hosts, AlwaysInsideARunFailsIt) {
  simulation sim(plain());
  sim.client("client", []() -> task<> {
    co_await sleep_for(1s);
    always(false, "it holds");
    co_await sleep_for(24h);
  });
  EXPECT_EQ(failure_of(sim), "always: it holds");
}

// ---- Misuse

TEST(HostsDeathTest, BadInputIsToldInASentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto nothing = []() -> task<> { co_return; };
  const auto two_of_a_name = [&] {
    simulation sim(plain());
    sim.host("one", nothing);
    sim.host("one", nothing);
  };
  EXPECT_DEATH(two_of_a_name(), "eddy: two simulated hosts of one name: one");
  const auto nobody = [&] {
    simulation sim(plain());
    static_cast<void>(sim["nobody"]);
  };
  EXPECT_DEATH(nobody(), "eddy: no simulated host is called so: nobody");
  const auto run_in_a_run = [&] {
    simulation sim(plain());
    sim.client("client", [&]() -> task<> {
      sim.run();
      co_return;
    });
    sim.run();
  };
  EXPECT_DEATH(run_in_a_run(), "eddy: a run inside a run");
  const auto no_signal = [&] {
    simulation sim(plain());
    sim.host("one", nothing).raise(0);
  };
  EXPECT_DEATH(no_signal(), "eddy: simulated_host::raise: no signal has this number: 0");
  const auto strange_clock = [&] {
    simulation sim(plain());
    sim.host("one", nothing).set_clock(0s, -1'000'000);
  };
  EXPECT_DEATH(strange_clock(), "eddy: simulated_host::set_clock");
}

}  // namespace
}  // namespace eddy
