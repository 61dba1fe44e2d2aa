// history and linearizable: did clients that ran at the same time see what one thing, used by one
// after the other, could have shown them?
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/runtime/detail/abort.h>
#include <eddy/simulation/detail/linear_search.h>

namespace eddy {

/// What clients did, and what they were told, in the order in which it happened. Clients write into
/// it, on whichever hosts they are: it belongs to the test, and is no part of the world.
///
///   const auto id = seen.invoke({put, key, 5}, "client 1");
///   if (auto answer = co_await store.put(key, 5)) seen.returned(id, *answer);
///
/// An operation of which nobody was told the end (the host died, the connection did) just never
/// returns: it may have happened, at any time from then on, or not at all.
template <class Operation, class Result>
class history {
 public:
  struct entry {
    Operation operation;
    std::string by;
    std::optional<Result> result;
    std::size_t begun = 0, ended = SIZE_MAX;  // in the order of all that happened
  };

  /// A client begins an operation. The number is for returned().
  std::size_t invoke(Operation operation, std::string by = "") {
    entries_.push_back({std::move(operation), std::move(by), std::nullopt, happened_++, SIZE_MAX});
    return entries_.size() - 1;
  }
  /// It ended so. Once for each operation; else it aborts.
  void returned(std::size_t id, Result result) {
    if (id >= entries_.size() || entries_[id].result) {
      detail::misuse("history::returned: of an operation that was not begun, or has ended already");
    }
    entries_[id].result = std::move(result);
    entries_[id].ended = happened_++;
  }

  const std::vector<entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<entry> entries_;
  std::size_t happened_ = 0;
};

/// What linearizable() found. As a bool: nothing is wrong.
struct linearizability {
  bool holds = true;
  /// False: given up after too many steps, and nothing was found until then.
  bool decided = true;
  /// Where it does not hold: the shortest beginning of the history for which it does not, a line each.
  std::string text;
  operator bool() const noexcept { return holds; }  // (implicit: always(linearizable(…), "…"))
};

namespace detail {

template <class T>
std::string value_text(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string(std::string_view(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<std::underlying_type_t<T>>(value));
  } else {
    return "…";
  }
}

/// One key's part of a history, up to its n-th return.
template <class Entry, class Model>
class linear_check {
 public:
  linear_check(std::vector<const Entry*> entries, const Model& model)
      : entries_(std::move(entries)), model_(model) {
    for (const Entry* e : entries_) {
      if (e->result) ends_.push_back(e->ended);
    }
    std::sort(ends_.begin(), ends_.end());
  }

  search_end up_to(std::size_t returns, std::uint64_t& steps) const {
    const std::size_t until = returns < ends_.size() ? ends_[returns] : SIZE_MAX;
    std::vector<interval> intervals;
    std::vector<const Entry*> those;
    for (const Entry* e : entries_) {
      if (e->begun >= until) continue;
      those.push_back(e);
      intervals.push_back({e->begun, e->result && e->ended < until ? e->ended : SIZE_MAX});
    }
    linear_order order(intervals);
    typename Model::state state{};
    std::vector<typename Model::state> before;
    // Which were done, and what came of it: not tried twice.
    std::map<operation_set, std::vector<typename Model::state>> seen;
    while (!order.done()) {
      if (!steps) return search_end::given_up;
      --steps;
      if (order.at_call()) {
        const Entry& e = *those[order.candidate()];
        typename Model::state next = state;
        const auto answer = model_.apply(next, e.operation);
        if (order.is_open() || answer == *e.result) {
          auto& states = seen[order.with_candidate()];
          if (std::find(states.begin(), states.end(), next) == states.end()) {
            states.push_back(next);
            before.push_back(std::exchange(state, std::move(next)));
            order.take();
            continue;
          }
        }
        order.skip();
      } else {
        if (before.empty()) return search_end::impossible;
        state = std::move(before.back());
        before.pop_back();
        order.take_back();
      }
    }
    return search_end::possible;
  }

  /// The shortest beginning that is not possible, as text.
  std::string shortest(std::uint64_t steps) const {
    // With `low` returns it is possible; with `high` it is not.
    std::size_t low = 0, high = ends_.size();
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      std::uint64_t left = steps;
      (up_to(middle, left) == search_end::impossible ? high : low) = middle;
    }
    const std::size_t last = ends_[high - 1];
    std::string text;
    for (const Entry* e : entries_) {
      if (e->begun > last) continue;
      const bool ended = e->result && e->ended <= last;
      text += line(*e, ended) + (ended && e->ended == last ? "   <- in no order\n" : "\n");
    }
    return text;
  }

 private:
  std::string line(const Entry& e, bool ended) const {
    std::string text = "  " + std::to_string(e.begun) + " … " +
                       (ended ? std::to_string(e.ended) : std::string("?")) + "  " + e.by +
                       (e.by.empty() ? "" : "  ");
    if constexpr (requires { model_.text(e.operation); }) {
      text += model_.text(e.operation);
    } else {
      text += value_text(e.operation);
    }
    if (ended) text += " -> " + value_text(*e.result);
    return text;
  }

  std::vector<const Entry*> entries_;
  const Model& model_;
  std::vector<std::size_t> ends_;
};

}  // namespace detail

/// Is there an order of the operations, each at one instant between its beginning and its end, in
/// which every answer is the model's? (Wing and Gong's search, with Lowe's memory of what was tried:
/// good for some hundreds of operations on a key, a few of which overlap.)
///
/// The model says what one such thing does:
///
///   struct store {
///     using state = std::map<std::string, int>;             // begins as state{}; compared by ==
///     int apply(state&, const operation&) const;            // changes the state; the answer
///     std::string key(const operation&) const;              // if there is one: each key by itself
///     std::string text(const operation&) const;             // if there is one: for people
///   };
template <class Operation, class Result, class Model>
linearizability linearizable(const history<Operation, Result>& of, const Model& model,
                             std::uint64_t most_steps = 20'000'000) {
  using entry = typename history<Operation, Result>::entry;
  const auto key_of = [&model](const entry& e) {
    if constexpr (requires { model.key(e.operation); }) {
      return model.key(e.operation);
    } else {
      static_cast<void>(model);
      return 0;
    }
  };
  std::map<std::decay_t<decltype(key_of(of.entries()[0]))>, std::vector<const entry*>> by_key;
  for (const entry& e : of.entries()) by_key[key_of(e)].push_back(&e);
  linearizability found;
  for (auto& [key, entries] : by_key) {
    const detail::linear_check<entry, Model> check(std::move(entries), model);
    std::uint64_t steps = most_steps;
    switch (check.up_to(SIZE_MAX, steps)) {
      case detail::search_end::impossible:
        return {false, true, check.shortest(most_steps)};
      case detail::search_end::given_up:
        found.decided = false;
        break;
      case detail::search_end::possible:
        break;
    }
  }
  return found;
}

}  // namespace eddy
