// One run: how it fails, and what must hold in it.
#include "simulation/run_state.h"

#include <cxxabi.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <typeinfo>
#include <utility>

#include <eddy/runtime/detail/abort.h>
#include <eddy/simulation/detail/test_hooks.h>

#include "simulation/report.h"

namespace eddy::detail {
namespace {

// Traces longer than this are cut: they are for people.
constexpr std::size_t most_told = 1'000'000;

std::uint32_t runs_begun = 0;  // by all states: the assertions' sites remember one number

std::string type_text(const std::type_info& type) {
  int status = 0;
  char* readable = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string text = readable ? readable : type.name();
  std::free(readable);
  return text;
}

}  // namespace

run_state::~run_state() {
  if (simulated_run.load(std::memory_order_relaxed) == this) simulated_run = nullptr;
}

void run_state::begin(const choice_source& source, const simulation_options& options,
                      bool explained) {
  ++runs_begun;
  number_ = runs_begun;
  choice.begin(source, options.preset, options.swarm);
  host = 0;
  seed_ = source.seed;
  events_ = 0;
  hash_ = golden;
  rated_ = 0;
  explained_ = explained;
  failure_.kind = nullptr;
  invariants_.clear();
  told_.clear();
  thread_ = std::this_thread::get_id();
}

void run_state::tell(unsigned at, std::string text, std::string place) {
  if (told_.size() == most_told) return;
  told_.push_back({now(), choice.host_name(at), std::move(text), std::move(place)});
}

// ---- Failures ----

void run_state::fail(const char* kind, std::string text, std::string_view file, unsigned line,
                     std::string details) {
  if (failed()) return;
  failure_.kind = kind;
  failure_.text = std::move(text);
  failure_.details = std::move(details);
  failure_.file = file_name(file);
  failure_.line = line;
  failure_.time = now();
}

void run_state::fail(const std::exception_ptr& error) {
  if (failed()) return;
  try {
    std::rethrow_exception(error);
  } catch (const simulation_failure& e) {
    fail("exception", e.reason());  // (of another run)
  } catch (const std::exception& e) {
    fail("exception", type_text(typeid(e)) + ": " + e.what());
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    fail("exception", (type ? type_text(*type) : "one") + ", not a std::exception");
  }
}

void run_state::end() const {
  throw simulation_failure(plain_report(*this), seed_, choice.taken().size(), failure_.reason(),
                           text_of(choice.record()));
}

void run_state::add_invariant(std::string text, std::function<bool()> holds,
                              const std::source_location& where) {
  invariants_.push_back({std::move(text), std::move(holds), where});
}

bool run_state::check_invariants() {
  for (invariant& i : invariants_) {
    if (failed()) return false;
    bool holds = false;
    try {
      holds = i.holds();
    } catch (...) {
      fail(std::current_exception());
    }
    if (!holds) fail("invariant", i.text, i.where.file_name(), i.where.line());
  }
  return !failed();
}

// ---- assert.h ----

run_state::here::here(run_state& r) noexcept
    : before_(simulated_run.exchange(&r, std::memory_order_relaxed)) {}

run_state::here::~here() {
  simulated_run.store(before_, std::memory_order_relaxed);
}

void run_state::broken(const char* kind, std::string_view text, const std::source_location& where) {
  if (std::this_thread::get_id() != thread_) {
    misuse((std::string(kind) + ", on a thread that is not the simulation's: " + std::string(text))
               .c_str(),
           where);
  }
  fail(kind, std::string(text), where.file_name(), where.line());
}

void run_state::asked(assertion_site& site, bool held) noexcept {
  if (is_repetition || std::this_thread::get_id() != thread_) return;
  if (site.run != number_) {
    site.run = number_;
    site.held = false;
    ++site.asked_in;
  }
  if (!held || site.held) return;
  site.held = true;
  ++site.held_in;
}

void expectation_failed(std::string_view file, int line, std::string_view message) {
  auto* run = static_cast<run_state*>(simulated_run.load(std::memory_order_relaxed));
  if (!run || run->failed()) return;
  // Its values change while the run is made small; what was expected does not.
  std::string text;
  for (std::string_view rest = message; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    if (one.substr(0, 10) == "Which is: " || one.substr(0, 8) == "Actual: ") continue;
    one = one.substr(0, one.find(", actual: "));
    text += (text.empty() ? "" : " ") + std::string(one);
  }
  run->fail("EXPECT", std::move(text), file, line < 0 ? 0 : static_cast<unsigned>(line),
            std::string(message));
}

// ---- Rates ----

std::uint32_t parts_per_million(double rate, std::string_view what) {
  if (!(rate >= 0 && rate <= 1)) {
    misuse("a rate is a share, from 0 to 1",
           (std::string(what) + ", " + std::to_string(rate)).c_str());
  }
  return static_cast<std::uint32_t>(std::lround(rate * 1'000'000));
}

void run_state::rate(fault f, double rate) {
  const std::uint32_t ppm = parts_per_million(rate, name_of(f));
  choice.set_rate(f, ppm);
  if (ppm) rated_ |= std::uint64_t{1} << family(f);
}

std::uint64_t run_state::came_true() const noexcept {
  std::uint64_t families = 0;
  for (const struct choice& c : choice.taken()) {
    if (c.label < label_count && all_labels[c.label].family != no_family) {
      families |= std::uint64_t{1} << all_labels[c.label].family;
    }
  }
  return families;
}

std::string_view file_name(std::string_view path) noexcept {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace eddy::detail
