// Messages with their length in front: read_frame, view_frame, write_frame.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <eddy/coro/task.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/io/buffered_reader.h>
#include <eddy/io/buffered_writer.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Which byte of a number comes first: the most significant one, or the least.
enum class byte_order : unsigned char { big, little };

/// How messages are framed: each has its length in front.
struct frame_options {
  std::size_t limit = 1 << 20;  ///< bytes of a message at most, its length not counted
  unsigned length_bytes = 4;    ///< of the length in front: 1, 2, 4 or 8
  byte_order order = byte_order::big;
  bool length_counts_itself = false;  ///< the length is that of the whole frame
};

namespace detail {

inline void check_frame(const frame_options& o) noexcept {
  const unsigned n = o.length_bytes;
  if (n != 1 && n != 2 && n != 4 && n != 8)
    misuse("a frame's length takes 1, 2, 4 or 8 bytes (frame_options::length_bytes)");
}

/// How long a whole frame is that begins so.
inline result<std::size_t> frame_size(std::string_view head, const frame_options& o) noexcept {
  std::uint64_t length = 0;
  for (unsigned i = 0; i < o.length_bytes; ++i) {
    const unsigned at = o.order == byte_order::big ? i : o.length_bytes - 1 - i;
    length = length << 8 | static_cast<unsigned char>(head[at]);
  }
  if (o.length_counts_itself) {
    if (length < o.length_bytes) return std::errc::bad_message;
    length -= o.length_bytes;
  }
  if (length > o.limit || length > std::numeric_limits<std::size_t>::max() - o.length_bytes)
    return errc::message_too_long;
  return static_cast<std::size_t>(length) + o.length_bytes;
}

/// The length in front of a message of `size` bytes.
inline result<frame_head_bytes> frame_head_of(std::size_t size, const frame_options& o) noexcept {
  std::uint64_t length = size;
  if (size > o.limit) return errc::message_too_long;
  if (o.length_counts_itself) length += o.length_bytes;
  if (length < size || (o.length_bytes < 8 && length >> (8 * o.length_bytes)))
    return errc::message_too_long;
  frame_head_bytes head;
  head.size = o.length_bytes;
  for (unsigned i = 0; i < o.length_bytes; ++i) {
    const unsigned at = o.order == byte_order::big ? o.length_bytes - 1 - i : i;
    head.bytes[at] = static_cast<std::byte>(length);
    length >>= 8;
  }
  return head;
}

/// Waits until a whole frame is there; takes nothing.
template <class S>
task<result<std::string_view>> find_frame(buffered_reader<S>& reader, frame_options options,
                                          std::source_location where) {
  check_frame(options);
  std::size_t wanted = options.length_bytes;
  for (;;) {
    const result<std::string_view> there = co_await reader.peek(wanted, where);
    if (!there && there.error() == errc::end_of_stream && reader.buffered().empty())
      co_return errc::closed;
    if (!there) co_return there.error();
    if (wanted > options.length_bytes) co_return *there;
    const result<std::size_t> whole = frame_size(*there, options);
    if (!whole) co_return whole.error();
    if (reader.buffered().size() >= *whole) co_return reader.buffered().substr(0, *whole);
    wanted = *whole;
  }
}

template <class S>
task<result<std::string>> take_frame(buffered_reader<S>& reader, frame_options options,
                                     std::source_location where) {
  const result<std::string_view> frame = co_await find_frame(reader, options, where);
  if (!frame) co_return frame.error();
  std::string message(frame->substr(options.length_bytes));
  reader.consume(frame->size());
  co_return message;
}

template <class S>
task<result<std::string_view>> lend_frame(buffered_reader<S>& reader, frame_options options,
                                          std::source_location where) {
  const result<std::string_view> frame = co_await find_frame(reader, options, where);
  if (!frame) co_return frame.error();
  reader.consume(frame->size());
  co_return frame->substr(options.length_bytes);
}

/// Where a stream takes but one buffer, the length goes out together with the message's beginning:
/// in a packet of its own it would cost another one, and a reader that wakes up for nothing.
template <writable_stream S>
task<result<void>> put_frame(S& stream, const_buffer message, frame_options options) {
  check_frame(options);
  const result<frame_head_bytes> head = frame_head_of(message.size(), options);
  if (!head) co_return head.error();
  if constexpr (gathering_stream<S>) {
    std::array<const_buffer, 2> left{const_buffer(head->bytes.data(), head->size), message};
    while (!left[0].empty() || !left[1].empty()) {
      const result<std::size_t> n = co_await stream.write(std::span<const const_buffer>(left));
      if (!n) co_return n.error();
      const std::size_t of_head = std::min(*n, left[0].size());
      left[0] = left[0].from(of_head);
      left[1] = left[1].from(*n - of_head);
    }
    co_return result<void>();
  } else {
    std::array<std::byte, 512> block;
    const std::size_t taken = std::min(message.size(), block.size() - head->size);
    std::memcpy(block.data(), head->bytes.data(), head->size);
    if (taken) std::memcpy(block.data() + head->size, message.data(), taken);
    const const_buffer begin(block.data(), head->size + taken);
    const result<void> begun = co_await write_all(stream, begin);
    if (!begun || taken == message.size()) co_return begun;
    co_return co_await write_all(stream, message.from(taken));
  }
}

}  // namespace detail

