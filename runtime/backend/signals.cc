// The process's signal handler and its watchers (signals.h).
#include "runtime/backend/signals.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <mutex>
#include <new>

#include "runtime/backend/backend.h"
#include "runtime/backend/terminals.h"

namespace eddy::detail {
namespace {

constexpr int most_signals = 64;
constexpr std::uint64_t bit_of(int number) noexcept {
  return std::uint64_t{1} << (number - 1);
}

/// Never freed, and used again by others: a handler on another thread may look at it at any time.
struct watcher {
  std::atomic<std::uint64_t> wanted{0};
  std::atomic<std::uint64_t> noted{0};
  std::atomic<int> bell{-1};
  std::atomic<bool> once{false};  // with the first signal it wants no more, and they are `spent`
  std::atomic<std::uint64_t> fired{0};  // what it wanted until then
  watcher* next = nullptr;
};

/// Wherever one is noted, it has rung for that and nobody has read it, or whoever has read it is about
/// to take what is noted.
void ring(const watcher& w) noexcept {
  constexpr std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(w.bell.load(), &one, sizeof one);
}

std::atomic<watcher*> first{nullptr};
/// Handlers that look at watchers now: who takes one out waits for them.
std::atomic<unsigned> handling{0};
/// Those of which another one acts by default: the first one was to end the program.
std::atomic<std::uint64_t> spent{0};

/// Those that are handled because a terminal is raw, and those for which nothing had been installed.
std::atomic<std::uint64_t> guarded{0};
std::atomic<std::uint64_t> nothing_before{0};

/// A handler that the program installs over ours may call ours, and when ours is installed over that
/// one once more it is not to be called from below: there are several of ours, and only the topmost
/// notes.
constexpr int layers = 4;

// Under the lock.
std::mutex changing;
unsigned watched[most_signals + 1];
std::uint64_t covered;  // ours was not there any more when it was to go
struct sigaction before[layers][most_signals + 1];

// Read by handlers, which may be late.
std::atomic<int> top[most_signals + 1];
std::atomic<std::uint64_t> passed_on_to[layers][most_signals + 1];

/// What a handler has to know of the one that was there before, in one word: its address, and above
/// what is any address of a function two flags. 0: nothing is called.
constexpr std::uint64_t with_information = std::uint64_t{1} << 63;
constexpr std::uint64_t not_of_stops = std::uint64_t{1} << 62;
std::uint64_t called_of(const struct sigaction& a) noexcept {
  if (a.sa_handler == SIG_DFL || a.sa_handler == SIG_IGN) return 0;
  std::uint64_t word = reinterpret_cast<std::uintptr_t>(a.sa_handler);
  if (a.sa_flags & SA_SIGINFO) word |= with_information;
  if (a.sa_flags & SA_NOCLDSTOP) word |= not_of_stops;
  return word;
}

const struct sigaction by_default{};  // SIG_DFL

void pass_on(std::uint64_t to, int number, siginfo_t* information, void* context) {
  if (to == 0) return;
  if (number == SIGCHLD && (to & not_of_stops) &&
      (information->si_code == CLD_STOPPED || information->si_code == CLD_CONTINUED))
    return;
  const auto address = static_cast<std::uintptr_t>(to & ~(with_information | not_of_stops));
  if (to & with_information) {
    reinterpret_cast<void (*)(int, siginfo_t*, void*)>(address)(number, information, context);
  } else {
    reinterpret_cast<void (*)(int)>(address)(number);
  }
}

/// The process stops here, and goes on when it is told to.
void stop_process(int number) noexcept {
  struct sigaction ours{};
  sigset_t only;
  sigset_t kept;
  ::sigemptyset(&only);
  ::sigaddset(&only, number);
  ::sigaction(number, &by_default, &ours);
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &only, &kept);
  ::pthread_sigmask(SIG_SETMASK, &kept, nullptr);
  ::sigaction(number, &ours, nullptr);
}

/// What the signal does where nobody has installed anything.
void act_by_default(int number) noexcept {
  if (guarded.load()) leave_raw();
  if (number == SIGTSTP) {
    stop_process(number);
    enter_raw();
    return;
  }
  ::sigaction(number, &by_default, nullptr);
  ::raise(number);  // acts when this handler has returned
}

void note(int number) noexcept {
  const std::uint64_t bit = bit_of(number);
  const bool is_second = spent.load() & bit;
  bool is_heard = false;
  for (watcher* w = first.load(); w; w = w->next) {
    if (!(w->wanted.load() & bit)) continue;
    if (w->once.load()) {
      spent.fetch_or(w->wanted.load());
      w->fired.fetch_or(w->wanted.exchange(0));
    }
    if (!(w->noted.fetch_or(bit) & bit)) ring(*w);
    is_heard = true;
  }
  // (Or another thread's became the first one in this moment.)
  const bool is_guarded = guarded.load() & bit;
  if (number == SIGCONT) {
    if (is_guarded) enter_raw();  // (it goes on already)
  } else if (is_second ||
             (!is_heard && ((spent.load() | (is_guarded ? nothing_before.load() : 0)) & bit))) {
    act_by_default(number);
  }
}

template <int Layer>
void handle(int number, siginfo_t* information, void* context) {
  const int kept = errno;
  handling.fetch_add(1);
  if (top[number].load() == Layer) note(number);
  handling.fetch_sub(1);
  // (Last: it may leave by a jump.)
  errno = kept;
  pass_on(passed_on_to[Layer][number].load(), number, information, context);
  errno = kept;
}
constexpr void (*ours_of[layers])(int, siginfo_t*, void*) = {&handle<0>, &handle<1>, &handle<2>,
                                                             &handle<3>};

/// -1: it is not ours.
int layer_of(const struct sigaction& a) noexcept {
  for (int i = 0; i < layers; ++i) {
    if ((a.sa_flags & SA_SIGINFO) && a.sa_sigaction == ours_of[i]) return i;
  }
  return -1;
}

void wait_for_handlers() noexcept {
  while (handling.load() != 0) ::sched_yield();
}

/// Faults of the program itself come back as soon as a handler returns: nobody can wait for them.
/// (The C library keeps the first real-time signals to itself.)
bool can_be_watched(int number) noexcept {
  switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
      return false;
    default:
      return number < 32 || number >= SIGRTMIN;
  }
}

