// A seccomp filter against the three system calls of io_uring.
#include "tests/support/deny.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>

namespace eddy::testing {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "name the architecture as <linux/audit.h> does"
#endif

constexpr sock_filter load(std::uint32_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
constexpr sock_filter answer(std::uint32_t value) {
  return BPF_STMT(BPF_RET | BPF_K, value);
}
/// Skips `then` instructions where the loaded value is `value`, else `otherwise`.
constexpr sock_filter equal(std::uint32_t value, std::uint8_t then, std::uint8_t otherwise) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise);
}

}  // namespace

void deny_io_uring(int error) {
  const std::uint32_t action = error == kill_process
                                   ? static_cast<std::uint32_t>(SECCOMP_RET_KILL_PROCESS)
                                   : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
  sock_filter program[] = {
      load(offsetof(seccomp_data, arch)),
      equal(architecture, 0, 5),
      load(offsetof(seccomp_data, nr)),
      equal(__NR_io_uring_setup, 2, 0),
      equal(__NR_io_uring_enter, 1, 0),
      equal(__NR_io_uring_register, 0, 1),
      answer(action),
      answer(SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
    std::perror("seccomp");
    std::abort();
  }
}

}  // namespace eddy::testing
