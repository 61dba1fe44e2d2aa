// What the world answers: a value or a std::error_code; and the library's own error codes.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <new>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy {

/// What only this library reports; everything else is the system's errno. Compares with
/// std::error_code:
///
///     if (line.error() == eddy::errc::end_of_stream) break;
enum class errc {
  end_of_stream = 1,   ///< it ended before what was asked for was there
  closed,              ///< a channel was closed
  timed_out,           ///< a deadline of this library passed; also equals std::errc::timed_out
  message_too_long,    ///< more than a limit allows; also equals std::errc::message_size
  host_not_found,      ///< nothing has that name
  name_try_again,      ///< no name server has answered: another time one may
  name_server_failed,  ///< a name server has answered that it cannot tell
};

/// The category of `errc`; its name is "eddy".
const std::error_category& error_category() noexcept;

inline std::error_code make_error_code(errc e) noexcept {
  return std::error_code(static_cast<int>(e), error_category());
}

}  // namespace eddy

template <>
struct std::is_error_code_enum<eddy::errc> : std::true_type {};

namespace eddy {

template <class T>
#ifdef EDDY_CHECK_RESULTS
class [[gnu::abi_tag("checked")]] result;
#else
class result;
#endif

namespace detail {

/// The system's error `number`, unchanged (ECONNRESET, not -ECONNRESET); it equals the std::errc of
/// that name.
inline std::error_code from_errno(int number) noexcept {
  return std::error_code(number, std::system_category());
}

[[noreturn]] void misuse_no_value(int code, const std::error_category& category) noexcept;
[[noreturn]] void misuse_no_error() noexcept;

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

/// Types of which a result is made as an error.
template <class E>
concept error_like = std::is_same_v<E, std::error_code> || std::is_same_v<E, std::errc> ||
                     std::is_error_code_enum<E>::value;

/// The code of an error that is one.
inline int checked_code(const std::error_code& error) noexcept {
  if (!error) misuse_no_error();
  return error.value();
}

/// The category of an error, which the compiler is told is no null pointer: else it takes the value
/// for one that might be read uninitialised.
inline const std::error_category* category_of(const std::error_code& error) noexcept {
  const std::error_category* category = __builtin_addressof(error.category());
  if (!category) __builtin_unreachable();
  return category;
}

// Built with -Dcheck_results=true, which defines EDDY_CHECK_RESULTS for the library and for all that
// uses it, a result knows whether its error was looked at, and says it where it was not. (Its type
// has a name of its own then: what was built without cannot be linked with it.)
#ifdef EDDY_CHECK_RESULTS
/// On stderr, once for each place.
void tell_unread_error(int code, const std::error_category& category) noexcept;

/// The error that nobody has looked at yet. A copy takes the duty to look over.
template <class>
class unread {
 public:
  unread() noexcept = default;
  explicit unread(const std::error_code& error) noexcept
      : code_(error.value()), category_(&error.category()) {}
  unread(const unread& other) noexcept
      : code_(other.code_), category_(std::exchange(other.category_, nullptr)) {}
  unread& operator=(const unread& other) noexcept {
    if (this == &other) return *this;
    tell();
    code_ = other.code_;
    category_ = std::exchange(other.category_, nullptr);
    return *this;
  }
  ~unread() { tell(); }
  void read() const noexcept { category_ = nullptr; }

 private:
  void tell() const noexcept {
    if (category_) tell_unread_error(code_, *category_);
  }
  int code_ = 0;
  mutable const std::error_category* category_ = nullptr;
};
#else
template <class>
struct unread {
  unread() noexcept = default;
  explicit unread(const std::error_code&) noexcept {}
  void read() const noexcept {}
};
#endif

/// May a result<T> be made from an `U` that is a value?
template <class U, class T, class V>
concept value_for = !std::is_same_v<std::remove_cvref_t<U>, result<T>> &&
                    !std::is_same_v<std::remove_cvref_t<U>, std::in_place_t> &&
                    !error_like<std::remove_cvref_t<U>> && std::is_convertible_v<U, V>;

/// May a result<T> be made from a result<U>, by converting its value? Not where the whole result<U>
/// is a value.
template <class U, class T, class V>
concept result_for =
    is_result<std::remove_cvref_t<U>> && !std::is_same_v<std::remove_cvref_t<U>, result<T>> &&
    !std::is_convertible_v<U, V> &&
    std::is_convertible_v<typename std::remove_cvref_t<U>::value_type, V>;

}  // namespace detail

/// A value or an error. Where `T` is a reference the value is a copy of what it refers to.
///
///     result<std::size_t> read = co_await stream.read(buffer);
///     if (!read) co_return read.error();
///     use(buffer.data(), *read);
///
/// Taking the value of an error with `*` or `->` is the caller's bug and aborts; value() throws
/// instead. A result made from an error code that says "no error" aborts too.
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = std::remove_cvref_t<T>;
  static_assert(std::is_object_v<value_type> && !std::is_array_v<value_type>,
                "result<T>: T is an object type, a reference or void");
  static_assert(!detail::error_like<value_type>,
                "result<T>: T is the value, the error stands beside it");

