// copy_both_ways: what proxies do.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>
#include <system_error>

#include <eddy/coro/task.h>
#include <eddy/coro/when.h>
#include <eddy/io/algorithm.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// How many bytes copy_both_ways has moved.
struct copied {
  std::uint64_t a_to_b = 0;
  std::uint64_t b_to_a = 0;
};

namespace detail {

/// Thrown by one direction: so the other is stopped.
struct copy_failure {
  std::error_code error;
};

template <readable_stream From, writable_stream To>
task<> copy_and_hand_on(From& from, To& to, std::uint64_t& moved) {
  const result<std::uint64_t> all = co_await copy(from, to);
  if (!all) throw copy_failure{all.error()};
  moved = *all;
  const result<void> ended = to.shutdown_write();
  if (!ended) throw copy_failure{ended.error()};
}

}  // namespace detail

/// Reads each stream to its end and writes it all to the other, at once. The end of one side is
/// handed on as shutdown_write() of the other; both streams are left to the caller to close. Each
/// direction has a buffer of 64 KiB until its end.
///
/// Result      how many bytes went each way, when both have ended
/// Errors      the first one, of either stream; the other direction is then stopped, and an unknown
///             part has been moved: close both
/// Cancel      stops the task; an unknown part has been moved: close both
/// Lifetime    both streams must outlive the await
template <stream A, stream B>
task<result<copied>> copy_both_ways(A& a, B& b) {
  copied moved;
  try {
    co_await when_all(detail::copy_and_hand_on(a, b, moved.a_to_b),
                      detail::copy_and_hand_on(b, a, moved.b_to_a));
  } catch (const detail::copy_failure& failed) {
    co_return failed.error;
  }
  co_return moved;
}

}  // namespace eddy
