// All of a buffer as one operation (whole.h).
#include <eddy/io/detail/whole.h>

namespace eddy::detail {

constinit const io_kind whole_wait::reading =
    make_io_kind("read_exactly", io_slot::reading, true, &whole_wait::reported);
constinit const io_kind whole_wait::writing =
    make_io_kind("write_all", io_slot::writing, true, &whole_wait::reported);

namespace {

constexpr bool is_reading(verb what) noexcept {
  return what == verb::receive || what == verb::read;
}

request first_part(verb what, const void* address, std::size_t size) noexcept {
  request r;
  r.what = what;
  r.address = address_of(address);
  r.length = length_of(size);
  r.offset = current_position;
  return r;
}

}  // namespace

whole_wait::whole_wait(descriptor& d, verb what, const void* address, std::size_t size) noexcept
    : io_wait(&d, is_reading(what) ? reading : writing, first_part(what, address, size)),
      left_(size) {}

void whole_wait::reported(work* w) noexcept {
  auto& self = static_cast<whole_wait&>(of(w));
  const bool ended = self.result == 0 && is_reading(self.ask.what);
  if (self.claimed && self.result >= 0 && !ended) {
    const auto moved = static_cast<std::size_t>(self.result);
    self.left_ -= moved;
    self.ask.address += moved;
    self.ask.length = length_of(self.left_);
    if (self.left_ && self.begin_again()) return;
  }
  finish(w);
}

eddy::result<void> whole_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  if (left_) return errc::end_of_stream;
  return {};
}

}  // namespace eddy::detail
