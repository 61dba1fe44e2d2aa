// class simulation: a world in memory of several hosts, with virtual time and seeded faults, in which
// programs run unchanged. A library of its own (pkg-config eddy-simulation), for tests.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/runtime/callback.h>
#include <eddy/runtime/clock.h>
#include <eddy/simulation/failure.h>
#include <eddy/simulation/fault.h>
#include <eddy/simulation/options.h>
#include <eddy/simulation/simulated.h>
#include <eddy/simulation/simulated_host.h>

namespace eddy {

namespace detail {
class driver;     // the hosts, and who is next
class run_state;  // choices, failure, trace: kept from run to run
struct simulation_access;

/// A main with its arguments, which are copied at each start.
using host_main = std::function<task<>()>;

template <class F, class... A>
task<> start_main(F main, A... args) {
  co_await std::invoke(main, std::move(args)...);
}
}  // namespace detail

/// One run of one world. Where it is made by hand it is the run of its options' seed; simulate()
/// makes one for each of many.
///
/// A main is `task<> main(args...)`: program code, which knows nothing of this. Everything that is left
/// open (delays, faults, what is drawn below) is a choice, and the same for the same seed.
/// Hosts that have not ended are killed where the simulation ends: destructors of their tasks then
/// run, which must not touch what is gone by then (locals of simulate()'s function).
/// Used by one thread; a caller's bug aborts with a sentence.
class simulation {
 public:
  explicit simulation(const simulation_options& = {});
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  // ---- Hosts ----

  /// A server: it does not hold the run, and what it throws fails it. Started at once; main and
  /// arguments are copied at each start. A second host of one name aborts.
  template <class F, class... A>
  simulated_host& host(std::string name, F main, A... args) {
    return add(std::move(name), made(std::move(main), std::move(args)...), false);
  }
  /// One for whose end the run waits.
  template <class F, class... A>
  simulated_host& client(std::string name, F main, A... args) {
    return add(std::move(name), made(std::move(main), std::move(args)...), true);
  }
  /// Aborts where there is none of that name.
  simulated_host& operator[](std::string_view name);

  // ---- Time passes ----

  /// Until every client has ended. Throws simulation_failure, as the others do.
  void run();
  /// So long, whoever has ended.
  void run_for(duration);
  /// Until `predicate`, which is asked after each event; false: not within `limit`.
  template <std::predicate F>
  bool run_until(F predicate, duration limit) {
    return run_while([](void* p) { return !(*static_cast<F*>(p))(); }, &predicate, limit);
  }
  /// No more faults from now on; partitions are healed, everybody is up: what must come true in the
  /// end can be waited for.
  void calm();

  // ---- The script ----

  /// Once, so long from now on; between ticks.
  void at(duration after, callback);
  /// Again and again, each time after a drawn time.
  void every(between<duration>, callback);
  void partition(simulated_host&, simulated_host&, direction = direction::both);
  /// All partitions.
  void heal();
  void link(simulated_host&, simulated_host&, const link_options&);
  /// From 0 to 1: at what share of its occasions a fault comes true in this world. 0 switches the
  /// family off whatever the preset. Where it is above 0 it must come true in some run of a
  /// simulate(), which fails else.
  void rate(fault, double);

  // ---- What must hold ----

  /// Asked after each event; false fails the run.
  void invariant(std::string text, std::function<bool()>,
                 std::source_location = std::source_location::current());
  [[noreturn]] void fail(std::string text, std::source_location = std::source_location::current());

  // ---- Choices of one's own ----

  /// 0 … n - 1; 0 is the ordinary, least thing, which shrinking goes for. `label` names it in
  /// reports. choose(0) aborts.
  std::uint64_t choose(std::uint64_t n, std::string_view label);
  /// True at that rate, from 0 to 1.
  bool chance(std::string_view label, double rate);
  /// Any value of the range; `least` is the ordinary one.
  duration pick(std::string_view label, between<duration> range) {
    return duration(pick(label, between<std::int64_t>{range.least.count(), range.most.count()}));
  }
  std::int64_t pick(std::string_view label, between<std::int64_t> range) {
    return pick<std::int64_t>(label, range);
  }
  template <std::integral T>
  T pick(std::string_view label, between<T> range) {
    const auto least = static_cast<std::uint64_t>(range.least);
    const auto most = static_cast<std::uint64_t>(range.most);
    if (range.least <= range.most) return static_cast<T>(least + up_to(most - least, label));
    return static_cast<T>(least - up_to(least - most, label));
  }

  // ---- The run ----

  /// Virtual time, from 0 on.
  time_point now() const noexcept;
  std::uint64_t seed() const noexcept;
  /// Over every event and choice so far: equal for equal programs and seeds, and only then.
  std::uint64_t trace_hash() const noexcept;
  std::uint64_t events() const noexcept;

 private:
  friend struct detail::simulation_access;
  simulation(const simulation_options&, detail::run_state&);

  template <class F, class... A>
  static detail::host_main made(F main, A... args) {
    static_assert(std::is_invocable_v<F&, A...>,
                  "a host's main takes the arguments that are given with it, by copies");
    if constexpr (std::is_invocable_v<F&, A...>) {
      static_assert(std::is_same_v<std::invoke_result_t<F&, A...>, task<>>,
                    "a host's main is a task: task<> main(args...)");
    }
    return [main, args...] { return detail::start_main<F, A...>(main, args...); };
  }
  detail::driver& hosts();
  simulated_host& add(std::string name, detail::host_main, bool client);
  std::uint64_t up_to(std::uint64_t most, std::string_view label);
  bool run_while(bool (*goes_on)(void*), void* context, duration limit);

  struct driver_deleter {
    void operator()(detail::driver*) const noexcept;
  };

  simulation_options options_;
  std::unique_ptr<detail::run_state> own_;  // where simulate() has not given one
  detail::run_state* run_;
  std::unique_ptr<detail::driver, driver_deleter> driver_;  // made with the first host
};

}  // namespace eddy
