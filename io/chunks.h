// Chunks: what a stream receives, in memory that is lent. Waiting for it takes no buffer.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/io/detail/awaited_once.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/runtime/result.h>

namespace eddy {

class chunk_stream;
namespace detail {
class chunk_wait;
}

/// Bytes that a stream has received, in memory that its runtime lends; destroyed, it gives that
/// back. Empty: the end of the stream.
///
/// Threads   those of its runtime, which it must not outlive (that aborts)
class [[nodiscard]] chunk {
 public:
  chunk() noexcept = default;
  chunk(chunk&& other) noexcept { take_from(other); }
  chunk& operator=(chunk&& other) noexcept {
    if (this != &other) {
      reset();
      take_from(other);
    }
    return *this;
  }
  ~chunk() { reset(); }

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  operator const_buffer() const noexcept { return const_buffer(data_, size_); }

  /// Gives the memory back now.
  void reset() noexcept;

 private:
  friend class chunk_stream;
  friend class detail::chunk_wait;
  void take_from(chunk& other) noexcept;
  void join(chunk_stream* of) noexcept;
  void leave() noexcept;

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  detail::loop* home_ = nullptr;  // null: nothing is lent
  chunk_stream* of_ = nullptr;    // null: that is gone
  chunk* previous_ = nullptr;     // among those that the same stream holds
  chunk* next_ = nullptr;
  int number_ = -1;
};

namespace detail {

/// Waits for the next chunk. Where the stream holds its share, it begins when one is given back.
class chunk_wait : public io_wait {
 public:
  explicit chunk_wait(chunk_stream&) noexcept;
  chunk_wait(chunk_wait&&) noexcept = default;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_receive();
  }
  eddy::result<chunk> await_resume() noexcept;

  static void interrupt(io_wait&) noexcept;
  static void reported(work*) noexcept;

 private:
  friend class eddy::chunk_stream;
  friend class eddy::chunk;
  void begin_receive() noexcept;
  void room_came() noexcept;
  chunk_stream* from_;
};

}  // namespace detail

/// Reads a stream chunk by chunk. The stream must outlive it, and stay where it is.
///
/// Threads   the stream's
/// Overlap   one next() at a time
class chunk_stream {
 public:
  explicit chunk_stream(detail::descriptor& of) noexcept : on_(&of) { of.read_by_chunks(); }
  /// Aborts while a next() is awaited.
  chunk_stream(chunk_stream&& other) noexcept;
  chunk_stream& operator=(chunk_stream&&) = delete;
  /// Chunks that it has given may outlive it.
  ~chunk_stream();

  /// Receives what is there, at least one byte. It waits without a buffer: memory is lent once
  /// there is something to be received. All streams of a runtime share it
  /// (runtime_options::chunk_count). Where all of it is lent, they wait in turn for what is given
  /// back, and the senders with them. One stream holds an eighth at most, and waits itself until
  /// it gives some back: who keeps that many and asks for more, waits for itself.
  ///
  /// Result      a chunk, whose bytes stay as they are until it is destroyed; an empty one: the
  ///             peer has ended its side
  /// Errors      those of the stream's read(); not_enough_memory: the runtime's chunks could not be
  ///             made
  /// Cancel      stops the task, and no byte is taken; bytes that have come are delivered
  /// Lifetime    the stream must outlive the await
  detail::awaited_once<detail::chunk_wait> next() noexcept {
    return detail::awaited_once<detail::chunk_wait>(*this);
  }

 private:
  friend class chunk;
  friend class detail::chunk_wait;
  void check_idle() const noexcept;
  void one_came_back() noexcept;

  detail::descriptor* on_;
  chunk* first_ = nullptr;  // those that it has lent
  std::size_t held_ = 0;
  detail::chunk_wait* waiting_ = nullptr;
};

}  // namespace eddy
