// Reading, printing and comparing addresses (socket_address.h). Bytes are only ever copied in and
// out of the system's structures, never read through a cast.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <type_traits>

#include <eddy/io/detail/descriptor.h>
#include <eddy/io/socket_address.h>

namespace eddy {
namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);
constexpr std::size_t path_capacity = sizeof(sockaddr_un::sun_path);

template <class S>
S copy_out(const socket_address& address) noexcept {
  static_assert(std::is_trivially_copyable_v<S>);
  S native{};
  std::memcpy(&native, address.data(), std::min<std::size_t>(sizeof(S), address.size()));
  return native;
}

template <class S>
socket_address copy_in(const S& native) noexcept {
  return *socket_address::from_native(&native, sizeof(S));
}

/// A decimal number as it would be printed: digits only, no leading zero, no more than `largest`.
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t largest) noexcept {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > largest)
    return std::nullopt;
  return number;
}

/// inet_pton() for text that ends by its length.
bool parse_host(int family, std::string_view text, void* address) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != text.npos) return false;
  std::memcpy(terminated.data(), text.data(), text.size());
  return ::inet_pton(family, terminated.data(), address) == 1;
}

/// A Unix address's path: without the terminator of a file's, with the leading '\0' of an abstract
/// one.
std::string_view path_of(const sockaddr_un& native, std::size_t size) noexcept {
  if (size <= path_offset) return {};
  const std::string_view path(native.sun_path, size - path_offset);
  return path[0] ? path.substr(0, path.find('\0')) : path;
}

}  // namespace

namespace detail {

std::uint32_t interface_of(std::string_view interface) {
  if (const std::optional<std::uint32_t> number = parse_number(interface, UINT32_MAX))
    return *number;
  const std::string name(interface);
  if (name.find('\0') != name.npos) return 0;
  request r;
  r.what = verb::interface_index;
  r.address = reinterpret_cast<std::uintptr_t>(name.c_str());
  const int answer = ask_here(r);
  return answer > 0 ? static_cast<std::uint32_t>(answer) : 0;
}

namespace {

result<socket_address> numeric_v6(std::string_view host, std::uint16_t port) {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  const std::size_t percent = host.find('%');
  if (!parse_host(AF_INET6, host.substr(0, percent), &native.sin6_addr)) return from_errno(EINVAL);
  if (percent != host.npos) {
    native.sin6_scope_id = interface_of(host.substr(percent + 1));
    if (!native.sin6_scope_id) return from_errno(EINVAL);
  }
  return copy_in(native);
}

}  // namespace

result<socket_address> numeric_address(std::string_view host, std::uint16_t port) {
  if (host.find(':') != host.npos) return numeric_v6(host, port);
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  if (!parse_host(AF_INET, host, &native.sin_addr)) return from_errno(EINVAL);
  return copy_in(native);
}

}  // namespace detail

result<socket_address> socket_address::parse(std::string_view text) {
  const std::error_code invalid = detail::from_errno(EINVAL);
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return invalid;
  const std::optional<std::uint32_t> port = parse_number(text.substr(colon + 1), 65535);
  if (!port) return invalid;
  std::string_view host = text.substr(0, colon);
  const bool is_v6 = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_v6) host = host.substr(1, host.size() - 2);
  if (is_v6 != (host.find(':') != host.npos)) return invalid;
  return detail::numeric_address(host, static_cast<std::uint16_t>(*port));
}

socket_address socket_address::loopback(std::uint16_t port) noexcept {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  native.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return copy_in(native);
}

socket_address socket_address::any(std::uint16_t port) noexcept {
  sockaddr_in native{};
  native.sin_family = AF_INET;
  native.sin_port = htons(port);
  native.sin_addr.s_addr = htonl(INADDR_ANY);
  return copy_in(native);
}

socket_address socket_address::loopback_v6(std::uint16_t port) noexcept {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  native.sin6_addr = in6addr_loopback;
  return copy_in(native);
}

socket_address socket_address::any_v6(std::uint16_t port) noexcept {
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(port);
  return copy_in(native);
}