  /// From a value.
  template <class U = value_type>
    requires detail::value_for<U, T, value_type>
  result(U&& value) noexcept(std::is_nothrow_constructible_v<value_type, U>)
      : value_(std::forward<U>(value)), category_(nullptr) {}

  /// A value made in place.
  template <class... A>
    requires std::is_constructible_v<value_type, A...>
  explicit result(std::in_place_t, A&&... arguments)
      : value_(std::forward<A>(arguments)...), category_(nullptr) {}

  /// From an error, which must be one.
  result(std::error_code error) noexcept
      : code_(detail::checked_code(error)), category_(detail::category_of(error)), unread_(error) {}
  result(std::errc error) noexcept : result(std::make_error_code(error)) {}
  template <class E>
    requires std::is_error_code_enum<E>::value
  result(E error) noexcept : result(std::error_code(error)) {}

  /// From a result whose value converts.
  template <class U>
    requires detail::result_for<U, T, value_type>
  result(U&& other) : code_(0), category_(nullptr) {
    if (other) {
      make(*std::forward<U>(other));
    } else {
      take_error(other.error());
      unread_ = detail::unread<T>(other.error());
    }
  }

  result(const result&)
    requires std::is_trivially_copy_constructible_v<value_type>
  = default;
  result(const result& other)
    requires(std::is_copy_constructible_v<value_type> &&
             !std::is_trivially_copy_constructible_v<value_type>)
      : code_(other.category_ ? other.code_ : 0),
        category_(other.category_),
        unread_(other.unread_) {
    if (!category_) make(other.value_);
  }

  result(result&&)
    requires std::is_trivially_move_constructible_v<value_type>
  = default;
  result(result&& other) noexcept(std::is_nothrow_move_constructible_v<value_type>)
    requires(std::is_move_constructible_v<value_type> &&
             !std::is_trivially_move_constructible_v<value_type>)
      : code_(other.category_ ? other.code_ : 0),
        category_(other.category_),
        unread_(other.unread_) {
    if (!category_) make(std::move(other.value_));
  }

  result& operator=(const result&)
    requires std::is_trivially_copyable_v<value_type>
  = default;
  // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): assign() looks
  result& operator=(const result& other)
    requires(std::is_copy_constructible_v<value_type> && !std::is_trivially_copyable_v<value_type>)
  {
    return assign(other);
  }

  result& operator=(result&&)
    requires std::is_trivially_copyable_v<value_type>
  = default;
  result& operator=(result&& other) noexcept(std::is_nothrow_move_constructible_v<value_type> &&
                                             std::is_nothrow_move_assignable_v<value_type>)
    requires(std::is_move_constructible_v<value_type> && !std::is_trivially_copyable_v<value_type>)
  {
    return assign(std::move(other));
  }

  ~result()
    requires std::is_trivially_destructible_v<value_type>
  = default;
  ~result() {
    if (!category_) value_.~value_type();
  }

  explicit operator bool() const noexcept { return has_value(); }
  bool has_value() const noexcept {
    unread_.read();
    return !category_;
  }

  /// The value; aborts where there is none.
  value_type& operator*() & noexcept { return checked(); }
  const value_type& operator*() const& noexcept { return checked(); }
  /// From a temporary: moved out, so that it outlives the result (`for (auto& x : *co_await f())`).
  value_type operator*() && noexcept(std::is_nothrow_move_constructible_v<value_type>) {
    return std::move(checked());
  }
  value_type* operator->() noexcept { return __builtin_addressof(checked()); }
  const value_type* operator->() const noexcept { return __builtin_addressof(checked()); }

