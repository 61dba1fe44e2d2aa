// What each of our own programs says first: the backend that is live, so that the report can check
// it.
#pragma once

#include <cstdio>

#include <eddy/runtime/runtime.h>

namespace bench {

inline void print_backend(eddy::runtime& runtime) {
  const char* name = "?";
  switch (runtime.backend()) {
    case eddy::backend_kind::automatic:
      break;  // never live
    case eddy::backend_kind::io_uring:
      name = "io_uring";
      break;
    case eddy::backend_kind::epoll:
      name = "epoll";
      break;
    case eddy::backend_kind::simulated:
      name = "simulated";
      break;
  }
  std::printf("backend\t%s\n", name);
  std::fflush(stdout);
}

}  // namespace bench
