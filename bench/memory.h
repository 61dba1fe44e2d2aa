// How the memory and start-up rows (14) are taken: the growth of the resident set, and the time
// from start to exit of this very program called with --empty.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/measure.h"

namespace bench {

inline constexpr long sleeping_tasks = 1'000'000;

/// Bytes of this process that are in memory and its own (not those of its files).
inline double resident_bytes() {
  long pages = 0;
  long shared = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file || std::fscanf(file, "%*d %ld %ld", &pages, &shared) != 2) {
    std::perror("/proc/self/statm");
    std::exit(1);
  }
  std::fclose(file);
  return static_cast<double>(pages - shared) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

inline bool is_empty_run(int count, char** arguments) {
  return count > 1 && std::strcmp(arguments[1], "--empty") == 0;
}

/// The median time of starting this program with --empty until it has been waited for.
inline void measure_start_to_exit(const program& rows) {
  if (!rows.wants("start_to_exit")) return;
  std::vector<double> figures;
  for (int i = 0; i < 100; ++i) {
    char path[] = "/proc/self/exe";
    char empty[] = "--empty";
    char* arguments[] = {path, empty, nullptr};
    const std::uint64_t start = now_ns();
    pid_t child = 0;
    int status = 0;
    if (posix_spawn(&child, path, nullptr, nullptr, arguments, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
      std::fprintf(stderr, "start_to_exit: the empty program failed\n");
      std::exit(1);
    }
    figures.push_back(static_cast<double>(now_ns() - start));
  }
  std::sort(figures.begin(), figures.end());
  program::print("start_to_exit", figures[figures.size() / 2]);
}

}  // namespace bench