  /// The value; throws std::system_error where there is none.
  value_type& value() & {
    throw_error();
    return value_;
  }
  const value_type& value() const& {
    throw_error();
    return value_;
  }
  value_type value() && {
    throw_error();
    return std::move(value_);
  }

  template <class U>
  value_type value_or(U&& otherwise) const& {
    unread_.read();
    return category_ ? static_cast<value_type>(std::forward<U>(otherwise)) : value_;
  }
  template <class U>
  value_type value_or(U&& otherwise) && {
    unread_.read();
    return category_ ? static_cast<value_type>(std::forward<U>(otherwise)) : std::move(value_);
  }

  /// The error; the empty code where there is a value.
  std::error_code error() const noexcept {
    unread_.read();
    return category_ ? std::error_code(code_, *category_) : std::error_code();
  }

 private:
  value_type& checked() noexcept {
    if (category_) detail::misuse_no_value(code_, *category_);
    return value_;
  }
  const value_type& checked() const noexcept {
    if (category_) detail::misuse_no_value(code_, *category_);
    return value_;
  }
  void throw_error() const {
    unread_.read();
    if (category_) throw std::system_error(code_, *category_);
  }
  void take_error(const std::error_code& error) noexcept {
    code_ = error.value();
    category_ = detail::category_of(error);
  }

  template <class... A>
  void make(A&&... arguments) {
    ::new (static_cast<void*>(__builtin_addressof(value_)))
        value_type(std::forward<A>(arguments)...);
  }

  template <class R>
  result& assign(R&& other) {
    if (this == __builtin_addressof(other)) return *this;
    unread_ = other.unread_;
    if (other.category_) {
      if (!category_) value_.~value_type();
      take_error(std::error_code(other.code_, *other.category_));
    } else if (!category_) {
      if constexpr (std::is_assignable_v<value_type&, decltype((std::forward<R>(other).value_))>) {
        value_ = std::forward<R>(other).value_;
      } else {
        value_type copy(std::forward<R>(other).value_);
        value_.~value_type();
        make(std::move(copy));
      }
    } else {
      // Where the constructor throws, the error stays; its code lies under the value.
      const error_guard guard(*this);
      make(std::forward<R>(other).value_);
      category_ = nullptr;
    }
    return *this;
  }

  /// Puts the code back where making a value over it has thrown.
  class error_guard {
   public:
    explicit error_guard(result& r) noexcept : result_(r), code_(r.code_) {}
    error_guard(const error_guard&) = delete;
    error_guard& operator=(const error_guard&) = delete;
    ~error_guard() {
      if (result_.category_) result_.code_ = code_;
    }

   private:
    result& result_;
    int code_;
  };

  union {
    value_type value_;
    int code_;
  };
  const std::error_category* category_;  // Null: there is a value.
  [[no_unique_address]] detail::unread<T> unread_;
};

/// Success or an error. `result<void>{}` is success; so is std::monostate.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  result() noexcept = default;
  result(std::monostate) noexcept {}
  /// From an error, which must be one.
  result(std::error_code error) noexcept
      : code_(detail::checked_code(error)), category_(detail::category_of(error)), unread_(error) {}
  result(std::errc error) noexcept : result(std::make_error_code(error)) {}
  template <class E>
    requires std::is_error_code_enum<E>::value
  result(E error) noexcept : result(std::error_code(error)) {}

  explicit operator bool() const noexcept { return has_value(); }
  bool has_value() const noexcept {
    unread_.read();
    return !category_;
  }
  /// Aborts on an error.
  void operator*() const noexcept {
    if (category_) detail::misuse_no_value(code_, *category_);
  }
  /// Throws std::system_error on an error.
  void value() const {
    unread_.read();
    if (category_) throw std::system_error(code_, *category_);
  }
  /// The error; the empty code where there is none.
  std::error_code error() const noexcept {
    unread_.read();
    return category_ ? std::error_code(code_, *category_) : std::error_code();
  }

 private:
  int code_ = 0;
  const std::error_category* category_ = nullptr;  // Null: success.
  [[no_unique_address]] detail::unread<void> unread_;
};

}  // namespace eddy