/// 0 or an errno.
int install(int number) noexcept {
  struct sigaction ours{};
  if (::sigaction(number, nullptr, &ours)) return errno;
  if (const int left = layer_of(ours); left >= 0) {  // (whoever had covered it has gone)
    top[number].store(left);
    return 0;
  }
  if (covered & bit_of(number)) top[number].store((top[number].load() + 1) % layers);
  covered &= ~bit_of(number);
  const int layer = top[number].load();
  before[layer][number] = ours;
  const bool nothing = !(ours.sa_flags & SA_SIGINFO) && ours.sa_handler == SIG_DFL;
  nothing ? nothing_before.fetch_or(bit_of(number)) : nothing_before.fetch_and(~bit_of(number));
  passed_on_to[layer][number].store(called_of(ours));
  if (!(ours.sa_flags & SA_SIGINFO) && (ours.sa_handler == SIG_DFL || ours.sa_handler == SIG_IGN)) {
    // (Ignored, it says also that children leave no zombies.)
    ours.sa_flags |= number == SIGCHLD && ours.sa_handler == SIG_IGN ? SA_NOCLDWAIT : 0;
    ::sigemptyset(&ours.sa_mask);
  }
  // A child's stop is to be heard of, and the next signal to be handled, too.
  ours.sa_flags &= ~(SA_NOCLDSTOP | static_cast<int>(SA_RESETHAND));
  ours.sa_flags |= SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ours.sa_sigaction = ours_of[layer];
  return ::sigaction(number, &ours, nullptr) ? errno : 0;
}

/// Unless somebody has installed another handler over ours, which may call it.
void take_away(int number, bool was_spent) noexcept {
  struct sigaction now{};
  if (::sigaction(number, nullptr, &now)) return;
  if (const int layer = layer_of(now); layer >= 0) {
    ::sigaction(number, was_spent ? &by_default : &before[layer][number], nullptr);
  } else if (!was_spent) {
    covered |= bit_of(number);
  }
}

void drop(std::uint64_t numbers, bool were_spent = false) noexcept {
  for (; numbers; numbers &= numbers - 1) {
    const int number = std::countr_zero(numbers) + 1;
    if (--watched[number] == 0) take_away(number, were_spent);
  }
}

/// 0 or an errno; then nothing has changed.
int change(watcher& w, std::uint64_t wanted) noexcept {
  const std::uint64_t had = w.wanted.load();
  for (std::uint64_t left = wanted & ~had; left; left &= left - 1) {
    if (!can_be_watched(std::countr_zero(left) + 1)) return EINVAL;
  }
  std::uint64_t added = 0;
  for (std::uint64_t left = wanted & ~had; left; left &= left - 1) {
    const int number = std::countr_zero(left) + 1;
    spent.fetch_and(~bit_of(number));
    // (Before the handler, which is called from the moment it is installed.)
    w.wanted.fetch_or(bit_of(number));
    added |= bit_of(number);
    if (watched[number]++ != 0) continue;
    if (const int error = install(number)) {
      w.wanted.fetch_and(~added);
      drop(added);
      return error;
    }
  }
  if (const std::uint64_t removed = had & ~wanted) {
    w.wanted.fetch_and(~removed);
    drop(removed);
    wait_for_handlers();  // one may be about to note it
    w.noted.fetch_and(~removed);
  }
  return 0;
}

