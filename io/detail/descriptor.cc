// Descriptors: who may use one, what is in flight, closing.
#include <eddy/io/detail/descriptor.h>

#include <cerrno>
#include <utility>

#include <eddy/coro/detail/root.h>
#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {

std::uint32_t most_of_a_part = 0x7ffff000;

namespace {

/// In that loop's world, if it is one of this thread's (else null), there is room for a descriptor.
void note_close(loop* l) noexcept {
  if (!l) return;
  ++l->closes;
  while (linked_work* w = l->told_of_a_close.pop()) w->run();
}

request of_descriptor(verb what, int number) noexcept {
  request r;
  r.what = what;
  r.descriptor = number;
  return r;
}

}  // namespace

int ask_here(const request& r) noexcept {
  return current_loop ? current_loop->ask(r) : ask_world(0, r);
}

int examine_here(int number, std::uint32_t open_flags) noexcept {
  request r = of_descriptor(verb::examine, number);
  r.options = open_flags;
  return ask_here(r);
}

descriptor adopted(int number, int examined) noexcept {
  ask_here(of_descriptor(verb::forget, number));
  return descriptor(number, descriptor::kind::file, nature_of(examined));
}

void close_here(int number) noexcept {
  ask_here(of_descriptor(verb::close, number));
}

request stream_request(const descriptor& d, verb what, const void* address,
                       std::size_t size) noexcept {
  request r;
  r.what = what;
  r.through = d.through();
  r.address = address_of(address);
  r.length = stream_length(r.through, size);
  r.offset = current_position;
  if (!r.is_file()) r.lane = pool_lane::streams;
  return r;
}

// ---- A wait ------------------------------------------------------------------------------------

bool io_wait::refuse() noexcept {
  if (on && !on->usable()) {
    result = -EBADF;
    return true;
  }
  if (ask.length) return false;
  if (ask.what == verb::read || ask.what == verb::receive) {
    result = -EINVAL;
    return true;
  }
  if (ask.what == verb::write || ask.what == verb::send) {
    result = 0;
    return true;
  }
  return false;
}

bool io_wait::enter_io(promise_base& p, std::source_location at) noexcept {
  check_movable();
  if (!enter(*this, p, kind(), at)) return false;
  if (!settled) return true;
  make_ready(*this);  // the budget is spent: it queues with its result
  return false;
}

void io_wait::awaited_already() noexcept {
  misuse("an operation is awaited a second time, or moved while it is awaited");
}

void io_wait::begin_io() noexcept {
  if (on) on->claim(*this);
  begin();
}

/// (Asked while its report lay in turn::done, the loop could not tell it: its task knows.)
bool io_wait::begin_again() noexcept {
  if (cancel_asked || closed || waiter_of(*this).of->stop_requested) {
    cancel_asked = true;
    result = -ECANCELED;
    return false;
  }
  begin();
  return true;
}

void io_wait::finish(work* w) noexcept {
  io_wait& self = of(w);
  if (self.claimed) self.on->leave(self);
  resume_operation(w);
}

void io_wait::end(work& w, ask_list&) noexcept {
  of(&w).end();
}

void io_wait::end() noexcept {
  if (paused) {
    kind().interrupt(*this);
  } else {
    home().cancel(*this);
  }
}

// ---- Closing -----------------------------------------------------------------------------------

namespace {

constexpr io_kind close_kind(void (*run)(work*) noexcept, const char* name) noexcept {
  io_kind kind = make_io_kind(name, io_slot::shared, false, run);
  kind.cancel = [](work&, ask_list&) noexcept {};
  return kind;
}

}  // namespace

constinit const io_kind close_wait::stream_kind =
    close_kind(&close_wait::run_in_close_phase, "close");
constinit const io_kind close_wait::file_kind = close_kind(&close_wait::run_in_poll, "file::close");

close_wait::close_wait(descriptor& d) noexcept
    : io_wait(&d, d.kind_ == descriptor::kind::file ? file_kind : stream_kind,
              of_descriptor(verb::close, -1)) {}

bool close_wait::await_ready() noexcept {
  if (on->usable()) return false;
  settled = true;
  result = -EBADF;
  return may_take();
}

/// Runs no user code: whoever is ended goes on later in this drain, or with the report.
void close_wait::begin_close() noexcept {
  on->belong_to(home());
  ask.descriptor = on->number_;
  home().closing_started();
  ended_[0] = std::exchange(on->in_flight_[0], this);
  ended_[1] = std::exchange(on->in_flight_[1], nullptr);
  on->closing_ = true;
  for (io_wait* w : ended_) {
    while (w) {
      // A task that is being stopped as well is stopped, if its operation did nothing.
      if (!waiter_of(*w).of->stop_requested) w->closed = true;
      w->end();
      w = w->kind().exclusive ? nullptr : static_cast<shared_io_wait*>(w)->next_on;
    }
  }
  if (!ended_[0] && !ended_[1]) proceed();
}

/// The last operation on the descriptor has left the kernel.
void close_wait::proceed() noexcept {
  if (on->kind_ == descriptor::kind::file) {
    home().closing_ended();  // pending as an operation from here on
    begin();
  } else {
    home().make_closing(*this);
  }
}

void close_wait::run_in_close_phase(work* w) noexcept {
  auto& self = static_cast<close_wait&>(of(w));
  if (self.settled) return resume_wait(w);
  self.home().closing_ended();
  self.closed_with(self.home().ask(self.ask));
}

void close_wait::run_in_poll(work* w) noexcept {
  auto& self = static_cast<close_wait&>(of(w));
  if (self.settled) return resume_wait(w);
  self.closed_with(self.result);
}

