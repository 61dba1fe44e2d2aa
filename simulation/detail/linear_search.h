// The order in which operations are tried by linearizable(). Private, but installed: history.h is made
// of it.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eddy::detail {

enum class search_end : std::uint8_t { possible, impossible, given_up };

/// An operation's beginning and end; SIZE_MAX: it never ended.
struct interval {
  std::size_t begun, ended;
};

/// A bit for each.
using operation_set = std::vector<std::uint64_t>;

/// The beginnings and ends of all operations that are not taken yet, as a list in their order, and a
/// place in it. What may come next is what begins before the first end.
class linear_order {
 public:
  explicit linear_order(const std::vector<interval>&);

  /// Everything that ended is taken.
  bool done() const noexcept { return left_ == 0; }
  /// Is there one to be tried at this place? Else nothing more can come next.
  bool at_call() const noexcept { return at_ != none && !events_[at_].is_end; }
  std::size_t candidate() const noexcept { return events_[at_].operation; }
  bool is_open() const noexcept { return end_of_[candidate()] == none; }
  /// The operations that are taken, and the candidate.
  operation_set with_candidate() const {
    operation_set all = taken_;
    all[candidate() / 64] ^= bit_of(candidate());
    return all;
  }

  void take();
  void skip() noexcept { at_ = events_[at_].next; }
  /// Undoes the last take(), and goes on behind it.
  void take_back();

 private:
  static constexpr std::size_t none = SIZE_MAX;
  struct event {
    std::size_t operation = 0;
    bool is_end = false;
    std::size_t before = none, next = none;
  };
  static std::uint64_t bit_of(std::size_t operation) noexcept {
    return std::uint64_t{1} << (operation % 64);
  }
  void unlink(std::size_t) noexcept;
  void link_again(std::size_t) noexcept;

  std::vector<event> events_;  // the first one is the list's head
  std::vector<std::size_t> end_of_;
  operation_set taken_;
  std::vector<std::size_t> order_;  // the events that were taken
  std::size_t at_ = none;
  std::size_t left_ = 0;
};

}  // namespace eddy::detail
