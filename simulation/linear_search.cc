// A list of beginnings and ends, from which operations are taken, and to which they go back.
#include <algorithm>
#include <utility>

#include <eddy/simulation/detail/linear_search.h>

namespace eddy::detail {

linear_order::linear_order(const std::vector<interval>& intervals)
    : end_of_(intervals.size(), none), taken_(intervals.size() / 64 + 1) {
  std::vector<std::pair<std::size_t, event>> all;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    all.push_back({intervals[i].begun, {i, false, none, none}});
    if (intervals[i].ended != SIZE_MAX) {
      all.push_back({intervals[i].ended, {i, true, none, none}});
      ++left_;
    }
  }
  // (No two happen at once.)
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  events_.emplace_back();
  for (auto& [when, e] : all) {
    const std::size_t here = events_.size();
    if (e.is_end) end_of_[e.operation] = here;
    e.before = here - 1;
    events_[here - 1].next = here;
    events_.push_back(e);
  }
  at_ = events_[0].next;
}

void linear_order::unlink(std::size_t i) noexcept {
  const event& e = events_[i];
  events_[e.before].next = e.next;
  if (e.next != none) events_[e.next].before = e.before;
}

void linear_order::link_again(std::size_t i) noexcept {
  const event& e = events_[i];
  events_[e.before].next = i;
  if (e.next != none) events_[e.next].before = i;
}

void linear_order::take() {
  const std::size_t operation = candidate();
  order_.push_back(at_);
  taken_[operation / 64] ^= bit_of(operation);
  unlink(at_);
  if (end_of_[operation] != none) {
    unlink(end_of_[operation]);
    --left_;
  }
  at_ = events_[0].next;
}

void linear_order::take_back() {
  at_ = order_.back();
  order_.pop_back();
  const std::size_t operation = candidate();
  taken_[operation / 64] ^= bit_of(operation);
  if (end_of_[operation] != none) {
    link_again(end_of_[operation]);
    ++left_;
  }
  link_again(at_);
  at_ = events_[at_].next;
}

}  // namespace eddy::detail
