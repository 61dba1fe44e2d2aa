// A machine's system calls: who answers what.
#include <netinet/in.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "simulation/world/bell.h"
#include "simulation/world/datagram_socket.h"
#include "simulation/world/machine.h"
#include "simulation/world/stream_socket.h"

namespace eddy::detail::simulated {
namespace {

template <class T = char>
T* at(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));  // NOLINT: as in a request
}

bool is_of_sockets(verb v) noexcept {
  switch (v) {
    case verb::receive:
    case verb::send:
    case verb::receive_message:
    case verb::send_message:
    case verb::receive_messages:
    case verb::send_messages:
    case verb::accept:
    case verb::connect:
    case verb::bind:
    case verb::listen:
    case verb::listen_at:
    case verb::local_name:
    case verb::peer_name:
    case verb::set_option:
    case verb::get_option:
    case verb::shutdown:
      return true;
    default:
      return false;
  }
}

/// What has moved before an error is the result; the error is lost.
int each_message(const request& r, object& of) {
  auto* const messages = at<mmsghdr>(r.address);
  for (std::uint32_t i = 0; i < r.length; ++i) {
    const int n = r.what == verb::receive_messages ? of.read(r, messages[i].msg_hdr)
                                                   : of.write(r, messages[i].msg_hdr);
    if (n < 0) return i ? static_cast<int>(i) : n;
    messages[i].msg_len = static_cast<unsigned>(n);
  }
  return static_cast<int>(r.length);
}

}  // namespace

int object::examine(const request& r) {
  return static_cast<int>(r.options ? nature::stream
                          : mode    ? nature::shared_pipe
                                    : nature::shared_device);
}

int machine::answer(const request& r) {
  switch (r.what) {
    case verb::nothing:
    case verb::forget:
    case verb::take_inherited:
      return 0;
    case verb::open:
    case verb::close:
    case verb::status:
    case verb::sync:
    case verb::truncate:
    case verb::list:
    case verb::rename:
    case verb::remove:
    case verb::make_directory:
    case verb::send_file:
      return answer_files(r);
    case verb::look_up:
      return look_up(*at<detail::name_query>(r.address));
    case verb::socket:
      return make_socket(r);
    case verb::pair:
      return make_pair(r);
    case verb::pipe:
      return make_pipe(r);
    case verb::leave_path:
      return leave_path(r);
    case verb::wall_timer:
      return make_wall_timer(r);
    case verb::interface_index:
      return std::strcmp(at(r.address), "lo") == 0     ? 1
             : std::strcmp(at(r.address), "eth0") == 0 ? 2
                                                       : -ENODEV;
    case verb::watch_signals:
      return watch_signals(r);
    case verb::end_raw:
      return -EBADF;
    default:
      break;
  }
  object* const of = find(r.descriptor);
  if (!of) return -EBADF;
  return is_of_sockets(r.what) ? answer_sockets(r, *of) : answer_any(r, *of);
}

int machine::answer_any(const request& r, object& of) {
  iovec whole{at<void>(r.address), r.length};
  msghdr m{};
  m.msg_iov = &whole;
  m.msg_iovlen = 1;
  const bool several = r.what == verb::read_scattered || r.what == verb::write_gathered;
  if (several) {
    m.msg_iov = at<iovec>(r.address);
    m.msg_iovlen = r.length;
  }
  switch (r.what) {
    case verb::read:
    case verb::read_scattered: {
      request plain = r;
      if (!dynamic_cast<socket*>(&of)) return of.read(r, m);
      plain.options = 0;
      return of.read(plain, m);
    }
    case verb::write:
    case verb::write_gathered:
      return of.write(r, m);
    case verb::ready: {
      const std::uint32_t there = of.events() & (r.options | POLLHUP | POLLERR);
      return there ? static_cast<int>(there) : -EAGAIN;
    }
    case verb::duplicate:
      return is_full() ? -EMFILE : add(of.shared_from_this());
    case verb::file_flags:
      if (!r.options) return static_cast<int>(of.flags);
      of.flags = (of.flags & O_ACCMODE) | (r.options & ~std::uint32_t{O_ACCMODE});
      return 0;
    case verb::examine:
      return of.examine(r);
    case verb::has_writer:
      return 1;  // named pipes there are none
    case verb::take_signal: {
      auto* const watcher = dynamic_cast<bell*>(&of);
      return watcher ? watcher->take() : -EBADF;
    }
    case verb::terminal_size:
    case verb::begin_raw:
      return -ENOTTY;
    default:
      return -ENOSYS;
  }
}

