// duplex: two connected streams in memory, for tests of whatever takes a stream.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <memory>
#include <source_location>
#include <span>
#include <utility>

#include <eddy/coro/detail/base.h>
#include <eddy/coro/task.h>
#include <eddy/io/buffer.h>
#include <eddy/io/detail/awaited_once.h>
#include <eddy/runtime/result.h>

namespace eddy {

class memory_stream;
/// Two ends of a connection in memory: what is written to the one is read from the other. Each way
/// holds up to `capacity` bytes, at least one, and a write waits while it is full. One allocation
/// for both ways and the ends; a call makes none.
std::pair<memory_stream, memory_stream> duplex(std::size_t capacity);

namespace detail {

class memory_wait;

/// One way of a duplex: a ring of bytes, and who waits at its ends.
struct memory_way {
  std::byte* ring = nullptr;
  std::size_t capacity = 0;
  std::size_t first = 0;
  std::size_t count = 0;
  bool ended = false;   // the writer has ended its side
  bool unread = false;  // the reader is gone
  bool reset = false;
  bool reader_closed = false;  // these two: by a close() of its own end
  bool writer_closed = false;
  memory_wait* reader = nullptr;
  memory_wait* writer = nullptr;

  std::size_t put(const_buffer) noexcept;
  std::size_t get(mutable_buffer) noexcept;
};

/// A read or write that a task waits for. Movable until it has begun. Takes nothing before it goes
/// on: what it waited for stays where it is if the task is stopped.
class memory_wait : work, public awaiter_tag {
 public:
  memory_wait(memory_way* way, mutable_buffer one) noexcept
      : work(unset_t()), way_(way), reads_(true), one_(one) {}
  memory_wait(memory_way* way, std::span<const mutable_buffer> many) noexcept
      : work(unset_t()),
        way_(way),
        reads_(true),
        refused_(is_refused(many.size())),
        count_(many.size()),
        many_(many.data()) {}
  memory_wait(memory_way* way, const_buffer one) noexcept
      : work(unset_t()), way_(way), one_(unconst(one)) {}
  memory_wait(memory_way* way, std::span<const const_buffer> many) noexcept
      : work(unset_t()),
        way_(way),
        refused_(is_refused(many.size())),
        count_(many.size()),
        many_(many.data()) {}
  memory_wait(memory_wait&& other) noexcept
      : work(unset_t()),
        way_(other.way_),
        reads_(other.reads_),
        refused_(other.refused_),
        one_(other.one_),
        count_(other.count_),
        many_(other.many_) {
    other.check_movable();
  }
  ~memory_wait() {
    if (claimed_) slot() = nullptr;
  }
  void check_movable() const noexcept {
    if (begun_) awaited_already();
  }

  bool await_ready() noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    static constexpr wait_type read{
        {&resume_wait, &wait_in_background}, "memory_stream::read", &memory_wait::cancel, nullptr};
    static constexpr wait_type write{
        {&resume_wait, &wait_in_background}, "memory_stream::write", &memory_wait::cancel, nullptr};
    if (enter(*this, h.promise(), reads_ ? read : write, at)) begin();
  }
  result<std::size_t> await_resume() noexcept { return perform(); }

  /// Is there something to give, or to take, or nothing to wait for?
  bool can_go_on() const noexcept;
  /// Does it, where it can go on.
  result<std::size_t> perform() noexcept;
  /// It can go on: its task is made ready.
  void wake() noexcept;
  /// Its own end is closed.
  void close() noexcept;
  const std::source_location& place() const noexcept { return waiter_of(*this).where; }

 private:
  static mutable_buffer unconst(const_buffer b) noexcept {
    return mutable_buffer(const_cast<std::byte*>(b.data()), b.size());
  }
  static constexpr bool is_refused(std::size_t count) noexcept { return !count || count > 1024; }
  static void cancel(work&, ask_list&) noexcept;
  [[noreturn]] static void awaited_already() noexcept;
  void begin() noexcept;
  memory_wait*& slot() const noexcept { return reads_ ? way_->reader : way_->writer; }
  std::size_t size() const noexcept;
  mutable_buffer part(std::size_t) const noexcept;

  memory_way* way_;  // null: the stream is closed, or was moved from
  const bool reads_ = false;
  const bool refused_ = false;  // no buffers, or more than the kernel would take
  bool begun_ = false;
  bool claimed_ = false;  // stands in its way's slot
  bool waits_ = false;    // and is not yet ready
  bool closed_ = false;
  mutable_buffer one_;
  std::size_t count_ = 0;
  const void* many_ = nullptr;  // count_ mutable_buffers, or const_buffers; null: one_
};

using memory_transfer = awaited_once<memory_wait>;

struct memory_ways {
  memory_way way[2];
  unsigned ends = 2;
  std::unique_ptr<std::byte[]> bytes;
};

}  // namespace detail