watcher* find(int bell) noexcept {
  for (watcher* w = first.load(); w; w = w->next) {
    if (w->bell.load() == bell) return w;
  }
  return nullptr;
}

/// A free one, or a new one; null: no memory.
watcher* add_watcher() noexcept {
  if (watcher* w = find(-1)) return w;
  auto* w = new (std::nothrow) watcher;
  if (!w) return nullptr;
  w->next = first.load();
  first.store(w);
  return w;
}

/// It hears nothing more; its bell is the caller's to close. What it has fired for acts by default.
void forget(watcher& w) noexcept {
  w.once.store(false);
  drop(w.wanted.exchange(0));
  w.bell.store(-1);
  wait_for_handlers();  // one may be about to note it, and to ring
  drop(w.fired.exchange(0), true);
  w.noted.store(0);
}

int make(std::uint64_t wanted, bool once) noexcept {
  // (In a child process no handler of another thread ever returns.)
  static const int forks = ::pthread_atfork(nullptr, nullptr, [] { handling.store(0); });
  static_cast<void>(forks);
  watcher* w = add_watcher();
  if (!w) return -ENOMEM;
  const int bell = above_standard_streams(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (bell < 0) return -errno;
  w->once.store(once);
  w->bell.store(bell);
  if (const int error = change(*w, wanted)) {
    forget(*w);
    ::close(bell);
    return -error;
  }
  return bell;
}

/// Does it stop or end a process that has installed nothing? (Or end a stop.)
bool is_to_be_guarded(int number) noexcept {
  switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
    case SIGTTIN:
    case SIGTTOU:
      return false;
    default:
      return number < 32 || number >= SIGRTMIN;
  }
}

}  // namespace

std::uint64_t hidden_ignored() noexcept {
  const std::lock_guard lock(changing);
  std::uint64_t numbers = 0;
  for (int number = 1; number <= most_signals; ++number) {
    struct sigaction now{};
    if (!watched[number] || ::sigaction(number, nullptr, &now)) continue;
    const int layer = layer_of(now);
    if (layer >= 0 && before[layer][number].sa_handler == SIG_IGN) numbers |= bit_of(number);
  }
  return numbers;
}

/// (What was there before is written down before ours is installed.)
__attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined"))) bool
hides_ignored(int number, const void* handler) noexcept {
  for (int i = 0; i < layers; ++i) {
    if (handler == reinterpret_cast<const void*>(ours_of[i]))
      return before[i][number].sa_handler == SIG_IGN;
  }
  return false;
}

/// (What the program has installed itself is its own: it ends by exit(), or not at all.)
void guard_ends(bool on) noexcept {
  const std::lock_guard lock(changing);
  if (!on) {
    drop(guarded.exchange(0));
    wait_for_handlers();
    return;
  }
  for (int number = 1; number <= most_signals; ++number) {
    struct sigaction now{};
    if (!is_to_be_guarded(number) || ::sigaction(number, nullptr, &now)) continue;
    const bool is_free = !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
    if (!is_free && layer_of(now) < 0) continue;
    if (watched[number]++ == 0 && install(number) != 0) {
      --watched[number];
      continue;
    }
    guarded.fetch_or(bit_of(number));
  }
}

int watch_signals(const request& r) noexcept {
  const std::lock_guard lock(changing);
  if (r.descriptor < 0) return make(r.offset, r.options == watch_once);
  watcher* w = find(r.descriptor);
  if (!w) return -EBADF;
  if (r.options == watch_no_more) {
    forget(*w);
    return 0;
  }
  return -change(*w, r.offset);
}

int take_signal(int bell) noexcept {
  const std::lock_guard lock(changing);  // (against forget)
  watcher* w = find(bell);
  if (!w) return -EBADF;
  const std::uint64_t noted = w->noted.load();
  if (!noted) return -EAGAIN;
  const int number = std::countr_zero(noted) + 1;
  const std::uint64_t bit = bit_of(number);
  // (The ring that was read was for all of them.)
  if (w->noted.fetch_and(~bit) & ~bit) ring(*w);
  return number;
}

}  // namespace eddy::detail
