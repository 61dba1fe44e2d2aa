// send_file: what servers of files do.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <eddy/coro/task.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/io/file.h>
#include <eddy/runtime/result.h>

namespace eddy {

namespace detail {

/// For streams that are no sockets of the kernel's.
template <writable_stream S>
task<result<std::uint64_t>> send_file_by_copy(S& to, file& from, std::uint64_t offset,
                                              std::uint64_t length) {
  constexpr std::size_t size = 65536;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
  std::uint64_t sent = 0;
  while (sent < length) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size, length - sent));
    const result<std::size_t> n =
        co_await from.read_at(mutable_buffer(buffer.get(), part), offset + sent);
    if (!n) co_return n.error();
    if (*n == 0) break;
    const result<void> written = co_await write_all(to, const_buffer(buffer.get(), *n));
    if (!written) co_return written.error();
    sent += *n;
  }
  co_return sent;
}

/// Of a socket, which has it as a member: not of what derives from one, and writes otherwise.
template <class S>
concept sends_files = requires(S& s, int file, std::uint64_t n) {
  s.send_file_whole(file, n, n);
  requires std::same_as<typename S::moves_whole, S>;
};

}  // namespace detail

/// Sends a part of a file: on TCP and Unix sockets without copying it through the program. What the
/// file has there is read as it goes: who changes it meanwhile changes what is sent.
///
/// Result      how many bytes; fewer than `length` where the file ends before
/// Errors      those of the stream's write() and of the file's read_at(); invalid_argument: the
///             kernel cannot send from such a file. An unknown part has then been sent
/// Cancel      stops the task; an unknown part has been sent: close the stream
/// Lifetime    stream and file must outlive the await
template <writable_stream S>
auto send_file(S& to, file& from, std::uint64_t offset, std::uint64_t length) {
  if constexpr (detail::sends_files<S>) {
    return to.send_file_whole(from.native_handle(), offset, length);
  } else {
    return detail::send_file_by_copy(to, from, offset, length);
  }
}

}  // namespace eddy
