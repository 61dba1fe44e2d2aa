// The order of what happens, and what happens by chance to whole hosts.
#include "simulation/driver.h"

#include <string.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/detail/root.h>

#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {
namespace {

constexpr unsigned most_ticks_at_once = 100'000;

/// "tcp_stream::write -> 9", and where it was awaited.
std::string text_of(const operation& o, std::string& place) {
  std::string text = "an operation";
  if (o.type->background == &wait_in_background) {  // a task awaits it
    text.clear();
    describe_wait(text, o);
    const std::size_t at = text.find(" at ");
    if (at != std::string::npos) {
      place = text.substr(at + 4);
      text.resize(at);
    }
  }
  text += " -> ";
  if (o.result >= 0) return text + std::to_string(o.result);
  return text + strerrorname_np(-o.result);
}

}  // namespace

driver::driver(run_state& run, const simulation_options& options)
    : run_(run), options_(options), world_(simulated::options_of(options), &run.choice) {
  if (!run.explained()) return;
  world_.explain_to(
      [](void* self, const simulated::machine& m, const operation& o) {
        std::string place;
        std::string text = text_of(o, place);
        static_cast<driver*>(self)->run_.tell(m.choosing(), std::move(text), std::move(place));
      },
      this);
}

/// (What a host's destructors do, they do in this run.)
driver::~driver() {
  const run_state::here here(run_);
  hosts_.clear();
}

host& driver::add(std::string name, host_main main, bool client) {
  if (name.empty()) misuse("a simulated host without a name");
  if (find(name)) misuse("two simulated hosts of one name", name.c_str());
  simulated::machine& on = world_.add_machine(std::move(name));
  hosts_.push_back(std::make_unique<host>(*this, on, std::move(main), client));
  hosts_.back()->start();
  return *hosts_.back();
}

host* driver::find(std::string_view name) const noexcept {
  for (const auto& h : hosts_) {
    if (h->machine().name() == name) return h.get();
  }
  return nullptr;
}

// ---- The script --------------------------------------------------------------------------------

void driver::act(std::function<void()> f) {
  if (in_tick_) {
    asked_.push_back(std::move(f));
  } else {
    f();
  }
}

void driver::note(const host& of, const char* what) {
  const unsigned whose = of.machine().choosing();
  run_.event(hash_of(what, std::strlen(what)), whose, of.starts());
  if (run_.explained()) run_.tell(whose, what, "");
}

void driver::at(simulated::instant when, std::function<void()> f) {
  script_.push_back({when, ++numbers_, std::move(f)});
  std::push_heap(script_.begin(), script_.end(), &is_later);
}

void driver::every(between<duration> range, callback f) {
  struct repeated {
    driver* of;
    std::int64_t least, most;
    callback run;
    static void begin(const std::shared_ptr<repeated>& self) {
      driver& d = *self->of;
      const std::int64_t away = self->most - self->least;
      const auto by = static_cast<std::int64_t>(d.run_.choice.draw(
          0, label::script_every, static_cast<std::uint64_t>(away < 0 ? -away : away) + 1));
      d.at(duration(self->least + (away < 0 ? -by : by)), [self] {
        self->run();
        begin(self);
      });
    }
  };
  if (range.least <= duration::zero() || range.most <= duration::zero())
    misuse("simulation::every: both ends of the range are above 0");
  repeated::begin(std::make_shared<repeated>(
      repeated{this, range.least.count(), range.most.count(), std::move(f)}));
}

void driver::restart(host& h, duration after) {
  ++h.restarts_asked;
  at(after, [&h] {
    --h.restarts_asked;
    h.start();
  });
}

void driver::calm() {
  is_calm_ = true;
  run_.choice.calm();
  world_.heal();
  for (const auto& h : hosts_) {
    h->is_frozen = false;
    if (h->is() == host::state::off) h->start();
  }
}

void driver::run_script() {
  while (!script_.empty() && script_.front().at <= world_.now()) {
    std::pop_heap(script_.begin(), script_.end(), &is_later);
    const action now = std::move(script_.back());
    script_.pop_back();
    try {
      now.run();
    } catch (...) {
      run_.fail(std::current_exception());
    }
    for (const auto& h : hosts_) h->look_again();
    if (!after_event()) return;
  }
}

// ---- What happens next -------------------------------------------------------------------------

driver::end driver::run_while(bool (*goes_on)(void*), void* context, simulated::instant until) {
  if (in_tick_) misuse("a run inside a run: a simulation is run from a task of one of its hosts");
  const run_state::here here(run_);
  goes_on_ = goes_on;
  context_ = context;
  is_done_ = false;
  for (const auto& h : hosts_) h->look_again();
  end result = end::done;
  while (!run_.failed() && goes_on(context)) {
    const simulated::instant when = next();
    if (when > until) {
      world_.advance_to(until);
      run_.set_now(until);
      result = end::limit;
      break;
    }
    check_limits(when);
    if (run_.failed()) break;
    world_.advance_to(when);
    run_.set_now(when);
    if (when >= next_second_ && !is_calm_) {
      misfortunes();
      next_second_ = when + simulated::second;
    }
    run_script();
    if (!is_done_ && !run_.failed()) run_ticks();
    if (is_done_) break;
  }
  run_.host = 0;
  run_.event(world_.events(), world_.events_seen().hash(), 0);
  run_.count_events(world_.events() - std::exchange(counted_, world_.events()));
  return run_.failed() ? end::failed : result;
}

