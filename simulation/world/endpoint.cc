// Internet addresses to and from the kernel's structures.
#include "simulation/world/endpoint.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eddy::detail::simulated {
namespace {

constexpr std::array<std::uint8_t, 12> v4_inside{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

endpoint endpoint::v4(std::uint32_t address, std::uint16_t port) noexcept {
  endpoint e;
  std::copy(v4_inside.begin(), v4_inside.end(), e.ip.begin());
  for (std::size_t i = 0; i < 4; ++i)
    e.ip[12 + i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
  e.port = port;
  return e;
}

endpoint endpoint::loopback_v6(std::uint16_t port) noexcept {
  endpoint e;
  e.ip[15] = 1;
  e.port = port;
  return e;
}

bool endpoint::is_v4() const noexcept {
  return std::equal(v4_inside.begin(), v4_inside.end(), ip.begin());
}

std::uint32_t endpoint::as_v4() const noexcept {
  std::uint32_t address = 0;
  for (std::size_t i = 12; i < 16; ++i) address = address << 8 | ip[i];
  return address;
}

bool endpoint::is_any() const noexcept {
  return is_v4() ? as_v4() == 0
                 : std::all_of(ip.begin(), ip.end(), [](std::uint8_t b) { return b == 0; });
}

bool endpoint::is_loopback() const noexcept {
  return is_v4() ? as_v4() >> 24 == 127 : ip == loopback_v6(0).ip;
}

int read_endpoint(const void* from, std::uint32_t length, int family, endpoint& e) noexcept {
  sa_family_t given = AF_UNSPEC;
  if (length < sizeof given) return -EINVAL;
  std::memcpy(&given, from, sizeof given);
  if (given == AF_INET) {
    sockaddr_in native;
    if (length < sizeof native) return -EINVAL;
    if (family != AF_INET) return family == AF_INET6 ? -EINVAL : -EAFNOSUPPORT;
    std::memcpy(&native, from, sizeof native);
    e = endpoint::v4(ntohl(native.sin_addr.s_addr), ntohs(native.sin_port));
    return 0;
  }
  if (given != AF_INET6 || family != AF_INET6) return -EAFNOSUPPORT;
  sockaddr_in6 native;
  if (length < sizeof native) return -EINVAL;
  std::memcpy(&native, from, sizeof native);
  std::memcpy(e.ip.data(), &native.sin6_addr, e.ip.size());
  e.port = ntohs(native.sin6_port);
  return 0;
}

void give_endpoint(const endpoint& e, int family, void* to, std::uint32_t& length) noexcept {
  const auto give = [&](const auto& native) {
    std::memcpy(to, &native, std::min<std::size_t>(length, sizeof native));
    length = sizeof native;
  };
  if (family == AF_INET) {
    sockaddr_in native{};
    native.sin_family = AF_INET;
    native.sin_port = htons(e.port);
    native.sin_addr.s_addr = htonl(e.is_v4() ? e.as_v4() : 0);
    give(native);
    return;
  }
  sockaddr_in6 native{};
  native.sin6_family = AF_INET6;
  native.sin6_port = htons(e.port);
  std::memcpy(&native.sin6_addr, e.ip.data(), e.ip.size());
  give(native);
}

}  // namespace eddy::detail::simulated
