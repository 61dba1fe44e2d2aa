// The short form: a runtime that blocks, in a simulated world of its own.
#include <string>

#include <gtest/gtest.h>

#include <eddy/eddy.h>
#include <eddy/simulation/simulated.h>

namespace eddy {
namespace {

using namespace std::chrono_literals;

task<std::string> talks_to_itself() {
  auto listener = tcp_listener::bind(socket_address::loopback(7)).value();
  const auto echo = spawn([&]() -> task<> {
    auto peer = co_await ok(listener.accept());
    co_await ok(write_all(peer, co_await ok(read_all(peer, 100))));
  });
  auto stream = co_await ok(tcp_stream::connect(socket_address::loopback(7)));
  co_await ok(write_all(stream, "hello"));
  EXPECT_TRUE(stream.shutdown_write());
  auto answer = co_await ok(read_all(stream, 100));
  co_await sleep_for(24h * 365);
  co_return answer;
}

std::uint64_t hash_of(std::uint64_t seed) {
  simulation_options o;
  o.seed = seed;
  runtime rt(simulated(o));
  EXPECT_EQ(run(rt, talks_to_itself()), "hello");
  return trace_hash(rt);
}

TEST(Simulated, ARuntimeBlocksInAWorldOfItsOwn) {
  runtime rt(simulated());
  EXPECT_EQ(rt.backend(), backend_kind::simulated);
  EXPECT_EQ(rt.backend_reason(), "simulated, because the options ask for it.");
  EXPECT_EQ(run(rt, talks_to_itself()), "hello");
}

TEST(Simulated, TheTraceIsTheSameForTheSameSeed) {
  EXPECT_EQ(hash_of(1), hash_of(1));
}

TEST(Simulated, OptionsMakeAnotherWorldForEachRuntime) {
  const runtime_options both = simulated();
  runtime one(both), other(both);
  const auto binds = []() -> task<> {
    EXPECT_TRUE(tcp_listener::bind(socket_address::any(7)));
    co_return;
  };
  run(one, binds);
  run(other, binds);
}

TEST(Simulated, TheKindAloneMeansTheDefaults) {
  runtime_options o;
  o.backend = backend_kind::simulated;
  runtime rt(o);
  EXPECT_EQ(run(rt, talks_to_itself()), "hello");
}

TEST(SimulatedDeathTest, ATraceHashOfAnotherRuntimeAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto wrong = [] {
    runtime rt;
    static_cast<void>(trace_hash(rt));
  };
  EXPECT_DEATH(wrong(), "eddy: trace_hash of a runtime that has no simulated world");
}

}  // namespace
}  // namespace eddy