/// An end of a duplex(): a stream that needs no kernel. It behaves as a socket's does, and what it
/// does is done at once: a write is there to be read, and who waited for it goes on as a microtask.
///
/// A wait for the other end holds no loop: where all tasks wait, run() throws `deadlock`.
///
/// Threads   Both ends belong to one loop's thread.
/// Overlap   A read and a write may wait together; a second of either kind aborts.
/// Moving    Moving or destroying it while a call waits aborts. One that was moved from, or closed,
///           answers with bad_file_descriptor.
class memory_stream {
 public:
  memory_stream(memory_stream&&) noexcept;
  memory_stream& operator=(memory_stream&&) noexcept;
  ~memory_stream();

  /// Reads what is there, at least one byte; 0: the other end has ended its side.
  ///
  /// Result      bytes at the front of `buffer`; 0 at the end
  /// Errors      connection_reset: abort() of the other end; operation_canceled: another task has
  ///             closed this end; bad_file_descriptor: it was closed before; invalid_argument: an
  ///             empty buffer
  /// Cancel      stops the task, and no byte is taken
  /// Lifetime    stream and buffer must outlive the await
  detail::memory_transfer read(mutable_buffer buffer) noexcept {
    return detail::memory_transfer(in(), buffer);
  }
  /// Reads into several buffers, the first one first.
  ///
  /// Result      bytes in all of them; 0 at the end
  /// Errors      as read; invalid_argument: no buffer, more than 1024, or all of them empty
  /// Cancel      stops the task, and no byte is taken
  /// Lifetime    stream, buffers and the array of them must outlive the await
  detail::memory_transfer read(std::span<const mutable_buffer> buffers) noexcept {
    return detail::memory_transfer(in(), buffers);
  }

  /// Writes at least one byte: as much as there is room for.
  ///
  /// Result      bytes taken from the front of `data`; 0 where it is empty
  /// Errors      broken_pipe: the other end is closed, or this side was ended; connection_reset:
  ///             abort() of the other end; operation_canceled: another task has closed this end;
  ///             bad_file_descriptor: it was closed before
  /// Cancel      stops the task, and no byte is taken
  /// Lifetime    stream and data must outlive the await, the data unchanged
  detail::memory_transfer write(const_buffer data) noexcept {
    return detail::memory_transfer(out(), data);
  }
  /// Writes from several buffers, the first one first.
  ///
  /// Result      bytes taken from all of them; 0 where they are empty
  /// Errors      as write; invalid_argument: no buffer, or more than 1024
  /// Cancel      stops the task, and no byte is taken
  /// Lifetime    stream, data and the array of buffers must outlive the await, unchanged
  detail::memory_transfer write(std::span<const const_buffer> buffers) noexcept {
    return detail::memory_transfer(out(), buffers);
  }

  /// What is possible now; resource_unavailable_try_again: nothing is. Beside a call of its kind
  /// that waits it aborts.
  result<std::size_t> try_read(
      mutable_buffer buffer, std::source_location where = std::source_location::current()) noexcept;
  result<std::size_t> try_write(
      const_buffer data, std::source_location where = std::source_location::current()) noexcept;

  /// Ends our side: the other end reads to the end of what was written, and then 0. Reading goes on.
  result<void> shutdown_write() noexcept;

  /// Ends what other tasks await on this end (with operation_canceled), and closes it: the other end
  /// reads what was written, and then 0; what it writes is broken_pipe.
  ///
  /// Result      success
  /// Errors      bad_file_descriptor: it is closed already
  /// Cancel      cannot be cancelled once begun; in a stopping task it does not begin, and the
  ///             destructor closes
  /// Lifetime    the stream must outlive the await
  task<result<void>> close();

  /// Closes it at once, as a reset: what is on its way, both ways, is lost, and the other end gets
  /// connection_reset. What others await on this end ends with operation_canceled.
  void abort() noexcept;

 private:
  friend std::pair<memory_stream, memory_stream> duplex(std::size_t);
  memory_stream(detail::memory_ways* ways, unsigned side) noexcept : ways_(ways), side_(side) {}
  detail::memory_way* in() const noexcept { return ways_ ? &ways_->way[side_] : nullptr; }
  detail::memory_way* out() const noexcept { return ways_ ? &ways_->way[1 - side_] : nullptr; }
  bool closed() const noexcept { return !ways_ || in()->reader_closed; }
  void check_idle(const char* sentence) const noexcept;
  void end(bool reset) noexcept;
  void drop() noexcept;

  detail::memory_ways* ways_;
  unsigned side_;
};

}  // namespace eddy
