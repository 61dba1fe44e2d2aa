// How long a test runs: in CI, and in `./dev soak`.
#pragma once

#include <cstdlib>

namespace eddy::test {

/// EDDY_SOAK_MINUTES; 0: not a long run.
inline unsigned soak_minutes() {
  const char* text = std::getenv("EDDY_SOAK_MINUTES");
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 0;
}

/// A number of repetitions, or of things: this in CI, that in the long run.
template <class T>
T in_ci_or_soak(T in_ci, T in_soak) {
  return soak_minutes() ? in_soak : in_ci;
}

}  // namespace eddy::test
