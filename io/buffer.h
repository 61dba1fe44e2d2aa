// Views of memory to read into and to write from. They own nothing: the memory must live until the
// await ends.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

#include <eddy/runtime/detail/abort.h>

#if defined(__clang__)
#define EDDY_LIFETIME_BOUND [[clang::lifetimebound]]
#else
#define EDDY_LIFETIME_BOUND
#endif

namespace eddy {
namespace detail {

template <class T>
concept byte_like =
    std::is_same_v<T, char> || std::is_same_v<T, unsigned char> || std::is_same_v<T, std::byte>;

template <class T>
concept writable_byte_pointer =
    // remove_pointer keeps a const: refused
    std::is_pointer_v<T> && byte_like<std::remove_pointer_t<T>>;

template <class T>
concept byte_pointer =
    std::is_pointer_v<T> && byte_like<std::remove_const_t<std::remove_pointer_t<T>>>;

template <class R>
concept byte_range = !std::is_array_v<std::remove_cvref_t<R>> && requires(R& range) {
  { range.data() } -> byte_pointer;
  { range.size() } -> std::convertible_to<std::size_t>;
};

/// A range that may be read into: somebody's variable, or a view. What was read into a temporary
/// would be lost.
template <class R>
concept writable_byte_range =
    byte_range<R> &&
    (std::is_lvalue_reference_v<R> || std::ranges::enable_borrowed_range<std::remove_cvref_t<R>>) &&
    requires(R& range) {
      { range.data() } -> writable_byte_pointer;
    };

inline void check_cut(std::size_t count, std::size_t size) noexcept {
  if (count > size) misuse("a buffer was cut behind its end");
}

}  // namespace detail

/// Memory to read into: implicitly from a std::span, std::array, std::vector, std::string or C
/// array of char, unsigned char or std::byte. All of it is room: a std::vector is filled up to its
/// size(), not its capacity().
///
/// Lifetime  A view: the memory must live, and must not move, until the await that uses it has
///           ended.
class mutable_buffer {
 public:
  mutable_buffer() noexcept = default;
  mutable_buffer(void* data, std::size_t size) noexcept
      : data_(static_cast<std::byte*>(data)), size_(size) {}

  template <class T, std::size_t N>
    requires detail::byte_like<T>
  mutable_buffer(T (&array EDDY_LIFETIME_BOUND)[N]) noexcept : mutable_buffer(array, N) {}

  template <class R>
    requires(detail::writable_byte_range<R> &&
             !std::is_same_v<std::remove_cvref_t<R>, mutable_buffer>)
  mutable_buffer(R&& range EDDY_LIFETIME_BOUND) noexcept
      : mutable_buffer(range.data(), range.size()) {}

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return !size_; }

  /// The first `count` bytes; there must be as many.
  mutable_buffer first(std::size_t count) const noexcept {
    detail::check_cut(count, size_);
    return mutable_buffer(data_, count);
  }
  /// What follows the first `count` bytes; there must be as many.
  mutable_buffer from(std::size_t count) const noexcept {
    detail::check_cut(count, size_);
    return mutable_buffer(data_ + count, size_ - count);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Bytes to write: implicitly from whatever a mutable_buffer takes, their const forms,
/// std::string_view and literals. A `const char[N]` is a literal and counts N - 1 bytes, without
/// the terminator; every other array counts N.
///
/// Lifetime  A view: the bytes must live, unchanged, until the await that uses them has ended. A
///           temporary in the very expression that awaits does: `co_await
///           stream.write(std::string("hello"))`.
class const_buffer {
 public:
  const_buffer() noexcept = default;
  const_buffer(const void* data, std::size_t size) noexcept
      : data_(static_cast<const std::byte*>(data)), size_(size) {}
  const_buffer(const mutable_buffer& other) noexcept : data_(other.data()), size_(other.size()) {}

  template <class T, std::size_t N>
    requires detail::byte_like<std::remove_const_t<T>>
  const_buffer(T (&array EDDY_LIFETIME_BOUND)[N]) noexcept
      : const_buffer(array, std::is_same_v<T, const char> ? N - 1 : N) {}

  template <class R>
    requires(detail::byte_range<R> && !std::is_same_v<std::remove_cvref_t<R>, const_buffer> &&
             !std::is_same_v<std::remove_cvref_t<R>, mutable_buffer>)
  const_buffer(R&& range EDDY_LIFETIME_BOUND) noexcept : const_buffer(range.data(), range.size()) {}

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return !size_; }

  /// The first `count` bytes; there must be as many.
  const_buffer first(std::size_t count) const noexcept {
    detail::check_cut(count, size_);
    return const_buffer(data_, count);
  }
  /// What follows the first `count` bytes; there must be as many.
  const_buffer from(std::size_t count) const noexcept {
    detail::check_cut(count, size_);
    return const_buffer(data_ + count, size_ - count);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

/// What becomes a buffer by a conversion. Functions that are awaited much take it as it is and
/// convert it themselves: g++ gives every temporary of a co_await expression room in the frame.
template <class B>
concept becomes_mutable_buffer = std::is_convertible_v<B, mutable_buffer> &&
                                 !std::is_base_of_v<mutable_buffer, std::remove_cvref_t<B>>;
template <class B>
concept becomes_const_buffer = std::is_convertible_v<B, const_buffer> &&
                               !std::is_base_of_v<const_buffer, std::remove_cvref_t<B>>;

}  // namespace detail
}  // namespace eddy
