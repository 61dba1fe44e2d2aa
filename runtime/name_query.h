// What is asked of the system's resolver, and its answer (verb::look_up). Private: io/ fills it, a
// backend answers it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eddy::detail {

/// A sockaddr of IPv4 or IPv6.
struct native_address {
  alignas(4) std::array<std::byte, 28> bytes{};
  std::uint32_t size = 0;
};

struct name_query {
  enum class failure : std::uint8_t { none, not_found, try_again, server_failed };

  // The question: the addresses of `host`, or, where it is empty, the name of `address`.
  std::string host;
  int family = 0;  // AF_UNSPEC, AF_INET, AF_INET6
  native_address address;

  // The answer.
  std::vector<native_address> addresses;  // in the resolver's order
  std::string name;
  failure failed = failure::none;
};

}  // namespace eddy::detail
