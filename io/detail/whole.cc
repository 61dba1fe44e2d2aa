// All of a buffer as one operation (whole.h).
#include <eddy/io/detail/whole.h>

#include <cerrno>

namespace eddy::detail {

constinit const io_kind whole_wait::reading =
    make_io_kind("read_exactly", io_slot::reading, true, &whole_wait::reported);
constinit const io_kind whole_wait::writing =
    make_io_kind("write_all", io_slot::writing, true, &whole_wait::reported);

namespace {

constexpr bool is_reading(verb what) noexcept {
  return what == verb::receive || what == verb::read;
}

request first_part(const descriptor& d, verb what, const void* address, std::size_t size) noexcept {
  if (what == verb::read || what == verb::write) return stream_request(d, what, address, size);
  request r;
  r.what = what;
  r.address = address_of(address);
  r.length = length_of(size);
  return r;
}

std::uint32_t next_length(const request& r, std::size_t left) noexcept {
  const bool stream = r.what == verb::read || r.what == verb::write;
  return stream ? stream_length(r.through, left) : length_of(left);
}

}  // namespace

whole_wait::whole_wait(descriptor& d, verb what, const void* address, std::size_t size) noexcept
    : io_wait(&d, is_reading(what) ? reading : writing, first_part(d, what, address, size)),
      left_(size) {}

void whole_wait::reported(work* w) noexcept {
  auto& self = static_cast<whole_wait&>(of(w));
  if (self.result == -EIO && self.claimed && self.on->is_terminal() && is_reading(self.ask.what))
    self.result = 0;
  const bool ended = self.result == 0 && is_reading(self.ask.what);
  if (self.claimed && self.result >= 0 && !ended) {
    const auto moved = static_cast<std::size_t>(self.result);
    self.left_ -= moved;
    self.ask.address += moved;
    self.ask.length = next_length(self.ask, self.left_);
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
