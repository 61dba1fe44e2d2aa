// Internet addresses as the kernel's structures have them, and as they are compared. Private.
#pragma once

#include <array>
#include <cstdint>

namespace eddy::detail::simulated {

/// IPv4 as an address inside IPv6.
struct endpoint {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  static endpoint v4(std::uint32_t address, std::uint16_t port) noexcept;
  static endpoint loopback_v6(std::uint16_t port) noexcept;

  bool is_v4() const noexcept;
  std::uint32_t as_v4() const noexcept;
  /// 0.0.0.0 or ::
  bool is_any() const noexcept;
  bool is_loopback() const noexcept;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// Of a socket of that family. 0 or -errno.
int read_endpoint(const void* from, std::uint32_t length, int family, endpoint&) noexcept;
/// As a socket of that family shows it, as far as it fits; `length` becomes how long it is.
void give_endpoint(const endpoint&, int family, void* to, std::uint32_t& length) noexcept;

}  // namespace eddy::detail::simulated
