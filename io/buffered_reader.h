// buffered_reader: lines, messages and exact counts from any stream, with nothing lost by a cancel.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/io/detail/one_at_a_time.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Lends a stream and reads ahead from it. What has come stays here until a call gives it whole: a
/// call that was cancelled (or failed) has lost nothing, call again. Is itself a readable_stream.
///
/// Overlap   One call at a time: a second aborts, and so does its end while one waits.
///
/// Its memory is taken by the first read, grows with what is longer, and goes back to `size` when
/// that has been taken; where it cannot be had, std::bad_alloc comes out of the call, and nothing
/// is lost either.
///
/// What has come already is given without suspending, and counts as a microtask (rule 10): a task
/// that takes many lines in a row lets others in by yield().
template <readable_stream S>
class buffered_reader {
 public:
  /// `size`: how much is read ahead at most. A read of as much and more goes past the buffer.
  explicit buffered_reader(S& stream, std::size_t size = 16384) noexcept
      : stream_(stream), size_(size) {}
  buffered_reader(const buffered_reader&) = delete;
  buffered_reader& operator=(const buffered_reader&) = delete;
  ~buffered_reader() {
    if (calls_.in_use())
      detail::misuse("a buffered_reader is destroyed while a task reads from it");
  }

  /// What has come and was not yet given: until the next call.
  std::string_view buffered() const noexcept {
    return std::string_view(reinterpret_cast<const char*>(bytes_.get()) + first_, last_ - first_);
  }
  /// How many bytes were given and skipped so far.
  std::uint64_t position() const noexcept { return position_; }
  /// Takes the first `count` bytes of what is buffered(); there must be as many, and no call may
  /// wait. What was lent of them stays valid until the next call.
  void consume(std::size_t count) noexcept {
    if (calls_.in_use()) detail::misuse("consume() of a buffered_reader while a call waits");
    detail::check_cut(count, buffered().size());
    drop(count);
  }

  /// Gives what is there, at least one byte; what has come already without waiting.
  ///
  /// Result      bytes at the front of `buffer`; 0 at the end
  /// Errors      the stream's own; invalid_argument: an empty buffer
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader, stream and buffer must outlive the await
  task<result<std::size_t>> read(mutable_buffer buffer,
                                 std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    if (buffer.empty() || !buffered().empty()) {
      co_await at_hand();
      if (buffer.empty()) co_return std::errc::invalid_argument;
    } else if (buffer.size() >= size_) {
      const result<std::size_t> n = co_await stream_.read(buffer);
      if (n) position_ += *n;
      co_return n;
    } else {
      const result<std::size_t> n = co_await fill(1);
      if (!n || *n == 0) co_return n;
    }
    const std::size_t n = std::min(buffer.size(), buffered().size());
    take(buffer.first(n));
    co_return n;
  }