void close_wait::closed_with(int answer) noexcept {
  result = answer;
  on->number_ = -1;
  on->closing_ = false;
  on->in_flight_[0] = nullptr;
  note_close(&home());
  resume_wait(this);
}

eddy::result<void> close_wait::await_resume() const noexcept {
  return void_result(result);
}

// ---- A descriptor ------------------------------------------------------------------------------

descriptor::descriptor(int number, kind k, nature n) noexcept
    : number_(number), world_(current_loop ? world_of(*current_loop) : 0), kind_(k) {
  set_nature(n);
}

descriptor::descriptor(descriptor&& other) noexcept
    : world_(other.world_), through_(other.through_), kind_(other.kind_), used_(other.used_) {
  other.check_idle("a stream, listener or file is moved while an operation on it is in flight");
  number_ = std::exchange(other.number_, -1);
}

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this == &other) return *this;
  for (const descriptor* d : {&other, this})
    d->check_idle("a stream, listener or file is moved while an operation on it is in flight");
  drop();
  number_ = std::exchange(other.number_, -1);
  world_ = other.world_;
  through_ = other.through_;
  kind_ = other.kind_;
  used_ = other.used_;
  return *this;
}

descriptor::~descriptor() {
  drop();
}

void descriptor::is_not_idle(const char* sentence) const noexcept {
  destroyed_under(*(in_flight_[0] ? in_flight_[0] : in_flight_[1]), sentence);
}

/// Through its world, which keeps knowledge of it under its number.
void descriptor::drop() noexcept {
  check_idle("a stream, listener or file is destroyed while an operation on it is in flight");
  if (number_ < 0) return;
  if (kind_ != kind::lent) return close_now();
  tell_world(of_descriptor(verb::forget, number_));
  number_ = -1;
}

void descriptor::close_now() noexcept {
  tell_world(of_descriptor(verb::close, number_));
  number_ = -1;
  note_close(is_here() ? current_loop : loop::find(world_));
}

/// Runs no user code: whoever is ended goes on with the report.
void descriptor::abort() noexcept {
  if (!usable()) return;
  if (!in_flight_[0] && !in_flight_[1]) return close_now();
  closing_ = true;
  used_ = false;
  for (io_wait* w : in_flight_) {
    if (!w) continue;
    if (!waiter_of(*w).of->stop_requested) w->closed = true;
    w->end();
  }
}

void descriptor::check_free(const io_kind& of) const noexcept {
  if (kind_ == kind::chunked && of.slot == io_slot::reading)
    misuse("a stream is read after its chunks() were asked for", of.name);
  if (usable() && in_flight_[static_cast<std::size_t>(of.slot)])
    misuse("a second operation is begun while one of its kind is in flight", of.name);
}

int descriptor::release() noexcept {
  check_idle("a stream is released while an operation on it is in flight");
  if (number_ >= 0) tell_world(of_descriptor(verb::forget, number_));
  return std::exchange(number_, -1);
}

void descriptor::read_by_chunks() noexcept {
  if (in_flight_[0]) misuse("chunks() of a stream on which a read is in flight");
  kind_ = kind::chunked;
}

int descriptor::ask(request r) const noexcept {
  if (!usable()) return -EBADF;
  r.descriptor = number_;
  return tell_world(r);
}

bool descriptor::is_here() const noexcept {
  return current_loop && world_of(*current_loop) == world_;
}

/// The world may be gone, or not be running; as a rule it is the one that runs here.
int descriptor::tell_world(const request& r) const noexcept {
  if (is_here()) return current_loop->ask(r);
  return ask_world(world_, r);
}

void descriptor::belong_to(loop& l) noexcept {
  if (world_of(l) != world_) {
    if (l.is_host())
      misuse("a simulated host uses a stream, listener or file of another, or of the kernel");
    if (used_)
      misuse(
          "a stream, listener or file is used in another runtime than that of its first operation");
    world_ = world_of(l);
    // What was known there of the number was another's
    l.ask(of_descriptor(verb::forget, number_));
  }
  used_ = true;
}

void descriptor::claim(io_wait& w) noexcept {
  belong_to(w.home());
  const io_kind& table = w.kind();
  io_wait*& first = in_flight_[static_cast<std::size_t>(table.slot)];
  if (kind_ == kind::chunked && table.slot == io_slot::reading && w.ask.what != verb::receive_chunk)
    misuse("a stream is read after its chunks() were asked for", table.name);
  if (!table.exclusive) {
    auto& shared = static_cast<shared_io_wait&>(w);
    auto* following = static_cast<shared_io_wait*>(first);
    shared.previous_on = nullptr;
    shared.next_on = following;
    if (following) following->previous_on = &shared;
  } else if (first) {
    misuse("a second operation is begun while one of its kind is in flight", table.name);
  }
  first = &w;
  w.ask.descriptor = number_;
  w.claimed = true;
}

void descriptor::leave(io_wait& w) noexcept {
  const io_kind& table = w.kind();
  const bool aborts = is_aborted();
  io_wait** const all = closing_ && !aborts ? closer().ended_ : in_flight_;
  io_wait*& first = all[static_cast<std::size_t>(table.slot)];
  if (table.exclusive) {
    first = nullptr;
  } else {
    const auto& shared = static_cast<shared_io_wait&>(w);
    if (shared.next_on) shared.next_on->previous_on = shared.previous_on;
    if (shared.previous_on) {
      shared.previous_on->next_on = shared.next_on;
    } else {
      first = shared.next_on;
    }
  }
  w.claimed = false;
  if (!closing_ || all[0] || all[1]) return;
  if (!aborts) return closer().proceed();
  closing_ = false;
  close_now();
}

}  // namespace eddy::detail
