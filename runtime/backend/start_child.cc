// The parent's half of the start of a child (children.h); the child's half is child_entry.cc.
//
// The child shares our memory until its program begins, so that the start costs the same whatever
// we hold: this thread stands still meanwhile.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

#include "runtime/backend/backend.h"
#include "runtime/backend/child_descriptors.h"
#include "runtime/backend/child_entry.h"
#include "runtime/backend/children.h"
#include "runtime/backend/signals.h"
#include "runtime/child.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

// The thread sanitizer takes what clone() makes for a fork, and gives up our locks twice.
#if defined(__SANITIZE_THREAD__)
#define EDDY_CLONE ::__clone
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDDY_CLONE ::__clone
#endif
#endif
#ifdef EDDY_CLONE
extern "C" int __clone(int (*)(void*), void*, int, void*, ...) noexcept;
#else
#define EDDY_CLONE ::clone
#endif

namespace eddy::detail {
namespace {

// ---- What it is started with ----

bool has_zero(const std::string& s) noexcept {
  return s.find('\0') != s.npos;
}
bool is_name(const std::string& s) noexcept {
  return !s.empty() && s.find('=') == s.npos && !has_zero(s);
}

/// Can it be what was asked for, whatever the system says?
int check(const child_order& o) noexcept {
  if (has_zero(*o.program)) return EINVAL;
  if (o.program->empty()) return ENOENT;
  if (std::ranges::any_of(o.arguments, has_zero)) return EINVAL;
  for (const child_stream& s : o.streams) {
    if (o.terminal && s.what != child_stream::source::inherit) return EINVAL;
  }
  if (o.error_to_output && o.streams[2].what != child_stream::source::inherit) return EINVAL;
  if (o.environment && std::ranges::any_of(*o.environment, has_zero)) return EINVAL;
  for (const auto& [name, value] : o.variables) {
    if (!is_name(name) || has_zero(value)) return EINVAL;
  }
  for (std::size_t i = 0; i < o.passed.size(); ++i) {
    const auto [here, there] = o.passed[i];
    if (here < 0) return EBADF;
    if (there < 0) return EINVAL;
    if (there < 3) {
      const auto which = static_cast<std::size_t>(there);
      if (o.streams[which].what != child_stream::source::inherit || o.terminal) return EINVAL;
      if (there == 2 && o.error_to_output) return EINVAL;
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (o.passed[k].second == there) return EINVAL;
    }
  }
  return 0;
}

bool names(const char* line, std::string_view name) noexcept {
  return std::strncmp(line, name.data(), name.size()) == 0 && line[name.size()] == '=';
}

/// Its words, as exec takes them: they point into the order, and into `made`.
class words {
 public:
  explicit words(const child_order& o) {
    arguments_.push_back(o.program->c_str());
    for (const std::string& a : o.arguments) arguments_.push_back(a.c_str());
    arguments_.push_back(nullptr);
    if (o.environment) {
      for (const std::string& line : *o.environment) environment_.push_back(line.c_str());
    } else {
      for (char** line = environ; line && *line; ++line) environment_.push_back(*line);
    }
    made_.reserve(o.variables.size());
    for (const auto& [name, value] : o.variables) {
      std::erase_if(environment_, [&](const char* line) { return names(line, name); });
      std::string& line = made_.emplace_back(name);
      line += '=';
      line += value;
      environment_.push_back(made_.back().c_str());
    }
    environment_.push_back(nullptr);
    find_candidates(o);
  }
  void put_into(child_plan& p) const noexcept {
    p.arguments = arguments_.data();
    p.environment = environment_.data();
    p.candidates = candidates_.data();
  }
  /// Why it certainly cannot be started, where that is known without a child; 0: it is not.
  int refusal(const child_order& o) const noexcept {
    int why = 0;
    for (const char* path : candidates_) {
      if (!path) break;
      if (o.directory && *path != '/') return 0;
      if (::faccessat(AT_FDCWD, path, F_OK, 0) == 0) return 0;
      if (errno != ENOENT && errno != ENOTDIR) return 0;
      why = errno;
    }
    return why;
  }

 private:
  void find_candidates(const child_order& o) {
    if (o.program->find('/') != std::string::npos) {
      candidates_ = {o.program->c_str(), nullptr};
      return;
    }
    std::string_view path = "/bin:/usr/bin";
    for (const char* line : environment_) {
      if (line && names(line, "PATH")) path = line + sizeof "PATH";
    }
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t end = std::min(path.find(':', begin), path.size());
      std::string folder(path.substr(begin, end - begin));
      if (folder.empty()) folder += '.';
      found_.push_back(folder + '/' + *o.program);
      begin = end + 1;
    }
    for (const std::string& f : found_) candidates_.push_back(f.c_str());
    candidates_.push_back(nullptr);
  }

