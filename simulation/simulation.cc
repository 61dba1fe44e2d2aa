// class simulation: its hosts, and time that passes.
#include <eddy/simulation/simulation.h>

#include <string>
#include <utility>

#include <eddy/runtime/detail/abort.h>

#include "simulation/driver.h"
#include "simulation/run_state.h"

namespace eddy {

void simulation::driver_deleter::operator()(detail::driver* d) const noexcept {
  delete d;
}

detail::driver& simulation::hosts() {
  if (!driver_) driver_.reset(new detail::driver(*run_, options_));
  return *driver_;
}

simulated_host& simulation::add(std::string name, detail::host_main main, bool client) {
  return hosts().add(std::move(name), std::move(main), client).face();
}

simulated_host& simulation::operator[](std::string_view name) {
  detail::host* const found = hosts().find(name);
  if (!found) detail::misuse("no simulated host is called so", std::string(name).c_str());
  return found->face();
}

// ---- Time passes

bool simulation::run_while(bool (*goes_on)(void*), void* context, duration limit) {
  detail::driver& d = hosts();
  const detail::simulated::instant until =
      limit == duration::max() ? detail::simulated::never
                               : d.world().now() + std::max<std::int64_t>(limit.count(), 0);
  const auto how = d.run_while(goes_on, context, until);
  if (how == detail::driver::end::failed) run_->end();
  return how == detail::driver::end::done;
}

void simulation::run() {
  run_while([](void* d) { return static_cast<detail::driver*>(d)->is_held(); }, &hosts(),
            duration::max());
}

void simulation::run_for(duration d) {
  run_while([](void*) { return true; }, nullptr, d);
}

void simulation::calm() {
  hosts().act([this] { hosts().calm(); });
}

// ---- The script

void simulation::at(duration after, callback f) {
  hosts().at(after, [run = std::make_shared<callback>(std::move(f))] { (*run)(); });
}

void simulation::every(between<duration> range, callback f) {
  hosts().every(range, std::move(f));
}

void simulation::partition(simulated_host& a, simulated_host& b, direction way) {
  hosts().act([this, &a, &b, way] {
    detail::simulated::world& in = hosts().world();
    if (way != direction::back) in.partition(a.host_->machine(), b.host_->machine());
    if (way != direction::there) in.partition(b.host_->machine(), a.host_->machine());
  });
}

void simulation::heal() {
  hosts().act([this] { hosts().world().heal(); });
}

void simulation::link(simulated_host& a, simulated_host& b, const link_options& options) {
  if (options.latency_min < duration::zero() || options.latency_max < options.latency_min)
    detail::misuse("link_options: latency_min is from 0 to latency_max");
  if (options.loss > 1'000'000) detail::misuse("link_options: loss is of a million packets");
  hosts().act([this, &a, &b, options] {
    const auto set = [&](simulated_host& from, simulated_host& to) {
      detail::simulated::way& w =
          hosts().world().between(from.host_->machine(), to.host_->machine());
      w.latency_min = options.latency_min.count();
      w.latency_max = options.latency_max.count();
      w.loss = options.loss;
      w.bandwidth = options.bandwidth;
      w.mtu = options.mtu;
    };
    set(a, b);
    set(b, a);
  });
}

}  // namespace eddy
