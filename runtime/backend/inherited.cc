// The protocol of sd_listen_fds(3) (inherited.h).
#include "runtime/backend/inherited.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>
#include <system_error>

namespace eddy::detail {
namespace {

constexpr int first = 3;

/// -1: it is no number, or too large.
int number_in(const char* text) noexcept {
  const std::string_view digits(text);
  int number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && number >= 0 ? number : -1;
}

/// What is there for this process: children of the one that was meant may have the variables, too.
int passed(const char* process, const char* count) noexcept {
  if (!process || !count || number_in(process) != ::getpid()) return 0;
  const int number = number_in(count);
  if (number >= 0 && number <= std::numeric_limits<int>::max() - first) return number;
  errno = EINVAL;
  return -1;
}

}  // namespace

long take_inherited(char* names, std::size_t room) noexcept {
  int count = passed(::getenv("LISTEN_PID"), ::getenv("LISTEN_FDS"));
  int error = count < 0 ? errno : 0;
  const char* const given = ::getenv("LISTEN_FDNAMES");
  const std::size_t size = given ? std::strlen(given) : 0;
  if (size >= room) {
    error = E2BIG;
  } else {
    std::memcpy(names, given ? given : "", size + 1);
  }
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"})
    ::unsetenv(variable);
  for (int i = 0; i < count && !error; ++i) {
    if (::fcntl(first + i, F_SETFD, FD_CLOEXEC) < 0) error = errno;
  }
  errno = error;
  return error ? -1 : count;
}

}  // namespace eddy::detail
