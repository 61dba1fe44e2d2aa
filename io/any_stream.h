// any_stream, any_reader, any_writer: a stream of whatever type, as one type.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/runtime/result.h>

namespace eddy {

class any_reader;
class any_writer;
class any_stream;

namespace detail {

template <class S>
concept erased =
    std::same_as<S, any_reader> || std::same_as<S, any_writer> || std::same_as<S, any_stream>;

template <class T>
task<result<T>> refused_by_nothing() {
  co_return std::errc::bad_file_descriptor;
}
inline task<result<void>> nothing_to_close() {
  co_return result<void>();
}

/// An awaitable as a task; what is one stays the one it is.
template <class A>
EDDY_CORO_WRAPPER auto as_task(A&& a) {
  if constexpr (is_task<std::remove_cvref_t<A>>::value) {
    return std::forward<A>(a);
  } else {
    return awaiting(std::forward<A>(a));
  }
}

/// The first of several buffers that is not empty, for a stream that takes but one.
template <class B>
B first_of(std::span<const B> buffers) noexcept {
  for (const B& b : buffers) {
    if (!b.empty()) return b;
  }
  return B();
}

template <class S>
concept scattering_stream =
    readable_stream<S> && requires(S& s, std::span<const mutable_buffer> b) {
      { s.read(b) } -> our_awaitable;
      requires std::same_as<result_of<decltype(s.read(b))>, result<std::size_t>>;
    };

struct erased_stream {
  erased_stream() = default;
  erased_stream(const erased_stream&) = delete;
  erased_stream& operator=(const erased_stream&) = delete;
  virtual ~erased_stream() = default;
  virtual task<result<std::size_t>> read(mutable_buffer) = 0;
  virtual task<result<std::size_t>> read(std::span<const mutable_buffer>) = 0;
  virtual task<result<std::size_t>> write(const_buffer) = 0;
  virtual task<result<std::size_t>> write(std::span<const const_buffer>) = 0;
  virtual result<void> shutdown_write() noexcept = 0;
  virtual task<result<void>> close() = 0;
  virtual result<std::size_t> try_read(mutable_buffer) noexcept = 0;
  virtual result<std::size_t> try_write(const_buffer) noexcept = 0;
  virtual void abort() noexcept = 0;
};

/// (What S lacks, nobody can ask for.)
template <class S>
class owned_stream final : public erased_stream {
 public:
  explicit owned_stream(S&& s) : stream_(std::move(s)) {}
  EDDY_CORO_WRAPPER task<result<std::size_t>> read(mutable_buffer buffer) override {
    if constexpr (readable_stream<S>) {
      return as_task(stream_.read(buffer));
    } else {
      return refused_by_nothing<std::size_t>();
    }
  }
  EDDY_CORO_WRAPPER task<result<std::size_t>> read(
      std::span<const mutable_buffer> buffers) override {
    if constexpr (scattering_stream<S>) {
      return as_task(stream_.read(buffers));
    } else {
      return read(first_of(buffers));
    }
  }
  EDDY_CORO_WRAPPER task<result<std::size_t>> write(const_buffer data) override {
    if constexpr (writable_stream<S>) {
      return as_task(stream_.write(data));
    } else {
      return refused_by_nothing<std::size_t>();
    }
  }
  EDDY_CORO_WRAPPER task<result<std::size_t>> write(
      std::span<const const_buffer> buffers) override {
    if constexpr (gathering_stream<S>) {
      return as_task(stream_.write(buffers));
    } else {
      return write(first_of(buffers));
    }
  }
  result<void> shutdown_write() noexcept override {
    if constexpr (stream<S>) {
      return stream_.shutdown_write();
    } else {
      return std::errc::bad_file_descriptor;
    }
  }
  EDDY_CORO_WRAPPER task<result<void>> close() override {
    if constexpr (requires { as_task(stream_.close()); }) {
      return as_task(stream_.close());
    } else {
      return nothing_to_close();
    }
  }
  result<std::size_t> try_read(mutable_buffer buffer) noexcept override {
    if constexpr (requires { stream_.try_read(buffer); }) {
      return stream_.try_read(buffer);
    } else {
      return std::errc::operation_not_supported;
    }
  }
  result<std::size_t> try_write(const_buffer data) noexcept override {
    if constexpr (requires { stream_.try_write(data); }) {
      return stream_.try_write(data);
    } else {
      return std::errc::operation_not_supported;
    }
  }
  void abort() noexcept override {
    if constexpr (requires { stream_.abort(); }) stream_.abort();
  }

 private:
  S stream_;
};

/// What the three have in common.
class any_base {
 protected:
  template <class S>
  explicit any_base(std::in_place_t, S&& s)
      : stream_(std::make_unique<owned_stream<S>>(std::forward<S>(s))) {}
  any_base(any_base&&) noexcept = default;
  any_base& operator=(any_base&&) noexcept = default;
  ~any_base() = default;

  template <class B>
  EDDY_CORO_WRAPPER task<result<std::size_t>> do_read(B b) {
    return stream_ ? stream_->read(b) : refused_by_nothing<std::size_t>();
  }
  template <class B>
  EDDY_CORO_WRAPPER task<result<std::size_t>> do_write(B b) {
    return stream_ ? stream_->write(b) : refused_by_nothing<std::size_t>();
  }
  result<void> do_shutdown_write() noexcept {
    if (!stream_) return std::errc::bad_file_descriptor;
    return stream_->shutdown_write();
  }
  EDDY_CORO_WRAPPER task<result<void>> do_close() {
    return stream_ ? stream_->close() : refused_by_nothing<void>();
  }
  result<std::size_t> do_try_read(mutable_buffer buffer) noexcept {
    if (!stream_) return std::errc::bad_file_descriptor;
    return stream_->try_read(buffer);
  }
  result<std::size_t> do_try_write(const_buffer data) noexcept {
    if (!stream_) return std::errc::bad_file_descriptor;
    return stream_->try_write(data);
  }
  void do_abort() noexcept {
    if (stream_) stream_->abort();
  }

