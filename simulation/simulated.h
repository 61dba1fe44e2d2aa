// The short form: a runtime whose kernel is a simulated one, on a host of its own, and which blocks as
// any other does.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>

#include <eddy/runtime/runtime.h>
#include <eddy/simulation/options.h>

namespace eddy {

/// `runtime rt(simulated());`: a world of its own, with these options, for each runtime that is made
/// with them. Time passes where the runtime would sleep. A world in which nothing can happen any more
/// while it waits ends the program with a sentence.
runtime_options simulated(const simulation_options& = {});

/// Over everything that has happened so far to such a runtime: equal for equal seeds and programs.
/// Aborts for another one.
std::uint64_t trace_hash(runtime&);

}  // namespace eddy
