// What a child process does between its birth and its program. Private.
//
// It runs in our memory, on a stack of its own, while the thread that made it stands still and all
// others go on: so nothing here allocates, locks, or calls the C library but for syscall(). (Its
// setuid() would tell all threads of ours, its open() is a point of cancellation.)
#pragma once

#include <cstddef>
#include <cstdint>

namespace eddy::detail {

/// Made by the parent, whole, before the child is.
struct child_plan {
  struct move {
    int from;
    int to;
    bool may_be_closed;  // then there is nothing to move
  };
  move* moves = nullptr;
  std::size_t move_count = 0;
  const char* const* candidates = nullptr;  // of the program: tried in turn
  const char* const* arguments = nullptr;
  const char* const* environment = nullptr;
  const char* directory = nullptr;
  int parent = 0;
  std::uint64_t ignored = 0;  // a bit for each signal that is to be, though it has a handler here
  std::uint32_t user = 0, group = 0;
  bool sets_user = false;
  bool sets_group = false;
  bool drops_groups = false;  // the supplementary ones
  bool new_group = false;
  bool new_session = false;
  bool takes_terminal = false;  // what is its standard input is its controlling terminal
  bool die_with_parent = false;

  int error = 0;  // the answer: why there is no program; 0 where there is one
};

/// The child's first and last function: `plan` is a child_plan*. All signals are blocked.
int enter_child(void* plan) noexcept;

}  // namespace eddy::detail
