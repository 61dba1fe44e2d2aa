// buffered_reader: lines, messages and exact counts from any stream, with nothing lost by a cancel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/coro/task.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Lends a stream and reads ahead from it. What has come stays here until a call gives it whole: a
/// call that was cancelled (or failed) has lost nothing, call again. Is itself a readable_stream.
/// One call at a time: a second aborts.
template <readable_stream S>
class buffered_reader {
 public:
  explicit buffered_reader(S& stream) noexcept : stream_(stream) {}
  buffered_reader(const buffered_reader&) = delete;
  buffered_reader& operator=(const buffered_reader&) = delete;

  /// Gives what is there, at least one byte; what has come already without waiting.
  ///
  /// Result      bytes at the front of `buffer`; 0 at the end
  /// Errors      the stream's own; invalid_argument: an empty buffer
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader, stream and buffer must outlive the await
  task<result<std::size_t>> read(mutable_buffer buffer) {
    const use in_use(*this);
    if (buffer.empty()) co_return std::errc::invalid_argument;
    if (unread() == 0) {
      const result<std::size_t> n = co_await fill(1);
      if (!n) co_return n.error();
      if (*n == 0) co_return std::size_t{0};
    }
    const std::size_t n = std::min(buffer.size(), unread());
    take(buffer.first(n));
    co_return n;
  }

  /// Fills the whole buffer.
  ///
  /// Result      success
  /// Errors      end_of_stream: it ended before, and what has come stays readable; the stream's own
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader, stream and buffer must outlive the await
  task<result<void>> read_exactly(mutable_buffer buffer) {
    const use in_use(*this);
    while (unread() < buffer.size()) {
      const result<std::size_t> n = co_await fill(buffer.size() - unread());
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
    }
    take(buffer);
    co_return result<void>();
  }

  /// Reads up to `delimiter`.
  ///
  /// Result      what stands before the delimiter, which is taken and left out
  /// Errors      message_too_long: no delimiter within `limit` bytes; end_of_stream: it ended
  ///             before one (in both cases what has come stays readable); invalid_argument: an
  ///             empty delimiter; the stream's own
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader, stream and delimiter must outlive the await
  task<result<std::string>> read_until(std::string_view delimiter, std::size_t limit = 65536) {
    const use in_use(*this);
    if (delimiter.empty()) co_return std::errc::invalid_argument;
    std::size_t searched = 0;
    for (;;) {
      const std::string_view there = view();
      const std::size_t at = there.find(delimiter, searched);
      if (at != std::string_view::npos && at <= limit) {
        std::string message(there.substr(0, at));
        first_ += at + delimiter.size();
        co_return message;
      }
      if (at != std::string_view::npos || there.size() >= limit + delimiter.size())
        co_return errc::message_too_long;
      searched = there.size() >= delimiter.size() ? there.size() - delimiter.size() + 1 : 0;
      const result<std::size_t> n = co_await fill(1);
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
    }
  }

  /// Reads a line: up to "\n"; a "\r" before it is left out too.
  ///
  /// Result      the line, without its end
  /// Errors      as read_until
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader and stream must outlive the await
  task<result<std::string>> read_line(std::size_t limit = 65536) {
    result<std::string> line = co_await read_until("\n", limit);
    if (line && line->ends_with('\r')) line->pop_back();
    co_return line;
  }

 private:
  struct use {
    buffered_reader& reader;
    explicit use(buffered_reader& r) noexcept : reader(r) {
      if (r.in_use_) detail::misuse("a second read of a buffered_reader while one waits");
      r.in_use_ = true;
    }
    use(const use&) = delete;
    use& operator=(const use&) = delete;
    ~use() { reader.in_use_ = false; }
  };

  std::size_t unread() const noexcept { return last_ - first_; }
  std::string_view view() const noexcept {
    return std::string_view(reinterpret_cast<const char*>(bytes_.data()) + first_, unread());
  }
  void take(mutable_buffer into) noexcept {
    if (into.size()) std::memcpy(into.data(), bytes_.data() + first_, into.size());
    first_ += into.size();
  }
  /// Reads at least one byte behind what is there, with room for `wanted` more.
  task<result<std::size_t>> fill(std::size_t wanted) {
    if (first_ == last_) first_ = last_ = 0;
    if (bytes_.size() - last_ < wanted && first_) {
      std::memmove(bytes_.data(), bytes_.data() + first_, unread());
      last_ -= first_;
      first_ = 0;
    }
    if (bytes_.size() - last_ < wanted || bytes_.size() == last_) {
      bytes_.resize(std::max({bytes_.size() * 2, last_ + wanted, std::size_t{4096}}));
    }
    const result<std::size_t> n =
        co_await stream_.read(mutable_buffer(bytes_.data() + last_, bytes_.size() - last_));
    if (n) last_ += *n;
    co_return n;
  }

  S& stream_;
  std::vector<std::byte> bytes_;
  std::size_t first_ = 0;  // what has come and was not yet given: [first_, last_)
  std::size_t last_ = 0;
  bool in_use_ = false;
};

}  // namespace eddy
