// Which backend a loop gets: the option, before EDDY_BACKEND, before what this machine lets us
// have. Where epoll is asked for, nothing of io_uring is touched, not even to see whether it is
// there: a seccomp filter may kill for that.
#include "runtime/backend/choose.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/pool.h"

namespace eddy::detail {

#ifdef EDDY_WITHOUT_LIBURING
std::unique_ptr<backend> make_uring_backend(const backend_parts&) {
  throw std::system_error(ENOTSUP, std::generic_category());
}
#endif

namespace {

constexpr const char* variable = "EDDY_BACKEND";

/// What kernel.io_uring_disabled says (Linux 6.6 and later); -1: there is no such thing here.
int disabled_by_sysctl() noexcept {
  std::FILE* f = std::fopen("/proc/sys/kernel/io_uring_disabled", "re");
  if (!f) return -1;
  int value = -1;
  if (std::fscanf(f, "%d", &value) != 1) value = -1;
  std::fclose(f);
  return value;
}

/// "io_uring …": why it cannot be had, the name of the errno included where it tells something.
std::string refusal(const std::error_code& error) {
  switch (error.value()) {
    case ENOTSUP:
      return "eddy was built without liburing";
    case EPERM:
    case EACCES:
      // 1: for those outside a group, 2: for all.
      if (disabled_by_sysctl() > 0) {
        return "io_uring is denied by policy (EPERM; the sysctl kernel.io_uring_disabled is set)";
      }
      return "io_uring is denied by policy (EPERM; a seccomp filter, as containers have it)";
    case ENOSYS:
      if (disabled_by_sysctl() >= 0) {
        return "io_uring is denied by policy (ENOSYS; a seccomp filter, for this kernel has "
               "io_uring)";
      }
      return "io_uring is not in this kernel, or a seccomp filter denies it (ENOSYS)";
    case ENOMEM:
      return "io_uring finds no memory for its rings (ENOMEM; see ulimit -l)";
    case EINVAL:
      return "io_uring of this kernel is too old (EINVAL)";
    default:
      return std::string("io_uring cannot be set up (") + std::strerror(error.value()) + ")";
  }
}

void ring_doorbell(void* b) noexcept {
  static_cast<backend*>(b)->wake();
}

chosen finish(std::unique_ptr<backend> made, backend_kind kind, std::string reason,
              const backend_parts& parts) {
  parts.workers.set_doorbell(ring_doorbell, made.get());
  return {std::move(made), kind, std::move(reason)};
}

/// `who`: "the option", "EDDY_BACKEND".
chosen explicitly(backend_kind kind, const char* who, const backend_parts& parts) {
  const char* name = kind == backend_kind::io_uring ? "io_uring" : "epoll";
  const std::string asked = std::string(who) + " asks for " + name;
  try {
    auto made =
        kind == backend_kind::io_uring ? make_uring_backend(parts) : make_epoll_backend(parts);
    return finish(std::move(made), kind, std::string(name) + ", because " + asked + ".", parts);
  } catch (const std::system_error& e) {
    const std::string why =
        kind == backend_kind::io_uring ? refusal(e.code()) : "epoll cannot be set up";
    throw std::system_error(e.code(), asked + ", but " + why);
  }
}

chosen best(const backend_parts& parts) {
  std::string why;
  try {
    return finish(make_uring_backend(parts), backend_kind::io_uring,
                  "io_uring, because this machine has it and nothing else was asked for.", parts);
  } catch (const std::system_error& e) {
    why = refusal(e.code());
  }
  return finish(make_epoll_backend(parts), backend_kind::epoll, "epoll, because " + why + ".",
                parts);
}

/// Null: unset. An empty value is as good as none.
const char* from_environment() noexcept {
  const char* value = std::getenv(variable);
  return value && *value ? value : nullptr;
}

}  // namespace

bool backend_is_forced() noexcept {
  return from_environment();
}

chosen choose_backend(backend_kind wanted, const backend_parts& parts) {
  switch (wanted) {
    case backend_kind::io_uring:
    case backend_kind::epoll:
      return explicitly(wanted, "the option", parts);
    case backend_kind::simulated:
      throw std::invalid_argument(
          "eddy: a simulated backend is in the library eddy-simulation, which is not linked: call "
          "eddy::simulated()");
    case backend_kind::automatic:
      break;
  }
  const char* name = from_environment();
  if (!name) return best(parts);
  if (std::string_view(name) == "io_uring")
    return explicitly(backend_kind::io_uring, variable, parts);
  if (std::string_view(name) == "epoll") return explicitly(backend_kind::epoll, variable, parts);
  throw std::invalid_argument(std::string("eddy: ") + variable + "=" + name +
                              ": neither io_uring nor epoll");
}

}  // namespace eddy::detail