 private:
  std::unique_ptr<erased_stream> stream_;
};

}  // namespace detail

/// Owns a readable_stream, of eddy's or of the program's own. One allocation to make it; a call
/// makes none (it is a task, in pooled memory).
///
/// Overlap   as the stream's own
/// Moving    moves no stream: what waits on it goes on. Destroying it is destroying the stream. One
///           that was moved from answers with bad_file_descriptor
class any_reader : detail::any_base {
 public:
  template <readable_stream S>
    requires(!detail::erased<S> && std::move_constructible<S>)
  any_reader(S source) : any_base(std::in_place, std::move(source)) {}

  /// Result      as the stream's own read: at least one byte; 0 at the end
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    reader and buffer must outlive the await
  EDDY_CORO_WRAPPER task<result<std::size_t>> read(mutable_buffer buffer) {
    return do_read(buffer);
  }
  /// Into several buffers; into the first one where the stream takes but one.
  ///
  /// Result      as above, in all of them
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    reader, buffers and the array of them must outlive the await
  EDDY_CORO_WRAPPER task<result<std::size_t>> read(std::span<const mutable_buffer> buffers) {
    return do_read(buffers);
  }
  /// The stream's own close(), where it has one; else nothing happens.
  ///
  /// Result      success
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    the reader must outlive the await
  EDDY_CORO_WRAPPER task<result<void>> close() { return do_close(); }
  /// The stream's own: what is there now. operation_not_supported: it has none.
  result<std::size_t> try_read(mutable_buffer buffer) noexcept { return do_try_read(buffer); }
  /// The stream's own, where it has one; else nothing happens.
  void abort() noexcept { do_abort(); }
};

/// Owns a writable_stream. Cost, Overlap and Moving as any_reader.
class any_writer : detail::any_base {
 public:
  template <writable_stream S>
    requires(!detail::erased<S> && std::move_constructible<S>)
  any_writer(S sink) : any_base(std::in_place, std::move(sink)) {}

  /// Result      as the stream's own write: at least one byte
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    writer and data must outlive the await, the data unchanged
  EDDY_CORO_WRAPPER task<result<std::size_t>> write(const_buffer data) { return do_write(data); }
  /// From several buffers; from the first one where the stream takes but one.
  ///
  /// Result      as above, from all of them
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    writer, data and the array of buffers must outlive the await, unchanged
  EDDY_CORO_WRAPPER task<result<std::size_t>> write(std::span<const const_buffer> buffers) {
    return do_write(buffers);
  }
  /// The stream's own close(), where it has one; else nothing happens.
  ///
  /// Result      success
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    the writer must outlive the await
  EDDY_CORO_WRAPPER task<result<void>> close() { return do_close(); }
  /// The stream's own: what is possible now. operation_not_supported: it has none.
  result<std::size_t> try_write(const_buffer data) noexcept { return do_try_write(data); }
  /// The stream's own, where it has one; else nothing happens.
  void abort() noexcept { do_abort(); }
};

/// Owns a stream, and is one. Cost, Overlap and Moving as any_reader.
class any_stream : detail::any_base {
 public:
  template <stream S>
    requires(!detail::erased<S> && std::move_constructible<S>)
  any_stream(S s) : any_base(std::in_place, std::move(s)) {}

  /// Result      as the stream's own read: at least one byte; 0 at the end
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    stream and buffer must outlive the await
  EDDY_CORO_WRAPPER task<result<std::size_t>> read(mutable_buffer buffer) {
    return do_read(buffer);
  }
  /// Into several buffers; into the first one where the stream takes but one.
  ///
  /// Result      as above, in all of them
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    stream, buffers and the array of them must outlive the await
  EDDY_CORO_WRAPPER task<result<std::size_t>> read(std::span<const mutable_buffer> buffers) {
    return do_read(buffers);
  }
  /// Result      as the stream's own write: at least one byte
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    stream and data must outlive the await, the data unchanged
  EDDY_CORO_WRAPPER task<result<std::size_t>> write(const_buffer data) { return do_write(data); }
  /// From several buffers; from the first one where the stream takes but one.
  ///
  /// Result      as above, from all of them
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    stream, data and the array of buffers must outlive the await, unchanged
  EDDY_CORO_WRAPPER task<result<std::size_t>> write(std::span<const const_buffer> buffers) {
    return do_write(buffers);
  }
  /// The stream's own.
  result<void> shutdown_write() noexcept { return do_shutdown_write(); }
  /// The stream's own.
  ///
  /// Result      success
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    the stream must outlive the await
  EDDY_CORO_WRAPPER task<result<void>> close() { return do_close(); }
  /// The stream's own: what is there now. operation_not_supported: it has none.
  result<std::size_t> try_read(mutable_buffer buffer) noexcept { return do_try_read(buffer); }
  /// The stream's own: what is possible now. operation_not_supported: it has none.
  result<std::size_t> try_write(const_buffer data) noexcept { return do_try_write(data); }
  /// The stream's own, where it has one; else nothing happens.
  void abort() noexcept { do_abort(); }
};

}  // namespace eddy
