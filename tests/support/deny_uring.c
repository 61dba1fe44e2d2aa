// Runs a command to which the kernel denies io_uring, as containers do: deny_uring EPERM|ENOSYS|ENOMEM|KILL -- COMMAND
// Tests of the fallback run under it. KILL ends the process at the first attempt: for proving that there is none.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "name the architecture as <linux/audit.h> does"
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
  const char* name;
  uint32_t action;
} actions[] = {
    {"EPERM", SECCOMP_RET_ERRNO | EPERM},
    {"ENOSYS", SECCOMP_RET_ERRNO | ENOSYS},
    {"ENOMEM", SECCOMP_RET_ERRNO | ENOMEM},
    {"KILL", SECCOMP_RET_KILL_PROCESS},
};

int main(int count, char** arguments) {
  uint32_t action = SECCOMP_RET_ALLOW;
  for (size_t i = 0; count > 3 && i < COUNT(actions); ++i) {
    if (!strcmp(arguments[1], actions[i].name)) action = actions[i].action;
  }
  if (action == SECCOMP_RET_ALLOW || strcmp(arguments[2], "--") != 0) {
    fprintf(stderr, "usage: %s EPERM|ENOSYS|ENOMEM|KILL -- COMMAND...\n", arguments[0]);
    return 125;
  }

  // Native calls numbered io_uring_setup, io_uring_enter or io_uring_register get `action`.
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {COUNT(filter), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    perror("deny_uring: seccomp");
    return 125;
  }
  execvp(arguments[3], arguments + 3);
  perror(arguments[3]);
  return 127;
}
