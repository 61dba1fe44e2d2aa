// class simulation without its hosts: choices, what must hold, the run's numbers.
#include <cstdint>
#include <string>
#include <utility>

#include <eddy/runtime/detail/abort.h>
#include <eddy/simulation/simulation.h>

#include "simulation/run_state.h"

namespace eddy {
namespace {

void check(const simulation_options& o) {
  if (o.latency_min < duration::zero() || o.latency_max < o.latency_min) {
    detail::misuse("simulation_options: latency_min is from 0 to latency_max");
  }
  if (o.tick_cost < duration::zero()) detail::misuse("simulation_options: tick_cost is below 0");
}

}  // namespace

simulation::simulation(const simulation_options& options)
    : options_(options), own_(std::make_unique<detail::run_state>()), run_(own_.get()) {
  check(options_);
  run_->begin({.from = detail::choice_source::kind::seeded, .seed = options_.seed}, options_, true);
}

simulation::simulation(const simulation_options& options, detail::run_state& run)
    : options_(options), run_(&run) {
  check(options_);
}

simulation::~simulation() = default;

void simulation::rate(fault f, double rate) {
  run_->rate(f, rate);
}

void simulation::invariant(std::string text, std::function<bool()> holds,
                           std::source_location where) {
  run_->add_invariant(std::move(text), std::move(holds), where);
}

void simulation::fail(std::string text, std::source_location where) {
  run_->fail("failed", std::move(text), where.file_name(), where.line());
  run_->end();
}

std::uint64_t simulation::choose(std::uint64_t n, std::string_view label) {
  if (!n) {
    detail::misuse("simulation::choose(0): there is nothing to choose from",
                   std::string(label).c_str());
  }
  return run_->choice.draw(run_->host, label, n);
}

bool simulation::chance(std::string_view label, double rate) {
  return run_->choice.chance(run_->host, label, detail::parts_per_million(rate, label));
}

std::uint64_t simulation::up_to(std::uint64_t most, std::string_view label) {
  return run_->choice.draw(run_->host, label, most == UINT64_MAX ? most : most + 1);
}

time_point simulation::now() const noexcept {
  return time_point(duration(run_->now()));
}
std::uint64_t simulation::seed() const noexcept {
  return run_->seed();
}
std::uint64_t simulation::trace_hash() const noexcept {
  return run_->trace_hash();
}
std::uint64_t simulation::events() const noexcept {
  return run_->events();
}

}  // namespace eddy
