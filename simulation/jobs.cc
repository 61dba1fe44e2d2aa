// Seeds shared among processes: each takes every n-th, and what it found comes back as numbers.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simulation/report.h"
#include "simulation/search.h"

namespace eddy::detail {
namespace {

constexpr std::uint64_t no_seed = UINT64_MAX;

/// Of one process, in memory that all share.
struct job {
  std::atomic<std::uint64_t> seed{0};  // the one that runs
  run_sums sums;
};

struct site_counts {
  std::uint64_t asked_in, held_in;
};

std::size_t count_sites() {
  std::size_t n = 0;
  for (const assertion_site* s = assertion_sites; s; s = s->next) ++n;
  return n;
}

/// Memory that forked processes share.
class shared_memory {
 public:
  explicit shared_memory(std::size_t size) : size_(size) {
    address_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~shared_memory() { ::munmap(address_, size_); }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;
  void* at(std::size_t offset) const noexcept { return static_cast<char*>(address_) + offset; }

 private:
  void* address_;
  std::size_t size_;
};

}  // namespace

void search::seeds_in_processes() {
  const unsigned count = options_.jobs;
  const std::size_t sites = count_sites();
  const std::size_t head = 64;
  const std::size_t each = (sizeof(job) + sites * sizeof(site_counts) + 63) / 64 * 64;
  const shared_memory memory(head + count * each);
  auto* lowest = new (memory.at(0)) std::atomic<std::uint64_t>(no_seed);
  const auto job_at = [&](unsigned n) { return static_cast<job*>(memory.at(head + n * each)); };
  for (unsigned n = 0; n < count; ++n) new (job_at(n)) job;

  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (unsigned n = 0; n < count; ++n) {
    const pid_t child = ::fork();
    if (child < 0) {
      const int error = errno;
      for (const pid_t c : children) {
        ::kill(c, SIGKILL);
        ::waitpid(c, nullptr, 0);
      }
      throw std::system_error(error, std::generic_category(), "fork, for simulate_options::jobs");
    }
    if (child == 0) {
      job* mine = job_at(n);
      every_nth(n, count, *lowest, mine->seed);
      mine->sums = sums_;
      auto* counts = reinterpret_cast<site_counts*>(mine + 1);
      for (const assertion_site* s = assertion_sites; s; s = s->next) {
        *counts++ = {s->asked_in, s->held_in};
      }
      ::_exit(0);
    }
    children.push_back(child);
  }

  std::uint64_t died = no_seed;
  int how = 0;
  for (unsigned n = 0; n < count; ++n) {
    int status = 0;
    while (::waitpid(children[n], &status, 0) < 0 && errno == EINTR) {
    }
    job* one = job_at(n);
    if (status != 0) {
      if (one->seed < died) {
        died = one->seed;
        how = status;
      }
      continue;
    }
    sums_.add(one->sums);
    const auto* counts = reinterpret_cast<const site_counts*>(one + 1);
    for (assertion_site* s = assertion_sites; s; s = s->next, ++counts) {
      s->asked_in += counts->asked_in;
      s->held_in += counts->held_in;
    }
  }
  const std::uint64_t failed_first = *lowest;
  if (died < failed_first) process_died(died, how);
  if (failed_first != no_seed) {
    // Here again, to be made small.
    if (once(of_seed(failed_first), false)) not_the_same(of_seed(failed_first));
    failed(of_seed(failed_first));
  }
}

void search::every_nth(std::uint64_t first, std::uint64_t step, std::atomic<std::uint64_t>& lowest,
                       std::atomic<std::uint64_t>& now) {
  for (std::uint64_t index = first; index < indices(); index += step) {
    const std::uint64_t seed = seed_at(index);
    if (lowest < seed) return;
    now = seed;
    if (counted(of_seed(seed), index) != outcome::good) {
      std::uint64_t known = lowest;
      while (seed < known && !lowest.compare_exchange_weak(known, seed)) {
      }
      return;
    }
    if (time_is_up()) return;
  }
}

void search::process_died(std::uint64_t seed, int status) {
  const std::string how = WIFSIGNALED(status)
                              ? std::string("signal ") + std::to_string(WTERMSIG(status)) + " (" +
                                    ::strsignal(WTERMSIG(status)) + ")"
                              : "exit with " + std::to_string(WEXITSTATUS(status));
  const std::string reason = "died: " + how + " ended the process";
  throw simulation_failure("eddy: simulation " + name_ + (name_.empty() ? "" : " ") +
                               "failed: seed " + std::to_string(seed) + "\n  " + reason +
                               "\n  again: " + command("EDDY_SEED=" + std::to_string(seed)),
                           seed, 0, reason, "");
}

}  // namespace eddy::detail