  std::vector<const char*> arguments_, environment_, candidates_;
  std::vector<std::string> made_, found_;
};

// ---- Its birth ----

/// All of them, also those that the C library keeps to itself (by which it would have this thread
/// change its user, or end it, in the midst of this).
class signals_blocked {
 public:
  signals_blocked() noexcept {
    const std::uint64_t all = ~std::uint64_t{0};
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof all);
  }
  ~signals_blocked() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  std::uint64_t before_ = 0;
};

/// What a child runs on. One is there for all starts, for it costs a tenth of a start to map it; who
/// finds it in use, by another thread, maps one.
class stack {
 public:
  stack() noexcept : is_common_(!in_use_.test_and_set(std::memory_order_acquire)) {
    low_ = is_common_ ? common_.data()
                      : ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  }
  ~stack() {
    if (is_common_) {
      in_use_.clear(std::memory_order_release);
    } else if (usable()) {
      ::munmap(low_, size);
    }
  }
  stack(const stack&) = delete;
  stack& operator=(const stack&) = delete;
  bool usable() const noexcept { return low_ != MAP_FAILED; }
  void* top() const noexcept { return static_cast<char*>(low_) + size; }

 private:
  static constexpr std::size_t size = std::size_t{64} * 1024;
  alignas(16) static inline std::array<std::byte, size> common_;
  static inline std::atomic_flag in_use_;
  bool is_common_;
  void* low_;
};

/// Our memory may be dumped no more, once a child that shares it has changed its user.
class dumpable_kept {
 public:
  explicit dumpable_kept(bool needed) noexcept : was_(needed ? ::prctl(PR_GET_DUMPABLE) : -1) {}
  ~dumpable_kept() {
    if (was_ == 1) ::prctl(PR_SET_DUMPABLE, 1);
  }
  dumpable_kept(const dumpable_kept&) = delete;
  dumpable_kept& operator=(const dumpable_kept&) = delete;

 private:
  int was_;
};

/// The number of the child, or -errno. `pidfd` is set where the kernel has such.
int make_child(child_plan& p, int& pidfd) noexcept {
  const stack own;
  if (!own.usable()) return -ENOMEM;
  const dumpable_kept dumpable(p.sets_user || p.sets_group);
  const signals_blocked all;
  constexpr int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
  int made = EDDY_CLONE(&enter_child, own.top(), flags | CLONE_PIDFD, &p, &pidfd);
  if (made < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM))
    made = EDDY_CLONE(&enter_child, own.top(), flags, &p);
  return made < 0 ? -errno : made;
}

/// It has no program: it has ended, and its end is of no interest. (Where our program ignores
/// SIGCHLD, or waits for everybody's children, it is gone already.)
void reap_failed(int pid) noexcept {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int start(child_order& o) {
  if (const int error = check(o)) return -error;
  const words words(o);
  if (const int error = words.refusal(o)) return -error;
  child_descriptors all;
  if (const int error = all.make(o)) return -error;

  child_plan plan;
  words.put_into(plan);
  all.put_into(plan);
  plan.directory = o.directory;
  plan.ignored = hidden_ignored();
  plan.sets_user = o.user.has_value();
  plan.sets_group = o.group.has_value();
  plan.user = o.user.value_or(0);
  plan.group = o.group.value_or(0);
  plan.drops_groups = (o.user || o.group) && ::geteuid() == 0;
  plan.new_group = o.new_group;
  plan.new_session = o.new_session || o.terminal;
  plan.takes_terminal = o.terminal;
  plan.die_with_parent = o.die_with_parent;
  if (o.die_with_parent) plan.parent = ::getpid();

  int pidfd = -1;
  const int pid = make_child(plan, pidfd);
  if (pid < 0) return pid;
  owned handle(above_standard_streams(pidfd));
  if (plan.error) {
    reap_failed(pid);
    return -plan.error;
  }
  if (handle.get() < 0)
    handle = owned(above_standard_streams(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  o.pid = pid;
  o.descriptor = handle.give();
  all.give_ends(o);
  return 0;
}

}  // namespace

int start_child(child_order& o) noexcept {
  reap_left_children();
  try {
    return start(o);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

}  // namespace eddy::detail
