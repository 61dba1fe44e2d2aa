// The same as a test of GoogleTest: EXPECT inside a run fails that run, which is then made small.
#include <gtest/gtest.h>

#include <eddy/eddy.h>
#include <eddy/simulation/gtest.h>
#include <eddy/simulation/simulate.h>

using namespace std::chrono_literals;

eddy::task<> fills(eddy::socket_address to) {
  auto stream = co_await eddy::ok(eddy::tcp_stream::connect(to));
  const std::string page(100'000, 'x');
  co_await eddy::ok(eddy::write_all(stream, page));
}

TEST(Transfer, ArrivesWhole) {
  eddy::simulate({.seeds = 50}, [](eddy::simulation& sim) {
    std::size_t arrived = 0;
    auto& sink = sim.host("sink", [&]() -> eddy::task<> {
      auto listener = eddy::tcp_listener::bind(eddy::socket_address::any(7)).value();
      auto peer = co_await eddy::ok(listener.accept());
      arrived = (co_await eddy::ok(eddy::read_all(peer, 1 << 20))).size();
    });
    sim.client("source", fills, sink.address(7));
    sim.run();
    EXPECT_TRUE(sim.run_until([&] { return arrived != 0; }, 10s));
    EXPECT_EQ(arrived, 100'000U);
  });
}
