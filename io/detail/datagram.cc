// Datagrams as the kernel's messages: names, control data, batches, and cutting where the kernel
// does not.
#include <eddy/io/detail/datagram.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace eddy::detail {

namespace {

/// So much does one datagram carry: 65,535 without the headers.
constexpr std::size_t longest_v4 = 65507;
constexpr std::size_t longest_v6 = 65527;

/// Room for a packet's address and the length of a segment.
constexpr std::size_t control_capacity = 64;
static_assert(CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) <= control_capacity);

/// What one datagram that comes in needs beside its header. (Batches are of UDP alone, whose names
/// are short.)
template <class Name>
struct arrival {
  iovec part;
  Name name;
  alignas(8) std::array<std::byte, control_capacity> control;
};

struct single_arrival {
  msghdr header;
  arrival<sockaddr_un> rest;  // the longest name that there is
};

struct single_departure {
  msghdr header;
  iovec part;
};

/// An object of the kernel's in memory that was given for it.
template <class T, std::size_t N>
T* placed(std::array<std::byte, N>& memory) noexcept {
  static_assert(sizeof(T) <= N);
  return ::new (memory.data()) T;
}
template <class T, std::size_t N>
const T& found(const std::array<std::byte, N>& memory) noexcept {
  return *std::launder(reinterpret_cast<const T*>(memory.data()));
}

/// The messages of a batch, and behind them one `T` for each.
template <class T>
struct batch {
  mmsghdr* messages = nullptr;  // null: no memory
  T* rest = nullptr;

  /// Memory is taken where a batch is larger than all before.
  batch(std::vector<std::byte>& memory, std::size_t count) noexcept {
    static_assert(alignof(T) <= alignof(mmsghdr));
    const std::size_t needed = count * (sizeof(mmsghdr) + sizeof(T));
    if (memory.size() < needed) {
      try {
        memory.resize(needed);
      } catch (const std::bad_alloc&) {
        return;
      }
    }
    find(memory, count);
  }
  /// What stands there already.
  static batch of(std::vector<std::byte>& memory, std::size_t count) noexcept {
    batch b;
    b.find(memory, count);
    return b;
  }

 private:
  batch() noexcept = default;
  void find(std::vector<std::byte>& memory, std::size_t count) noexcept {
    messages = reinterpret_cast<mmsghdr*>(memory.data());
    rest = reinterpret_cast<T*>(memory.data() + count * sizeof(mmsghdr));
  }
};
using arrivals = batch<arrival<sockaddr_in6>>;
using departures = batch<iovec>;

request with_message(verb what) noexcept {
  request r;
  r.what = what;
  r.through = nature::datagrams;
  return r;
}

request with_messages(verb what, std::size_t count) noexcept {
  request r;
  r.what = what;
  r.length = static_cast<std::uint32_t>(count);
  return r;
}

socket_address of_v4(const in_addr& host, std::uint16_t port) noexcept {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  native.sin_addr = host;
  return socket_address::from_native(&native, sizeof native).value_or(socket_address());
}

socket_address of_v6(const in6_addr& host, std::uint16_t port, std::uint32_t zone) noexcept {
  if (IN6_IS_ADDR_V4MAPPED(&host)) {
    in_addr inside;
    std::memcpy(&inside, host.s6_addr + 12, sizeof inside);
    return of_v4(inside, port);
  }
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  native.sin6_addr = host;
  if (IN6_IS_ADDR_LINKLOCAL(&host) || IN6_IS_ADDR_MC_LINKLOCAL(&host)) native.sin6_scope_id = zone;
  return socket_address::from_native(&native, sizeof native).value_or(socket_address());
}

socket_address named(const void* name, std::size_t size) noexcept {
  sockaddr_in6 native;
  if (size == sizeof native) {
    std::memcpy(&native, name, sizeof native);
    if (native.sin6_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&native.sin6_addr))
      return of_v6(native.sin6_addr, ntohs(native.sin6_port), 0);
  }
  return socket_address::from_native(name, size).value_or(socket_address());
}

