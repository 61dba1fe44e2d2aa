// Streams as concepts, and what can be done with any of them: read_exactly, write_all, read_all,
// copy.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Has `read(mutable_buffer)`, an awaitable of result<std::size_t>: at least one byte, 0 at the
/// end.
template <class S>
concept readable_stream = requires(S& s, mutable_buffer b) {
  { s.read(b) } -> detail::our_awaitable;
  requires std::same_as<detail::result_of<decltype(s.read(b))>, result<std::size_t>>;
};

/// Has `write(const_buffer)`, an awaitable of result<std::size_t>: at least one byte.
template <class S>
concept writable_stream = requires(S& s, const_buffer b) {
  { s.write(b) } -> detail::our_awaitable;
  requires std::same_as<detail::result_of<decltype(s.write(b))>, result<std::size_t>>;
};

/// Both ways, with an end of each: `shutdown_write()`, which gives a result<void> at once, and
/// `close()`, an awaitable of one.
template <class S>
concept stream = readable_stream<S> && writable_stream<S> && requires(S& s) {
  { s.shutdown_write() } -> std::same_as<result<void>>;
  { s.close() } -> detail::our_awaitable;
  requires std::same_as<detail::result_of<decltype(s.close())>, result<void>>;
};

namespace detail {

/// Takes several buffers in one write.
template <class S>
concept gathering_stream = writable_stream<S> && requires(S& s, std::span<const const_buffer> b) {
  { s.write(b) } -> our_awaitable;
  requires std::same_as<result_of<decltype(s.write(b))>, result<std::size_t>>;
};

/// A stream of eddy's own: it can move all of a buffer in one operation. (Exactly that: whoever
/// derives from one may read and write otherwise.)
template <class S>
concept moves_whole = requires { requires std::same_as<typename S::moves_whole, S>; };

template <readable_stream S>
task<result<void>> read_parts(S& stream, mutable_buffer buffer) {
  mutable_buffer rest = buffer;
  while (!rest.empty()) {
    const result<std::size_t> n = co_await stream.read(rest);
    if (!n) co_return n.error();
    if (*n == 0) co_return errc::end_of_stream;
    rest = rest.from(*n);
  }
  co_return result<void>();
}

template <writable_stream S>
task<result<void>> write_parts(S& stream, const_buffer data) {
  const_buffer rest = data;
  while (!rest.empty()) {
    const result<std::size_t> n = co_await stream.write(rest);
    if (!n) co_return n.error();
    rest = rest.from(*n);
  }
  co_return result<void>();
}

template <writable_stream S, std::size_t N>
task<result<void>> write_parts_of(S& stream, std::array<const_buffer, N> all) {
  std::span<const_buffer> left(all);
  for (;;) {
    while (!left.empty() && left.front().empty()) left = left.subspan(1);
    if (left.empty()) co_return result<void>();
    result<std::size_t> n = std::size_t{0};
    if constexpr (gathering_stream<S>) {
      n = co_await stream.write(std::span<const const_buffer>(left));
    } else {
      n = co_await stream.write(left.front());
    }
    if (!n) co_return n.error();
    for (std::size_t moved = *n; moved;) {
      const std::size_t part = std::min(moved, left.front().size());
      left.front() = left.front().from(part);
      moved -= part;
      if (left.front().empty()) left = left.subspan(1);
    }
  }
}

}  // namespace detail

/// Fills the whole buffer.
///
/// Result      success: buffer.size() bytes have come
/// Errors      end_of_stream: it ended before; else the stream's own
/// Cancel      stops the task; an unknown part has been read: close the stream
/// Lifetime    stream and buffer must outlive the await
/// Cost        one operation, in a block of pooled memory; on a stream of the program's own a task
template <readable_stream S>
EDDY_CORO_WRAPPER auto read_exactly(S& stream, mutable_buffer buffer) {
  if constexpr (detail::moves_whole<S>) {
    return stream.read_whole(buffer);
  } else {
    return detail::read_parts(stream, buffer);
  }
}

/// Writes all of it. From the first byte to the last it is the stream's one write.
///
/// Result      success: data.size() bytes have been taken
/// Errors      the stream's own; an unknown part has then been written
/// Cancel      stops the task; an unknown part has been written: close the stream
/// Lifetime    stream and data must outlive the await, the data unchanged
/// Cost        one operation, in a block of pooled memory; on a stream of the program's own a task
template <writable_stream S>
EDDY_CORO_WRAPPER auto write_all(S& stream, const_buffer data) {
  if constexpr (detail::moves_whole<S>) {
    return stream.write_whole(data);
  } else {
    return detail::write_parts(stream, data);
  }
}

/// Writes all of several buffers, the first one first: a head and its body in one call, and as a rule
/// in one system call.
///
/// Result      success: all of them have been taken
/// Errors      the stream's own; an unknown part has then been written
/// Cancel      stops the task; an unknown part has been written: close the stream
/// Lifetime    stream and data must outlive the await, the data unchanged
/// Cost        one operation, in a block of pooled memory; on a stream of the program's own a task
template <writable_stream S, class... More>
  requires(sizeof...(More) > 0 && (std::is_convertible_v<More, const_buffer> && ...))
EDDY_CORO_WRAPPER auto write_all(S& stream, const_buffer first, More&&... more) {
  const std::array<const_buffer, 1 + sizeof...(More)> all{
      first, static_cast<const_buffer>(std::forward<More>(more))...};
  if constexpr (detail::moves_whole<S>) {
    return stream.write_whole(all);
  } else {
    return detail::write_parts_of(stream, all);
  }
}

/// Reads all of it, to its end.
///
/// Result      what has come
/// Errors      message_too_long: it is more than `limit` bytes; the stream's own. What has come is
///             gone then
/// Cancel      stops the task; what has come is gone
/// Lifetime    the stream must outlive the await
template <readable_stream S>
task<result<std::string>> read_all(S& stream, std::size_t limit) {
  // (One byte more than may come: the end comes after the last one.)
  const std::size_t most = std::min(limit, std::numeric_limits<std::size_t>::max() - 1) + 1;
  std::string all;
  std::size_t size = 0;
  for (;;) {
    if (size == all.size()) all.resize(std::min(std::max<std::size_t>(4096, 2 * size), most));
    const result<std::size_t> n =
        co_await stream.read(mutable_buffer(all.data() + size, all.size() - size));
    if (!n) co_return n.error();
    if (*n == 0) break;
    size += *n;
    if (size > limit) co_return errc::message_too_long;
  }
  all.resize(size);
  co_return all;
}

/// Reads `from` to its end and writes it all to `to`, whose end is left to the caller.
///
/// Result      how many bytes
/// Errors      those of either stream; an unknown part has then been moved
/// Cancel      stops the task; an unknown part has been moved: close both
/// Lifetime    both streams must outlive the await
template <readable_stream From, writable_stream To>
task<result<std::uint64_t>> copy(From& from, To& to) {
  constexpr std::size_t size = 65536;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
  std::uint64_t moved = 0;
  for (;;) {
    const result<std::size_t> n = co_await from.read(mutable_buffer(buffer.get(), size));
    if (!n) co_return n.error();
    if (*n == 0) co_return moved;
    const result<void> written = co_await write_all(to, const_buffer(buffer.get(), *n));
    if (!written) co_return written.error();
    moved += *n;
  }
}

}  // namespace eddy
