// One machine in a world of its own, for a runtime that blocks. Private.
#pragma once

#include <memory>

#include <eddy/simulation/options.h>

#include "runtime/backend/backend.h"
#include "simulation/world/world.h"

namespace eddy::detail::simulated {

/// The world lives as long as the backend. Where nothing can be done, time goes on.
std::unique_ptr<detail::backend> make_alone(const detail::backend_parts&, const world_options& = {},
                                            detail::choices* open = nullptr);

/// The same with choices of its own, from the options' seed.
std::unique_ptr<detail::backend> make_alone(const detail::backend_parts&,
                                            const simulation_options&);

/// The machine of a simulated backend. Null: it is another one.
machine* machine_of(detail::backend*) noexcept;

}  // namespace eddy::detail::simulated
