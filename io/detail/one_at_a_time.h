// Objects of which one call is made at a time, and where it was made: a second aborts, and names
// both places. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <source_location>

namespace eddy::detail {

/// "eddy: `sentence` (the second: file:line, the first: file:line)"
[[noreturn]] void misuse_by_two(const char* sentence, const std::source_location& second,
                                const std::source_location& first) noexcept;

/// Where the one call comes from that an object is in.
class one_at_a_time {
 public:
  bool in_use() const noexcept { return where_.line() != 0; }

  /// The call, from its beginning to its end.
  class call {
   public:
    call(one_at_a_time& of, const char* sentence, std::source_location where) noexcept : of_(of) {
      if (of.in_use()) misuse_by_two(sentence, where, of.where_);
      of.where_ = where;
    }
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() { of_.where_ = std::source_location(); }

   private:
    one_at_a_time& of_;
  };

 private:
  std::source_location where_{};
};

}  // namespace eddy::detail
