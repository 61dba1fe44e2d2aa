// class simulation: its hosts, and time that passes.
#include <eddy/simulation/simulation.h>

#include "simulation/run_state.h"

namespace eddy {
namespace detail {

class driver {};

}  // namespace detail

void simulation::driver_deleter::operator()(detail::driver* d) const noexcept {
  delete d;
}

}  // namespace eddy