/// Its family; of an IPv4 address inside IPv6, AF_INET.
int family_of(const socket_address& address) noexcept {
  const int family = address.family();
  if (family != AF_INET6) return family;
  sockaddr_in6 native;
  std::memcpy(&native, address.data(), sizeof native);
  return IN6_IS_ADDR_V4MAPPED(&native.sin6_addr) ? AF_INET : AF_INET6;
}

/// What the kernel says of a datagram that has come.
void tell(const msghdr& m, std::uint16_t port, datagram& d) noexcept {
  d.truncated = (m.msg_flags & MSG_TRUNC) != 0;
  d.from = named(m.msg_name, m.msg_namelen);
  d.to = socket_address();
  d.segment = 0;
  if (!m.msg_controllen) return;
  auto& header = const_cast<msghdr&>(m);  // (the macros take it so)
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      d.to = of_v4(info.ipi_addr, port);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      d.to = of_v6(info.ipi6_addr, port, info.ipi6_ifindex);
    } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int size = 0;
      std::memcpy(&size, CMSG_DATA(c), sizeof size);
      d.segment = static_cast<std::uint16_t>(size);
    }
  }
}

template <class Name>
void prepare(msghdr& m, arrival<Name>& rest, const mutable_buffer& into) noexcept {
  rest.part = {into.data(), into.size()};
  m.msg_name = &rest.name;
  m.msg_namelen = sizeof rest.name;
  m.msg_iov = &rest.part;
  m.msg_iovlen = 1;
  m.msg_control = rest.control.data();
  m.msg_controllen = control_capacity;
  m.msg_flags = 0;
}

/// Writes one piece of control data; gives its size.
template <class T>
std::size_t write_control(std::byte* to, int level, int type, const T& value) noexcept {
  std::memset(to, 0, CMSG_SPACE(sizeof value));
  const cmsghdr head{CMSG_LEN(sizeof value), level, type};
  std::memcpy(to, &head, sizeof head);
  std::memcpy(to + CMSG_LEN(0), &value, sizeof value);
  return CMSG_SPACE(sizeof value);
}

std::size_t write_source(std::byte* to, const socket_address& from) noexcept {
  if (from.family() == AF_INET) {
    sockaddr_in native;
    std::memcpy(&native, from.data(), sizeof native);
    in_pktinfo info{};
    info.ipi_spec_dst = native.sin_addr;
    return write_control(to, IPPROTO_IP, IP_PKTINFO, info);
  }
  sockaddr_in6 native;
  std::memcpy(&native, from.data(), sizeof native);
  in6_pktinfo info{};
  info.ipi6_addr = native.sin6_addr;
  info.ipi6_ifindex = native.sin6_scope_id;
  return write_control(to, IPPROTO_IPV6, IPV6_PKTINFO, info);
}

bool is_internet(int family) noexcept {
  return family == AF_INET || family == AF_INET6;
}

/// One of which more was asked than a datagram carries: the kernel does not say so in every case.
bool is_too_long(std::size_t size, int family) noexcept {
  if (family == AF_UNIX) return false;
  return size > (family == AF_INET ? longest_v4 : longest_v6);
}

int refusal_of(const send_options& options, std::size_t size, int family) noexcept {
  if (is_too_long(size, family)) return -EMSGSIZE;
  if (options.segment && options.segment < size && (size - 1) / options.segment >= most_segments)
    return -EMSGSIZE;
  if (options.from) {
    const int from = family_of(*options.from);
    if (!is_internet(from) || (family && from != family)) return -EINVAL;
  }
  return 0;
}

/// What the kernel says has its errno; where it was not asked, it was too much for anybody.
std::error_code send_error(const request& r, int result) noexcept {
  if (result == -EMSGSIZE && !r.address) return errc::message_too_long;
  return from_errno(-result);
}

void set_name(msghdr& m, const socket_address* to) noexcept {
  m.msg_name = to ? const_cast<void*>(to->data()) : nullptr;
  m.msg_namelen = to ? to->size() : 0;
}

}  // namespace

socket_address unmapped(const socket_address& address) noexcept {
  return named(address.data(), address.size());
}

