// Names and options of sockets.
#include "simulation/world/socket.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

template <class T = char>
T* at(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));  // NOLINT: as in a request
}

void give(const void* what, std::size_t size, void* to, std::uint32_t& length) noexcept {
  std::memcpy(to, what, std::min<std::size_t>(length, size));
  length = static_cast<std::uint32_t>(size);
}

}  // namespace

// ---- Names

std::string path_of(const void* address, std::uint32_t length) {
  constexpr std::uint32_t offset = offsetof(sockaddr_un, sun_path);
  if (length <= offset) return {};
  const std::string path(static_cast<const char*>(address) + offset, length - offset);
  return path[0] ? path.substr(0, path.find('\0')) : path;
}

socket* find_unix(machine& home, const std::string& path, int& error) {
  const auto found = [&](auto& all, const auto& name) -> socket* {
    const auto place = all.find(name);
    const auto o = place == all.end() ? nullptr : place->second.lock();
    return o ? o->as_socket() : nullptr;
  };
  error = -ECONNREFUSED;
  if (path.empty() || !path[0]) return found(home.abstract_names, path);
  const auto file = home.files.find(path);
  if (!file) {
    error = -ENOENT;
    return nullptr;
  }
  return found(home.sockets_of_files, file->number);
}

int socket::bind(const void* address, std::uint32_t length) {
  if (is_bound_) return -EINVAL;
  if (is_unix()) return bind_path(address, length);
  ports::wish w;
  if (const int error = read_endpoint(address, length, domain_, w.at)) return error;
  if (!w.at.is_any() && route(w.at) != &home()) return -EADDRNOTAVAIL;
  w.v6_only = option(IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  w.reuse = option(SOL_SOCKET, SO_REUSEADDR) != 0;
  w.reuse_port = option(SOL_SOCKET, SO_REUSEPORT) != 0;
  if (const int error = ports().take(*this, w)) return error;
  local_ = w;
  is_bound_ = true;
  return 0;
}

int socket::bind_path(const void* address, std::uint32_t length) {
  sa_family_t family = AF_UNSPEC;
  if (length < sizeof family) return -EINVAL;
  std::memcpy(&family, address, sizeof family);
  if (family != AF_UNIX) return -EINVAL;
  std::string path = path_of(address, length);
  if (path.empty()) {  // one of the system's choice
    path = std::string(1, '\0') + std::to_string(number());
  }
  if (!path[0]) {
    auto& place = home().abstract_names[path];
    if (!place.expired()) return -EADDRINUSE;
    place = weak_from_this();
  } else {
    disk::node_pointer made;
    const int error = home().files.make(path, S_IFSOCK | 0755, made);
    if (error) return error == -EEXIST ? -EADDRINUSE : error;
    home().sockets_of_files[made->number] = weak_from_this();
  }
  local_path_ = std::move(path);
  is_bound_ = true;
  return 0;
}

int socket::name_itself(const endpoint& to) {
  if (is_bound_) {
    if (local_.at.is_any() && !to.is_any()) {
      local_.at.ip =
          to.is_loopback() || route(to) == &home() ? to.ip : endpoint::v4(home().address(), 0).ip;
    }
    return 0;
  }
  ports::wish w;
  w.at = to.is_loopback() || to.is_any() || route(to) == &home()
             ? to
             : endpoint::v4(home().address(), 0);
  w.at.port = 0;
  if (to.is_any() && to.is_v4()) w.at = endpoint::v4(0x7f000001, 0);
  if (to.is_any() && !to.is_v4()) w.at = endpoint::loopback_v6(0);
  if (const int error = ports().take(*this, w))
    return error == -EADDRINUSE ? -EADDRNOTAVAIL : error;
  local_ = w;
  is_bound_ = true;
  return 0;
}

void socket::share_name(const socket& listener, const endpoint& local) {
  local_ = listener.local_;
  local_.at.ip = local.ip;
  local_path_ = listener.local_path_;
  is_bound_ = true;
  if (!is_unix()) ports().share(*this, local_);
}

/// (A path outlives its socket.)
void socket::leave_name(bool lingers) {
  if (!is_bound_ || is_unix()) return;
  lingers ? ports().linger(*this, local_.at.port) : ports().leave(*this, local_.at.port);
}

machine* socket::route(const endpoint& to) const noexcept {
  if (to.is_loopback() || to.is_any()) return &home();
  if (!to.is_v4()) return nullptr;
  const std::uint32_t n = to.as_v4() - home().in()[0].address();
  return n < home().in().machines() ? &home().in()[n] : nullptr;
}

class ports& socket::ports() const noexcept {
  return type_ == SOCK_DGRAM ? home().udp : home().tcp;
}

int socket::name(const request& r, bool of_peer) {
  if (of_peer && !has_peer()) return -ENOTCONN;
  auto& length = *at<std::uint32_t>(r.offset);
  if (!is_unix()) {
    endpoint nameless;
    if (domain_ == AF_INET) nameless = endpoint::v4(0, 0);
    give_endpoint(of_peer     ? peer_
                  : is_bound_ ? local_.at
                              : nameless,
                  domain_, at(r.address), length);
    return 0;
  }
  const std::string& path = of_peer ? peer_path_ : local_path_;
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  std::memcpy(native.sun_path, path.data(), std::min(path.size(), sizeof native.sun_path));
  const bool is_file = !path.empty() && path[0];
  give(&native, offsetof(sockaddr_un, sun_path) + path.size() + is_file, at(r.address), length);
  return 0;
}

// ---- Options

int socket::option(int level, int option, int otherwise) const noexcept {
  const auto set = options_.find({level, option});
  int value = otherwise;
  if (set != options_.end())
    std::memcpy(&value, set->second.data(), std::min(set->second.size(), sizeof value));
  return value;
}

bool socket::resets_at_close() const noexcept {
  const auto set = options_.find({SOL_SOCKET, SO_LINGER});
  linger how{};
  if (set != options_.end())
    std::memcpy(&how, set->second.data(), std::min(set->second.size(), sizeof how));
  return how.l_onoff && !how.l_linger;
}

int socket::set_option(const request& r) {
  if (is_unix() && static_cast<int>(r.options) != SOL_SOCKET) return -EOPNOTSUPP;
  options_[{static_cast<int>(r.options), r.second}].assign(at(r.address), r.length);
  return 0;
}

int socket::get_option(const request& r) {
  auto& length = *at<std::uint32_t>(r.offset);
  int value = 0;
  if (r.options == SOL_SOCKET) {
    if (r.second == SO_PEERCRED) {
      ucred of_peer{1, 0, 0};
      if (!is_unix() || !has_peer()) of_peer = {0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
      give(&of_peer, sizeof of_peer, at(r.address), length);
      return 0;
    }
    if (r.second == SO_TYPE) value = type_;
    if (r.second == SO_DOMAIN) value = domain_;
    if (r.second == SO_ACCEPTCONN) value = is_listening();
    if (r.second == SO_ERROR) value = -take_error();
  }
  const auto set = options_.find({static_cast<int>(r.options), r.second});
  if (set != options_.end() && !value) {
    give(set->second.data(), set->second.size(), at(r.address), length);
  } else {
    give(&value, sizeof value, at(r.address), length);
  }
  return 0;
}

}  // namespace eddy::detail::simulated
