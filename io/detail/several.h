// Several buffers as one: scattered reads, gathered writes, and all of several buffers as one
// operation. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/whole.h>

namespace eddy::detail {

/// So many buffers does the kernel take at once.
inline constexpr std::size_t most_buffers = 1024;

/// What the kernel is told of several buffers. It reads them where they are: a buffer is laid out as
/// its iovec.
struct several_header {
  /// The request's address and length are of those from now on. `what`: receive_message,
  /// send_message, or read_scattered, write_gathered of what is no socket.
  void set(request&, const void* buffers, std::size_t count) noexcept;

 private:
  alignas(8) std::array<std::byte, 56> memory_;  // a socket's message
};
static_assert(sizeof(mutable_buffer) == 16 && sizeof(const_buffer) == 16);

request several_request(const descriptor&, verb what) noexcept;

/// Reads into several buffers or writes from several, once.
class several_wait : public io_awaiter<std::size_t> {
 public:
  several_wait(descriptor&, const io_kind&, verb what, std::span<const mutable_buffer>) noexcept;
  several_wait(descriptor&, const io_kind&, verb what, std::span<const const_buffer>) noexcept;
  several_wait(several_wait&& other) noexcept
      : io_awaiter(static_cast<io_awaiter&&>(other)),
        buffers_(other.buffers_),
        count_(other.count_),
        answer_(other.answer_) {}

  bool await_ready() noexcept {
    if (!settled && answer_ <= 0) settle();
    return io_awaiter::await_ready();
  }
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (!enter_io(h.promise(), at)) return;
    header_.set(ask, buffers_, count_);
    begin_io();
  }

 private:
  void settle() noexcept;
  const void* buffers_;
  std::uint32_t count_;
  std::int32_t answer_;  // 1: the kernel has it; else it is this
  several_header header_;
};

using several_transfer = awaited_once<several_wait>;

/// Writes all of several buffers: goes on by itself after each part, as a whole_wait does.
class whole_of_several : public io_wait {
 public:
  bool await_ready() noexcept {
    if (!count_) settled = true;
    return io_wait::await_ready();
  }
  eddy::result<void> await_resume() const noexcept { return void_result(result); }

 protected:
  whole_of_several(descriptor&, verb what) noexcept;
  ~whole_of_several() = default;
  /// What is to be written; it stands beside this.
  void hold(const_buffer* first, std::size_t count) noexcept;

 private:
  void skip(std::size_t bytes) noexcept;
  static void reported(work*) noexcept;
  static const io_kind writing;

  const_buffer* next_ = nullptr;
  std::size_t count_ = 0;
  several_header header_;
};

template <std::size_t N>
class whole_array : public whole_of_several {
 public:
  whole_array(descriptor& d, verb what, const std::array<const_buffer, N>& all) noexcept
      : whole_of_several(d, what), all_(all) {
    hold(all_.data(), N);
  }

 private:
  std::array<const_buffer, N> all_;
};

template <std::size_t N>
using whole_array_transfer = pooled_once<whole_array<N>>;

}  // namespace eddy::detail
