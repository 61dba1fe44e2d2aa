// Waiting for descriptors of others: readable(), writable(), ready(). For libraries that own their
// sockets and want to be called when there is something to do.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <eddy/io/detail/awaited_once.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// What a descriptor is waited for; any of them with |.
enum class interest : unsigned {
  read = 1,
  write = 2,
  priority = 4,  ///< urgent data on TCP, a change in /proc and /sys files
};
constexpr interest operator|(interest a, interest b) noexcept {
  return static_cast<interest>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr interest operator&(interest a, interest b) noexcept {
  return static_cast<interest>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr bool has(interest all, interest one) noexcept {
  return (all & one) != interest{};
}

namespace detail {

class ready_wait : public io_wait {
 public:
  ready_wait(const io_kind&, int descriptor, interest) noexcept;
};

/// readable() and writable().
using readiness = awaited_once<io_awaiter<void, ready_wait>>;

class ready_awaiter : public ready_wait {
 public:
  using ready_wait::ready_wait;
  eddy::result<interest> await_resume() const noexcept;
};

}  // namespace detail

/// Waits until a read of `descriptor` would not: there is something, its end, or an error. It may be
/// anything that poll(2) takes; a regular file is always ready. Nothing is taken, nothing is set on
/// it, and nothing is kept of it after the wait: so it may be closed then, and its number be used
/// again. Any number of tasks may wait for one descriptor, beside whatever else is done with it.
///
/// What is ready when the wait begins is told in the next poll phase. Between that and the caller's
/// own read somebody else may have taken it: the read should not block.
///
/// Result      success
/// Errors      bad_file_descriptor; no_space_on_device: more than the system's limit are watched
/// Cancel      stops the task; nothing was taken
/// Lifetime    the descriptor should stay open until the await has ended. Where it is closed by
///             others meanwhile, the wait may go on until it is cancelled (and the file may be open
///             as long)
detail::readiness readable(int descriptor) noexcept;

/// The same until a write would not wait: there is room for some bytes, or an error.
///
/// Result      success
/// Errors      as readable()'s
/// Cancel      as readable()'s
/// Lifetime    as readable()'s
detail::readiness writable(int descriptor) noexcept;

/// The same for several things at once. It ends with the first of them.
///
/// Result      those that are there, one at least; all that were asked for where there is an error,
///             or both directions have ended
/// Errors      as readable()'s; invalid_argument: nothing is asked for
/// Cancel      as readable()'s
/// Lifetime    as readable()'s
detail::awaited_once<detail::ready_awaiter> ready(int descriptor, interest) noexcept;

}  // namespace eddy
