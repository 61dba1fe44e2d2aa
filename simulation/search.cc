// The runs of one simulate(): in which order, which twice, and what they add up to.
#include "simulation/search.h"

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include <eddy/runtime/detail/abort.h>
#include <eddy/simulation/detail/test_hooks.h>

#include "simulation/enumeration.h"
#include "simulation/report.h"

namespace eddy::detail {
namespace {

using kind = choice_source::kind;

search* running = nullptr;  // one in a process

/// What GoogleTest would report is the run's.
class expecting {
 public:
  expecting() : token_(installed_test_hooks ? installed_test_hooks->begin_run() : nullptr) {}
  ~expecting() {
    if (token_) installed_test_hooks->end_run(token_);
  }
  expecting(const expecting&) = delete;
  expecting& operator=(const expecting&) = delete;

 private:
  void* token_;
};

}  // namespace

void run_sums::add(const run_sums& other) noexcept {
  runs += other.runs;
  events += other.events;
  faults += other.faults;
  hash += other.hash;
  rated |= other.rated;
  for (std::size_t f = 0; f < fault_count; ++f) families[f] += other.families[f];
}

search::search(const simulate_options& options, simulated_body body, simulate_call& call)
    : options_(options),
      world_(options.world),
      body_(body),
      call_(call),
      wishes_(wishes_of_environment()),
      name_(options.name) {
  if (name_.empty() && installed_test_hooks) name_ = installed_test_hooks->name();
  if (wishes_.seeds) options_.seeds = *wishes_.seeds;
  if (wishes_.time) {
    until_ = std::chrono::steady_clock::now() + *wishes_.time;
    options_.seeds = UINT64_MAX;
  }
  words_.name(name_);
  running = this;
  for (assertion_site* site = assertion_sites; site; site = site->next) {
    site->asked_in = 0;
    site->held_in = 0;
  }
}

search::~search() {
  running = nullptr;
}

simulation_report search::run() {
  if (!wishes_.recording.empty()) {
    recorded();
  } else if (wishes_.seed) {
    one_seed(*wishes_.seed);
  } else if (options_.bytes.data()) {
    counted_well({.from = kind::bytes, .bytes = options_.bytes}, 1);
  } else if (options_.at_most_faults) {
    enumerated();
  } else if (options_.jobs > 1) {
    seeds_in_processes();
  } else {
    seeds_in_turn();
  }
  call_.runs += sums_.runs;
  for (assertion_site* s = assertion_sites; s; s = s->next) s->ever_asked |= s->asked_in != 0;
  if (sums_.runs >= 100) check_that_all_came_true();
  return report();
}

// ---- One run ----

choice_source search::of_seed(std::uint64_t seed) const noexcept {
  return {.from = seed ? kind::seeded : kind::ordinary, .seed = seed};
}

bool search::once(const choice_source& source, bool explained) {
  world_.seed = source.seed;
  run_.begin(source, world_, explained);
  const run_state::here here(run_);
  words_.about(source.seed);
  const expecting expectations;
  try {
    simulation_access::with(world_, run_, [this](simulation& s) { body_.call(body_.callable, s); });
  } catch (...) {
    run_.fail(std::current_exception());
  }
  if (const std::string text = run_.choice.mismatch(!run_.failed()); !text.empty()) {
    run_.fail("the recording does not fit", text);
  }
  return !run_.failed();
}

search::outcome search::counted(const choice_source& source, std::uint64_t index) {
  const bool good = once(source, false);
  ++sums_.runs;
  sums_.events += run_.events();
  sums_.faults += run_.choice.taken().size();
  sums_.hash += mix(run_.trace_hash() ^ mix(source.seed + golden));
  sums_.rated |= run_.rated();
  const std::uint64_t families = run_.came_true();
  for (std::size_t f = 0; f < fault_count; ++f) sums_.families[f] += families >> f & 1;
  if (!good) return outcome::failed;
  if (!options_.check_every || index % options_.check_every) return outcome::good;
  const std::uint64_t hash = run_.trace_hash();
  run_.is_repetition = true;
  const bool good_again = once(source, false);
  run_.is_repetition = false;
  return good_again && run_.trace_hash() == hash ? outcome::good : outcome::differs;
}

void search::counted_well(const choice_source& source, std::uint64_t index) {
  switch (counted(source, index)) {
    case outcome::failed:
      failed(source);
    case outcome::differs:
      not_the_same(source);
    case outcome::good:
      break;
  }
}

// ---- Many ----

std::uint64_t search::indices() const noexcept {
  return options_.seeds == UINT64_MAX ? options_.seeds : options_.seeds + 1;
}

std::uint64_t search::seed_at(std::uint64_t index) const noexcept {
  return index ? (options_.seed ? options_.seed : 1) + index - 1 : 0;
}

bool search::time_is_up() const {
  return wishes_.time && std::chrono::steady_clock::now() >= until_;
}

void search::seeds_in_turn() {
  for (std::uint64_t index = 0; index < indices() && !(index && time_is_up()); ++index) {
    counted_well(of_seed(seed_at(index)), index);
  }
}

void search::enumerated() {
  counted_well(of_seed(0), 0);
  enumeration all(options_.at_most_faults);
  std::uint64_t index = 0;
  for (std::span<deviation> places = all.next(); !places.empty(); places = all.next()) {
    const choice_source source{.from = kind::enumerated, .deviations = places};
    const run_sums before = sums_;
    counted_well(source, ++index);
    if (!all.ran(run_.choice.deviations_met())) sums_ = before;
  }
}

void search::one_seed(std::uint64_t seed) {
  const bool good = once(of_seed(seed), true);
  const std::string text = "eddy: simulation " + name_ + (name_.empty() ? "" : ", ") + "seed " +
                           std::to_string(seed) + ", " +
                           count_text(run_.told().size(), "event", "events") + "\n" +
                           trace_text(run_.told(), run_.told().size());
  std::fputs(text.c_str(), stderr);
  if (!good) failed(of_seed(seed));
  options_.check_every = 1;
  counted_well(of_seed(seed), 0);
}

void search::recorded() {
  const recording r = read_recording(wishes_.recording);
  if (!r.name.empty() && !name_.empty() && r.name != name_) {
    throw std::invalid_argument("eddy: the recording " + wishes_.recording + " is of " + r.name +
                                ", and this is " + name_ + ": run that one alone");
  }
  options_.shrink_runs = 0;  // (it is what shrinking has left)
  counted_well({.from = kind::recorded, .seed = r.seed, .recorded = &r, .strict = true}, 0);
}

// ---- The end ----

void search::check_that_all_came_true() {
  bool all_had_their_turn = true;
  for (const simulate_call* c = simulate_call::all; c; c = c->next) {
    all_had_their_turn = all_had_their_turn && c->runs > 0;
  }
  std::string first, lines;
  const auto missing = [&](const std::string& reason, const std::string& line) {
    if (first.empty()) first = reason;
    lines += "  " + reason + ": " + line + "\n";
  };
  for (assertion_site* site = assertion_sites; site; site = site->next) {
    const std::string reason =
        std::string(site->reachable ? "reachable: " : "sometimes: ") + site->text;
    if (site->asked_in && !site->held_in) {
      missing(reason, "asked in " + count_text(site->asked_in, "run", "runs") + ", and never true");
    } else if (!site->ever_asked && all_had_their_turn) {
      missing(reason, "no run of the program has come to it");
    }
  }
  for (std::size_t f = 0; f < fault_count; ++f) {
    if ((sums_.rated >> f & 1) && !sums_.families[f]) {
      missing(std::string("rate: ") + name_of(static_cast<fault>(f)),
              "it was given a rate, and has never come true");
    }
  }
  if (!lines.empty()) report_all(first, lines);
}

simulation_report search::report() const {
  simulation_report r{sums_.runs, sums_.events, sums_.faults, sums_.hash, {}};
  for (std::size_t f = 0; f < fault_count; ++f) {
    if (sums_.families[f]) r.counts[name_of(static_cast<fault>(f))] = sums_.families[f];
  }
  for (const assertion_site* site = assertion_sites; site; site = site->next) {
    if (site->held_in) r.counts[site->text] += site->held_in;
  }
  return r;
}

simulation_report simulate(const simulate_options& options, simulated_body body,
                           simulate_call& call) {
  if (running) misuse("simulate() inside a simulate(): one run cannot hold others");
  return search(options, body, call).run();
}

}  // namespace eddy::detail
