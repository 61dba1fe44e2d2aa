// Several buffers as the kernel takes them (several.h).
#include <eddy/io/detail/several.h>

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <new>
#include <type_traits>

namespace eddy::detail {

static_assert(std::is_standard_layout_v<mutable_buffer> &&
              std::is_standard_layout_v<const_buffer> && sizeof(iovec) == sizeof(mutable_buffer) &&
              sizeof(iovec) == sizeof(const_buffer));

namespace {

constexpr bool is_message(verb what) noexcept {
  return what == verb::receive_message || what == verb::send_message;
}

/// 1: there is something to move; 0: nothing; -EINVAL: what cannot be asked for.
template <class B>
std::int32_t answer_for(std::span<const B> buffers, std::int32_t to_nothing) noexcept {
  if (buffers.empty() || buffers.size() > most_buffers) return -EINVAL;
  for (const B& b : buffers) {
    if (!b.empty()) return 1;
  }
  return to_nothing;
}

}  // namespace

void several_header::set(request& r, const void* buffers, std::size_t count) noexcept {
  static_assert(sizeof(msghdr) <= sizeof memory_);
  if (!is_message(r.what)) {
    r.address = address_of(buffers);
    r.length = static_cast<std::uint32_t>(count);
    return;
  }
  auto* m = ::new (memory_.data()) msghdr{};
  m->msg_iov = static_cast<iovec*>(const_cast<void*>(buffers));
  m->msg_iovlen = count;
  r.address = address_of(m);
}

request several_request(const descriptor& d, verb what) noexcept {
  if (!is_message(what)) return stream_request(d, what, nullptr, 0);
  request r;
  r.what = what;
  return r;
}

several_wait::several_wait(descriptor& d, const io_kind& kind, verb what,
                           std::span<const mutable_buffer> all) noexcept
    : io_awaiter(&d, kind, several_request(d, what)),
      buffers_(all.data()),
      count_(static_cast<std::uint32_t>(all.size())),
      answer_(answer_for(all, -EINVAL)) {}

several_wait::several_wait(descriptor& d, const io_kind& kind, verb what,
                           std::span<const const_buffer> all) noexcept
    : io_awaiter(&d, kind, several_request(d, what)),
      buffers_(all.data()),
      count_(static_cast<std::uint32_t>(all.size())),
      answer_(answer_for(all, 0)) {}

void several_wait::settle() noexcept {
  settled = true;
  result = on->usable() ? answer_ : -EBADF;
}

// ---- All of them -------------------------------------------------------------------------------

constinit const io_kind whole_of_several::writing =
    make_io_kind("write_all", io_slot::writing, true, &whole_of_several::reported);

whole_of_several::whole_of_several(descriptor& d, verb what) noexcept
    : io_wait(&d, writing, several_request(d, what)) {}

void whole_of_several::hold(const_buffer* first, std::size_t count) noexcept {
  next_ = first;
  count_ = count;
  skip(0);
  header_.set(ask, next_, count_);
}

/// Also what is empty behind them: it is no reason to ask the kernel.
void whole_of_several::skip(std::size_t bytes) noexcept {
  while (count_ && bytes >= next_->size()) {
    bytes -= next_->size();
    ++next_;
    --count_;
  }
  if (count_) *next_ = next_->from(bytes);
}

void whole_of_several::reported(work* w) noexcept {
  auto& self = static_cast<whole_of_several&>(of(w));
  if (self.claimed && self.result >= 0) {
    self.skip(static_cast<std::size_t>(self.result));
    self.header_.set(self.ask, self.next_, self.count_);
    if (self.count_ && self.begin_again()) return;
  }
  finish(w);
}

}  // namespace eddy::detail
