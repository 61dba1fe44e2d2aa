// A log server and its client in a simulated world: what was acknowledged must be there after every
// power cut. With --mistake=data or --mistake=name the server forgets one of its two syncs: see the
// simulation find it, and leave of the faults those that matter.
//
//   simulated_log [--mistake=data|name] [--seeds=N]
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <eddy/eddy.h>
#include <eddy/simulation/assert.h>
#include <eddy/simulation/simulate.h>

namespace {

using namespace std::chrono_literals;

// ---- The program: it knows nothing of a simulation, and would run as it is on the kernel

enum class mistake { none, data, name };

eddy::task<> serve_log(mistake forgotten) {
  using enum eddy::open_mode;
  auto log = co_await eddy::ok(eddy::file::open("/log", write | append | create));
  if (forgotten != mistake::name) co_await eddy::ok(eddy::sync_directory("/"));
  auto listener = eddy::tcp_listener::bind(eddy::socket_address::any(7)).value();
  for (;;) {
    auto peer = co_await listener.accept();
    if (!peer) continue;
    eddy::buffered_reader<eddy::tcp_stream> lines(*peer);
    for (;;) {
      auto line = co_await lines.read_line();
      if (!line) break;
      *line += '\n';
      co_await eddy::ok(log.write(*line));
      if (forgotten != mistake::data) co_await eddy::ok(log.sync_data());
      if (!co_await eddy::write_all(*peer, "ok\n")) break;
    }
  }
}

eddy::task<eddy::result<void>> say(eddy::socket_address to, std::string record) {
  auto stream = co_await eddy::ok(eddy::tcp_stream::connect(to));
  co_await eddy::ok(eddy::write_all(stream, record));
  std::string answer(3, '\0');
  co_await eddy::ok(eddy::read_exactly(stream, answer));
  co_return {};
}

eddy::task<> client(eddy::socket_address to, int* kept) {
  for (int i = 0; i < 20; *kept = ++i) {
    const std::string record = "record " + std::to_string(i) + "\n";
    for (;;) {
      const auto said = co_await eddy::with_timeout(2s, say(to, record));
      if (said) break;
      eddy::sometimes<"a record is said again">(true);
      co_await eddy::sleep_for(100ms);
    }
  }
}

// ---- The world in which it is tested

void keeps_what_it_acknowledged(eddy::simulation& sim, mistake forgotten) {
  int kept = 0;
  auto& log = sim.host("log", serve_log, forgotten);
  sim.client("client", client, log.address(7), &kept);
  sim.every({2s, 20ms}, [&] {
    log.cut_power();
    log.restart(sim.pick("down", eddy::between<eddy::duration>{0s, 5s}));
  });
  sim.run();
  log.cut_power();
  for (int i = 0; i < kept; ++i) {
    const std::string record = "record " + std::to_string(i) + "\n";
    eddy::always(log.disk().read("/log").find(record) != std::string::npos, "kept");
  }
}

}  // namespace

int main(int count, char** arguments) {
  mistake forgotten = mistake::none;
  eddy::simulate_options options;
  options.name = "log.keeps_what_it_acknowledged";
  for (int i = 1; i < count; ++i) {
    const std::string_view given = arguments[i];
    if (given == "--mistake=data") {
      forgotten = mistake::data;
    } else if (given == "--mistake=name") {
      forgotten = mistake::name;
    } else if (given.starts_with("--seeds=")) {
      options.seeds = std::strtoull(given.data() + 8, nullptr, 10);
    } else {
      std::fprintf(stderr, "usage: simulated_log [--mistake=data|name] [--seeds=N]\n");
      return 2;
    }
  }
  try {
    const auto report = eddy::simulate(
        options, [&](eddy::simulation& sim) { keeps_what_it_acknowledged(sim, forgotten); });
    std::printf("%llu runs, %llu events, %llu faults: all was kept\n",
                static_cast<unsigned long long>(report.runs),
                static_cast<unsigned long long>(report.events),
                static_cast<unsigned long long>(report.faults));
  } catch (const eddy::simulation_failure& e) {
    std::fputs(e.what(), stdout);
    return 1;
  }
}
