// A machine's descriptors, the life of its programs, and its clocks.
#include "simulation/world/machine.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "simulation/world/bell.h"
#include "simulation/world/kernel.h"
#include "simulation/world/object.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::int64_t wall_at_the_beginning = 946'684'800 * second;  // 2000-01-01

}  // namespace

// ---- Objects

object::object(machine& home) : home_(home), number_(home.next_object()) {
  home.add_object(*this);
}
object::~object() {
  home_.remove_object(*this);
}

void object::wake(side where) {
  kernel* const k = home_.running();
  if (!k) return;
  if (waiting* first = waits[static_cast<std::size_t>(where)].front()) k->try_again(*first);
  auto& watching = waits[static_cast<std::size_t>(side::watching)];
  for (waiting* w = watching.front(); w; w = watching.after(*w)) k->try_again(*w);
}
void object::wake_all() {
  wake(side::reading);
  wake(side::writing);
}

// ---- A program's life

machine::machine(world& w, std::string name, unsigned number, unsigned choosing)
    : world_(w),
      name_(std::move(name)),
      number_(number),
      choosing_(choosing),
      wall_offset_(wall_at_the_beginning),
      files(*this),
      tcp(*this),
      udp(*this) {}

/// (Some hold each other.)
machine::~machine() {
  vanish_all();
}

void machine::vanish_all() {
  std::vector<std::shared_ptr<object>> all;
  for (object* o = all_.front(); o; o = all_.after(*o)) all.push_back(o->shared_from_this());
  for (const auto& o : all) o->vanish();
}

std::unique_ptr<detail::backend> machine::start(const detail::backend_parts& parts, bool drives) {
  return std::make_unique<kernel>(*this, parts, drives);
}

bool machine::has_work() const noexcept {
  return kernel_ && kernel_->has_work();
}

void machine::kill() {
  if (kernel_) kernel_->abandon();
  bells_.clear();
  for (std::size_t i = 0; i < descriptors_.size(); ++i) {
    if (descriptors_[i]) release(first_descriptor + static_cast<std::int32_t>(i));
  }
  descriptors_.clear();
  lowest_free_ = 0;
}

void machine::cut_power() {
  if (kernel_) kernel_->abandon();
  is_on_ = false;
  vanish_all();
  bells_.clear();
  abstract_names.clear();
  sockets_of_files.clear();
  tcp.clear();
  udp.clear();
  descriptors_.clear();
  lowest_free_ = open_ = 0;
  files.lose_power();
}

// ---- Clocks

time_point machine::now() const noexcept {
  const instant since = world_.now() - clock_from_;
  return time_point(duration(clock_then_ + since + since / 1'000'000 * ppm_ +
                             since % 1'000'000 * ppm_ / 1'000'000));
}

/// Rounded up, and then as far as it takes: nothing is early.
instant machine::when(time_point t) const noexcept {
  if (t == time_point::max()) return never;
  const std::int64_t until = t.time_since_epoch().count();
  if (until <= now().time_since_epoch().count()) return world_.now();
  const std::int64_t ahead = until - clock_then_;
  if (!ppm_) return ahead > never - clock_from_ ? never : clock_from_ + ahead;
  const std::int64_t rate = 1'000'000 + ppm_;
  std::int64_t since = ahead / rate * 1'000'000 + ahead % rate * 1'000'000 / rate;
  while (clock_then_ + since + since / 1'000'000 * ppm_ + since % 1'000'000 * ppm_ / 1'000'000 <
         until)
    ++since;
  return clock_from_ + since;
}

std::int64_t machine::wall_now() const noexcept {
  return world_.now() + wall_offset_;
}
instant machine::when_wall(std::int64_t since_1970) const noexcept {
  return since_1970 - wall_offset_;
}

void machine::set_clock(duration offset, std::int64_t ppm) noexcept {
  clock_then_ = now().time_since_epoch().count();
  clock_from_ = world_.now();
  ppm_ = ppm;
  set_wall_clock(world_.now() + wall_at_the_beginning + offset.count());
}

/// Those that wait by it look anew.
void machine::set_wall_clock(std::int64_t since_1970) noexcept {
  wall_offset_ = since_1970 - world_.now();
  for (const auto& one : descriptors_) {
    if (auto* timer = dynamic_cast<wall_timer*>(one.get())) timer->begin();
  }
}

// ---- Descriptors

int machine::add(std::shared_ptr<object> made) {
  while (lowest_free_ < descriptors_.size() && descriptors_[lowest_free_]) ++lowest_free_;
  if (lowest_free_ >= most_descriptors) {
    if (!made->descriptors) made->end();
    return -EMFILE;
  }
  if (lowest_free_ == descriptors_.size()) descriptors_.emplace_back();
  ++made->descriptors;
  ++open_;
  descriptors_[lowest_free_] = std::move(made);
  return first_descriptor + static_cast<std::int32_t>(lowest_free_++);
}

object* machine::find(std::int32_t descriptor) const noexcept {
  const auto i = static_cast<std::size_t>(descriptor - first_descriptor);
  return descriptor >= first_descriptor && i < descriptors_.size() ? descriptors_[i].get()
                                                                   : nullptr;
}

/// -errno: the system has no more, though the program has not too many.
int machine::refuse_more() {
  return world_.chance(*this, label::out_of_descriptors) ? -EMFILE : 0;
}

int machine::close(std::int32_t descriptor) {
  if (!find(descriptor)) return -EBADF;
  release(descriptor);
  return 0;
}

void machine::release(std::int32_t descriptor) {
  const auto i = static_cast<std::size_t>(descriptor - first_descriptor);
  const std::shared_ptr<object> of = std::move(descriptors_[i]);
  lowest_free_ = std::min(lowest_free_, i);
  --open_;
  let_go(*of);
}

void machine::let_go(object& of) {
  if (--of.descriptors == 0) of.end();
}

}  // namespace eddy::detail::simulated
