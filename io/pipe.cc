// Pipes (pipe.h).
#include <eddy/io/pipe.h>

namespace eddy {

using namespace detail;

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
