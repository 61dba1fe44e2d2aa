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

}  // namespace

std::unique_ptr<detail::backend> make_alone(const detail::backend_parts& parts,
                                            const world_options& options, detail::choices* open) {
  return std::make_unique<alone>(parts, options, open);
}

machine* machine_of(detail::backend* b) noexcept {
  auto* const k = dynamic_cast<kernel*>(b);
  return k ? &k->on() : nullptr;
}

}  // namespace eddy::detail::simulated
