// Where a socket is: an IPv4, IPv6 or Unix address, as a value.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <eddy/runtime/result.h>

namespace eddy {

/// An address of a socket: IPv4 or IPv6 with a port, or a Unix path. Names are resolved by
/// resolve().
class socket_address {
 public:
  /// No address; what an unnamed socket has.
  socket_address() noexcept {}

  /// Reads "1.2.3.4:80", "[::1]:80" or, with the name or number of an interface,
  /// "[fe80::1%eth0]:80". No names of hosts, no spaces, no leading zeros.
  ///
  /// Errors    invalid_argument for everything else, and where there is no such interface.
  static result<socket_address> parse(std::string_view text);

  /// 127.0.0.1, for this machine alone. Port 0: the kernel chooses one when it is bound.
  static socket_address loopback(std::uint16_t port) noexcept;
  /// 0.0.0.0, every IPv4 address of this machine.
  static socket_address any(std::uint16_t port) noexcept;
  /// ::1 and ::, the same of IPv6.
  static socket_address loopback_v6(std::uint16_t port) noexcept;
  static socket_address any_v6(std::uint16_t port) noexcept;

  /// A Unix socket's path, or with a leading '\0' a name in the abstract namespace, which is no
  /// file.
  ///
  /// Errors    filename_too_long: a path of more than 107 bytes, an abstract name of more than 107
  ///           after the '\0'; invalid_argument: empty, or a path with a '\0' in it.
  static result<socket_address> from_path(std::string_view path);
  static result<socket_address> unix_path(std::string_view path) { return from_path(path); }

  /// From the system's sockaddr of `size` bytes.
  ///
  /// Errors    address_family_not_supported; invalid_argument where `size` is not one of its
  ///           family.
  static result<socket_address> from_native(const void* address, std::size_t size) noexcept;

  /// The port; 0 where there is none.
  std::uint16_t port() const noexcept;

  /// "1.2.3.4", "::1", "fe80::1%2"; "" where there is none.
  std::string ip() const;
  /// A Unix socket's path, an abstract one with its leading '\0'; "" where there is none.
  std::string path() const;

  /// "1.2.3.4:80", "[::1]:80", the path, "@name" for an abstract one, "" for no address.
  std::string to_string() const;

  /// The system's sockaddr, for a system call: its family (AF_INET, …; 0: no address), bytes and
  /// their number.
  int family() const noexcept;
  const void* data() const noexcept { return bytes_.data(); }
  std::uint32_t size() const noexcept { return size_; }

  friend bool operator==(const socket_address& a, const socket_address& b) noexcept {
    return a.equals(b);
  }

 private:
  bool equals(const socket_address& other) const noexcept;

  // A sockaddr of its family; the longest is that of a Unix path.
  alignas(8) std::array<std::byte, 112> bytes_{};
  std::uint32_t size_ = 0;
};

namespace detail {
/// The number of an interface that is given by number or name; 0: there is none.
std::uint32_t interface_of(std::string_view interface);
/// "1.2.3.4", "::1", "fe80::1%eth0".
result<socket_address> numeric_address(std::string_view host, std::uint16_t port);
}  // namespace detail

}  // namespace eddy
