// A recording: the choices of one run that are not 0, as a text that reads as a script of its
// faults. Private.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::detail {

/// The `k`-th time (from 0) that `label` was drawn at `host` ("": the world itself) it was `value`,
/// of 0 … `bound` - 1. When that was is for the reader alone.
struct recorded_choice {
  std::int64_t time = 0;
  std::string host;
  std::string label;
  std::uint32_t k = 0;
  std::uint64_t bound = 2;
  std::uint64_t value = 1;
  unsigned line = 0;  // of the text that it was read from

  friend bool operator==(const recorded_choice& a, const recorded_choice& b) noexcept {
    return a.time == b.time && a.host == b.host && a.label == b.label && a.k == b.k &&
           a.bound == b.bound && a.value == b.value;
  }
};

struct recording {
  std::string name;        // of the simulation; may be empty
  std::uint64_t seed = 0;  // which families of faults are on is the seed's
  std::vector<recorded_choice> choices;
};

std::string text_of(const recording&);

/// Throws std::invalid_argument with a sentence that names `from` and the line.
recording parse_recording(std::string_view text, std::string_view from);

/// Throws std::invalid_argument where the file cannot be read or does not fit.
recording read_recording(const std::string& file);

/// "3.204 s": at least three digits behind the point, and as many as it takes.
std::string seconds_text(std::int64_t nanoseconds);

/// As it stands in a recording: in quotes where it has other characters than those of names.
std::string word_text(std::string_view);

}  // namespace eddy::detail
