// The world in memory: first its turn, then descriptors, names and streams. Files stand in
// fake_backend_files.cc.
#include "tests/support/fake_backend.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <tuple>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <eddy/runtime/detail/abort.h>
#include "runtime/mailbox.h"

namespace eddy::test {

using detail::misuse;

namespace {
constexpr std::int32_t first_descriptor = 1000;
constexpr std::size_t stream_capacity = 65536;
constexpr std::size_t most_datagrams = 256;

template <class T = char>
T* at(std::uint64_t address) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}
std::string address_at(const request& r) {
  return {at(r.address), r.length};
}
bool is_path(const std::string& address) {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, address.data(), std::min(address.size(), sizeof family));
  return family == AF_UNIX;
}
/// (No device of this world cuts a datagram.)
bool is_to_be_cut(const msghdr& m) {
  const auto* first = CMSG_FIRSTHDR(&m);
  return first && first->cmsg_level == SOL_UDP && first->cmsg_type == UDP_SEGMENT;
}
void give_address(const std::string& address, void* to, std::uint32_t& length) {
  std::memcpy(to, address.data(), std::min<std::size_t>(length, address.size()));
  length = static_cast<std::uint32_t>(address.size());
}
}  // namespace

// ---- The turn

fake_backend::fake_backend(detail::mailbox* inbox, std::size_t chunk_size, unsigned chunk_count)
    : inbox_(inbox), chunks_(chunk_size, chunk_count) {
  for (const char* path : {"/", "/tmp", "/dev"}) {
    files_[path] = std::make_shared<node>();
    files_[path]->kind = node::directory;
  }
  (files_["/dev/null"] = std::make_shared<node>())->kind = node::null;
  (files_["/dev/full"] = std::make_shared<node>())->kind = node::full;
}

fake_backend::~fake_backend() {
  if (inside_) misuse("a backend was destroyed with operations in flight");
}

std::unique_ptr<detail::backend> make_fake_backend(const detail::backend_parts& parts) {
  return std::make_unique<fake_backend>(&parts.inbox, parts.chunk_size, parts.chunk_count);
}

void fake_backend::run(detail::turn& t) {
  std::size_t room = t.limit;
  auto report = [&](operation& o) {
    o.where = operation::place::reported;
    o.handle = 0;
    t.done.push(o);
    --room;
    ++counts_.completions;
  };
  while (room && !t.cancel.empty()) {
    operation& o = *t.cancel.pop();
    if (o.handle) continue;  // it has been carried out: reported below, or when there is room
    std::erase(waiting_, &o);
    std::erase(of_closed_, &o);
    o.result = -ECANCELED;
    report(o);
  }
  std::vector<operation*> calls;
  for (bool for_calls : {false, true}) {
    std::vector<operation*> left;
    for (operation* o : waiting_) {
      bool ends = room && (o->ask.what == verb::call) == for_calls;
      if (ends && !o->handle) {
        ++counts_.attempts;
        o->result = o->ask.what == verb::receive_chunk
                        ? chunks_.receive(*o, [&](const request& r) { return answer(r); })
                        : answer(o->ask);
        ends = o->result != -EAGAIN && o->result != detail::no_chunk;
      }
      if (ends) {
        report(*o);
      } else {
        left.push_back(o);
      }
    }
    waiting_ = std::move(left);
  }
  const bool begins = !t.start.empty();
  while (!t.start.empty()) {
    operation& o = *t.start.pop();
    o.where = operation::place::inside;
    waiting_.push_back(&o);
    if (o.ask.what == verb::call) {
      o.handle = 1;
      o.result = at<int(void*)>(o.ask.address)(at<void>(o.ask.offset));
    } else if (o.ask.must_finish()) {
      o.handle = 1;
      o.result = answer(o.ask);
    }
  }
  inside_ = waiting_.size() + of_closed_.size();
  if (begins || room != t.limit || t.until == time_point::min() || (inbox_ && !inbox_->empty()))
    return;
  ++counts_.enters;
  if (std::exchange(rung_, false)) return;
  time_point until = t.until;
  for (const operation* o : waiting_) {
    const object* of = o->ask.what == verb::ready ? find(o->ask.descriptor) : nullptr;
    if (of && of->wall_deadline >= 0)
      until = std::min(until, time_point(duration(of->wall_deadline) - wall_at_zero_));
  }
  if (until == time_point::max())
    misuse("the fake backend sleeps for ever: nothing can happen any more");
  now_ = std::max(now_, until);
}

