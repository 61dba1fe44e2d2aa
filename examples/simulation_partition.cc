// A script: the network breaks at a time, and is mended at another.
#include <cstdio>

#include <eddy/eddy.h>
#include <eddy/simulation/assert.h>
#include <eddy/simulation/simulate.h>

using namespace std::chrono_literals;

eddy::task<> beats(eddy::socket_address to) {
  for (;;) {
    auto stream = co_await eddy::with_timeout(1s, eddy::tcp_stream::connect(to));
    if (stream)
      static_cast<void>(co_await eddy::with_timeout(1s, eddy::write_all(*stream, "beat")));
    co_await eddy::sleep_for(1s);
  }
}

eddy::task<> watches(bool* alarm) {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::any(7)).value();
  for (;;) {
    const auto heard = co_await eddy::with_timeout(5s, listener.accept());
    *alarm = !heard;
  }
}

int main() {
  eddy::simulate([](eddy::simulation& sim) {
    bool alarm = false;
    auto& watcher = sim.host("watcher", watches, &alarm);
    auto& heart = sim.host("heart", beats, watcher.address(7));
    sim.run_for(20s);
    eddy::always(!alarm, "no alarm while all is well");
    sim.partition(heart, watcher);
    eddy::always(sim.run_until([&] { return alarm; }, 10s), "silence is noticed");
    sim.heal();
    eddy::always(sim.run_until([&] { return !alarm; }, 10s), "and its end");
  });
  std::printf("noticed each time\n");
}
