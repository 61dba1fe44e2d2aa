// Descriptors in control data (passing.h).
#include <eddy/io/detail/passing.h>

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include <eddy/io/detail/socket.h>

namespace eddy::detail {

namespace {

struct message {
  msghdr header;
  iovec part;
};
static_assert(sizeof(message) == 72);

/// A message of one part in that memory; the control data follows it.
template <std::size_t N>
message& placed(std::array<std::byte, N>& memory, const void* data, std::size_t size) noexcept {
  auto& m = *::new (memory.data()) message{};
  m.part = {const_cast<void*>(data), size};
  m.header.msg_iov = &m.part;
  m.header.msg_iovlen = 1;
  m.header.msg_control = memory.data() + sizeof m;
  return m;
}
template <std::size_t N>
msghdr& header_in(const std::array<std::byte, N>& memory) noexcept {
  return const_cast<message*>(std::launder(reinterpret_cast<const message*>(memory.data())))
      ->header;
}

request with(verb what, std::uint32_t options) noexcept {
  request r;
  r.what = what;
  r.options = options;
  return r;
}

constexpr int scm_process = 4;  // SCM_PIDFD

/// Room for other control data that the program may have asked for.
constexpr std::size_t room_beside = 256;
static_assert(CMSG_SPACE(most_descriptors * sizeof(int)) <= 1032);
static_assert(CMSG_SPACE((most_descriptors + 1) * sizeof(int)) + room_beside <= 1288);

int refusal_of(std::size_t size, std::size_t descriptors) noexcept {
  return !size || !descriptors || descriptors > most_descriptors ? -EINVAL : 0;
}

}  // namespace

pass_wait::pass_wait(descriptor& d, const io_kind& kind, const_buffer data,
                     std::span<const int> numbers) noexcept
    : io_awaiter(&d, kind, with(verb::send_message, 0), refusal_of(data.size(), numbers.size())) {
  if (settled) return;
  msghdr& m = placed(memory_, data.data(), data.size()).header;
  const cmsghdr head{CMSG_LEN(numbers.size_bytes()), SOL_SOCKET, SCM_RIGHTS};
  auto* const control = static_cast<std::byte*>(m.msg_control);
  m.msg_controllen = CMSG_SPACE(numbers.size_bytes());
  std::memset(control, 0, m.msg_controllen);
  std::memcpy(control, &head, sizeof head);
  std::memcpy(control + CMSG_LEN(0), numbers.data(), numbers.size_bytes());
  ask.address = address_of(&m);
}

// ---- What comes --------------------------------------------------------------------------------

/// There is room for one more than may come: so too many show, and what is cut off all the same
/// found no room in the table.
take_wait::take_wait(descriptor& d, const io_kind& kind, mutable_buffer into,
                     std::size_t at_most) noexcept
    : io_wait(&d, kind, with(verb::receive_message, MSG_CMSG_CLOEXEC),
              refusal_of(into.size(), std::min(at_most, most_descriptors))),
      at_most_(std::min(at_most, most_descriptors)) {
  if (settled) return;
  msghdr& m = placed(memory_, into.data(), into.size()).header;
  m.msg_controllen = CMSG_SPACE((at_most_ + 1) * sizeof(int)) + room_beside;
  ask.address = address_of(&m);
}

void take_wait::reported(work* w) noexcept {
  auto& self = static_cast<take_wait&>(of(w));
  self.came_ = self.claimed && self.result >= 0;
  if (self.came_) {
    // One of a process, where the program has asked for that: nobody can take it here
    self.for_each(scm_process, &close_here);
    self.for_each(SCM_RIGHTS, [](int number) {  // what was known here of the number was another's
      request r = with(verb::forget, 0);
      r.descriptor = number;
      ask_here(r);
    });
  }
  finish(w);
}

/// Each descriptor of that type that has come, in order.
template <class F>
void take_wait::for_each(int control, F&& f) const noexcept {
  msghdr& m = header_in(memory_);
  for (cmsghdr* c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != control) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(c) + i * sizeof number, sizeof number);
      f(number);
    }
  }
}

void take_wait::close_all() noexcept {
  if (std::exchange(came_, false)) for_each(SCM_RIGHTS, &close_here);
}

eddy::result<received> take_wait::await_resume() {
  if (result < 0) return from_errno(-result);
  std::size_t count = 0;
  for_each(SCM_RIGHTS, [&count](int) { ++count; });
  const bool cut = (header_in(memory_).msg_flags & MSG_CTRUNC) != 0;
  if (count > at_most_ || cut) {
    close_all();
    if (count > at_most_) return errc::message_too_long;
    return from_errno(EMFILE);
  }
  received all;
  all.size = static_cast<std::size_t>(result);
  all.descriptors.reserve(count);
  came_ = false;
  for_each(SCM_RIGHTS, [&all](int number) { all.descriptors.emplace_back(number); });
  return all;
}

result<credentials> peer_of(const descriptor& d) noexcept {
  ucred known{};
  const int answer = get_option(d, SOL_SOCKET, SO_PEERCRED, &known, sizeof known);
  if (answer < 0) return from_errno(-answer);
  if (!known.pid && known.uid == static_cast<uid_t>(-1)) return from_errno(ENOTCONN);
  return credentials{known.pid, known.uid, known.gid};
}

}  // namespace eddy::detail
