// Options that bring a world along.
#include <eddy/simulation/simulated.h>

#include <memory>

#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/detail/loop.h>

#include "simulation/world/alone.h"
#include "simulation/world/machine.h"

namespace eddy {
namespace {

class maker final : public detail::backend_maker {
 public:
  explicit maker(const simulation_options& options) : options_(options) {}
  std::unique_ptr<detail::backend> make(const detail::backend_parts& parts) override {
    return detail::simulated::make_alone(parts, options_);
  }

 private:
  simulation_options options_;
};

/// Where the library is linked as a whole, backend_kind::simulated is enough.
[[maybe_unused]] const bool is_known = [] {
  detail::make_simulated_world = []() -> std::shared_ptr<detail::backend_maker> {
    return std::make_shared<maker>(simulation_options());
  };
  return true;
}();

}  // namespace

runtime_options simulated(const simulation_options& options) {
  runtime_options made;
  made.backend = backend_kind::simulated;
  made.world = std::make_shared<maker>(options);
  return made;
}

std::uint64_t trace_hash(runtime& rt) {
  static_cast<void>(rt.backend());
  const auto* machine = detail::simulated::machine_of(detail::loop_of(rt).kernel());
  if (!machine) detail::misuse("trace_hash of a runtime that has no simulated world");
  return machine->in().events_seen().hash();
}

}  // namespace eddy