result<socket_address> socket_address::from_path(std::string_view path) {
  if (path.empty()) return detail::from_errno(EINVAL);
  const bool is_abstract = path[0] == '\0';
  if (!is_abstract && path.find('\0') != path.npos) return detail::from_errno(EINVAL);
  // Linux takes a path that fills the field, but then getsockname() gives one byte more than the
  // structure has.
  const std::size_t length = path.size() + (is_abstract ? 0 : 1);
  if (length > path_capacity) return detail::from_errno(ENAMETOOLONG);
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  std::memcpy(native.sun_path, path.data(), path.size());
  return from_native(&native, path_offset + length);
}

result<socket_address> socket_address::from_native(const void* address, std::size_t size) noexcept {
  sa_family_t family = 0;
  if (size < sizeof(family)) return detail::from_errno(EINVAL);
  std::memcpy(&family, address, sizeof(family));
  switch (family) {
    case AF_INET:
      if (size != sizeof(sockaddr_in)) return detail::from_errno(EINVAL);
      break;
    case AF_INET6:
      if (size != sizeof(sockaddr_in6)) return detail::from_errno(EINVAL);
      break;
    case AF_UNIX:
      // One more: the terminator that the kernel adds to a path that fills the field.
      if (size > sizeof(sockaddr_un) + 1) return detail::from_errno(EINVAL);
      size = std::min(size, sizeof(sockaddr_un));
      break;
    default:
      return detail::from_errno(EAFNOSUPPORT);
  }
  socket_address made;
  static_assert(sizeof(sockaddr_un) <= sizeof(made.bytes_));
  std::memcpy(made.bytes_.data(), address, size);
  made.size_ = static_cast<std::uint32_t>(size);
  return made;
}

int socket_address::family() const noexcept {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, bytes_.data(), sizeof(family));
  return family;
}

std::uint16_t socket_address::port() const noexcept {
  switch (family()) {
    case AF_INET:
      return ntohs(copy_out<sockaddr_in>(*this).sin_port);
    case AF_INET6:
      return ntohs(copy_out<sockaddr_in6>(*this).sin6_port);
    default:
      return 0;
  }
}

std::string socket_address::ip() const {
  std::array<char, INET6_ADDRSTRLEN> host{};
  switch (family()) {
    case AF_INET: {
      const auto native = copy_out<sockaddr_in>(*this);
      ::inet_ntop(AF_INET, &native.sin_addr, host.data(), host.size());
      return host.data();
    }
    case AF_INET6: {
      const auto native = copy_out<sockaddr_in6>(*this);
      ::inet_ntop(AF_INET6, &native.sin6_addr, host.data(), host.size());
      std::string text = host.data();
      if (native.sin6_scope_id) text += "%" + std::to_string(native.sin6_scope_id);
      return text;
    }
    default:
      return {};
  }
}

std::string socket_address::path() const {
  if (family() != AF_UNIX) return {};
  return std::string(path_of(copy_out<sockaddr_un>(*this), size_));
}

std::string socket_address::to_string() const {
  switch (family()) {
    case AF_INET:
      return ip() + ":" + std::to_string(port());
    case AF_INET6:
      return "[" + ip() + "]:" + std::to_string(port());
    case AF_UNIX: {
      std::string text = path();
      if (!text.empty() && text[0] == '\0') text[0] = '@';
      return text;
    }
    default:
      return {};
  }
}

bool socket_address::equals(const socket_address& other) const noexcept {
  if (family() != other.family()) return false;
  switch (family()) {
    case AF_INET: {
      const auto a = copy_out<sockaddr_in>(*this);
      const auto b = copy_out<sockaddr_in>(other);
      return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
    }
    case AF_INET6: {
      // Without the flow label, which says how to send and not where to.
      const auto a = copy_out<sockaddr_in6>(*this);
      const auto b = copy_out<sockaddr_in6>(other);
      return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
             !std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr));
    }
    case AF_UNIX: {
      const auto a = copy_out<sockaddr_un>(*this);
      const auto b = copy_out<sockaddr_un>(other);
      return path_of(a, size_) == path_of(b, other.size_);
    }
    default:
      return true;
  }
}

}  // namespace eddy
