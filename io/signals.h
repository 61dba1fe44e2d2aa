// Signals: signal_set, and interrupted() for a program that ends when it is asked to.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <utility>

#include <eddy/io/detail/awaited_once.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/runtime/result.h>

namespace eddy {

namespace detail {

/// Waits for the bell of a watcher of signals.
class signal_wait : public io_wait {
 public:
  signal_wait(descriptor* bell, const io_kind&) noexcept;
  signal_wait(signal_wait&&) noexcept;
  /// One that was noted before is given at once.
  bool await_ready() noexcept;
  int await_resume() const noexcept { return number_; }
  static void reported(work*) noexcept;

 protected:
  bool take() noexcept;
  int number_ = 0;
  std::uint64_t rings_ = 0;
};

/// interrupted(): its watcher lasts as long as the wait.
class interrupted_wait : public signal_wait {
 public:
  interrupted_wait() noexcept;
  interrupted_wait(interrupted_wait&&) noexcept;
  ~interrupted_wait();
  bool await_ready() noexcept { return false; }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_watching();
  }
  int await_resume() const;

 private:
  void begin_watching() noexcept;
  descriptor bell_;
};

}  // namespace detail

/// Signals of the process, as values. Whatever thread a signal comes to, and whatever was installed
/// for it before: that is called as well, and is installed again when the last set goes. Each set
/// hears each signal, in whatever runtime it is. Equal signals that come before they are taken are
/// one; of several the lowest number is given first. A set that nobody awaits does not hold the
/// loop.
///
/// A signal that is blocked in every thread never comes. A handler that the program installs over
/// ours meanwhile stays, and decides whether ours is called. Programs that are started inherit no
/// handler: they have the default. (Those of <eddy/io/process.h> ignore what was ignored before.)
///
/// Threads   From its first next() it belongs to one runtime, and use in another aborts.
/// Overlap   One next() at a time; a second one aborts.
/// Moving    Moving or destroying it with a next() in flight aborts.
class signal_set {
 public:
  /// Throws std::system_error: invalid_argument for what is no signal, or cannot be waited for
  /// (SIGKILL, SIGSTOP, and the faults SIGSEGV, SIGBUS, SIGFPE, SIGILL); too_many_files_open.
  signal_set(std::initializer_list<int> numbers);
  signal_set(signal_set&&) noexcept = default;
  signal_set& operator=(signal_set&&) noexcept;
  ~signal_set();

  /// Watches one more, or one less: what was raised of it and not taken is dropped.
  ///
  /// Errors    as the constructor's; the set is as it was.
  result<void> add(int number) noexcept;
  result<void> remove(int number) noexcept;

  /// Waits for one of them; given without suspending where one was raised before.
  ///
  /// Result      its number
  /// Errors      none
  /// Cancel      stops the task; what is raised meanwhile is given by the next call
  /// Lifetime    the set must outlive the await
  detail::awaited_once<detail::signal_wait> next() noexcept;

 private:
  result<void> change(std::uint64_t wanted) noexcept;
  void drop() noexcept;
  detail::descriptor bell_;
  std::uint64_t wanted_ = 0;
};

/// Waits until the program is asked to end, by SIGINT (Ctrl-C) or SIGTERM. From then on both have
/// their default effect, whatever was installed before: so Ctrl-C twice ends a program that does
/// not end.
///
/// Result      the signal's number
/// Errors      std::system_error: too_many_files_open
/// Cancel      stops the task, and what was installed before is again
/// Lifetime    nothing is referred to
detail::awaited_once<detail::interrupted_wait> interrupted() noexcept;

}  // namespace eddy
