// The descriptors that a child is given, and ours of its pipes or its terminal, made before it is.
// Private.
#pragma once

#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "runtime/backend/child_entry.h"
#include "runtime/child.h"

namespace eddy::detail {

/// Closed where it is not given away.
class owned {
 public:
  explicit owned(int number = -1) noexcept : number_(number) {}
  owned(owned&& other) noexcept : number_(other.give()) {}
  owned& operator=(owned&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~owned() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const noexcept { return number_; }
  int give() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

class child_descriptors {
 public:
  /// 0 or an errno.
  int make(const child_order&);
  void put_into(child_plan&) noexcept;
  void give_ends(child_order&) noexcept;

 private:
  int use(int from, int to);
  int make_stream(const child_stream&, int which);
  int make_pipe(int which);
  int make_terminal(const child_order&);

  std::vector<child_plan::move> moves_;  // the first three are of the standard streams
  std::array<owned, 3> ours_, theirs_;
};

}  // namespace eddy::detail
