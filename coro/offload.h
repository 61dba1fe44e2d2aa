// offload: a function on the pool, awaited.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <coroutine>
#include <cstdint>
#include <functional>
#include <source_location>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/coro/detail/boundary.h>
#include <eddy/coro/detail/guard.h>
#include <eddy/coro/detail/operation_wait.h>
#include <eddy/coro/detail/told.h>
#include <eddy/coro/task.h>

namespace eddy {

namespace detail {

inline constexpr wait_type offload_wait = operation_wait_type("offload");

constexpr request call_on(pool_lane lane) noexcept {
  request r;
  r.what = verb::call;
  r.lane = lane;
  return r;
}

/// A call on the pool whose function is told nothing.
class plain_call : public operation_wait {
 protected:
  plain_call(const request& r, tells_nothing&) noexcept : operation_wait(r) {}
  ~plain_call() = default;
  static constexpr const wait_type& wait = offload_wait;
};

template <class F, class... A>
using pool_call = std::conditional_t<is_told<F, A...>(), told_call, plain_call>;

template <class F, class... A>
class offload_awaiter : pool_call<F, A...> {
 public:
  using R = told_result<F, A...>;
  offload_awaiter(pool_lane lane, teller<F, A...>& with, F& f, std::tuple<A...>& arguments) noexcept
      : pool_call<F, A...>(call_on(lane), with),
        tells_(with),
        callable_(f),
        arguments_(arguments) {}
  using operation_wait::await_ready;
  friend awaiter_tag;

  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    this->ask.address = reinterpret_cast<std::uintptr_t>(&run_on_pool);
    this->ask.offset = reinterpret_cast<std::uintptr_t>(this);
    static_cast<void>(this->start(h.promise(), this->wait, at));
  }
  R await_resume() {
    const int answer = this->result;
    if (answer < 0) throw std::system_error(-answer, std::system_category(), "offload");
    return pass_on<R>(out_);
  }

 private:
  R call() { return detail::call_told(tells_, callable_, arguments_); }
  static int run_on_pool(void* context) {
    auto& self = *static_cast<offload_awaiter*>(context);
    try {
      if constexpr (std::is_void_v<R>) {
        self.call();
        self.out_.set_value();
      } else if constexpr (std::is_reference_v<R>) {
        R leads_to = self.call();
        self.out_.set_value(std::addressof(leads_to));
      } else {
        self.out_.set_value(self.call());
      }
    } catch (...) {
      self.out_.set_error(std::current_exception());
    }
    return 0;
  }
  teller<F, A...>& tells_;
  F& callable_;
  std::tuple<A...>& arguments_;
  outcome<passed_on<R>> out_;
};

template <class F, class... A>
class [[nodiscard]] offload_awaitable {
 public:
  offload_awaitable(pool_lane lane, F&& f, A&&... a)
      : lane_(lane), callable_(std::move(f)), arguments_(std::move(a)...) {}
  offload_awaiter<F, A...> operator co_await() && noexcept {
    return offload_awaiter<F, A...>(lane_, tells_, callable_, arguments_);
  }

 private:
  pool_lane lane_;
  [[no_unique_address]] teller<F, A...> tells_;
  F callable_;
  std::tuple<A...> arguments_;
};

}  // namespace detail

/// Calls `fn(args...)` on a thread of the pool, in the lane's order of arrival. Where the lane's
/// queue is full, the await waits for room first.
///
/// Result      what the function returned; its exception is rethrown
/// Errors      std::system_error where no thread could be started
/// Cancel      still queued: taken back, the task stops. Running: waited for, and its result is
///             delivered. A function that takes a std::stop_token first (in front of `args`) is told:
///             what it has hung on its token runs on the loop's thread. (libc++ before 20 has none)
/// Lifetime    callable and arguments are kept in the awaitable; what they refer to must outlive
///             the await
/// Threads     the function runs on a thread of the pool, the task goes on on its own
template <class F, class... A>
auto offload(pool_lane lane, F&& fn, A&&... args) {
  constexpr detail::mistake wrong = detail::fault_of_told_call<false, F, A...>();
  if constexpr (wrong == detail::mistake::none) {
    EDDY_SAFE_TEMPORARY(F);
    (static_cast<void>(sizeof(detail::guarded_argument<A>)), ...);
    return detail::offload_awaitable<std::decay_t<F>, std::decay_t<A>...>(
        lane, std::decay_t<F>(std::forward<F>(fn)), std::decay_t<A>(std::forward<A>(args))...);
  } else {
    return detail::refuse<wrong, F, A...>();
  }
}

/// The same in the lane for computing.
template <class F, class... A>
  requires(!std::is_same_v<std::remove_cvref_t<F>, pool_lane>)
auto offload(F&& fn, A&&... args) {
  return offload(pool_lane::compute, std::forward<F>(fn), std::forward<A>(args)...);
}

}  // namespace eddy
