// The limit of row 21: the system calls, which wait for nothing here.
#include "bench/connect.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  sockaddr_in at;
  const int listener = bench::listen_on_loopback(at);
  rows.measure(bench::connect_row, bench::connect_operations, [&](long n) {
    const int on = 1;
    for (long i = 0; i < n; ++i) {
      const int made = bench::close_on_exec_socket();
      bench::check(connect(made, bench::as_address(at), sizeof at) == 0, "connect");
      const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      bench::check(accepted >= 0, "accept");
      for (const int end : {made, accepted})
        setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      bench::reset_at_close(made);
      close(made);
      close(accepted);
    }
  });
}
