// The error category of errc, and what a misused result says (result.h).
#include <cstdio>
#include <mutex>
#include <set>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>

#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/detail/loop.h>
#include <eddy/runtime/result.h>

namespace eddy {
namespace {

class category_of_errc final : public std::error_category {
 public:
  const char* name() const noexcept override { return "eddy"; }

  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::end_of_stream:
        return "end of stream";
      case errc::closed:
        return "closed";
      case errc::timed_out:
        return "timed out";
      case errc::message_too_long:
        return "message too long";
      case errc::host_not_found:
        return "host not found";
      case errc::name_try_again:
        return "no answer from a name server, try again";
      case errc::name_server_failed:
        return "the name server failed";
    }
    return "unknown error";
  }

  std::error_condition default_error_condition(int code) const noexcept override {
    if (static_cast<errc>(code) == errc::timed_out) return std::errc::timed_out;
    if (static_cast<errc>(code) == errc::message_too_long) return std::errc::message_size;
    return std::error_condition(code, *this);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  // Never destroyed: destructors of statics may still compare errors.
  static const category_of_errc& category = *new category_of_errc;
  return category;
}

namespace detail {

void misuse_no_value(int code, const std::error_category& category) noexcept {
  char subject[256];
  std::snprintf(subject, sizeof(subject), "%s (%s %d)", category.message(code).c_str(),
                category.name(), code);
  misuse("the value of a result was taken, but it is an error", subject);
}

#ifdef EDDY_CHECK_RESULTS
void tell_unread_error(int code, const std::error_category& category) noexcept {
  static std::mutex told_mutex;
  static auto& told = *new std::set<std::tuple<std::string_view, unsigned, int>>;
  const std::source_location after =
      current_loop ? current_loop->awaited_at : std::source_location();
  try {
    {
      const std::lock_guard lock(told_mutex);
      if (!told.emplace(after.file_name(), after.line(), code).second) return;
    }
    warn("an error is dropped that nobody has looked at", category.message(code).c_str(), after);
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then it is not told
  }
}
#endif

void misuse_no_error() noexcept {
  misuse(
      "a result was made from an error code that says there is no error; return the value instead");
}

}  // namespace detail
}  // namespace eddy
