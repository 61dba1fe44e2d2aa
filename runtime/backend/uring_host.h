// The descriptor on which a host with a poll loop of its own sleeps. Private.
#pragma once

#include <liburing.h>

namespace eddy::detail {

/// An epoll of two eventfds. The ring's own descriptor would not wake a host: with DEFER_TASKRUN the
/// task work that makes a completion is run by the loop's thread only. So the kernel tells an
/// eventfd of that. Of what one eventfd causes in another it tells but once (seen on 6.18), so the
/// doorbell stands there itself.
class uring_host {
 public:
  uring_host() = default;
  uring_host(const uring_host&) = delete;
  uring_host& operator=(const uring_host&) = delete;
  ~uring_host();

  /// Has anybody asked for it?
  bool is_there() const noexcept { return handle_ >= 0; }
  void make(io_uring& ring, int doorbell) noexcept;
  int handle() const noexcept { return handle_; }

  /// Takes what it tells; what comes later rings again.
  void quiet() noexcept;
  void ring() noexcept;

 private:
  int handle_ = -1;
  int bell_ = -1;  // in it: the kernel counts completions and task work there
};

}  // namespace eddy::detail
