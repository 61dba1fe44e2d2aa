// The limits of row 22: a signalfd; who waits for it waits by epoll.
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "bench/limit/ring.h"
#include "bench/signals.h"

namespace {

void take(int from) {
  signalfd_siginfo told;
  bench::check(read(from, &told, sizeof told) == sizeof told, "a read of the signalfd");
  bench::check(told.ssi_signo == bench::which_signal, "another signal");
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, bench::which_signal);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  const int from = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
  const int waits = epoll_create1(EPOLL_CLOEXEC);
  epoll_event readable{EPOLLIN, {}};
  if (from < 0 || epoll_ctl(waits, EPOLL_CTL_ADD, from, &readable)) limit::fail("signalfd", errno);
  rows.measure(bench::signal_row, bench::signal_operations, [&](long n) {
    for (long i = 0; i < n; ++i) {
      bench::raise_signal();
      epoll_event found;
      bench::check(epoll_wait(waits, &found, 1, -1) == 1, "epoll_wait");
      take(from);
    }
  });
  rows.measure(bench::raised_signal_row, bench::signal_operations, [&](long n) {
    for (long i = 0; i < n; ++i) {
      bench::raise_signal();
      take(from);
    }
  });
}
