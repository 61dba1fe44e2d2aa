// Choices that come from a recording, and why it does not fit.
#include <algorithm>
#include <bit>
#include <string_view>

#include "simulation/choices.h"

namespace eddy::detail {
namespace {

std::string line_text(const recorded_choice& c) {
  std::string text = (c.host.empty() ? "-" : word_text(c.host)) + " " + word_text(c.label) + " #" +
                     std::to_string(c.k) + " = " + std::to_string(c.value) + " of " +
                     std::to_string(c.bound);
  if (c.line) text += " (line " + std::to_string(c.line) + ")";
  return text;
}

}  // namespace

void choices::expect(const recording& r) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(r.choices.size() * 2, 16));
  if (expected_.size() < size) expected_.assign(size, {});
  std::uint32_t index = 0;
  for (const recorded_choice& c : r.choices) {
    const std::uint64_t key = key_of(mix(hash_of(c.host.data(), c.host.size()) + golden),
                                     mix(hash_of(c.label.data(), c.label.size())), c.k);
    std::size_t at = mix(key) & (expected_.size() - 1);
    while (expected_[at].run == run_ && expected_[at].key != key) {
      at = (at + 1) & (expected_.size() - 1);
    }
    if (expected_[at].run == run_) {
      if (mismatch_.empty()) mismatch_ = "it has twice: " + line_text(c);
    }
    expected_[at] = {key, index++, run_, false};
  }
}

choices::expected* choices::find_expected(std::uint64_t key) noexcept {
  std::size_t at = mix(key) & (expected_.size() - 1);
  for (; expected_[at].run == run_; at = (at + 1) & (expected_.size() - 1)) {
    if (expected_[at].key == key) return &expected_[at];
  }
  return nullptr;
}

std::uint64_t choices::recorded_value(std::uint64_t bound, std::uint64_t key) {
  expected* e = find_expected(key);
  if (!e) return 0;
  e->asked = true;
  const recorded_choice& c = source_.recorded->choices[e->index];
  if (c.bound == bound) return c.value;
  if (!source_.strict) return c.value < bound ? c.value : 0;
  if (mismatch_.empty()) {
    mismatch_ = "it has " + line_text(c) + ", and this run has " + std::to_string(bound) +
                " possibilities there, at " + seconds_text(now);
  }
  return 0;
}

std::string choices::mismatch(bool ended) const {
  if (!source_.strict || kind_ != choice_source::kind::recorded) return "";
  if (!mismatch_.empty()) return mismatch_;
  if (!ended) return "";
  const expected* first = nullptr;
  for (const expected& e : expected_) {
    if (e.run == run_ && !e.asked && (!first || e.index < first->index)) first = &e;
  }
  if (!first) return "";
  return "it has " + line_text(source_.recorded->choices[first->index]) +
         ", and this run never comes to that choice";
}

}  // namespace eddy::detail