int fake_backend::ask(const request& r) noexcept {
  if (r.what == verb::give_back) return chunks_.give_back(r.second) ? 0 : -EINVAL;
  if (r.what == verb::close) {
    for (operation* o : waiting_) {
      if (o->ask.descriptor != r.descriptor || o->handle) continue;
      if (o->ask.what != verb::ready) misuse("a descriptor was closed with an operation in flight");
      of_closed_.push_back(o);
    }
    for (operation* o : of_closed_) std::erase(waiting_, o);
  }
  return answer(r);
}

int fake_backend::answer(const request& r) {
  const auto path = [&] { return std::string(at(r.address)); };
  switch (r.what) {  // what needs no descriptor
    case verb::nothing:
    case verb::forget:
    case verb::take_inherited:
    case verb::leave_path:
      return 0;
    case verb::call:
      return at<int(void*)>(r.address)(at<void>(r.offset));
    case verb::open:
      return open(r);
    case verb::status:
      return status(r);
    case verb::rename:
      return rename(path(), at(r.offset));
    case verb::remove:
      return remove(path(), r.options != 0);
    case verb::make_directory:
      return make_directory(path());
    case verb::close:
      return close(r.descriptor);
    case verb::pair:
    case verb::pipe:
      return make_pair(r);
    case verb::wall_timer: {
      auto made = std::make_shared<object>();
      made->mode = 0;
      made->wall_deadline = std::max<std::int64_t>(static_cast<std::int64_t>(r.offset), 0);
      return add(std::move(made));
    }
    case verb::socket: {
      auto made = std::make_shared<object>();
      made->domain = r.descriptor;
      made->type = static_cast<int>(r.options) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
      return add(std::move(made));
    }
    case verb::look_up:
      return look_up(*at<detail::name_query>(r.address));
    case verb::interface_index:
      return path() == "lo" ? 1 : -ENODEV;
    case verb::watch_signals:
      return watch_signals(r);
    default:
      break;
  }
  object* o = find(r.descriptor);
  if (!o) return -EBADF;
  switch (r.what) {
    case verb::list:
      return list(r, *o);
    case verb::read:
    case verb::write:
      if (o->content) return transfer_file(r, *o);
      if (o->is_bell) return !std::exchange(o->rings, false) ? -EAGAIN : static_cast<int>(r.length);
      return r.what == verb::read ? receive(*o, r, false) : send(*o, r, false);
    case verb::read_scattered:
    case verb::write_gathered: {
      if (o->content) return -ENOSYS;
      msghdr all{};
      all.msg_iov = at<iovec>(r.address);
      all.msg_iovlen = r.length;
      request as_message = r;
      as_message.address = reinterpret_cast<std::uintptr_t>(&all);
      return r.what == verb::read_scattered ? receive(*o, as_message, true)
                                            : send(*o, as_message, true);
    }
    case verb::receive:
      return o->mode == S_IFSOCK ? receive(*o, r, false) : -ENOTSOCK;
    case verb::send:
      return o->mode == S_IFSOCK ? send(*o, r, false) : -ENOTSOCK;
    case verb::receive_message:
      return o->mode == S_IFSOCK ? receive(*o, r, true) : -ENOTSOCK;
    case verb::send_message:
      return o->mode == S_IFSOCK ? send(*o, r, true) : -ENOTSOCK;
    case verb::receive_messages:
    case verb::send_messages:
      return o->mode == S_IFSOCK ? each_message(*o, r) : -ENOTSOCK;
    case verb::accept:
      return accept(*o);
    case verb::connect:
      return connect(*o, r);
    case verb::ready:
      return ready(*o, r.options);
    case verb::duplicate:
      return add(o->shared_from_this());
    case verb::send_file: {
      object* file = find(r.second);
      if (!file || !file->content) return file ? -EINVAL : -EBADF;
      const std::string& bytes = file->content->bytes;
      const std::string part = r.offset < bytes.size() ? bytes.substr(r.offset, r.length) : "";
      request some = r;
      some.address = reinterpret_cast<std::uintptr_t>(part.data());
      some.length = static_cast<std::uint32_t>(part.size());
      return part.empty() ? 0 : send(*o, some, false);
    }
    case verb::sync:
      return o->content ? 0 : -EINVAL;
    case verb::truncate:
      if (!o->content || o->content->kind != node::file || (o->flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL;
      o->content->bytes.resize(r.offset);
      return 0;
    case verb::bind:
      return bind(*o, address_at(r));
    case verb::listen_at: {
      auto& how = *at<listening_path>(r.offset);
      const auto there = bound_.find(key_of(address_at(r)));
      const object_pointer other = there == bound_.end() ? nullptr : there->second.lock();
      if (there != bound_.end() && how.replace_stale && !(other && other->backlog))
        bound_.erase(there);
      if (const int answer = bind(*o, address_at(r)); answer < 0) return answer;
      o->backlog = static_cast<std::uint32_t>(std::max(how.backlog, 1));
      return 0;
    }
    case verb::listen:
      name_itself(*o);
      o->backlog = std::max<std::uint32_t>(r.length, 1);
      return 0;
    case verb::local_name:
    case verb::peer_name: {
      if (o->mode != S_IFSOCK) return -ENOTSOCK;
      if (r.what == verb::peer_name && !o->out && o->peer.empty()) return -ENOTCONN;
      const std::string& name = r.what == verb::local_name ? o->local : o->peer;
      const auto family = static_cast<sa_family_t>(o->domain);
      give_address(
          name.empty() ? std::string(reinterpret_cast<const char*>(&family), sizeof family) : name,
          at<void>(r.address), *at<std::uint32_t>(r.offset));
      return 0;
    }
    case verb::set_option:
    case verb::get_option:
      return set_or_get_option(*o, r);
    case verb::shutdown:
      if (!o->out) return -ENOTCONN;
      if (r.options != SHUT_RD) o->out->ended = true;
      if (r.options != SHUT_WR) o->in->ended = o->in->reader_gone = true;
      return 0;
    case verb::file_flags:
      if (!r.options) return static_cast<int>(o->flags);
      o->flags = (o->flags & O_ACCMODE) | (r.options & ~std::uint32_t{O_ACCMODE});
      return 0;
    case verb::examine:
      return examine(r, *o);
    case verb::has_writer:
      return 1;  // named pipes there are none
    case verb::take_signal:
      return take_signal(*o);
    case verb::terminal_size:
    case verb::begin_raw:
      return -ENOTTY;
    case verb::end_raw:
      return -EBADF;
    default:
      return -ENOSYS;
  }
}

// ---- Descriptors

int fake_backend::add(object_pointer made) {
  auto free = std::find(descriptors_.begin(), descriptors_.end(), nullptr);
  const auto index = free - descriptors_.begin();
  if (free == descriptors_.end()) {
    descriptors_.push_back(std::move(made));
  } else {
    *free = std::move(made);
  }
  return first_descriptor + static_cast<int>(index);
}

fake_backend::object* fake_backend::find(std::int32_t descriptor) const {
  const auto i = static_cast<std::size_t>(descriptor - first_descriptor);
  return descriptor >= first_descriptor && i < descriptors_.size() ? descriptors_[i].get()
                                                                   : nullptr;
}

std::size_t fake_backend::open_descriptors() const noexcept {
  return descriptors_.size() -
         static_cast<std::size_t>(std::count(descriptors_.begin(), descriptors_.end(), nullptr));
}

int fake_backend::close(std::int32_t descriptor) {
  object* o = find(descriptor);
  if (!o) return -EBADF;
  end(*o);
  descriptors_[static_cast<std::size_t>(descriptor - first_descriptor)] = nullptr;
  return 0;
}

void fake_backend::end(object& o) {
  if (o.in) o.in->reader_gone = true;
  if (o.out) o.out->ended = true;
  if (o.in && o.out && !o.in->bytes.empty()) o.out->reset = true;
  for (object_pointer& never_taken : o.arrived) {
    never_taken->out->reset = true;
    end(*never_taken);
  }
  auto name = bound_.find(key_of(o.local));
  if (name != bound_.end() && name->second.lock().get() == &o) {
    // As in the kernel a path outlives its socket; nothing listens there any more.
    if (o.domain == AF_UNIX) {
      name->second.reset();
    } else {
      bound_.erase(name);
    }
  }
}

void fake_backend::link(object& a, object& b) {
  a.in = b.out = std::make_shared<channel>();
  a.out = b.in = std::make_shared<channel>();
}

int fake_backend::make_pair(const request& r) {
  auto a = std::make_shared<object>(), b = std::make_shared<object>();
  link(*a, *b);
  if (r.what == verb::pipe) {
    a->mode = b->mode = S_IFIFO;
    a->out = b->in = nullptr;
    a->flags = O_RDONLY | O_NONBLOCK;
    b->flags = O_WRONLY | O_NONBLOCK;
  } else {
    a->domain = b->domain = r.descriptor;
    a->type = b->type = static_cast<int>(r.options) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
  }
  int* both = at<int>(r.address);
  both[0] = add(std::move(a));
  both[1] = add(std::move(b));
  return 0;
}

int fake_backend::set_or_get_option(object& o, const request& r) {
  std::string& value = o.options[{static_cast<int>(r.options), r.second}];
  if (r.what == verb::set_option) {
    value = address_at(r);
    return 0;
  }
  int number = 0;
  if (r.options == SOL_SOCKET && r.second == SO_TYPE) number = o.type;
  if (r.options == SOL_SOCKET && r.second == SO_DOMAIN) number = o.domain;
  if (r.options == SOL_SOCKET && r.second == SO_ACCEPTCONN) number = o.backlog != 0;
  std::string given =
      value.empty() ? std::string(reinterpret_cast<const char*>(&number), sizeof number) : value;
  give_address(given, at<void>(r.address), *at<std::uint32_t>(r.offset));
  return 0;
}

// ---- Looking up

int fake_backend::look_up(detail::name_query& q) {
  sockaddr_in numeric{};
  numeric.sin_family = AF_INET;
  if (q.family == AF_INET6 || ::inet_pton(AF_INET, q.host.c_str(), &numeric.sin_addr) != 1) {
    q.failed = detail::name_query::failure::not_found;
    return 0;
  }
  detail::native_address found;
  std::memcpy(found.bytes.data(), &numeric, sizeof numeric);
  found.size = sizeof numeric;
  q.addresses = {found};
  return 0;
}

// ---- Signals

int fake_backend::watch_signals(const request& r) {
  constexpr std::uint64_t never = std::uint64_t{1} << (SIGKILL - 1) | std::uint64_t{1}
                                                                          << (SIGSTOP - 1);
  if (r.offset & never) return -EINVAL;
  object* o = find(r.descriptor);
  int answer = 0;
  if (r.descriptor < 0) {
    answer = add(std::make_shared<object>());
    o = find(answer);
    o->mode = 0;
    o->is_bell = true;
  }
  if (!o || !o->is_bell) return -EBADF;
  o->wanted = r.options == watch_no_more ? 0 : r.offset;
  o->noted &= o->wanted;
  o->once = r.options == watch_once;
  return answer;
}

void fake_backend::raise_signal(int number) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << (number - 1);
  for (const object_pointer& o : descriptors_) {
    if (!o || !(o->wanted & bit)) continue;
    o->noted |= bit;
    o->rings = true;
    if (o->once) o->wanted = 0;
  }
}

/// (The ring that was read was for all of them.)
int fake_backend::take_signal(object& o) {
  if (!o.is_bell) return -EBADF;
  if (!o.noted) return -EAGAIN;
  const int number = std::countr_zero(o.noted) + 1;
  o.noted &= o.noted - 1;
  o.rings = o.rings || o.noted;
  return number;
}

// ---- Names

/// Who is meant by an address: the port, whatever the interface; the path.
std::string fake_backend::key_of(const std::string& address) {
  if (address.size() < sizeof(sa_family_t)) return {};
  if (is_path(address)) {
    std::string path = address.substr(offsetof(sockaddr_un, sun_path));
    return "unix " + (path.empty() || path[0] ? path.substr(0, path.find('\0')) : path);
  }
  in_port_t port = 0;  // stands at the same place in both families
  if (address.size() >= 4)
    std::memcpy(&port, address.data() + offsetof(sockaddr_in, sin_port), sizeof port);
  return "port " + std::to_string(ntohs(port));
}

/// What the kernel does where nobody has called bind: a free port.
void fake_backend::name_itself(object& o) {
  if (!o.local.empty() || o.domain == AF_UNIX) return;
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)bind(o, o.domain == AF_INET6 ? std::string(reinterpret_cast<char*>(&v6), sizeof v6)
                                     : std::string(reinterpret_cast<char*>(&v4), sizeof v4));
}

