// All of a buffer, in as many parts as the kernel makes of it, as one operation. Not an interface
// for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstddef>
#include <new>
#include <utility>

#include <eddy/coro/detail/frame_pool.h>
#include <eddy/io/detail/awaited_once.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/result.h>

namespace eddy::detail {

/// Goes on by itself after each part, from inside its own report, until all has moved. It holds its
/// place on the descriptor all the while.
class whole_wait : public io_wait {
 public:
  /// `what`: receive, send, or read, write of what has no offsets.
  whole_wait(descriptor&, verb what, const void* address, std::size_t size) noexcept;
  /// Nothing to move needs no stream.
  bool await_ready() noexcept {
    if (!left_) settled = true;
    return io_wait::await_ready();
  }
  eddy::result<void> await_resume() const noexcept;

 private:
  static void reported(work*) noexcept;
  static const io_kind reading;
  static const io_kind writing;

  std::size_t left_;
};

/// An awaitable whose wait lies in a block of the frame pool from the call on: for what a frame is
/// not to have room for all the time. Where memory fails, the call throws.
template <class Wait>
class [[nodiscard]] pooled_once {
 public:
  template <class... A>
    requires std::is_constructible_v<Wait, A...>
  explicit pooled_once(A&&... a)
      : wait_(::new(frames().get(sizeof(Wait))) Wait(std::forward<A>(a)...)) {
    static_assert(std::is_nothrow_constructible_v<Wait, A...>);
  }
  pooled_once(pooled_once&& other) noexcept : wait_(std::exchange(other.wait_, nullptr)) {}
  pooled_once& operator=(pooled_once&& other) noexcept {
    std::swap(wait_, other.wait_);
    return *this;
  }
  ~pooled_once() {
    if (!wait_) return;
    std::destroy_at(wait_);
    frames().put(wait_, sizeof(Wait));
  }

  awaiter_for<Wait> operator co_await() && noexcept {
    if (!wait_) misuse("an operation is awaited after it was moved from");
    return awaiter_for<Wait>(*wait_);
  }

 private:
  Wait* wait_;
};

using whole_transfer = pooled_once<whole_wait>;

}  // namespace eddy::detail
