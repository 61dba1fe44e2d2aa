// The resolver of a machine: numbers, the names of the world's hosts, and localhost.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>
#include <utility>

#include "runtime/name_query.h"
#include "simulation/world/endpoint.h"
#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

std::optional<endpoint> by_number(const std::string& text, int& family) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    family = AF_INET;
    return endpoint::v4(ntohl(v4.s_addr), 0);
  }
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    family = AF_INET6;
    endpoint e;
    std::memcpy(e.ip.data(), &v6, e.ip.size());
    return e;
  }
  return std::nullopt;
}

void give(detail::name_query& q, const endpoint& e, int family) {
  if (q.family != AF_UNSPEC && q.family != family) return;
  detail::native_address one;
  one.size = static_cast<std::uint32_t>(one.bytes.size());
  give_endpoint(e, family, one.bytes.data(), one.size);
  q.addresses.push_back(one);
}

}  // namespace

bool machine::refuse_name(detail::name_query& q) {
  using failure = detail::name_query::failure;
  const std::uint64_t fails = world_.draw(*this, label::name_fails, 3);
  if (fails) q.failed = fails == 1 ? failure::try_again : failure::not_found;
  return fails != 0;
}

int machine::look_up(detail::name_query& q) {
  if (q.host.empty()) {
    sa_family_t family = AF_UNSPEC;
    std::memcpy(&family, q.address.bytes.data(), sizeof family);
    endpoint e;
    if (!read_endpoint(q.address.bytes.data(), q.address.size, family, e)) {
      if (e.is_loopback()) q.name = "localhost";
      for (std::size_t i = 0; i < world_.machines(); ++i) {
        if (e.is_v4() && e.as_v4() == world_[i].address()) q.name = world_[i].name();
      }
    }
    if (q.name.empty()) q.failed = detail::name_query::failure::not_found;
    return 0;
  }
  if (refuse_name(q)) return 0;
  int family = AF_INET;
  if (const auto number = by_number(q.host, family)) {
    give(q, *number, family);
  } else if (q.host == "localhost") {
    give(q, endpoint::loopback_v6(0), AF_INET6);
    give(q, endpoint::v4(0x7f000001, 0), AF_INET);
  } else if (const machine* const there = world_.find(q.host)) {
    give(q, endpoint::v4(there->address(), 0), AF_INET);
  }
  if (world_.draw(*this, label::name_order, q.addresses.size()))
    std::swap(q.addresses.front(), q.addresses.back());
  if (q.addresses.empty()) q.failed = detail::name_query::failure::not_found;
  return 0;
}

}  // namespace eddy::detail::simulated
