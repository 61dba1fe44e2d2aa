// Counts the system calls of a program, exactly, by ptrace: no tool is needed, and io_uring's are
// seen as all others are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace eddy::test {

/// System calls by their numbers (SYS_…).
class system_calls {
 public:
  std::uint64_t of(long number) const {
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? 0 : found->second;
  }
  std::uint64_t total() const;
  /// Those of io_uring, all three.
  std::uint64_t of_io_uring() const;
  /// "write 3, epoll_wait 1": for messages.
  std::string text() const;
  void add(long number) { ++by_number_[number]; }

 private:
  std::map<long, std::uint64_t> by_number_;
};

struct traced {
  /// Of the thread that called count_from_here(), until it called count_to_here()
  system_calls here;
  system_calls other;  ///< of the other threads of the program, meanwhile
  system_calls all;    ///< of all threads, from the beginning to the end
  /// "" where the program ended with nothing wrong; else how.
  std::string failure;
};

/// Runs `program` in a child process, every thread of it traced (processes that it forks are not).
/// What it expects of GoogleTest is said there, on its own output, and makes `failure`.
traced trace_system_calls(const std::function<void()>& program);

/// In the traced program. A number that is no system call; the kernel refuses it, and it is not
/// counted.
void count_from_here() noexcept;
void count_to_here() noexcept;

/// Runs `program` in a child process, not traced: for what cannot be taken back (limits, filters).
/// The same failures.
std::string run_apart(const std::function<void()>& program);

}  // namespace eddy::test
