// The guard against g++ 12: what stands as a temporary in a full expression with co_await is destroyed twice there when it
// is a lambda with captures or an aggregate with a destructor (upstream bug 99576 and relatives).
#pragma once

#include <type_traits>

namespace eddy::detail {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
inline constexpr bool compiler_destroys_twice = true;
#else
inline constexpr bool compiler_destroys_twice = false;
#endif

/// May a `T` (as deduced for a forwarding reference) be a temporary in an awaited call?
template <class T>
inline constexpr bool safe_temporary =
    !compiler_destroys_twice || std::is_lvalue_reference_v<T> ||
    std::is_trivially_destructible_v<std::remove_cvref_t<T>> ||
    !(std::is_aggregate_v<std::remove_cvref_t<T>> || requires { &std::remove_cvref_t<T>::operator(); });

}  // namespace eddy::detail

/// For functions that return an awaitable, on each callable and argument.
#define EDDY_SAFE_TEMPORARY(T)                                                                        \
  static_assert(::eddy::detail::safe_temporary<T>,                                                    \
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