// ---- One that comes in -------------------------------------------------------------------------

datagram_receive_wait::datagram_receive_wait(descriptor& d, datagram_socket& s, const io_kind& kind,
                                             mutable_buffer into) noexcept
    : io_wait(&d, kind, with_message(verb::receive_message), into.empty() ? -EINVAL : 0),
      socket_(&s),
      into_(into) {}

void datagram_receive_wait::begin_receive() noexcept {
  auto* all = placed<single_arrival>(memory_);
  prepare(all->header, all->rest, into_);
  ask.address = address_of(&all->header);
  begin_io();
}

eddy::result<datagram> datagram_receive_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  datagram d;
  d.size = static_cast<std::size_t>(result);
  tell(found<single_arrival>(memory_).header, socket_->port, d);
  return d;
}

// ---- One that goes out -------------------------------------------------------------------------

datagram_send_wait::datagram_send_wait(descriptor& d, datagram_socket& s, const io_kind& kind,
                                       const_buffer data, const socket_address* to,
                                       const send_options& options, int refusal) noexcept
    : io_wait(&d, kind, with_message(verb::send_message),
              refusal ? refusal
                      : refusal_of(options, data.size(), to ? family_of(*to) : s.peer_family)),
      socket_(&s),
      data_(data),
      segment_(options.segment < data.size() ? options.segment : std::uint16_t{0}),
      control_size_(0) {
  if (to) to_ = *to;
  if (options.from && !settled)
    control_size_ =
        static_cast<std::uint8_t>(write_source(control_.data(), unmapped(*options.from)));
}

void datagram_send_wait::begin_send() noexcept {
  cutting_ = segment_ && socket_->cuts;
  if (!cutting_) {
    send_whole();
  } else if (!send_cut()) {
    make_ready(*this);
    return;
  }
  begin_io();
}

void datagram_send_wait::send_whole() noexcept {
  auto* all = placed<single_departure>(memory_);
  all->part = {const_cast<std::byte*>(data_.data()), data_.size()};
  msghdr& m = all->header;
  set_name(m, to_.size() ? &to_ : nullptr);
  m.msg_iov = &all->part;
  m.msg_iovlen = 1;
  std::size_t size = control_size_;
  if (segment_) size += write_control(control_.data() + size, SOL_UDP, UDP_SEGMENT, segment_);
  m.msg_control = size ? control_.data() : nullptr;
  m.msg_controllen = size;
  m.msg_flags = 0;
  ask.what = verb::send_message;
  ask.address = address_of(&m);
}

/// All that is left, as one batch. False: there is no memory for it, and that is the result.
bool datagram_send_wait::send_cut() noexcept {
  const std::size_t count = (data_.size() - sent_ + segment_ - 1) / segment_;
  const departures all(socket_->outgoing, count);
  if (!all.messages) {
    result = -ENOMEM;
    return false;
  }
  const_buffer left = data_.from(sent_);
  for (std::size_t i = 0; i < count; ++i) {
    const const_buffer one = left.first(std::min<std::size_t>(segment_, left.size()));
    left = left.from(one.size());
    all.rest[i] = {const_cast<std::byte*>(one.data()), one.size()};
    msghdr& m = all.messages[i].msg_hdr;
    set_name(m, to_.size() ? &to_ : nullptr);
    m.msg_iov = &all.rest[i];
    m.msg_iovlen = 1;
    m.msg_control = control_size_ ? control_.data() : nullptr;
    m.msg_controllen = control_size_;
    m.msg_flags = 0;
  }
  ask.what = verb::send_messages;
  ask.address = address_of(all.messages);
  ask.length = static_cast<std::uint32_t>(count);
  return true;
}

/// A device, or the way to it, may not cut, and says so late: even where it has gone well before.
bool datagram_send_wait::goes_on() noexcept {
  if (!segment_) return false;
  if (!cutting_) {
    if (result != -EIO && result != -EINVAL) return false;
    cutting_ = true;
    return send_cut() && begin_again();
  }
  if (result > 0) {
    socket_->cuts = true;
    sent_ = std::min(sent_ + static_cast<std::size_t>(result) * segment_, data_.size());
    if (sent_ < data_.size() && send_cut() && begin_again()) return true;
  }
  if (sent_) result = 0;
  return false;
}

