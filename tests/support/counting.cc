// A tracer of one child process, and the children in which tests run programs.
#include "tests/support/counting.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/sanitized.h"

namespace eddy::test {

namespace {

constexpr long from_here = 4001;  // no system calls, and far above those there are
constexpr long to_here = 4002;

std::string name_of(long number) {
  static const std::map<long, const char*> names{
      {SYS_read, "read"},
      {SYS_write, "write"},
      {SYS_close, "close"},
      {SYS_recvfrom, "recvfrom"},
      {SYS_sendto, "sendto"},
      {SYS_sendmsg, "sendmsg"},
      {SYS_recvmsg, "recvmsg"},
      {SYS_accept4, "accept4"},
      {SYS_epoll_ctl, "epoll_ctl"},
      {SYS_epoll_pwait, "epoll_pwait"},
      {SYS_epoll_pwait2, "epoll_pwait2"},
#ifdef SYS_epoll_wait
      {SYS_epoll_wait, "epoll_wait"},
#endif
      {SYS_io_uring_setup, "io_uring_setup"},
      {SYS_io_uring_enter, "io_uring_enter"},
      {SYS_io_uring_register, "io_uring_register"},
      {SYS_futex, "futex"},
      {SYS_clock_gettime, "clock_gettime"},
      {SYS_mmap, "mmap"},
      {SYS_munmap, "munmap"},
      {SYS_madvise, "madvise"},
      {SYS_brk, "brk"},
      {SYS_rt_sigprocmask, "rt_sigprocmask"},
      {SYS_ppoll, "ppoll"},
      {SYS_sched_yield, "sched_yield"},
  };
  const auto found = names.find(number);
  return found == names.end() ? "number " + std::to_string(number) : found->second;
}

/// A sanitizer takes memory when it likes to, and has a thread that sleeps and looks at the time.
/// Nothing of ours does so.
bool is_a_sanitizers(long number) {
#ifdef EDDY_SANITIZED
  static const std::set<long> own{SYS_mmap,         SYS_munmap,    SYS_madvise,
                                  SYS_mprotect,     SYS_nanosleep, SYS_clock_nanosleep,
                                  SYS_gettimeofday, SYS_getrusage};
  return own.contains(number);
#else
  static_cast<void>(number);
  return false;
#endif
}

std::string how_it_ended(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status)) return "the program has failed (see above)";
  return std::string("the program was ended by a signal: ") + strsignal(WTERMSIG(status));
}

[[noreturn]] void run_and_exit(const std::function<void()>& program) {
  try {
    program();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "the program threw: " << e.what();
  }
  std::fflush(nullptr);
  ::_exit(::testing::Test::HasFailure() ? 1 : 0);
}

pid_t start_child() {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  return child;
}

/// Follows each thread from system call to system call.
class tracer {
 public:
  explicit tracer(pid_t main_thread) : main_(main_thread) {}

  traced follow() {
    int status = 0;
    if (::waitpid(main_, &status, 0) != main_ || !WIFSTOPPED(status))
      throw std::runtime_error("the program did not begin");
    if (::ptrace(PTRACE_SETOPTIONS, main_, nullptr,
                 PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) {
      throw std::system_error(errno, std::generic_category(), "ptrace");
    }
    known_.insert(main_);
    go_on(main_, 0);
    for (;;) {
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0) throw std::system_error(errno, std::generic_category(), "waitpid");
      if (!WIFSTOPPED(status)) {
        if (thread != main_) continue;
        counts_.failure = how_it_ended(status);
        return std::move(counts_);
      }
      go_on(thread, stopped(thread, status));
    }
  }

 private:
  /// The signal that the thread is to get.
  int stopped(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      note_call(thread);
      return 0;
    }
    if (status >> 16) return 0;  // it made a thread
    // A new thread begins with a stop of its own.
    if (known_.insert(thread).second && signal == SIGSTOP) return 0;
    return signal;
  }

  void note_call(pid_t thread) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    const auto number = static_cast<long>(info.entry.nr);
    if (number == from_here) {
      counted_ = thread;
    } else if (number == to_here) {
      counted_ = 0;
    } else if (!is_a_sanitizers(number)) {
      counts_.all.add(number);
      if (counted_) (counted_ == thread ? counts_.here : counts_.other).add(number);
    }
  }

  static void go_on(pid_t thread, int signal) {
    ::ptrace(PTRACE_SYSCALL, thread, nullptr,
             static_cast<long>(signal));  // it may have been killed meanwhile
  }

  pid_t main_;
  pid_t counted_ = 0;
  std::set<pid_t> known_;
  traced counts_;
};

}  // namespace

std::uint64_t system_calls::total() const {
  std::uint64_t sum = 0;
  for (const auto& [number, count] : by_number_) sum += count;
  return sum;
}

std::uint64_t system_calls::of_io_uring() const {
  return of(SYS_io_uring_setup) + of(SYS_io_uring_enter) + of(SYS_io_uring_register);
}

std::string system_calls::text() const {
  std::string text;
  for (const auto& [number, count] : by_number_) {
    text += (text.empty() ? "" : ", ") + name_of(number) + " " + std::to_string(count);
  }
  return text.empty() ? "none" : text;
}

traced trace_system_calls(const std::function<void()>& program) {
  const pid_t child = start_child();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)) {
      std::perror("ptrace: this test has to trace a child of its own");
      ::_exit(1);
    }
    ::raise(SIGSTOP);
    run_and_exit(program);
  }
  return tracer(child).follow();
}

void count_from_here() noexcept {
  ::syscall(from_here);
}
void count_to_here() noexcept {
  ::syscall(to_here);
}

std::string run_apart(const std::function<void()>& program) {
  const pid_t child = start_child();
  if (child == 0) run_and_exit(program);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return how_it_ended(status);
}

}  // namespace eddy::test