simulated::instant driver::next() {
  simulated::instant when = world_.next_event();
  if (!script_.empty()) when = std::min(when, script_.front().at);
  for (const auto& h : hosts_) when = std::min(when, h->next());
  return when;
}

void driver::run_ticks() {
  const simulated::instant now = world_.now();
  if (std::exchange(last_tick_, now) != now) ticks_there_ = 0;
  for (const auto& h : hosts_) {
    if (h->next() > now) continue;
    if (++ticks_there_ > most_ticks_at_once) {
      run_.fail("spinning",
                "time stands still, and " + h->machine().name() + " has always more to do", "", 0,
                h->describe());
      return;
    }
    run_.host = h->machine().choosing();
    in_tick_ = true;
    h->tick();
    in_tick_ = false;
    run_.host = 0;
    for (const auto& f : std::exchange(asked_, {})) f();
    if (!after_event()) return;
  }
}

/// False: that was the last one.
bool driver::after_event() {
  if (run_.check_invariants() && !goes_on_(context_)) is_done_ = true;
  return !is_done_ && !run_.failed();
}

bool driver::is_held() const noexcept {
  return std::any_of(hosts_.begin(), hosts_.end(), [](const auto& h) {
    return h->is_client() && (h->is_running() || h->restarts_asked);
  });
}

void driver::check_limits(simulated::instant when) {
  if (when == simulated::never) return is_stuck();
  if (when > options_.limit.count())
    run_.fail("limit",
              "of virtual time: " + std::to_string(options_.limit.count() / 1'000'000'000) + " s");
  if (world_.events() > options_.event_limit)
    run_.fail("limit", "of events: " + std::to_string(options_.event_limit));
}

void driver::is_stuck() {
  std::string waits, tasks;
  for (const auto& h : hosts_) {
    if (!h->is_running()) continue;
    if (h->is_client()) waits += (waits.empty() ? "" : ", ") + h->machine().name();
    tasks += (tasks.empty() ? "" : "\n") + h->describe();
  }
  run_.fail("stuck",
            "nothing is left to happen, and it waits: " + (waits.empty() ? "the run" : waits), "",
            0, tasks);
}

// ---- Chance ------------------------------------------------------------------------------------

/// Of a second in which something happens at all: where nothing does, nobody would notice.
void driver::misfortunes() {
  const auto on = [this](fault f) { return run_.choice.is_on(f); };
  const auto lasts = [this](unsigned whose, label l) {
    // from a tenth of a second to ten
    return duration(simulated::second / 10 *
                    static_cast<std::int64_t>(1 + run_.choice.draw(whose, l, 100)));
  };
  unsigned down = 0;
  for (const auto& h : hosts_) down += h->is() == host::state::off;
  for (const auto& h : hosts_) {
    const unsigned whose = h->machine().choosing();
    const auto chance = [&](fault f, label l) { return on(f) && run_.choice.chance(whose, l); };
    if (!h->is_running()) continue;
    if (chance(fault::clock_jump, label::clock_jumps)) {
      const auto by =
          static_cast<std::int64_t>(run_.choice.draw(whose, label::clock_jumps_by, 7200));
      h->machine().set_wall_clock(h->machine().wall_now() + (by - 3600) * simulated::second);
    }
    if (!h->is_frozen && chance(fault::freeze, label::freeze_begins)) {
      h->is_frozen = true;
      at(lasts(whose, label::freeze_lasts), [&still = *h] { still.is_frozen = false; });
    }
    if (!h->is_restartable || down >= options_.down_at_once) continue;
    const bool killed = chance(fault::kill, label::host_killed);
    if (!killed && !chance(fault::power_cut, label::host_power_cut)) continue;
    ++down;
    if (killed) {
      h->kill();
    } else {
      h->cut_power();
    }
    restart(*h, duration(static_cast<std::int64_t>(simulated::second / 10 *
                                                   static_cast<std::int64_t>(run_.choice.draw(
                                                       whose, label::host_back_after, 50)))));
  }
  if (!on(fault::partition)) return;
  for (std::size_t a = 0; a < hosts_.size(); ++a) {
    for (std::size_t b = a + 1; b < hosts_.size(); ++b) {
      simulated::machine& one = hosts_[a]->machine();
      simulated::machine& other = hosts_[b]->machine();
      if (!run_.choice.chance(one.choosing(), label::partition_begins)) continue;
      const auto way = run_.choice.draw(one.choosing(), label::partition_direction, 3);
      if (way != 2) world_.partition(one, other);
      if (way != 1) world_.partition(other, one);
      at(lasts(one.choosing(), label::partition_lasts), [this, &one, &other] {
        world_.between(one, other).cut = world_.between(other, one).cut = false;
      });
    }
  }
}

}  // namespace eddy::detail
