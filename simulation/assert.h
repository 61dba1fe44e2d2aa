// always, unreachable, sometimes, reachable: what a program says of itself, checked where it is
// simulated. For production code too: nothing but this header is needed, and eddy itself.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include <eddy/runtime/detail/abort.h>

namespace eddy {

/// A text as a template's argument.
template <std::size_t N>
struct fixed_string {
  // (implicit: sometimes<"text">)
  consteval fixed_string(const char (&from)[N]) { std::copy_n(from, N, text); }
  char text[N];
};

namespace detail {

/// One text of sometimes or reachable in the program. Known from its start on, also where nothing ever
/// comes there.
struct assertion_site {
  assertion_site(const char* t, bool by_being_there) noexcept;

  const char* text;
  bool reachable;
  std::uint32_t run = 0;       // the last one that asked it,
  bool held = false;           // and was it true there?
  std::uint64_t asked_in = 0;  // runs of the simulate() that goes on
  std::uint64_t held_in = 0;
  bool ever_asked = false;  // in any simulate() of the program
  assertion_site* next;
};
inline constinit assertion_site* assertion_sites = nullptr;
inline assertion_site::assertion_site(const char* t, bool by_being_there) noexcept
    : text(t), reachable(by_being_there), next(assertion_sites) {
  assertion_sites = this;
}

/// A run of a simulation.
class assertions {
 public:
  virtual void broken(const char* kind, std::string_view text, const std::source_location&) = 0;
  virtual void asked(assertion_site&, bool held) noexcept = 0;

 protected:
  virtual ~assertions() = default;
};
/// The one that runs in this process; null: none.
inline constinit std::atomic<assertions*> simulated_run{nullptr};

inline void assertion_broken(const char* kind, std::string_view text,
                             const std::source_location& where) {
  if (assertions* run = simulated_run.load(std::memory_order_relaxed)) {
    run->broken(kind, text, where);
    return;
  }
  misuse((std::string(kind) + ": " + std::string(text)).c_str(), where);
}

template <fixed_string Text, bool ByBeingThere>
inline assertion_site site_of{Text.text, ByBeingThere};

}  // namespace detail

/// It must be true. False fails the run of a simulation, which ends with the tick; where nothing is
/// simulated, the program is aborted with the text.
inline void always(bool condition, std::string_view text,
                   std::source_location where = std::source_location::current()) {
  if (!condition) [[unlikely]]
    detail::assertion_broken("always", text, where);
}

/// Nothing may come here: as always(false, …).
inline void unreachable(std::string_view text,
                        std::source_location where = std::source_location::current()) {
  detail::assertion_broken("unreachable", text, where);
}

/// It must be true in one run of a simulate() at least, which fails else (of 100 runs and more).
/// Costs a load where nothing is simulated.
///
/// A text that no run has come to at all counts, too: when all calls of simulate() in the program have
/// had their turn, the last of them fails.
template <fixed_string Text>
void sometimes(bool condition) {
  if (auto* run = detail::simulated_run.load(std::memory_order_relaxed)) {
    run->asked(detail::site_of<Text, false>, condition);
  }
}

/// Some run must come here: as sometimes<Text>(true).
template <fixed_string Text>
void reachable() {
  if (auto* run = detail::simulated_run.load(std::memory_order_relaxed)) {
    run->asked(detail::site_of<Text, true>, true);
  }
}

}  // namespace eddy
