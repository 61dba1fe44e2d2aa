// buffered_writer: many small writes as few large ones, with nothing lost by a cancel.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <source_location>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/io/detail/one_at_a_time.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/result.h>

namespace eddy {

namespace detail {

/// What stands in front of a message.
struct frame_head_bytes {
  std::array<std::byte, 8> bytes{};
  unsigned size = 0;
};

}  // namespace detail

/// Lends a stream and collects what is written to it. What was given to write() is the writer's,
/// from then on: it goes out in order, by a later write() or flush(), and a call that was cancelled
/// (or failed) has lost nothing. Do not write the same again: flush().
///
/// (So a stream that takes nothing is not written to again after each timeout: all of that is kept.)
///
/// A destructor cannot flush: what is buffered() when the writer goes is gone with it.
///
/// Its memory is taken by the first write: twice `size`, of which the second half is touched only
/// where a call is cancelled or fails. More is taken for larger writes, for that case alone, and
/// goes back when a flush() has ended and nothing as large came since the one before. Where memory
/// cannot be had, std::bad_alloc comes out of the write(), and nothing of its data was taken.
///
/// Overlap   One call at a time: a second aborts, and so does its end while one waits.
template <writable_stream S>
class buffered_writer {
 public:
  /// `size`: how much is collected at most. A write of as much and more goes past the buffer.
  explicit buffered_writer(S& stream, std::size_t size = 16384) noexcept
      : stream_(stream), size_(size) {}
  buffered_writer(const buffered_writer&) = delete;
  buffered_writer& operator=(const buffered_writer&) = delete;
  ~buffered_writer() {
    if (calls_.in_use())
      detail::misuse("a buffered_writer is destroyed while a task writes through it");
  }

  /// What the stream has not yet taken: until the next call.
  std::string_view buffered() const noexcept {
    return std::string_view(reinterpret_cast<const char*>(bytes_.get()) + first_, last_ - first_);
  }

  /// Takes all of `data`, and waits only where that is more than there is room for: then what is
  /// buffered goes out, and with it (in one call where the stream takes several buffers) data of
  /// `size` bytes and more.
  ///
  /// Result      success: all of it is in the writer's hands or the stream's
  /// Errors      the stream's own: the writer has all of `data`, and flush() tries again
  /// Cancel      stops the task; the writer has all of `data`, and flush() sends what has not gone
  /// Lifetime    writer, stream and data must outlive the await, the data unchanged
  EDDY_CORO_WRAPPER task<result<void>> write(
      const_buffer data, std::source_location where = std::source_location::current()) {
    return put(detail::frame_head_bytes(), data, where);
  }

  /// Writes to the stream what is buffered.
  ///
  /// Result      success: the stream has taken everything
  /// Errors      the stream's own: what has not gone stays buffered, and flush() tries again
  /// Cancel      stops the task, and no byte is lost: what has not gone stays buffered
  /// Lifetime    writer and stream must outlive the await
  task<result<void>> flush(std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    if (buffered().empty()) co_await at_hand();
    const result<void> gone = co_await drain();
    if (gone) give_back();
    co_return gone;
  }

  /// (for write_frame) Where there is no head, its error.
  EDDY_CORO_WRAPPER task<result<void>> write_behind(result<detail::frame_head_bytes> head,
                                                    const_buffer data, std::source_location where) {
    if (!head) return refused(head.error());
    return put(*head, data, where);
  }

 private:
  using call = detail::one_at_a_time::call;
  static constexpr const char* second = "a second write of a buffered_writer while one waits";

  /// What of a write's data is not yet ours and has not gone: it becomes ours when the call ends,
  /// however it ends. (The room for it was taken before: nothing can fail then.)
  struct remainder {
    buffered_writer& writer;
    const_buffer left;
    remainder(buffered_writer& w, const_buffer data) noexcept : writer(w), left(data) {}
    remainder(const remainder&) = delete;
    remainder& operator=(const remainder&) = delete;
    ~remainder() { writer.append(left); }
  };

  static detail::hop_awaitable<detail::hop::at_hand> at_hand() noexcept { return {}; }
  static task<result<void>> refused(std::error_code error) {
    co_await at_hand();
    co_return error;
  }

  std::size_t usual_capacity() const noexcept {
    return size_ > std::numeric_limits<std::size_t>::max() / 2 ? size_ : 2 * size_;
  }
  /// Room for so much behind what is buffered, whenever it is asked for and however much of that
  /// has gone by then.
  void reserve(std::size_t more) {
    const std::size_t there = buffered().size();
    needed_ = std::max(needed_, there + more);
    if (there + more <= capacity_) return;
    const std::size_t capacity = std::max(usual_capacity(), there + more);
    auto block = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (there) std::memcpy(block.get(), bytes_.get() + first_, there);
    bytes_ = std::move(block);
    capacity_ = capacity;
    first_ = 0;
    last_ = there;
  }
  /// (There is room.)
  void append(const_buffer data) noexcept {
    if (data.empty()) return;
    if (capacity_ - last_ < data.size()) {
      const std::size_t there = buffered().size();
      if (there) std::memmove(bytes_.get(), bytes_.get() + first_, there);
      first_ = 0;
      last_ = there;
    }
    std::memcpy(bytes_.get() + last_, data.data(), data.size());
    last_ += data.size();
  }
  const_buffer waiting() const noexcept {
    return const_buffer(bytes_.get() + first_, last_ - first_);
  }
  void gone(std::size_t count) noexcept {
    first_ += count;
    if (first_ == last_) first_ = last_ = 0;
  }
  void give_back() noexcept {
    if (capacity_ > std::max(usual_capacity(), needed_)) {
      bytes_.reset();
      capacity_ = 0;
    }
    needed_ = 0;
  }

  task<result<void>> put(detail::frame_head_bytes head, const_buffer data,
                         std::source_location where) {
    const call in_use(calls_, second, where);
    reserve(head.size + data.size());
    append(const_buffer(head.bytes.data(), head.size));
    if (data.size() < size_ && buffered().size() <= size_ - data.size()) {
      append(data);
      co_await at_hand();
      co_return result<void>();
    }
    remainder rest(*this, data);
    if (buffered().empty() && data.empty()) co_await at_hand();
    if (data.size() < size_ || data.empty()) co_return co_await drain();
    while (!rest.left.empty()) {
      result<std::size_t> n = std::size_t{0};
      if constexpr (detail::gathering_stream<S>) {
        if (!buffered().empty()) {
          const std::array<const_buffer, 2> both{waiting(), rest.left};
          n = co_await stream_.write(std::span<const const_buffer>(both));
        } else {
          n = co_await stream_.write(rest.left);
        }
      } else {
        n = co_await stream_.write(buffered().empty() ? rest.left : waiting());
      }
      if (!n) co_return n.error();
      const std::size_t of_ours = std::min(*n, buffered().size());
      gone(of_ours);
      rest.left = rest.left.from(*n - of_ours);
    }
    co_return result<void>();
  }

  task<result<void>> drain() {
    while (!buffered().empty()) {
      const result<std::size_t> n = co_await stream_.write(waiting());
      if (!n) co_return n.error();
      gone(*n);
    }
    co_return result<void>();
  }

  S& stream_;
  const std::size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;  // what is ours and has not gone: [first_, last_)
  std::size_t last_ = 0;
  std::size_t needed_ = 0;  // the most room that was asked for since the last flush
  detail::one_at_a_time calls_;
};

}  // namespace eddy
