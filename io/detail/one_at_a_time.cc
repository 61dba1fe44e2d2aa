// What is said of two calls at once (one_at_a_time.h).
#include <eddy/io/detail/one_at_a_time.h>

#include <array>
#include <cstdio>
#include <cstring>

#include <eddy/runtime/detail/abort.h>

namespace eddy::detail {
namespace {

const char* name_of_file(const std::source_location& where) noexcept {
  const char* slash = std::strrchr(where.file_name(), '/');
  return slash ? slash + 1 : where.file_name();
}

}  // namespace

void misuse_by_two(const char* sentence, const std::source_location& second,
                   const std::source_location& first) noexcept {
  std::array<char, 500> text;
  std::snprintf(text.data(), text.size(), "%s (the second: %s:%u, the first: %s:%u)", sentence,
                name_of_file(second), static_cast<unsigned>(second.line()), name_of_file(first),
                static_cast<unsigned>(first.line()));
  misuse(text.data());
}

}  // namespace eddy::detail
