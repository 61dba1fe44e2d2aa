// A file into a socket, by the kernel, as one operation. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstdint>
#include <source_location>

#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/whole.h>
#include <eddy/runtime/result.h>

namespace eddy::detail {

/// Pieces, each a call on a thread of the pool that does not wait for the socket; where that takes
/// no more, a wait until it does. It holds its place on the socket all the while, and the file by a
/// number of its own: the caller's may be closed meanwhile.
class file_send_wait : public io_wait {
 public:
  file_send_wait(descriptor& socket, int file, std::uint64_t offset, std::uint64_t length) noexcept;
  bool await_ready() noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_send();
  }
  eddy::result<std::uint64_t> await_resume() const noexcept;
  static void reported(work*) noexcept;

 private:
  void begin_send() noexcept;
  void ask_for_piece() noexcept;
  bool goes_on() noexcept;

  int file_;
  descriptor held_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::uint64_t sent_ = 0;
};

using file_send = pooled_once<file_send_wait>;

}  // namespace eddy::detail
