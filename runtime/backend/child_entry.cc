// From a child's birth to its program (child_entry.h).
#include "runtime/backend/child_entry.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/backend/signals.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
// Where user and group numbers once had 16 bits.
#ifdef SYS_setresuid32
#define EDDY_SETRESUID SYS_setresuid32
#define EDDY_SETRESGID SYS_setresgid32
#define EDDY_SETGROUPS SYS_setgroups32
#else
#define EDDY_SETRESUID SYS_setresuid
#define EDDY_SETRESGID SYS_setresgid
#define EDDY_SETGROUPS SYS_setgroups
#endif
/// A sanitizer knows neither this stack nor this process.
#define EDDY_IN_CHILD \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))

namespace eddy::detail {
namespace {

template <class... A>
EDDY_IN_CHILD long call(long number, A... arguments) noexcept {
  return ::syscall(number, arguments...);
}

// ---- Signals ----

/// As the kernel takes it. (On every machine that we know of the handler comes first.)
struct kernel_action {
  void* handler;
  unsigned long words[7];
};

EDDY_IN_CHILD void set_action(int number, void* handler) noexcept {
  kernel_action action;
  action.handler = handler;
  for (unsigned long& word : action.words) word = 0;
  call(SYS_rt_sigaction, number, &action, nullptr, sizeof(std::uint64_t));
}

/// No handler of ours may run here. What the program had ignored stays so, also where a watcher of
/// ours stood in between; but a program that does not know that SIGPIPE is ignored would go on for
/// ever.
/// (The plan knows what was so when it was made; the handler itself tells of a watcher that has come
/// since, unless somebody stands between us and the kernel, as the thread sanitizer does.)
EDDY_IN_CHILD void reset_signals(const child_plan& p) noexcept {
  for (int number = 1; number <= 64; ++number) {
    kernel_action now;
    now.handler = nullptr;
    if (call(SYS_rt_sigaction, number, nullptr, &now, sizeof(std::uint64_t)) != 0) continue;
    void* const ignored = reinterpret_cast<void*>(SIG_IGN);
    if (!now.handler || (now.handler == ignored && number != SIGPIPE)) continue;
    const bool was_ignored =
        (p.ignored >> (number - 1) & 1) != 0 || hides_ignored(number, now.handler);
    set_action(number, was_ignored && number != SIGPIPE ? ignored : nullptr);
  }
}

EDDY_IN_CHILD void unblock_signals() noexcept {
  const std::uint64_t none = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

// ---- Descriptors ----

EDDY_IN_CHILD int number_of(const char* name) noexcept {
  int number = 0;
  for (; *name >= '0' && *name <= '9'; ++name) number = number * 10 + (*name - '0');
  return *name ? -1 : number;
}

EDDY_IN_CHILD bool is_kept(const child_plan& p, long number) noexcept {
  bool kept = number < 3;
  for (std::size_t i = 0; i < p.move_count; ++i) kept |= p.moves[i].to == number;
  return kept;
}

/// Where one call for many is not to be had.
EDDY_IN_CHILD void close_each_other(const child_plan& p) noexcept {
  const long listing =
      call(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (listing < 0) {
    rlimit most;
    call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &most);
    for (rlim_t d = 3; d < most.rlim_cur; ++d) {
      if (!is_kept(p, static_cast<long>(d))) call(SYS_close, d);
    }
    return;
  }
  alignas(dirent64) char entries[4096];
  for (;;) {
    const long size = call(SYS_getdents64, listing, entries, sizeof entries);
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      const int descriptor = number_of(entry->d_name);
      if (descriptor != listing && !is_kept(p, descriptor)) call(SYS_close, descriptor);
      at += entry->d_reclen;
    }
  }
  call(SYS_close, listing);
}

/// (Closed, and not only to be closed with the start of the program: one of them may be that
/// program's file, which is not started as long as it is open to write.)
EDDY_IN_CHILD void close_all_others(const child_plan& p) noexcept {
  for (unsigned begin = 3;;) {
    unsigned end = ~0u;
    for (std::size_t i = 0; i < p.move_count; ++i) {
      const auto to = static_cast<unsigned>(p.moves[i].to);
      if (to >= begin && to < end) end = to;
    }
    if (end > begin && call(SYS_close_range, begin, end == ~0u ? end : end - 1, 0u) != 0)
      return close_each_other(p);
    if (end == ~0u) return;
    begin = end + 1;
  }
}

/// Will another descriptor be moved to this number?
EDDY_IN_CHILD bool is_taken(const child_plan& p, long number) noexcept {
  bool taken = false;
  for (std::size_t i = 0; i < p.move_count; ++i)
    taken |= p.moves[i].to == number && p.moves[i].from != number;
  return taken;
}

/// What is to be moved and would be overwritten before is put aside.
EDDY_IN_CHILD bool put_aside(child_plan& p) noexcept {
  for (std::size_t i = 0; i < p.move_count; ++i) {
    const int from = p.moves[i].from;
    if (!is_taken(p, from)) continue;
    long aside = 2;
    do {
      aside = call(SYS_fcntl, from, F_DUPFD_CLOEXEC, aside + 1);
    } while (aside >= 0 && is_taken(p, aside));
    if (aside < 0) {
      if (errno == EBADF && p.moves[i].may_be_closed) continue;
      return false;
    }
    for (std::size_t k = i; k < p.move_count; ++k) {
      if (p.moves[k].from == from && p.moves[k].to != from)
        p.moves[k].from = static_cast<int>(aside);
    }
  }
  return true;
}

EDDY_IN_CHILD bool move_descriptors(child_plan& p) noexcept {
  if (!put_aside(p)) return false;
  for (std::size_t i = 0; i < p.move_count; ++i) {
    const child_plan::move& m = p.moves[i];
    long moved;
    do {
      moved = m.from == m.to ? call(SYS_fcntl, m.to, F_SETFD, 0) : call(SYS_dup3, m.from, m.to, 0);
    } while (moved < 0 && (errno == EINTR || errno == EBUSY));
    if (moved < 0 && !(errno == EBADF && m.may_be_closed)) return false;
  }
  close_all_others(p);
  return true;
}

// ---- What else it is to be ----

EDDY_IN_CHILD bool take_place(const child_plan& p) noexcept {
  if (p.new_session && call(SYS_setsid) < 0) return false;
  if (!p.new_session && p.new_group && call(SYS_setpgid, 0, 0) < 0) return false;
  return !p.takes_terminal || call(SYS_ioctl, 0, TIOCSCTTY, 0) == 0;
}

EDDY_IN_CHILD bool change_user(const child_plan& p) noexcept {
  if (p.drops_groups && call(EDDY_SETGROUPS, p.sets_group ? 1ul : 0ul, &p.group) != 0) return false;
  if (p.sets_group && call(EDDY_SETRESGID, p.group, p.group, p.group) != 0) return false;
  return !p.sets_user || call(EDDY_SETRESUID, p.user, p.user, p.user) == 0;
}

/// (Asked for after the change of the user, which ends it. A parent that was gone before is not seen
/// by it.)
EDDY_IN_CHILD void tie_to_parent(const child_plan& p) noexcept {
  if (!p.die_with_parent) return;
  call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (call(SYS_getppid) != p.parent) call(SYS_exit_group, 127);
}

/// Returns where there is no program, and why. One that some process still has open to write is
/// asked for again.
EDDY_IN_CHILD int start_program(const child_plan& p) noexcept {
  constexpr long pauses[] = {2'000'000, 18'000'000, 70'000'000};
  std::size_t pause = 0;
  int why = ENOENT;
  for (const char* const* path = p.candidates; *path;) {
    call(SYS_execve, *path, p.arguments, p.environment);
    switch (errno) {
      case ETXTBSY: {
        if (pause == sizeof pauses / sizeof *pauses) return ETXTBSY;
        const timespec t{0, pauses[pause++]};
        call(SYS_nanosleep, &t, nullptr);
        continue;
      }
      case EACCES:
        why = EACCES;
        break;
      case ENOENT:
      case ENOTDIR:
      case ENAMETOOLONG:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        if (why != EACCES) why = errno;
        break;
      default:
        return errno;
    }
    ++path;
  }
  return why;
}

EDDY_IN_CHILD int become(child_plan& p) noexcept {
  reset_signals(p);
  if (!move_descriptors(p) || !take_place(p) || !change_user(p)) return errno;
  tie_to_parent(p);
  if (p.directory && call(SYS_chdir, p.directory) != 0) return errno;
  unblock_signals();
  return start_program(p);
}

}  // namespace

EDDY_IN_CHILD int enter_child(void* plan) noexcept {
  auto& p = *static_cast<child_plan*>(plan);
  p.error = become(p);
  for (;;) call(SYS_exit_group, 127);
}

}  // namespace eddy::detail