  /// Fills the whole buffer.
  ///
  /// Result      success
  /// Errors      end_of_stream: it ended before, and what has come stays readable; the stream's own
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader, stream and buffer must outlive the await
  task<result<void>> read_exactly(mutable_buffer buffer,
                                  std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    if (buffered().size() >= buffer.size()) {
      co_await at_hand();
    } else if (buffer.size() >= size_) {
      co_return co_await read_past(buffer);
    }
    while (buffered().size() < buffer.size()) {
      const result<std::size_t> n = co_await fill(buffer.size() - buffered().size());
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
  task<result<std::string>> read_until(
      std::string_view delimiter, std::size_t limit = 65536,
      std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    std::size_t searched = 0;
    std::size_t at = 0;
    for (bool waited = false;; waited = true) {
      const std::string_view there = buffered();
      at = there.find(delimiter, searched);
      const bool found = at != std::string_view::npos;
      // (No sum with the limit, which may be any number.)
      const bool too_long =
          found ? at > limit
                : there.size() >= delimiter.size() && there.size() - delimiter.size() >= limit;
      if ((found || too_long) && !waited) co_await at_hand();
      if (delimiter.empty()) co_return std::errc::invalid_argument;
      if (too_long) co_return errc::message_too_long;
      if (found) break;
      searched = there.size() >= delimiter.size() ? there.size() - delimiter.size() + 1 : 0;
      const result<std::size_t> n = co_await fill(1);
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
    }
    std::string message(buffered().substr(0, at));
    drop(at + delimiter.size());
    co_return message;
  }

  /// Reads a line, which ends with "\n" or "\r\n". The last one of a stream may lack its end.
  ///
  /// Result      the line, without its end
  /// Errors      message_too_long: it has more than `limit` bytes, and stays readable;
  ///             end_of_stream: no line is left; the stream's own
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader and stream must outlive the await
  task<result<std::string>> read_line(
      std::size_t limit = 65536, std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    const result<found_line> found = co_await find_line(limit);
    if (!found) co_return found.error();
    std::string line(buffered().substr(0, found->size));
    drop(found->with_end);
    co_return line;
  }

  /// Reads a line without a copy.
  ///
  /// Result      the line, without its end: valid until the next call
  /// Errors      as read_line
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader and stream must outlive the await
  task<result<std::string_view>> view_line(
      std::size_t limit = 65536, std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    const result<found_line> found = co_await find_line(limit);
    if (!found) co_return found.error();
    const std::string_view line = buffered().substr(0, found->size);
    drop(found->with_end);
    co_return line;
  }

  /// Waits until `count` bytes are there, and takes none.
  ///
  /// Result      the first `count` bytes: valid until the next call
  /// Errors      end_of_stream: it ended before, and what has come stays readable; the stream's own
  /// Cancel      stops the task, and no byte is lost
  /// Lifetime    reader and stream must outlive the await
  task<result<std::string_view>> peek(
      std::size_t count, std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    if (buffered().size() >= count) co_await at_hand();
    while (buffered().size() < count) {
      const result<std::size_t> n = co_await fill(count - buffered().size());
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
    }
    co_return buffered().substr(0, count);
  }

  /// Takes `count` bytes that nobody wants.
  ///
  /// Result      success
  /// Errors      end_of_stream: it ended before; the stream's own
  /// Cancel      stops the task. Up to `size` bytes are skipped as a whole or not at all; of more,
  ///             a part may have been skipped, and position() tells how much (so too where it
  ///             fails): no memory is taken for them
  /// Lifetime    reader and stream must outlive the await
  task<result<void>> skip(std::uint64_t count,
                          std::source_location where = std::source_location::current()) {
    const call in_use(calls_, second, where);
    std::uint64_t left = count;
    if (left <= buffered().size() || left > size_) co_await at_hand();
    while (left > size_ && left > buffered().size()) {
      left -= buffered().size();
      drop(buffered().size());
      const result<std::size_t> n = co_await fill(1);
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
    }
    while (left > buffered().size()) {
      const result<std::size_t> n =
          co_await fill(static_cast<std::size_t>(left) - buffered().size());
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
    }
    drop(static_cast<std::size_t>(left));
    co_return result<void>();
  }

 private:
  using call = detail::one_at_a_time::call;
  static constexpr const char* second = "a second read of a buffered_reader while one waits";
  struct found_line {
    std::size_t size;
    std::size_t with_end;
  };
  /// Bytes that a call has put into its caller's buffer and may still have to give back.
  struct loan {
    buffered_reader& reader;
    mutable_buffer into;
    std::size_t moved = 0;
    loan(buffered_reader& r, mutable_buffer b) noexcept : reader(r), into(b) {}
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;
    ~loan() {
      if (moved < into.size()) reader.put_back(into.first(moved));
    }
  };

  static detail::hop_awaitable<detail::hop::at_hand> at_hand() noexcept { return {}; }

  void drop(std::size_t count) noexcept {
    first_ += count;
    position_ += count;
  }
  void take(mutable_buffer into) noexcept {
    if (into.size()) std::memcpy(into.data(), bytes_.get() + first_, into.size());
    drop(into.size());
  }
  /// (There is room, and nothing else has come since.)
  void put_back(mutable_buffer given) noexcept {
    if (given.size()) std::memcpy(bytes_.get(), given.data(), given.size());
    first_ = 0;
    last_ = given.size();
    position_ -= given.size();
  }

  /// A block of `size` bytes, with what has come at its front.
  void move_to_block(std::size_t size) {
    auto block = std::make_unique_for_overwrite<std::byte[]>(size);
    const std::size_t there = buffered().size();
    if (there) std::memcpy(block.get(), bytes_.get() + first_, there);
    bytes_ = std::move(block);
    capacity_ = size;
    first_ = 0;
    last_ = there;
  }

  /// Reads at least one byte behind what is there, with room for `wanted` more.
  task<result<std::size_t>> fill(std::size_t wanted) {
    const std::size_t there = buffered().size();
    if (capacity_ - there < wanted || (!there && capacity_ > size_)) {
      move_to_block(std::max({size_, there + wanted, 2 * there}));
    } else if (first_) {
      if (there) std::memmove(bytes_.get(), bytes_.get() + first_, there);
      first_ = 0;
      last_ = there;
    }
    const result<std::size_t> n =
        co_await stream_.read(mutable_buffer(bytes_.get() + last_, capacity_ - last_));
    if (n) last_ += *n;
    co_return n;
  }

  /// read_exactly of a buffer so large that what comes goes right into it. It is ours only when it
  /// is full: until then there is room here to take all of it back (memory that as a rule is never
  /// touched).
  task<result<void>> read_past(mutable_buffer buffer) {
    if (capacity_ < buffer.size()) move_to_block(buffer.size());
    loan lent(*this, buffer);
    lent.moved = buffered().size();
    take(buffer.first(lent.moved));
    while (lent.moved < buffer.size()) {
      const result<std::size_t> n = co_await stream_.read(buffer.from(lent.moved));
      if (!n) co_return n.error();
      if (*n == 0) co_return errc::end_of_stream;
      lent.moved += *n;
      position_ += *n;
    }
    co_return result<void>();
  }

  /// A line that has come as a whole, and is not yet taken.
  task<result<found_line>> find_line(std::size_t limit) {
    std::size_t searched = 0;
    for (bool waited = false;; waited = true) {
      const std::string_view there = buffered();
      const std::size_t at = there.find('\n', searched);
      const bool found = at != std::string_view::npos;
      std::size_t size = found ? at : there.size();
      // (A "\r" at the end of what is there may be half of the line's end.)
      if (size && there[size - 1] == '\r') --size;
      const bool too_long = size > limit;
      if ((found || too_long) && !waited) co_await at_hand();
      if (too_long) co_return errc::message_too_long;
      if (found) co_return found_line{size, at + 1};
      searched = there.size();
      const result<std::size_t> n = co_await fill(1);
      if (!n) co_return n.error();
      if (*n) continue;
      const std::size_t rest = buffered().size();
      if (!rest) co_return errc::end_of_stream;
      if (rest > limit) co_return errc::message_too_long;
      co_return found_line{rest, rest};
    }
  }

  S& stream_;
  const std::size_t size_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;  // what has come and was not yet given: [first_, last_)
  std::size_t last_ = 0;
  std::uint64_t position_ = 0;
  detail::one_at_a_time calls_;
};

}  // namespace eddy
