// The system's resolver (look_up.h). It takes as long as it likes and cannot be cancelled.
#include "runtime/backend/look_up.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace eddy::detail {
namespace {

/// 0 or -errno; what the resolver says about the name goes into `failed`.
int told(int answer, name_query& q) noexcept {
  switch (answer) {
    case 0:
      return 0;
    case EAI_AGAIN:
      q.failed = name_query::failure::try_again;
      return 0;
    case EAI_FAIL:
      q.failed = name_query::failure::server_failed;
      return 0;
    case EAI_MEMORY:
      return -ENOMEM;
    case EAI_SYSTEM:
      return errno ? -errno : -EIO;
    case EAI_OVERFLOW:
      return -ENAMETOOLONG;
    case EAI_FAMILY:
      return -EAFNOSUPPORT;
    default:  // EAI_NONAME, EAI_NODATA, EAI_ADDRFAMILY
      q.failed = name_query::failure::not_found;
      return 0;
  }
}

int addresses_of(name_query& q) {
  addrinfo hints{};
  hints.ai_family = q.family;
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once for each type
  addrinfo* found = nullptr;
  const int answer = ::getaddrinfo(q.host.c_str(), nullptr, &hints, &found);
  if (answer) return told(answer, q);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
  for (const addrinfo* a = found; a; a = a->ai_next) {
    native_address one;
    if (a->ai_addrlen > one.bytes.size()) continue;
    std::memcpy(one.bytes.data(), a->ai_addr, a->ai_addrlen);
    one.size = a->ai_addrlen;
    q.addresses.push_back(one);
  }
  if (q.addresses.empty()) q.failed = name_query::failure::not_found;
  return 0;
}

int name_of(name_query& q) {
  char name[NI_MAXHOST];
  sockaddr_storage address{};
  std::memcpy(&address, q.address.bytes.data(), q.address.size);
  const int answer = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), q.address.size,
                                   name, sizeof name, nullptr, 0, NI_NAMEREQD);
  if (answer) return told(answer, q);
  q.name = name;
  return 0;
}

}  // namespace

int ask_resolver(name_query& q) noexcept {
  try {
    return q.host.empty() ? name_of(q) : addresses_of(q);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

}  // namespace eddy::detail