void datagram_send_wait::reported(work* w) noexcept {
  auto& self = static_cast<datagram_send_wait&>(of(w));
  if (!self.claimed || !self.goes_on()) finish(w);
}

eddy::result<std::size_t> datagram_send_wait::await_resume() const noexcept {
  if (result < 0) return send_error(ask, result);
  return cutting_ ? sent_ : static_cast<std::size_t>(result);
}

result<std::size_t> try_send_datagram(const descriptor& d, const datagram_socket& s,
                                      const io_kind& kind, const_buffer data) noexcept {
  if (is_too_long(data.size(), s.peer_family)) return errc::message_too_long;
  return try_datagram(d, kind, verb::send, data.data(), data.size());
}

// ---- Batches -----------------------------------------------------------------------------------

batch_receive_wait::batch_receive_wait(descriptor& d, datagram_socket& s, const io_kind& kind,
                                       std::span<const mutable_buffer> into,
                                       std::span<datagram> told) noexcept
    : io_wait(&d, kind, with_messages(verb::receive_messages, std::min(into.size(), told.size())),
              into.empty() || told.empty() || into.size() > most_of_a_batch ? -EINVAL : 0),
      socket_(&s),
      into_(into.data()),
      told_(told.data()) {}

void batch_receive_wait::begin_receive() noexcept {
  const arrivals all(socket_->incoming, ask.length);
  result = all.messages ? 0 : -ENOMEM;
  for (std::uint32_t i = 0; i < ask.length && !result; ++i) {
    if (into_[i].empty()) result = -EINVAL;
    prepare(all.messages[i].msg_hdr, all.rest[i], into_[i]);
  }
  if (result) return make_ready(*this);
  ask.address = address_of(all.messages);
  begin_io();
}

eddy::result<std::size_t> batch_receive_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  const arrivals all = arrivals::of(socket_->incoming, ask.length);
  const auto count = static_cast<std::size_t>(result);
  for (std::size_t i = 0; i < count; ++i) {
    told_[i].size = all.messages[i].msg_len;
    tell(all.messages[i].msg_hdr, socket_->port, told_[i]);
  }
  return count;
}

batch_send_wait::batch_send_wait(descriptor& d, datagram_socket& s, const io_kind& kind,
                                 std::span<const outgoing> all) noexcept
    : io_wait(&d, kind, with_messages(verb::send_messages, all.size()),
              all.empty() || all.size() > most_of_a_batch ? -EINVAL : 0),
      socket_(&s),
      all_(all.data()) {}

eddy::result<std::size_t> batch_send_wait::await_resume() const noexcept {
  if (result < 0) return send_error(ask, result);
  return static_cast<std::size_t>(result);
}

/// One that goes nowhere ends the batch, as the kernel's own refusals do.
void batch_send_wait::begin_send() noexcept {
  const departures all(socket_->outgoing, ask.length);
  result = all.messages ? 0 : -ENOMEM;
  for (std::uint32_t i = 0; i < ask.length && !result; ++i) {
    const outgoing& one = all_[i];
    const int family = one.to ? family_of(*one.to) : socket_->peer_family;
    const bool nowhere = one.to && !is_internet(family);
    if (nowhere || is_too_long(one.data.size(), family)) {
      if (!i) result = nowhere ? -EAFNOSUPPORT : -EMSGSIZE;
      ask.length = i;
      break;
    }
    all.rest[i] = {const_cast<std::byte*>(one.data.data()), one.data.size()};
    msghdr& m = all.messages[i].msg_hdr;
    m = {};
    set_name(m, one.to);
    m.msg_iov = &all.rest[i];
    m.msg_iovlen = 1;
  }
  if (result) return make_ready(*this);
  ask.address = address_of(all.messages);
  begin_io();
}

}  // namespace eddy::detail
