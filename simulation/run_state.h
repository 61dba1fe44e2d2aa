// What one run of a simulation has beside its hosts: choices, what must hold, how it failed, what has
// happened. Kept from run to run. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <eddy/simulation/assert.h>
#include <eddy/simulation/failure.h>
#include <eddy/simulation/options.h>
#include <eddy/simulation/simulation.h>

#include "simulation/choices.h"

namespace eddy::detail {

/// Kind, text and place together are what makes two failures the same.
struct run_failure {
  const char* kind = nullptr;  // "always", "invariant", "exception", "stuck", "limit", …
  std::string text;
  std::string details;  // more lines for the report: the tasks that wait
  std::string file;     // "": nobody's line
  unsigned line = 0;
  std::int64_t time = 0;

  /// "always: kept".
  std::string reason() const { return std::string(kind) + ": " + text; }
  friend bool operator==(const run_failure& a, const run_failure& b) noexcept {
    return std::string_view(a.kind) == b.kind && a.text == b.text && a.file == b.file &&
           a.line == b.line;
  }
};

/// A line of the trace, kept where a run is explained.
struct told_event {
  std::int64_t time = 0;
  std::string host;
  std::string text;   // "#2 say      send 9 B to log:7 -> 9"
  std::string place;  // "log_test.cc:28"
};

class run_state final : public assertions {
 public:
  run_state() = default;
  ~run_state() override;

  /// A new run. `explained`: its events are told, as text.
  void begin(const choice_source&, const simulation_options&, bool explained);

  choices choice;
  unsigned host = 0;           // whose tick this is; 0: nobody's
  bool is_repetition = false;  // what is asked of it was asked before

  std::int64_t now() const noexcept { return choice.now; }
  void set_now(std::int64_t time) noexcept { choice.now = time; }
  std::uint64_t seed() const noexcept { return seed_; }
  bool explained() const noexcept { return explained_; }

  // ---- What happens ----

  /// Numbers that are the same on every machine. Where it is explained: tell() too.
  void event(std::uint64_t what, std::uint64_t object, std::uint64_t result) noexcept {
    ++events_;
    hash_ = mix((hash_ ^ what) + (object * golden ^ result) + static_cast<std::uint64_t>(now()) +
                (std::uint64_t{host} << 56));
  }
  void tell(unsigned at, std::string text, std::string place);
  std::uint64_t events() const noexcept { return events_; }
  void count_events(std::uint64_t n) noexcept { events_ += n; }
  std::uint64_t trace_hash() const noexcept { return mix(hash_ ^ choice.hash()); }
  const std::vector<told_event>& told() const noexcept { return told_; }

  // ---- How it fails ----

  bool failed() const noexcept { return failure_.kind != nullptr; }
  const run_failure& failure() const noexcept { return failure_; }
  /// Notes it and returns: what runs at the moment goes on, and the run ends after it. The first one
  /// counts.
  void fail(const char* kind, std::string text, std::string_view file = "", unsigned line = 0,
            std::string details = "");
  /// The same of an exception: its type and what(). simulation_failure says nothing new.
  void fail(const std::exception_ptr&);
  /// Throws simulation_failure: it has failed.
  [[noreturn]] void end() const;

  // ---- assert.h ----

  /// While it lives the assertions of this thread are this run's: around all that runs in it.
  class here {
   public:
    explicit here(run_state& r) noexcept;
    ~here();
    here(const here&) = delete;
    here& operator=(const here&) = delete;

   private:
    assertions* before_;
  };
  void broken(const char* kind, std::string_view text, const std::source_location&) override;
  void asked(assertion_site&, bool held) noexcept override;

  void add_invariant(std::string text, std::function<bool()>, const std::source_location&);
  /// Asks them all, as after each event; false: the run has failed.
  bool check_invariants();

  // ---- Families that the program itself gave a rate ----

  void rate(fault, double);
  /// Those families, and those that came true in this run.
  std::uint64_t rated() const noexcept { return rated_; }
  std::uint64_t came_true() const noexcept;

 private:
  struct invariant {
    std::string text;
    std::function<bool()> holds;
    std::source_location where;
  };

  std::uint64_t seed_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t hash_ = golden;
  std::uint64_t rated_ = 0;
  bool explained_ = false;
  run_failure failure_;
  std::vector<invariant> invariants_;
  std::vector<told_event> told_;
  std::uint32_t number_ = 0;
  std::thread::id thread_;
};

/// From 0 to 1, in parts per million; aborts with a sentence about `what` else.
std::uint32_t parts_per_million(double rate, std::string_view what);

/// "log_test.cc": without its folders.
std::string_view file_name(std::string_view path) noexcept;

/// The inside of a simulation, for the library itself.
struct simulation_access {
  /// Calls `f` with a simulation of the run that has begun.
  template <class F>
  static void with(const simulation_options& options, run_state& run, F f) {
    simulation s(options, run);
    f(s);
  }
  static run_state& run_of(simulation& s) noexcept { return *s.run_; }
  static const simulation_options& options_of(const simulation& s) noexcept { return s.options_; }
};

}  // namespace eddy::detail
