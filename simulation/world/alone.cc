// A backend that has its world with it.
#include "simulation/world/alone.h"

#include "simulation/world/kernel.h"
#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

struct own_world {
  own_world(const world_options& options, detail::choices* open)
      : in(options, open), only(in.add_machine("host")) {}
  world in;
  machine& only;
};

/// (The world is made first, and goes last.)
class alone final : own_world, public kernel {
 public:
  alone(const detail::backend_parts& parts, const world_options& options, detail::choices* open)
      : own_world(options, open), kernel(only, parts, true) {}
};

struct own_choices {
  choices open;
};
class alone_with_choices final : own_choices, own_world, public kernel {
 public:
  alone_with_choices(const backend_parts& parts, const simulation_options& options)
      : own_world(options_of(options), &begun(open, options)), kernel(only, parts, true) {}

 private:
  static choices& begun(choices& c, const simulation_options& options) {
    c.begin({.from = choice_source::kind::seeded, .seed = options.seed}, options.preset,
            options.swarm);
    return c;
  }
};

}  // namespace

world_options options_of(const simulation_options& o) noexcept {
  world_options w;
  w.latency_min = o.latency_min.count();
  w.latency_max = o.latency_max.count();
  w.tick_cost = o.tick_cost.count();
  return w;
}

std::unique_ptr<detail::backend> make_alone(const detail::backend_parts& parts,
                                            const world_options& options, detail::choices* open) {
  return std::make_unique<alone>(parts, options, open);
}
std::unique_ptr<detail::backend> make_alone(const detail::backend_parts& parts,
                                            const simulation_options& options) {
  return std::make_unique<alone_with_choices>(parts, options);
}

machine* machine_of(detail::backend* b) noexcept {
  auto* const k = dynamic_cast<kernel*>(b);
  return k ? &k->on() : nullptr;
}

}  // namespace eddy::detail::simulated