/// Reads a message with its length in front.
///
/// Result      the message, without its length; it may be empty
/// Errors      closed: the stream has ended before it; end_of_stream: in its middle;
///             message_too_long: it is longer than the limit, and no memory was taken for it;
///             std::errc::bad_message: with length_counts_itself, a length less than that; the
///             stream's own. In all of these what has come stays readable, from the length on:
///             read_frame with a higher limit, or skip()
/// Cancel      stops the task, and no byte is lost
/// Lifetime    reader and stream must outlive the await
/// Overlap     as a read of the reader
template <class S>
EDDY_CORO_WRAPPER task<result<std::string>> read_frame(
    buffered_reader<S>& reader, const frame_options& options = {},
    std::source_location where = std::source_location::current()) {
  return detail::take_frame(reader, options, where);
}

/// Reads a message with its length in front, without a copy.
///
/// Result      the message, without its length: valid until the reader's next call
/// Errors      as read_frame
/// Cancel      stops the task, and no byte is lost
/// Lifetime    reader and stream must outlive the await
template <class S>
EDDY_CORO_WRAPPER task<result<std::string_view>> view_frame(
    buffered_reader<S>& reader, const frame_options& options = {},
    std::source_location where = std::source_location::current()) {
  return detail::lend_frame(reader, options, where);
}

/// Writes a message with its length in front.
///
/// Result      success: all of it has been taken
/// Errors      message_too_long: it is longer than the limit, or its length has no room in
///             length_bytes, and nothing was written; the stream's own, and an unknown part has
///             been written
/// Cancel      stops the task; an unknown part has been written: close the stream, or write frames
///             through a buffered_writer, which keeps the rest
/// Lifetime    stream and message must outlive the await, the message unchanged
template <writable_stream S>
EDDY_CORO_WRAPPER task<result<void>> write_frame(S& stream, const_buffer message,
                                                 const frame_options& options = {}) {
  return detail::put_frame(stream, message, options);
}

/// The same through a buffered_writer: it holds the whole frame, or none of it.
///
/// Result      success: all of it is in the writer's hands, as after its write()
/// Errors      message_too_long: as above, and nothing was taken; the stream's own, and the writer
///             has all of it
/// Cancel      stops the task, and the writer has all of it
/// Lifetime    writer, stream and message must outlive the await, the message unchanged
template <class S>
EDDY_CORO_WRAPPER task<result<void>> write_frame(
    buffered_writer<S>& writer, const_buffer message, const frame_options& options = {},
    std::source_location where = std::source_location::current()) {
  detail::check_frame(options);
  return writer.write_behind(detail::frame_head_of(message.size(), options), message, where);
}

}  // namespace eddy