int fake_backend::bind(object& o, std::string address) {
  if (!o.local.empty()) return -EINVAL;
  if (key_of(address) == "port 0") {
    in_port_t port = htons(next_port_++);
    std::memcpy(address.data() + offsetof(sockaddr_in, sin_port), &port, sizeof port);
  }
  auto [place, is_new] = bound_.try_emplace(key_of(address));
  if (!is_new && (o.domain == AF_UNIX || !place->second.expired())) return -EADDRINUSE;
  o.local = std::move(address);
  place->second = o.weak_from_this();
  if (o.domain == AF_UNIX) files_[key_of(o.local).substr(5)] = std::make_shared<node>();
  return 0;
}

// ---- Streams and datagrams

int fake_backend::accept(object& o) {
  if (!o.backlog) return -EINVAL;
  if (o.arrived.empty()) return -EAGAIN;
  object_pointer made = std::move(o.arrived.front());
  o.arrived.pop_front();
  return add(std::move(made));
}

int fake_backend::connect(object& o, const request& r) {
  std::string address = address_at(r);
  auto name = bound_.find(key_of(address));
  if (o.type == SOCK_DGRAM) {
    name_itself(o);
    o.peer = std::move(address);
    return 0;
  }
  if (o.out) return -EISCONN;
  if (name == bound_.end() && o.domain == AF_UNIX) return -ENOENT;
  object_pointer listener = name == bound_.end() ? nullptr : name->second.lock();
  if (!listener || !listener->backlog) return -ECONNREFUSED;
  if (listener->arrived.size() >= listener->backlog) return -EAGAIN;
  auto other = std::make_shared<object>();
  other->domain = o.domain;
  other->type = o.type;
  name_itself(o);
  other->local = o.peer = listener->local;
  other->peer = o.local;
  link(o, *other);
  listener->arrived.push_back(std::move(other));
  return 0;
}

