// Three hosts and a lease: a server lends it for ten seconds at a time, and of two workers never both
// may believe that they have it, although their clocks drift, messages are lost for a while and hosts
// die. With --mistake=answer a worker counts from the answer instead of from its question; with
// --mistake=drift it trusts its clock to the end.
//
//   simulated_lease [--mistake=answer|drift] [--seeds=N]
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/eddy.h>
#include <eddy/simulation/assert.h>
#include <eddy/simulation/simulate.h>

namespace {

using namespace std::chrono_literals;

constexpr eddy::duration lease = 10s;
enum class mistake { none, answer, drift };

/// Lends to one at a time. What it lent before it died may still be out: it waits for that first.
eddy::task<> serve_lease() {
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::any(7));
  while (!listener) {  // (no descriptor is free, perhaps)
    co_await eddy::sleep_for(1s);
    listener = eddy::tcp_listener::bind(eddy::socket_address::any(7));
  }
  co_await eddy::sleep_for(lease);
  eddy::time_point free_again = eddy::now();
  for (;;) {
    auto peer = co_await listener->accept();
    if (!peer) continue;
    char question = 0;
    const auto asked = co_await eddy::with_timeout(1s, peer->read({&question, 1}));
    if (!asked || *asked != 1) continue;
    const bool is_free = eddy::now() >= free_again;
    if (is_free) free_again = eddy::now() + lease;
    static_cast<void>(co_await eddy::with_timeout(1s, eddy::write_all(*peer, is_free ? "y" : "n")));
  }
}

eddy::task<eddy::result<bool>> ask(eddy::socket_address server) {
  auto stream = co_await eddy::tcp_stream::connect(server);
  if (!stream) co_return stream.error();
  if (auto asked = co_await eddy::write_all(*stream, "?"); !asked) co_return asked.error();
  char answer = 0;
  if (auto got = co_await eddy::read_exactly(*stream, std::span(&answer, 1)); !got)
    co_return got.error();
  co_return answer == 'y';
}

/// For as long as it lives its worker believes that it has the lease. (Hosts end with the simulation,
/// behind the function that has made them: what their destructors touch is not that function's.)
struct believes {
  explicit believes(std::shared_ptr<int> n) noexcept : count(std::move(n)) { ++*count; }
  believes(const believes&) = delete;
  believes& operator=(const believes&) = delete;
  ~believes() { --*count; }
  std::shared_ptr<int> count;
};

eddy::task<> work(eddy::socket_address server, std::shared_ptr<int> believers, mistake made) {
  for (;;) {
    const eddy::time_point asked = eddy::now();
    const auto got = co_await eddy::with_timeout(2s, ask(server));
    if (got && *got) {
      const eddy::time_point from = made == mistake::answer ? eddy::now() : asked;
      // (a clock here may be slow, and one there fast: by a thousandth each)
      const eddy::duration safe = made == mistake::drift ? lease : lease * 99 / 100;
      const believes now(believers);
      eddy::sometimes<"somebody has the lease">(true);
      co_await eddy::sleep_until(from + safe);
    }
    co_await eddy::sleep_for(2s);
  }
}

void is_held_by_one(eddy::simulation& sim, mistake made) {
  const auto believers = std::make_shared<int>(0);
  // One that stands still with the lease in its hand believes on when it wakes: no clock helps there,
  // only somebody who refuses what it then does.
  sim.rate(eddy::fault::freeze, 0);
  auto& server = sim.host("server", serve_lease);
  sim.invariant("at most one has the lease", [&] { return *believers <= 1; });
  const eddy::between<std::int64_t> drift{0, 1000};
  server.set_clock(0s, sim.pick("the server's clock is fast by", drift));
  for (const char* name : {"one", "two"}) {
    auto& worker = sim.host(name, work, server.address(7), believers, made);
    worker.set_clock(0s, -sim.pick("a worker's clock is slow by", drift));
  }
  sim.run_for(3min);
}

}  // namespace

int main(int count, char** arguments) {
  mistake made = mistake::none;
  eddy::simulate_options options;
  options.name = "lease.is_held_by_one";
  options.world.preset = eddy::faults::hostile;
  for (int i = 1; i < count; ++i) {
    const std::string_view given = arguments[i];
    if (given == "--mistake=answer") {
      made = mistake::answer;
    } else if (given == "--mistake=drift") {
      made = mistake::drift;
    } else if (given.starts_with("--seeds=")) {
      options.seeds = std::strtoull(given.data() + 8, nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: simulated_lease [--mistake=answer|drift] [--seeds=N]\n");
      return 2;
    }
  }
  try {
    const auto report =
        eddy::simulate(options, [&](eddy::simulation& sim) { is_held_by_one(sim, made); });
    std::printf("%llu runs, %llu faults: never two at once; held in %llu runs\n",
                static_cast<unsigned long long>(report.runs),
                static_cast<unsigned long long>(report.faults),
                static_cast<unsigned long long>(report.counted("somebody has the lease")));
  } catch (const eddy::simulation_failure& e) {
    std::fputs(e.what(), stdout);
    return 1;
  }
}
