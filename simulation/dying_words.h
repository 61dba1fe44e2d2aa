// Says which seed it was where a run aborts the program. Private.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>

#include <signal.h>

namespace eddy::detail {

/// While it lives, SIGABRT is preceded by a line on stderr: name, seed, and how to run it again. What
/// the program had installed comes after it.
class dying_words {
 public:
  dying_words() noexcept;
  ~dying_words();
  dying_words(const dying_words&) = delete;
  dying_words& operator=(const dying_words&) = delete;

  void name(const std::string&);
  void about(std::uint64_t seed) noexcept;

 private:
  struct sigaction before_ = {};
};

}  // namespace eddy::detail