int fake_backend::receive(object& o, const request& r, bool as_message) {
  iovec single{at(r.address), r.length};
  msghdr plain{};
  plain.msg_iov = &single;
  plain.msg_iovlen = 1;
  msghdr& m = as_message ? *at<msghdr>(r.address) : plain;
  const bool peek = o.mode == S_IFSOCK && (r.options & MSG_PEEK);
  std::string bytes, from;
  std::size_t room = 0;
  for (std::size_t i = 0; i < m.msg_iovlen; ++i) room += m.msg_iov[i].iov_len;
  m.msg_flags = 0;
  m.msg_controllen = 0;
  if (o.type == SOCK_DGRAM && !o.in) {
    if (o.datagrams.empty()) return -EAGAIN;
    std::tie(from, bytes) = o.datagrams.front();
    if (!peek) o.datagrams.pop_front();
    if (bytes.size() > room) m.msg_flags = MSG_TRUNC;
    bytes.resize(std::min(bytes.size(), room));
  } else {
    if (!o.in) return o.mode == S_IFSOCK ? -ENOTCONN : -EBADF;
    std::deque<char>& queue = o.in->bytes;
    if (queue.empty()) {
      if (std::exchange(o.in->reset, false)) return -ECONNRESET;
      return o.in->ended || !room ? 0 : -EAGAIN;
    }
    const auto n = static_cast<std::ptrdiff_t>(std::min(queue.size(), room));
    bytes.assign(queue.begin(), queue.begin() + n);
    if (!peek) queue.erase(queue.begin(), queue.begin() + n);
  }
  if (m.msg_name) give_address(from, m.msg_name, m.msg_namelen);
  std::size_t done = 0;
  for (std::size_t i = 0; i < m.msg_iovlen && done < bytes.size(); ++i) {
    const std::size_t n = std::min(m.msg_iov[i].iov_len, bytes.size() - done);
    std::memcpy(m.msg_iov[i].iov_base, bytes.data() + done, n);
    done += n;
  }
  return static_cast<int>(done);
}

