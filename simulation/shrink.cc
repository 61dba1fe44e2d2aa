// The passes of shrinking, from the coarse to the fine, again and again until none helps.
#include "simulation/shrink.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "simulation/labels.h"

namespace eddy::detail {
namespace {

constexpr std::uint64_t most_fruitless = 200;

/// What goes together: a family of faults, or a label.
std::string_view kind_of(const recorded_choice& c) {
  for (const label_facts& facts : all_labels) {
    if (facts.text == c.label) {
      return facts.family == no_family ? facts.text : name_of(static_cast<fault>(facts.family));
    }
  }
  return c.label;
}

std::uint64_t sum_of(const std::vector<recorded_choice>& choices) {
  std::uint64_t sum = 0;
  for (const recorded_choice& c : choices) sum += c.value;
  return sum;
}

}  // namespace

bool shrinker::exhausted() const noexcept {
  return runs_ >= most_runs_ || fruitless_ >= most_fruitless;
}

bool shrinker::holds(std::vector<recorded_choice> candidate) {
  if (exhausted()) return false;
  ++runs_;
  ++fruitless_;
  if (!fails_(candidate)) return false;
  fruitless_ = 0;
  best_ = std::move(candidate);
  return true;
}

bool shrinker::run() {
  if (!holds(best_)) return false;
  if (!best_.empty() && holds({})) return true;
  for (;;) {
    const std::size_t size = best_.size();
    const std::uint64_t sum = sum_of(best_);
    drop_the_tail();
    drop_kinds();
    drop_blocks();
    lower_values();
    if (exhausted() || (best_.size() == size && sum_of(best_) == sum)) return true;
  }
}

void shrinker::drop_the_tail() {
  // It fails with `best_`, and not (as far as one knows) with its first `low`.
  for (std::size_t low = 0; low + 1 < best_.size() && !exhausted();) {
    const std::size_t middle = low + (best_.size() - low) / 2;
    if (!holds({best_.begin(), best_.begin() + static_cast<std::ptrdiff_t>(middle)})) low = middle;
  }
}

void shrinker::drop_kinds() {
  std::vector<std::string> kinds;
  for (const recorded_choice& c : best_) {
    const std::string_view kind = kind_of(c);
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.emplace_back(kind);
  }
  for (const std::string& kind : kinds) {
    std::vector<recorded_choice> others;
    std::copy_if(best_.begin(), best_.end(), std::back_inserter(others),
                 [&kind](const recorded_choice& c) { return kind_of(c) != kind; });
    if (!others.empty() && others.size() != best_.size()) holds(std::move(others));
  }
}

void shrinker::drop_blocks() {
  for (std::size_t size = best_.size() / 2; size > 0; size /= 2) {
    // From the end: what comes early is most often what the rest follows from.
    std::size_t end = best_.size();
    while (end > 0 && !exhausted()) {
      const std::size_t begin = end > size ? end - size : 0;
      std::vector<recorded_choice> others(best_.begin(),
                                          best_.begin() + static_cast<std::ptrdiff_t>(begin));
      others.insert(others.end(), best_.begin() + static_cast<std::ptrdiff_t>(end), best_.end());
      holds(std::move(others));
      end = std::min(begin, best_.size());
    }
  }
}

void shrinker::lower_values() {
  for (std::size_t i = 0; i < best_.size() && !exhausted(); ++i) {
    const std::size_t size = best_.size();
    const auto with = [this, i](std::uint64_t value) {
      std::vector<recorded_choice> lower = best_;
      lower[i].value = value;
      return holds(std::move(lower));
    };
    if (best_[i].value == 1 || with(1)) continue;
    // It fails with best_[i].value, and not (as far as one knows) with `low`. (Where a lower value
    // leaves other choices out, the next round goes on.)
    std::uint64_t low = 1;
    while (best_.size() == size && best_[i].value > low + 1 && !exhausted()) {
      const std::uint64_t middle = low + (best_[i].value - low) / 2;
      if (!with(middle)) low = middle;
    }
  }
}

}  // namespace eddy::detail
