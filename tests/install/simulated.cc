// The smallest test in a simulated world, by whoever has installed eddy.
#include <eddy/eddy.h>
#include <eddy/simulation/assert.h>
#include <eddy/simulation/simulate.h>

#include <chrono>
#include <cstdio>

static eddy::task<> sleeper() {
  const auto begun = eddy::now();
  co_await eddy::sleep_for(std::chrono::hours(1));
  eddy::always(eddy::now() - begun >= std::chrono::hours(1), "never early");
}

int main() {
  eddy::simulate_options options;
  options.seeds = 10;
  options.world.limit = std::chrono::hours(2);
  const auto report = eddy::simulate(options, [](eddy::simulation& sim) {
    sim.client("sleeper", sleeper);
    sim.run();
  });
  std::printf("%u runs\n", static_cast<unsigned>(report.runs));
  return report.runs == 11 ? 0 : 1;
}