int fake_backend::send(object& o, const request& r, bool as_message) {
  std::string bytes, to = o.peer;
  if (as_message) {
    const msghdr& m = *at<msghdr>(r.address);
    for (std::size_t i = 0; i < m.msg_iovlen; ++i)
      bytes.append(static_cast<char*>(m.msg_iov[i].iov_base), m.msg_iov[i].iov_len);
    if (m.msg_name) to.assign(static_cast<char*>(m.msg_name), m.msg_namelen);
    if (is_to_be_cut(m)) return -EIO;
  } else {
    bytes = address_at(r);
  }
  if (o.type == SOCK_DGRAM && !o.out) return send_datagram(o, to, std::move(bytes));
  if (!o.out) return o.mode == S_IFSOCK ? -ENOTCONN : -EBADF;
  if (o.out->reader_gone || o.out->ended) return -EPIPE;
  const std::size_t n = std::min(bytes.size(), stream_capacity - o.out->bytes.size());
  if (!n && !bytes.empty()) return -EAGAIN;
  o.out->bytes.insert(o.out->bytes.end(), bytes.begin(),
                      bytes.begin() + static_cast<std::ptrdiff_t>(n));
  return static_cast<int>(n);
}

/// What has moved before an error is the result; the error is lost.
int fake_backend::each_message(object& o, const request& r) {
  auto* messages = at<mmsghdr>(r.address);
  request one = r;
  for (std::uint32_t i = 0; i < r.length; ++i) {
    one.address = reinterpret_cast<std::uintptr_t>(&messages[i].msg_hdr);
    const int n = r.what == verb::receive_messages ? receive(o, one, true) : send(o, one, true);
    if (n < 0) return i ? static_cast<int>(i) : n;
    messages[i].msg_len = static_cast<unsigned>(n);
  }
  return static_cast<int>(r.length);
}

