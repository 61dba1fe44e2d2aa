// A host's program: begun, ticked, ended, and lost.
#include "simulation/host.h"

#include <csignal>
#include <exception>
#include <utility>

#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/detail/loop.h>

#include "runtime/backend/backend.h"
#include "simulation/driver.h"

namespace eddy::detail {

struct host::program {
  explicit program(host& of) : main(of.main_) { loop_of(loop).become_host(); }

  runtime loop;
  main_of<void, host_main> main;
  bool has_begun = false;
};

host::host(driver& d, simulated::machine& m, host_main main, bool is_client)
    : is_restartable(!is_client),
      driver_(d),
      machine_(m),
      main_(std::move(main)),
      face_(*this),
      disk_(*this),
      is_client_(is_client) {}

host::~host() {
  if (!program_) return;
  machine_.kill();
  drop_program(true);
}

runtime& host::loop() {
  if (!program_)
    misuse("the runtime of a simulated host that does not run", machine_.name().c_str());
  return program_->loop;
}

// ---- Its life

void host::start() {
  if (program_) kill();
  machine_.turn_on();
  ++starts_;
  is_frozen = false;
  program_ = std::make_unique<program>(*this);
  use_backend(
      program_->loop,
      [](const backend_parts& parts, void* of) {
        return static_cast<host*>(of)->machine_.start(parts, false);
      },
      this);
  driver_.note(*this, "starts");
  state_ = state::runs;
  busy_until_ = driver_.world().now();
  knows_next_ = false;
}

/// What it had open is closed before its tasks go: what their destructors ask for reaches nobody.
void host::kill() {
  if (!program_) return;
  driver_.note(*this, "is killed");
  machine_.kill();
  drop_program(true);
  state_ = state::off;
}

void host::cut_power() {
  driver_.note(*this, "loses its power");
  machine_.cut_power();
  if (program_) drop_program(true);
  state_ = state::off;
}

void host::stop() {
  if (!program_) return;
  program_->loop.request_stop();
  look_again();
}

namespace {
/// What a signal does where nobody has asked for it.
enum class effect : std::uint8_t { ends, nothing, stands, goes_on };
effect effect_of(int signal) noexcept {
  switch (signal) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
      return effect::nothing;
    case SIGCONT:
      return effect::goes_on;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return effect::stands;
    default:
      return effect::ends;
  }
}
}  // namespace

void host::raise(int signal) {
  if (!program_) return;
  look_again();
  if (machine_.raise(signal)) return;
  switch (effect_of(signal)) {
    case effect::ends:
      return kill();
    case effect::nothing:
      return;
    case effect::stands:
      is_frozen = true;
      return;
    case effect::goes_on:
      is_frozen = false;
  }
}

void host::drop_program(bool abandoned) {
  const std::unique_ptr<program> gone = std::move(program_);
  if (abandoned && gone->has_begun) loop_of(gone->loop).abandon();
}

// ---- Its ticks

simulated::instant host::next() noexcept {
  if (!program_ || is_frozen) return simulated::never;
  const simulated::instant now = driver_.world().now();
  if (!knows_next_) {
    deadline_.reset();
    if (!program_->has_begun) {
      deadline_ = machine_.now();
    } else if (const auto left = program_->loop.next_timeout()) {
      deadline_ = machine_.now() + *left;
    }
    knows_next_ = true;
  }
  const simulated::instant when = machine_.has_work() ? now
                                  : deadline_         ? machine_.when(*deadline_)
                                                      : simulated::never;
  return when == simulated::never ? when : std::max(when, busy_until_);
}

void host::tick() {
  busy_until_ = driver_.world().now() + driver_.options().tick_cost.count();
  knows_next_ = false;
  try {
    step();
  } catch (...) {
    driver_.run().fail(std::current_exception());
    driver_.act([this] { kill(); });
  }
}

void host::step() {
  auto& l = loop_of(program_->loop);
  bool goes_on = true;
  {
    const running_scope here(l);
    if (std::exchange(program_->has_begun, true)) {
      goes_on = l.step();
    } else {
      l.begin_run();
      begin_main(l, program_->main);
      goes_on = l.holds();
    }
    if (state_ == state::ending) {
      goes_on = goes_on && l.background_tasks;
      if (!goes_on && l.background_tasks)
        misuse("background tasks that cannot be ended", l.tasks->describe().c_str());
    }
    if (goes_on) return;
    if (l.tasks->foreground()) {
      driver_.run().fail("deadlock", "on " + machine_.name() + " nothing can wake what waits", "",
                         0, describe());
      return;
    }
    if (state_ == state::runs && l.stop_background()) {
      state_ = state::ending;
      return;
    }
    l.end_run();
  }
  has_ended();
}

/// As a process ends: what it has left open is closed.
void host::has_ended() {
  driver_.note(*this, "has ended");
  drop_program(false);
  machine_.kill();
  state_ = state::ended;
}

std::string host::describe() const {
  if (!program_ || !program_->has_begun) return "";
  return "  " + machine_.name() + ":" + loop_of(program_->loop).tasks->describe();
}

}  // namespace eddy::detail
