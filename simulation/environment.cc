// What the environment wants of simulate().
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "simulation/search.h"

namespace eddy::detail {
namespace {

std::string_view value_of(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void refuse(const char* name, std::string_view value, const char* sentence) {
  throw std::invalid_argument(std::string("eddy: ") + name + "=" + std::string(value) + ": " +
                              sentence);
}

}  // namespace

environment_wishes wishes_of_environment() {
  environment_wishes wishes;
  if (const std::string_view text = value_of("EDDY_SEED"); !text.empty()) {
    wishes.seed = number_in(text);
    if (!wishes.seed) refuse("EDDY_SEED", text, "a seed is a whole number");
  }
  if (const std::string_view text = value_of("EDDY_SEEDS"); !text.empty()) {
    const bool is_time = text.back() == 's';
    const auto number = number_in(text.substr(0, text.size() - (is_time ? 1 : 0)));
    if (!number || !*number || (is_time && *number > 1'000'000'000)) {
      refuse("EDDY_SEEDS", text, "how many seeds, as 5000, or how long, as 60s");
    }
    if (is_time) {
      wishes.time = std::chrono::seconds(*number);
    } else {
      wishes.seeds = number;
    }
  }
  wishes.recording = value_of("EDDY_SIMULATION");
  wishes.folder = value_of("EDDY_SIMULATION_KEEP");
  return wishes;
}

}  // namespace eddy::detail
