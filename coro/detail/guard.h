// The guard against g++ 12: what stands as a temporary in a full expression with co_await is
// destroyed twice there when it is a lambda with captures or an aggregate with a destructor
// (upstream bug 99576 and relatives). Functions that return an awaitable refuse both, by type: an
// rvalue of such a type may as well be `std::move(named)`, which is harmless, but nothing tells the
// two apart. What to write instead is the same for both: pass the named one as it is, to be copied.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <type_traits>

namespace eddy::detail {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool compiler_destroys_twice = true;
#else
inline constexpr bool compiler_destroys_twice = false;
#endif

/// Has T a call operator of any kind, overloaded or generic? The name is then ambiguous in a class
/// that derives from T and from `has_one`. (Lambdas; and wrappers of functions, mostly made of a
/// lambda where they are passed.)
struct has_one {
  void operator()() const {}
};
template <class T>
struct with_another : T, has_one {};
template <class T>
constexpr bool is_callable_object() {
  if constexpr (!std::is_class_v<T>) {
    return false;
  } else if constexpr (std::is_final_v<T>) {
    return requires { &T::operator(); };
  } else {
    return !requires { &with_another<T>::operator(); };
  }
}

/// Is a temporary `T` destroyed once where it stands beside a co_await?
template <class T>
constexpr bool is_destroyed_once() {
  if constexpr (std::is_trivially_destructible_v<T>) {
    return true;
  } else {
    return !std::is_aggregate_v<T> && !is_callable_object<T>();
  }
}

/// May a `T` (as deduced for a forwarding reference) be a temporary in an awaited call?
template <class T>
inline constexpr bool safe_temporary = [] {
  if constexpr (!compiler_destroys_twice || std::is_lvalue_reference_v<T>) {
    return true;
  } else {
    return is_destroyed_once<std::remove_cvref_t<T>>();
  }
}();

/// May a `T` be the element type of something whose awaited calls take one by value?
template <class T>
inline constexpr bool safe_element =
    !compiler_destroys_twice || !std::is_aggregate_v<T> || std::is_trivially_destructible_v<T>;

}  // namespace eddy::detail

/// For functions that return an awaitable, on each callable and argument.
#define EDDY_SAFE_TEMPORARY(T)                                                                \
  static_assert(                                                                              \
      ::eddy::detail::safe_temporary<T>,                                                      \
      "g++ < 13 destroys this temporary twice in a co_await expression (bug 99576): name it " \
      "first and pass it as an lvalue, pass arguments instead of captures, or give the type " \
      "a constructor")

namespace eddy::detail {
/// For packs: complete only where each is safe.
template <class T>
struct guarded_argument {
  EDDY_SAFE_TEMPORARY(T);
};
}  // namespace eddy::detail
