// What can be begun: callables and arguments are kept by value until a task has ended, and moved into
// the call. Whatever cannot work so is refused in one sentence, where the call stands. Not an
// interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/coro/task.h>

namespace eddy::detail {

// ---- What a callable takes, where that can be known --------------------------------------------

template <class... T>
struct types {};

/// `parameters`, as types<…>: of functions, and of objects with one call operator. (Nothing says what
/// a generic lambda or an overloaded operator takes.)
template <class F>
struct signature {};
template <class R, class... P>
struct signature<R (*)(P...)> {
  using parameters = types<P...>;
};
template <class R, class... P>
struct signature<R (*)(P...) noexcept> : signature<R (*)(P...)> {};
// NOLINTBEGIN(bugprone-macro-parentheses): a qualifier takes none
#define EDDY_SIGNATURE(qualifiers)                       \
  template <class C, class R, class... P>                \
  struct signature<R (C::*)(P...) qualifiers> {          \
    using parameters = types<P...>;                      \
  };                                                     \
  template <class C, class R, class... P>                \
  struct signature<R (C::*)(P...) qualifiers noexcept> { \
    using parameters = types<P...>;                      \
  }
EDDY_SIGNATURE();
EDDY_SIGNATURE(const);
EDDY_SIGNATURE(&);
EDDY_SIGNATURE(const&);
EDDY_SIGNATURE(&&);
EDDY_SIGNATURE(const&&);
#undef EDDY_SIGNATURE
// NOLINTEND(bugprone-macro-parentheses)
template <class F>
  requires requires { &F::operator(); }
struct signature<F> : signature<decltype(&F::operator())> {};
template <class F>
struct signature<std::reference_wrapper<F>> : signature<std::decay_t<F>> {};

// ---- The call -----------------------------------------------------------------------------------

/// As std::invoke, which clang does not take for what gives a task (EDDY_CHECK_LIFETIMES).
template <class F, class... A>
EDDY_CORO_WRAPPER constexpr std::invoke_result_t<F&, A...> call(F& f, A&&... a);

template <class R, class C, class M, class O, class... A>
EDDY_CORO_WRAPPER constexpr R call_member(M C::* member, O&& object, A&&... a) {
  using given = std::remove_cvref_t<O>;
  if constexpr (!std::is_function_v<M>) {
    return std::invoke(member, std::forward<O>(object));
  } else if constexpr (std::is_base_of_v<C, given>) {
    return (std::forward<O>(object).*member)(std::forward<A>(a)...);
  } else if constexpr (!std::is_same_v<std::unwrap_reference_t<given>, given>) {
    return (object.get().*member)(std::forward<A>(a)...);
  } else {
    return ((*std::forward<O>(object)).*member)(std::forward<A>(a)...);
  }
}
template <class F, class... A>
EDDY_CORO_WRAPPER constexpr std::invoke_result_t<F&, A...> call(F& f, A&&... a) {
  if constexpr (std::is_member_pointer_v<std::remove_cv_t<F>>) {
    return detail::call_member<std::invoke_result_t<F&, A...>>(f, std::forward<A>(a)...);
  } else if constexpr (!std::is_same_v<std::unwrap_reference_t<std::remove_cv_t<F>>,
                                       std::remove_cv_t<F>>) {
    return detail::call(f.get(), std::forward<A>(a)...);
  } else {
    return f(std::forward<A>(a)...);
  }
}

template <std::size_t... I, class F, class... A, class... First>
EDDY_CORO_WRAPPER constexpr std::invoke_result_t<F&, First..., A...> call_kept_at(
    std::index_sequence<I...>, F& f, [[maybe_unused]] std::tuple<A...>& kept, First&&... first) {
  return detail::call(f, std::forward<First>(first)..., std::move(std::get<I>(kept))...);
}
/// With the arguments that were kept, moved in; `first` stand in front of them.
template <class F, class... A, class... First>
EDDY_CORO_WRAPPER constexpr std::invoke_result_t<F&, First..., A...> call_kept(
    F& f, std::tuple<A...>& kept, First&&... first) {
  return detail::call_kept_at(std::index_sequence_for<A...>(), f, kept,
                              std::forward<First>(first)...);
}

// ---- What dies when the call returns -----------------------------------------------------------

/// Is a `P` that is a reference bound to something else than the `A` that is moved into the call? (Of
/// the lvalue references only one to what is const, and no more, is ever bound to a temporary.)
template <class P, class A>
constexpr bool is_bound_to_a_temporary() {
  using to = std::remove_reference_t<P>;
  if constexpr (std::is_lvalue_reference_v<P>) {
    return !std::is_convertible_v<A&, std::add_cv_t<to>&> &&
           !std::is_convertible_v<A, std::add_cv_t<to>&>;
  } else {
    return std::is_rvalue_reference_v<P> && !std::is_convertible_v<A*, to*>;
  }
}

constexpr bool one_is_bound_to_a_temporary(types<>, auto) {
  return false;
}
template <class P, class... Ps>
constexpr bool one_is_bound_to_a_temporary(types<P, Ps...>, types<>) {
  return false;  // (default arguments)
}
template <class P, class... Ps, class A, class... As>
constexpr bool one_is_bound_to_a_temporary(types<P, Ps...>, types<A, As...>) {
  return is_bound_to_a_temporary<P, A>() ||
         one_is_bound_to_a_temporary(types<Ps...>(), types<As...>());
}
constexpr types<> behind_the_first(types<>) {
  return {};
}
template <class A, class... As>
constexpr types<As...> behind_the_first(types<A, As...>) {
  return {};
}

/// Does the call of an `F` with these arguments convert one into something that its parameter only
/// refers to?
template <class F, class... A>
constexpr bool converts_for_a_reference() {
  using called = std::decay_t<std::unwrap_reference_t<F>>;
  if constexpr (!requires { typename signature<called>::parameters; }) {
    return false;
  } else if constexpr (std::is_member_pointer_v<called>) {
    return one_is_bound_to_a_temporary(typename signature<called>::parameters(),
                                       behind_the_first(types<A...>()));
  } else {
    return one_is_bound_to_a_temporary(typename signature<called>::parameters(), types<A...>());
  }
}

template <class F, class... A>
constexpr bool gives_a_task_when_called() {
  if constexpr (std::is_invocable_v<F, A...>) {
    return is_task<std::remove_cvref_t<std::invoke_result_t<F, A...>>>::value;
  } else {
    return false;
  }
}
template <class F, class... A>
inline constexpr bool gives_a_task = gives_a_task_when_called<F, A...>();

// ---- The sentences -----------------------------------------------------------------------------

enum class mistake { none, kept_by_value, not_callable, no_task, converted, awaited_lvalue };

/// What is wrong with keeping a callable and arguments (as passed), and calling the one with the
/// others. Awaits: what it gives is awaited, so what it refers to must live on.
template <bool Awaits, class F, class... A>
constexpr mistake fault_of_call() {
  using kept = std::decay_t<F>;
  if constexpr (!(std::is_constructible_v<kept, F> && ... &&
                  std::is_constructible_v<std::decay_t<A>, A>)) {
    return mistake::kept_by_value;
  } else if constexpr (!std::is_invocable_v<kept&, std::decay_t<A>...>) {
    // (Does the plain call work, or one with names for all?)
    return std::is_invocable_v<kept&, A...> || std::is_invocable_v<kept&, std::decay_t<A>&...>
               ? mistake::kept_by_value
               : mistake::not_callable;
  } else {
    constexpr bool is_a_task = gives_a_task<kept&, std::decay_t<A>...>;
    constexpr bool refers =
        is_a_task || std::is_reference_v<std::invoke_result_t<kept&, std::decay_t<A>...>>;
    if (Awaits && !is_a_task) return mistake::no_task;
    return refers && converts_for_a_reference<kept, std::decay_t<A>...>() ? mistake::converted
                                                                          : mistake::none;
  }
}

/// What is wrong with `fn(args...)` for spawn and its like, which awaits what it gives?
template <class F, class... A>
inline constexpr mistake begin_fault = fault_of_call<true, F, A...>();

/// What a refused call returns: fits everywhere, so that the sentence stands alone.
struct refused : awaiter_tag {
  template <class T>
  operator T() const;
  bool await_ready() const;
  void await_suspend(std::coroutine_handle<>) const;
  refused await_resume() const;
  refused join() const;
  void cancel() const;
  bool done() const;
};

/// Says what is wrong, once for each call.
template <mistake What, class... Call>
refused refuse() {
  static_assert(What != mistake::kept_by_value,
                "arguments are kept by value and moved into the call: pass std::ref(x) for what is "
                "taken by reference, and std::move(x) for what cannot be copied");
  static_assert(What != mistake::not_callable,
                "this cannot be called with these arguments (they are kept by value and moved into "
                "the call)");
  static_assert(What != mistake::no_task, "what is begun here must give an eddy::task");
  static_assert(What != mistake::converted,
                "an argument is converted for a parameter that only refers to it, and what it is "
                "converted into dies before the task has run: pass the parameter's own type");
  static_assert(What != mistake::awaited_lvalue,
                "an awaitable is spawned once, as an rvalue: std::move(it)");
  return {};
}

}  // namespace eddy::detail
