// Functions that are told of a cancel: those of offload and run_on that take a std::stop_token first.
// Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <version>

#include <eddy/coro/detail/callable.h>
#include <eddy/coro/detail/operation_wait.h>

namespace eddy::detail {

#ifdef __cpp_lib_jthread
inline constexpr bool there_are_tokens = true;
using token = std::stop_token;
using token_source = std::stop_source;
#else  // libc++ before 20: nobody's function takes one
inline constexpr bool there_are_tokens = false;
struct token {};
struct token_source {
  token get_token() const { return {}; }
  void request_stop() const {}
};
#endif

template <class First, class... Rest>
constexpr bool begins_with_a_token(types<First, Rest...>) {
  return std::is_same_v<std::remove_cvref_t<First>, token>;
}
constexpr bool begins_with_a_token(types<>) {
  return false;
}

/// Takes an `F` a std::stop_token in front of these arguments? (One whose parameters cannot be known
/// does where it cannot be called without.)
template <class F, class... A>
constexpr bool is_told() {
  using called = std::decay_t<std::unwrap_reference_t<F>>;
  if constexpr (!there_are_tokens || std::is_member_pointer_v<called>) {
    return false;
  } else if constexpr (requires { typename signature<called>::parameters; }) {
    return begins_with_a_token(typename signature<called>::parameters()) &&
           std::is_invocable_v<F&, token, A...>;
  } else {
    // (The second is asked only where the first is true: it may compile a body.)
    return std::conjunction_v<std::negation<std::is_invocable<F&, A...>>,
                              std::is_invocable<F&, token, A...>>;
  }
}

/// What tells a function: nothing, or the source of its token, which is kept as the arguments are (a
/// task may take it by reference).
struct tells_nothing {};
struct tells {
  token_source source;
  detail::token token = source.get_token();
};
template <class F, class... A>
using teller = std::conditional_t<is_told<F, A...>(), tells, tells_nothing>;

/// Calls `f(args...)`, with its token where it takes one.
template <class F, class... A>
EDDY_CORO_WRAPPER std::invoke_result_t<F&, token, A...> call_told(tells& with, F& f,
                                                                  std::tuple<A...>& kept) {
  return detail::call_kept(f, kept, std::move(with.token));
}
template <class F, class... A>
EDDY_CORO_WRAPPER std::invoke_result_t<F&, A...> call_told(tells_nothing&, F& f,
                                                           std::tuple<A...>& kept) {
  return detail::call_kept(f, kept);
}
template <class F, class... A>
using told_result = decltype(detail::call_told(std::declval<teller<F, A...>&>(), std::declval<F&>(),
                                               std::declval<std::tuple<A...>&>()));

/// As fault_of_call, with the token.
template <bool Awaits, class F, class... A>
constexpr mistake fault_of_told_call() {
  if constexpr (is_told<std::decay_t<F>, std::decay_t<A>...>()) {
    return fault_of_call<Awaits, F, token, A...>();
  } else {
    return fault_of_call<Awaits, F, A...>();
  }
}

/// A call on the pool whose function is told. The telling runs what the function has hung on its
/// token, so it is an item of its own: a cancel runs no user code.
class told_call : public operation_wait {
 protected:
  told_call(const request& r, tells& with) noexcept
      : operation_wait(r),
        request_stop_([](void* source) { static_cast<token_source*>(source)->request_stop(); }),
        source_(&with.source) {}
  ~told_call() = default;
  static const wait_type wait;

 private:
  static void cancel(work&, ask_list&) noexcept;
  static void tell(work*) noexcept;
  static void reported(work*) noexcept;
  static const work_type telling;

  void (*const request_stop_)(void*);
  void* const source_;
  work telling_;
  bool told_ = false;
  bool tells_ = false;     // the item stands in the queue: the wait does not end before it
  bool reported_ = false;  // the call has ended meanwhile
};

}  // namespace eddy::detail
