// Sockets, as requests to the world they are in.
#include <eddy/io/detail/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <algorithm>
#include <cerrno>
#include <limits>

#include <eddy/io/detail/datagram.h>

namespace eddy::detail {

namespace {

request of(verb what) noexcept {
  request r;
  r.what = what;
  return r;
}

request with(verb what, const void* address, std::size_t size) noexcept {
  request r = of(what);
  r.address = address_of(address);
  r.length = length_of(size);
  return r;
}

int set_flag(const descriptor& d, int level, int name, bool on) noexcept {
  return set_number(d, level, name, on);
}

socket_address name_of(const descriptor& d, verb which) noexcept {
  sockaddr_storage name{};
  std::uint32_t size = sizeof name;
  request r = of(which);
  r.address = address_of(&name);
  r.offset = address_of(&size);
  if (d.ask(r) < 0) return {};
  auto address = socket_address::from_native(&name, size);
  return address ? unmapped(*address) : socket_address();
}

}  // namespace

static_assert(stream_type == SOCK_STREAM && datagram_type == SOCK_DGRAM);

int make_socket(int family, int type) noexcept {
  request r = of(verb::socket);
  r.descriptor = family;
  r.options = static_cast<std::uint32_t>(type);
  return ask_here(r);
}
int bind_socket(const descriptor& d, const socket_address& at) noexcept {
  return d.ask(with(verb::bind, at.data(), at.size()));
}
int set_option(const descriptor& d, int level, int name, const void* value,
               std::size_t size) noexcept {
  request r = with(verb::set_option, value, size);
  r.options = static_cast<std::uint32_t>(level);
  r.second = name;
  return d.ask(r);
}
int set_number(const descriptor& d, int level, int name, int value) noexcept {
  return set_option(d, level, name, &value, sizeof value);
}
int get_option(const descriptor& d, int level, int name, void* value, std::size_t size) noexcept {
  auto given = static_cast<std::uint32_t>(size);
  request r = of(verb::get_option);
  r.address = address_of(value);
  r.offset = address_of(&given);
  r.options = static_cast<std::uint32_t>(level);
  r.second = name;
  return d.ask(r);
}
result<int> get_number(const descriptor& d, int level, int name) noexcept {
  int value = 0;
  const int answer = get_option(d, level, name, &value, sizeof value);
  if (answer < 0) return from_errno(-answer);
  return value;
}
int set_linger(const descriptor& d, bool on, int seconds) noexcept {
  const linger value{on, seconds};
  return set_option(d, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}
result<void> set_buffer_size(const descriptor& d, bool to_send, std::size_t bytes) noexcept {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  return void_result(set_number(d, SOL_SOCKET, to_send ? SO_SNDBUF : SO_RCVBUF,
                                static_cast<int>(std::min(bytes, most))));
}
result<std::size_t> buffer_size(const descriptor& d, bool to_send) noexcept {
  const result<int> size = get_number(d, SOL_SOCKET, to_send ? SO_SNDBUF : SO_RCVBUF);
  if (!size) return size.error();
  return static_cast<std::size_t>(*size);
}
int about_socket(int number, int name) noexcept {
  int value = 0;
  std::uint32_t size = sizeof value;
  request r = of(verb::get_option);
  r.descriptor = number;
  r.address = address_of(&value);
  r.offset = address_of(&size);
  r.options = SOL_SOCKET;
  r.second = name;
  const int answer = ask_here(r);
  return answer < 0 ? answer : value;
}

transfer receive(descriptor& on, const io_kind& kind, mutable_buffer b) noexcept {
  return transfer(&on, kind, with(verb::receive, b.data(), b.size()));
}
transfer receive_datagram(descriptor& on, const io_kind& kind, mutable_buffer b) noexcept {
  request r = with(verb::receive, b.data(), b.size());
  r.through = nature::datagrams;
  return transfer(&on, kind, r);
}
transfer send(descriptor& on, const io_kind& kind, const_buffer b) noexcept {
  return transfer(&on, kind, with(verb::send, b.data(), b.size()));
}
transfer read_stream(descriptor& on, const io_kind& kind, mutable_buffer b) noexcept {
  return transfer(&on, kind, stream_request(on, verb::read, b.data(), b.size()));
}
transfer write_stream(descriptor& on, const io_kind& kind, const_buffer b) noexcept {
  return transfer(&on, kind, stream_request(on, verb::write, b.data(), b.size()));
}

void terminal_reported(work* w) noexcept {
  io_wait& self = io_wait::of(w);
  if (self.result == -EIO) self.result = 0;
  io_wait::finish(w);
}
result<std::size_t> try_transfer(const descriptor& d, const io_kind& kind, verb what,
                                 const void* address, std::size_t size) noexcept {
  if (what == verb::receive || (what == verb::send && size))
    return try_datagram(d, kind, what, address, size);
  d.check_free(kind);
  const bool reads = what == verb::read;
  if (!d.usable()) return from_errno(EBADF);
  if (!size && reads) return from_errno(EINVAL);
  if (!size) return std::size_t{0};
  if (d.through() == nature::file) return from_errno(EOPNOTSUPP);
  const int n = d.ask(stream_request(d, what, address, size));
  if (n == -EIO && reads && d.is_terminal()) return std::size_t{0};
  if (n < 0) return from_errno(-n);
  return static_cast<std::size_t>(n);
}
result<std::size_t> try_datagram(const descriptor& d, const io_kind& kind, verb what,
                                 const void* address, std::size_t size) noexcept {
  d.check_free(kind);
  if (!d.usable()) return from_errno(EBADF);
  if (!size && what == verb::receive) return from_errno(EINVAL);
  const int n = d.ask(with(what, address, size));
  if (n < 0) return from_errno(-n);
  return static_cast<std::size_t>(n);
}

result<void> shutdown_write(const descriptor& d) noexcept {
  request r = of(verb::shutdown);
  r.options = SHUT_WR;
  return void_result(d.ask(r));
}
socket_address local_address(const descriptor& d) noexcept {
  return name_of(d, verb::local_name);
}
socket_address peer_address(const descriptor& d) noexcept {
  return name_of(d, verb::peer_name);
}
result<void> set_no_delay(const descriptor& d, bool on) noexcept {
  return void_result(set_flag(d, IPPROTO_TCP, TCP_NODELAY, on));
}

result<descriptor> adopt_socket(int number, const socket_kind& kind) noexcept {
  const int type = about_socket(number, SO_TYPE);
  if (type < 0) return from_errno(-type);
  if (type != kind.type) return from_errno(EPROTOTYPE);
  const int family = about_socket(number, SO_DOMAIN);
  if (family < 0) return from_errno(-family);
  const bool fits = kind.local ? family == AF_UNIX : family == AF_INET || family == AF_INET6;
  if (!fits) return from_errno(EAFNOSUPPORT);
  if (!kind.local) {
    constexpr int multipath = 262;  // IPPROTO_MPTCP
    const int protocol = about_socket(number, SO_PROTOCOL);
    const bool is_usual = type == SOCK_STREAM ? protocol == IPPROTO_TCP || protocol == multipath
                                              : protocol == IPPROTO_UDP;
    if (protocol > 0 && !is_usual) return from_errno(EPROTOTYPE);
  }
  if (type == SOCK_STREAM) {
    const int listens = about_socket(number, SO_ACCEPTCONN);
    if (listens < 0) return from_errno(-listens);
    if ((listens != 0) != kind.listens) return from_errno(EINVAL);
  }
  request flags = of(verb::file_flags);
  flags.descriptor = number;
  const int now = ask_here(flags);
  if (now < 0) return from_errno(-now);
  flags.options = static_cast<std::uint32_t>(now | O_NONBLOCK);
  if (const int answer = ask_here(flags); answer < 0) return from_errno(-answer);
  request forget = of(verb::forget);
  forget.descriptor = number;
  ask_here(forget);
  return descriptor(number, descriptor::kind::stream);
}

result<std::pair<descriptor, descriptor>> make_pair(int type) noexcept {
  int both[2] = {-1, -1};
  request r = of(verb::pair);
  r.descriptor = AF_UNIX;
  r.options = static_cast<std::uint32_t>(type);
  r.address = address_of(both);
  if (const int answer = ask_here(r); answer < 0) return from_errno(-answer);
  return std::pair(descriptor(both[0], descriptor::kind::stream),
                   descriptor(both[1], descriptor::kind::stream));
}

int listen_on(const descriptor& d, int backlog) noexcept {
  request r = of(verb::listen);
  r.length = static_cast<std::uint32_t>(backlog);
  return d.ask(r);
}

result<descriptor> make_listener(const socket_address& at, const listen_options& options) noexcept {
  const int number = make_socket(at.family(), stream_type);
  if (number < 0) return from_errno(-number);
  descriptor socket(number, descriptor::kind::stream);
  int answer = 0;
  // (The system's default may be either.)
  if (at.family() == AF_INET6)
    answer = set_flag(socket, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only);
  if (answer >= 0 && options.reuse_address)
    answer = set_flag(socket, SOL_SOCKET, SO_REUSEADDR, true);
  if (answer >= 0 && options.reuse_port) answer = set_flag(socket, SOL_SOCKET, SO_REUSEPORT, true);
  // Accepted streams inherit it.
  if (answer >= 0) answer = set_flag(socket, IPPROTO_TCP, TCP_NODELAY, true);
  if (answer >= 0) answer = bind_socket(socket, at);
  if (answer >= 0) answer = listen_on(socket, options.backlog);
  if (answer < 0) return from_errno(-answer);
  return socket;
}

// ---- accept ------------------------------------------------------------------------------------

namespace {

constexpr duration exhausted_pause = std::chrono::milliseconds(100);
/// So many connections in a row are skipped; a system that refuses for ever is then reported.
constexpr unsigned most_skipped = 1024;

/// Errors of the connection that was to be accepted, not of the listener: accept(2).
bool concerns_connection(int error) noexcept {
  switch (error) {
    case ECONNABORTED:
    case ECONNRESET:
    case EPROTO:
    case EPERM:  // a firewall
    case ENETDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

bool is_exhaustion(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

request accept_request() noexcept {
  request r = of(verb::accept);
  r.options = SOCK_NONBLOCK | SOCK_CLOEXEC;
  return r;
}

}  // namespace

constinit const work_type accept_wait::pause_over{
    [](work* w) noexcept {
      accept_wait& self = *static_cast<pause_timer*>(static_cast<linked_work*>(w))->of;
      self.paused = false;
      self.told_.unlink();
      self.begin();
    },
    &wait_in_background};

constinit const work_type accept_wait::close_told{
    [](work* w) noexcept {
      auto& self = *static_cast<accept_wait*>(w->context);
      self.paused = false;
      self.home().cancel_timer(self.pause_, wait_in_background(&self));
      self.begin();
    },
    nullptr};

accept_wait::accept_wait(descriptor& d, accept_state& state, const io_kind& kind) noexcept
    : io_wait(&d, kind, accept_request()), from_(&state), told_(close_told) {}

accept_wait::accept_wait(accept_wait&& other) noexcept
    : io_wait(static_cast<io_wait&&>(other)), from_(other.from_), told_(close_told) {}

void accept_wait::begin_accept() noexcept {
  const bool waits = std::exchange(from_->exhausted, false) && from_->closes == home().closes &&
                     home().now() < from_->ask_again;
  if (waits) {
    on->claim(*this);
    pause();
  } else {
    begin_io();
  }
}

void accept_wait::pause() noexcept {
  paused = true;
  pause_.type = &pause_over;
  pause_.context = context;
  pause_.of = this;
  home().start_timer(pause_, from_->ask_again, wait_in_background(this));
  told_.context = this;
  home().told_of_a_close.push(told_);
}

/// Nothing has begun: the report that ends it is ours.
void accept_wait::interrupt(io_wait& w) noexcept {
  auto& self = static_cast<accept_wait&>(w);
  self.paused = false;
  self.told_.unlink();
  self.home().cancel_timer(self.pause_, wait_in_background(&self));
  self.from_->exhausted = true;  // the next one waits as well
  self.cancel_asked = true;
  self.result = -ECANCELED;
  make_ready(self);
}

void accept_wait::reported(work* w) noexcept {
  auto& self = static_cast<accept_wait&>(of(w));
  if (self.claimed && self.result < 0) {
    const int error = -self.result;
    if (is_exhaustion(error)) {
      self.from_->exhausted = true;
      self.from_->closes = self.home().closes;
      self.from_->ask_again = later(self.home().now(), exhausted_pause);
    } else if (concerns_connection(error) && ++self.skipped_ < most_skipped) {
      if (self.begin_again()) return;
    }
  }
  finish(w);
}

// ---- connect -----------------------------------------------------------------------------------

connect_wait::connect_wait(const io_kind& kind, const socket_address& to, int refusal,
                           const socket_address* from) noexcept
    : io_wait(nullptr, kind, with(verb::connect, nullptr, 0)), to_(to), from_(from) {
  result = refusal;
}

/// A port that the kernel chooses need not be free for every address: it chooses when it connects.
static int bind_local(const descriptor& socket, const socket_address& from) noexcept {
  constexpr int no_port_yet = 24;  // IP_BIND_ADDRESS_NO_PORT
  if (from.port() == 0) static_cast<void>(set_flag(socket, IPPROTO_IP, no_port_yet, true));
  return bind_socket(socket, from);
}

/// The socket is made first; where there is none its error queues like any other end.
void connect_wait::begin_connect() noexcept {
  if (!result) result = make_socket(to_.family(), stream_type);
  if (result >= 0) {
    socket_ = descriptor(result, descriptor::kind::stream);
    result = from_ ? bind_local(socket_, *from_) : 0;
  }
  if (result < 0) return make_ready(*this);
  on = &socket_;
  ask.address = address_of(to_.data());
  ask.length = to_.size();
  begin_io();
}

}  // namespace eddy::detail
