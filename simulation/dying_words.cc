// The handler that says a seed. It calls what a handler may call, and nothing else.
#include "simulation/dying_words.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include <signal.h>
#include <unistd.h>

namespace eddy::detail {
namespace {

std::array<char, 200> name_text;
bool named = false;
std::uint64_t seed_now = 0;
struct sigaction installed_before = {};

void write_all(std::string_view text) noexcept {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

void say(int) {
  std::array<char, 20> digits{};
  std::size_t first = digits.size();
  std::uint64_t rest = seed_now;
  do {
    digits[--first] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest);
  const std::string_view number(&digits[first], digits.size() - first);
  write_all("eddy: the program was aborted in simulation ");
  write_all(name_text.data());
  if (named) write_all(", ");
  write_all("seed ");
  write_all(number);
  write_all("; again: EDDY_SEED=");
  write_all(number);
  write_all("\n");
  // (abort() raises it again where this returns; here it goes on to whoever was there before.)
  ::sigaction(SIGABRT, &installed_before, nullptr);
  ::raise(SIGABRT);
}

}  // namespace

dying_words::dying_words() noexcept {
  struct sigaction action = {};
  action.sa_handler = &say;
  ::sigaction(SIGABRT, &action, &before_);
  installed_before = before_;
}

dying_words::~dying_words() {
  ::sigaction(SIGABRT, &before_, nullptr);
}

void dying_words::name(const std::string& name) {
  const std::size_t size = std::min(name.size(), name_text.size() - 1);
  std::memcpy(name_text.data(), name.data(), size);
  name_text[size] = '\0';
  named = size != 0;
}

void dying_words::about(std::uint64_t seed) noexcept {
  seed_now = seed;
}

}  // namespace eddy::detail
