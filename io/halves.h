// into_halves: one stream, owned by two tasks, the one that reads and the one that writes.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <eddy/io/algorithm.h>
#include <eddy/io/buffer.h>
#include <eddy/runtime/detail/abort.h>
#include <eddy/runtime/result.h>

namespace eddy {

template <stream S>
class read_half;
template <stream S>
class write_half;

/// Gives the stream to two owners. It goes, and is closed, with the second of them; the end of the
/// write half alone is its shutdown_write(). One allocation, here.
template <stream S>
std::pair<read_half<S>, write_half<S>> into_halves(S);

namespace detail {

/// A stream with two owners, of one thread.
template <class S>
struct halved {
  explicit halved(S&& s) : whole(std::move(s)) {}
  S whole;
  unsigned owners = 2;
};

template <class S>
class half {
 public:
  explicit half(halved<S>* of) noexcept : of_(of) {}
  half(half&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
  half(const half&) = delete;
  half& operator=(const half&) = delete;
  half& operator=(half&& other) noexcept {
    half taken(std::move(other));
    std::swap(of_, taken.of_);
    return *this;
  }
  ~half() { drop(); }

  void drop() noexcept {
    if (of_ && !--of_->owners) delete of_;
    of_ = nullptr;
  }
  explicit operator bool() const noexcept { return of_; }
  S& whole() const noexcept {
    if (!of_) misuse("half of a stream is used after it was moved from");
    return of_->whole;
  }

 private:
  halved<S>* of_;
};

/// The halves belong together.
template <class S>
S joined(half<S>& one, half<S>& other) {
  S& whole = one.whole();
  if (&whole != &other.whole()) misuse("reunite() of two halves of different streams");
  S all(std::move(whole));
  one.drop();
  other.drop();
  return all;
}

}  // namespace detail

/// The half that reads. Its end leaves the stream to the other half.
///
/// Overlap   as the stream's own
/// Moving    moves no stream: what waits on it goes on. Use after a move aborts
template <stream S>
class read_half {
 public:
  /// As the stream's own read. (Whatever it takes: several buffers, too, where it takes them.)
  ///
  /// Result      at least one byte; 0 at the end
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    the half and the buffer must outlive the await
  EDDY_CORO_WRAPPER auto read(mutable_buffer buffer) { return half_.whole().read(buffer); }
  template <class B>
    requires std::convertible_to<B, std::span<const mutable_buffer>>
  EDDY_CORO_WRAPPER auto read(const B& buffers)
    requires requires(S& s, std::span<const mutable_buffer> b) { s.read(b); }
  {
    return half_.whole().read(std::span<const mutable_buffer>(buffers));
  }
  /// The stream: for its addresses and options.
  S& next_layer() const noexcept { return half_.whole(); }

  /// (for read_exactly)
  using moves_whole = std::conditional_t<detail::moves_whole<S>, read_half, void>;
  auto read_whole(mutable_buffer b)
    requires detail::moves_whole<S>
  {
    return half_.whole().read_whole(b);
  }

 private:
  friend std::pair<read_half, write_half<S>> into_halves<S>(S);
  template <stream T>
  friend T reunite(read_half<T>, write_half<T>);
  explicit read_half(detail::halved<S>* of) noexcept : half_(of) {}
  detail::half<S> half_;
};

/// The half that writes. Its end, like its shutdown_write(), ends our side of the stream.
///
/// Overlap   as the stream's own
/// Moving    moves no stream: what waits on it goes on. Use after a move aborts
template <stream S>
class write_half {
 public:
  write_half(write_half&&) noexcept = default;
  write_half& operator=(write_half&& other) noexcept {
    if (this == &other) return *this;
    end();
    half_ = std::move(other.half_);
    return *this;
  }
  ~write_half() { end(); }

  /// As the stream's own write. (Whatever it takes: several buffers, too, where it takes them.)
  ///
  /// Result      at least one byte
  /// Errors      the stream's own
  /// Cancel      as the stream's own
  /// Lifetime    the half and the data must outlive the await, the data unchanged
  EDDY_CORO_WRAPPER auto write(const_buffer data) { return half_.whole().write(data); }
  template <class B>
    requires std::convertible_to<B, std::span<const const_buffer>>
  EDDY_CORO_WRAPPER auto write(const B& buffers)
    requires requires(S& s, std::span<const const_buffer> b) { s.write(b); }
  {
    return half_.whole().write(std::span<const const_buffer>(buffers));
  }
  /// Ends our side; the half's destructor does it, too.
  result<void> shutdown_write() noexcept { return half_.whole().shutdown_write(); }
  /// The stream: for its addresses and options.
  S& next_layer() const noexcept { return half_.whole(); }

  /// (for write_all)
  using moves_whole = std::conditional_t<detail::moves_whole<S>, write_half, void>;
  template <class B>
  auto write_whole(const B& b)
    requires detail::moves_whole<S>
  {
    return half_.whole().write_whole(b);
  }

 private:
  friend std::pair<read_half<S>, write_half> into_halves<S>(S);
  template <stream T>
  friend T reunite(read_half<T>, write_half<T>);
  explicit write_half(detail::halved<S>* of) noexcept : half_(of) {}
  void end() noexcept {
    if (half_) static_cast<void>(half_.whole().shutdown_write());
  }
  detail::half<S> half_;
};

template <stream S>
std::pair<read_half<S>, write_half<S>> into_halves(S whole) {
  auto* const both = new detail::halved<S>(std::move(whole));
  return std::pair<read_half<S>, write_half<S>>(read_half<S>(both), write_half<S>(both));
}

/// The stream again, of both its halves (of another's: aborts), with nothing in flight: to close()
/// it, say. Our side is as it was: where the write half has not ended it, it goes on.
template <stream S>
S reunite(read_half<S> reader, write_half<S> writer) {
  return detail::joined(reader.half_, writer.half_);
}

}  // namespace eddy