int machine::answer_sockets(const request& r, object& of) {
  socket* const s = of.as_socket();
  if (!s) return -ENOTSOCK;
  switch (r.what) {
    case verb::receive:
    case verb::send: {
      iovec whole{at<void>(r.address), r.length};
      msghdr m{};
      m.msg_iov = &whole;
      m.msg_iovlen = 1;
      return r.what == verb::receive ? s->read(r, m) : s->write(r, m);
    }
    case verb::receive_message:
      return s->read(r, *at<msghdr>(r.address));
    case verb::send_message:
      return s->write(r, *at<msghdr>(r.address));
    case verb::receive_messages:
    case verb::send_messages:
      return each_message(r, *s);
    case verb::accept:
      return s->accept(r.options);
    case verb::connect:
      return s->connect(r);
    case verb::bind:
      return s->bind(at(r.address), r.length);
    case verb::listen:
      return s->listen(r.length);
    case verb::listen_at:
      return listen_at(r, *s);
    case verb::local_name:
      return s->name(r, false);
    case verb::peer_name:
      return s->name(r, true);
    case verb::set_option:
      return s->set_option(r);
    case verb::get_option:
      return s->get_option(r);
    default:
      return s->shut(static_cast<int>(r.options));
  }
}

// ---- What makes sockets

int machine::make_socket(const request& r) {
  const int type = static_cast<int>(r.options) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int domain = r.descriptor;
  if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) return -EAFNOSUPPORT;
  if (is_full()) return -EMFILE;
  if (const int error = refuse_more()) return error;
  if (type == SOCK_STREAM) return add(std::make_shared<stream_socket>(*this, domain, type));
  if (type == SOCK_DGRAM) return add(std::make_shared<datagram_socket>(*this, domain, type));
  return domain == AF_UNIX ? -ESOCKTNOSUPPORT : -EPROTONOSUPPORT;
}

int machine::make_pair(const request& r) {
  const int type = static_cast<int>(r.options) & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (r.descriptor != AF_UNIX) return -EOPNOTSUPP;
  if (open_descriptors() + 2 > most_descriptors) return -EMFILE;
  if (const int error = refuse_more()) return error;
  int* const both = at<int>(r.address);
  const auto make = [&](auto a, auto b) {
    both[0] = add(std::move(a));
    both[1] = add(std::move(b));
    return 0;
  };
  if (type == SOCK_DGRAM) {
    auto a = std::make_shared<datagram_socket>(*this, AF_UNIX, type);
    auto b = std::make_shared<datagram_socket>(*this, AF_UNIX, type);
    datagram_socket::join(*a, *b);
    return make(std::move(a), std::move(b));
  }
  if (type != SOCK_STREAM) return -ESOCKTNOSUPPORT;
  auto a = std::make_shared<stream_socket>(*this, AF_UNIX, type);
  auto b = std::make_shared<stream_socket>(*this, AF_UNIX, type);
  stream_socket::join(*a, *b, true);
  return make(std::move(a), std::move(b));
}

int machine::listen_at(const request& r, socket& s) {
  auto& how = *at<listening_path>(r.offset);
  const std::string path = path_of(at(r.address), r.length);
  int answer = s.bind(at(r.address), r.length);
  if (answer == -EADDRINUSE && how.replace_stale && !path.empty() && path[0]) {
    int error = 0;
    const auto file = files.find(path);
    const socket* const other = find_unix(*this, path, error);
    if (file && S_ISSOCK(file->mode) && !(other && other->is_listening())) {
      (void)files.remove(path, false);
      answer = s.bind(at(r.address), r.length);
    }
  }
  if (answer < 0) return answer;
  if (const auto file = files.find(path); file && !path.empty() && path[0]) {
    how.device = 1;
    how.inode = file->number;
    how.process = 1;
    if (how.permissions) file->mode = S_IFSOCK | (how.permissions & 07777);
  }
  return s.listen(static_cast<std::uint32_t>(how.backlog));
}

int machine::leave_path(const request& r) {
  const auto& made = *at<const listening_path>(r.offset);
  const auto file = files.find(at(r.address));
  if (!made.process || !file || file->number != made.inode) return 0;
  return files.remove(at(r.address), false);
}

}  // namespace eddy::detail::simulated
