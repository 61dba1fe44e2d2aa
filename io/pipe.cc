// Pipes (pipe.h).
#include <eddy/io/pipe.h>

#include <cerrno>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind read_kind = make_io_kind("pipe_reader::read", io_slot::reading);

/// Of a pseudo-terminal whose other side is closed.
void terminal_reported(work* w) noexcept {
  io_wait& self = io_wait::of(w);
  if (self.result == -EIO) self.result = 0;
  io_wait::finish(w);
}
constexpr io_kind terminal_read_kind =
    make_io_kind("pipe_reader::read", io_slot::reading, true, &terminal_reported);

constexpr io_kind write_kind = make_io_kind("pipe_writer::write", io_slot::writing);

}  // namespace

detail::transfer pipe_reader::read(mutable_buffer buffer) noexcept {
  return read_stream(pipe_, pipe_.is_terminal() ? terminal_read_kind : read_kind, buffer);
}
detail::transfer pipe_writer::write(const_buffer data) noexcept {
  return write_stream(pipe_, write_kind, data);
}

result<std::pair<pipe_reader, pipe_writer>> make_pipe() noexcept {
  int both[2] = {-1, -1};
  request r;
  r.what = verb::pipe;
  r.address = address_of(both);
  if (const int answer = ask_here(r); answer < 0) return from_errno(-answer);
  return std::pair(pipe_reader(descriptor(both[0], descriptor::kind::stream)),
                   pipe_writer(descriptor(both[1], descriptor::kind::stream)));
}

// ---- From elsewhere ----------------------------------------------------------------------------

result<pipe_reader> pipe_reader::adopt(int number) noexcept {
  const int what = examine_here(number);
  if (what < 0) return from_errno(-what);
  return pipe_reader(adopted(number, what));
}
result<pipe_writer> pipe_writer::adopt(int number) noexcept {
  const int what = examine_here(number);
  if (what < 0) return from_errno(-what);
  return pipe_writer(adopted(number, what));
}

namespace {

/// (Of one that is closed nothing is known: its operations say so.)
descriptor lent(int number) noexcept {
  const int what = examine_here(number);
  return descriptor(number, descriptor::kind::lent,
                    what < 0 ? nature::shared_device : nature_of(what));
}

}  // namespace

pipe_reader standard_input() noexcept {
  return pipe_reader(lent(0));
}
pipe_writer standard_output() noexcept {
  return pipe_writer(lent(1));
}
pipe_writer standard_error() noexcept {
  return pipe_writer(lent(2));
}

}  // namespace eddy