/// To nobody, and to somebody whose queue is full, it is lost, as on a network.
int fake_backend::send_datagram(object& o, const std::string& to, std::string bytes) {
  if (to.empty()) return -EDESTADDRREQ;
  name_itself(o);
  auto name = bound_.find(key_of(to));
  object_pointer other = name == bound_.end() ? nullptr : name->second.lock();
  const int size = static_cast<int>(bytes.size());
  if (!other && o.domain == AF_UNIX) return name == bound_.end() ? -ENOENT : -ECONNREFUSED;
  if (other && o.domain == AF_UNIX && other->datagrams.size() >= most_datagrams) return -EAGAIN;
  if (!other || other->type != SOCK_DGRAM || other->datagrams.size() >= most_datagrams) return size;
  if (!other->peer.empty() && key_of(other->peer) != key_of(o.local)) return size;
  other->datagrams.emplace_back(o.local, std::move(bytes));
  return size;
}

int fake_backend::ready(object& o, std::uint32_t events) {
  std::uint32_t is = 0;
  if (o.wall_deadline >= 0 && now_.time_since_epoch() + wall_at_zero_ >= duration(o.wall_deadline))
    is |= POLLIN;
  if (o.rings) is |= POLLIN;
  if (o.content || !o.arrived.empty() || !o.datagrams.empty()) is |= POLLIN;
  if (o.in && (!o.in->bytes.empty() || o.in->ended)) is |= POLLIN;
  if (o.in && o.in->ended) is |= POLLRDHUP;
  if (o.in && o.in->ended && (!o.out || o.out->ended)) is |= POLLHUP;
  if (o.content || (o.out && (o.out->bytes.size() < stream_capacity || o.out->reader_gone)) ||
      (o.type == SOCK_DGRAM && !o.in)) {
    is |= POLLOUT;
  }
  if (o.mode == S_IFIFO && o.out && o.out->reader_gone) is |= POLLERR;
  is &= events | POLLHUP | POLLERR;
  return is ? static_cast<int>(is) : -EAGAIN;
}

}  // namespace eddy::test
