// The limit of row 18: posix_spawn and waitid, in a loop.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/children.h"

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_children(rows, [](long n) {
    for (long i = 0; i < n; ++i) {
      char name[] = "true";
      char* words[] = {name, nullptr};
      pid_t pid = 0;
      bench::check(posix_spawn(&pid, bench::child_program, nullptr, nullptr, words, environ) == 0,
                   "posix_spawn");
      siginfo_t end{};
      bench::check(waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED) == 0, "waitid");
      bench::check(end.si_code == CLD_EXITED && end.si_status == 0, "the end of a child");
    }
  });
}
