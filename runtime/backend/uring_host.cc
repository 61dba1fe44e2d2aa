// A host's descriptor (uring_host.h).
#include "runtime/backend/uring_host.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <eddy/runtime/detail/abort.h>

#include "runtime/backend/backend.h"

namespace eddy::detail {

void uring_host::make(io_uring& ring, int doorbell) noexcept {
  handle_ = above_standard_streams(::epoll_create1(EPOLL_CLOEXEC));
  bell_ = above_standard_streams(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event bell{};
  bell.events = EPOLLIN;
  epoll_event door{};
  door.events = EPOLLIN | EPOLLET;
  if (handle_ < 0 || bell_ < 0 || io_uring_register_eventfd(&ring, bell_) < 0 ||
      ::epoll_ctl(handle_, EPOLL_CTL_ADD, bell_, &bell) < 0 ||
      ::epoll_ctl(handle_, EPOLL_CTL_ADD, doorbell, &door) < 0) {
    misuse("native_handle: no descriptor or memory is left", std::strerror(errno));
  }
}

uring_host::~uring_host() {
  if (handle_ < 0) return;
  ::close(handle_);
  ::close(bell_);
}

void uring_host::quiet() noexcept {
  epoll_event events[2];
  static_cast<void>(::epoll_wait(handle_, events, 2, 0));  // takes the doorbell's edge
  std::uint64_t value = 0;
  [[maybe_unused]] const auto read = ::read(bell_, &value, sizeof value);
}

void uring_host::ring() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(bell_, &one, sizeof one);
}

}  // namespace eddy::detail
