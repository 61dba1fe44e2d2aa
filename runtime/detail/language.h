// First in every public header: eddy needs C++20, and what it says to clang. Not an interface for
// users.
#pragma once

#if __cplusplus <= 201703L
#error "eddy needs C++20: compile with -std=c++20 or later"
// Whatever follows would only hide that: an include that cannot be ends it here.
#define EDDY_STOP "the compiler stops here: C++20 is needed"
#include EDDY_STOP
#endif

// With EDDY_CHECK_LIFETIMES defined, clang warns where a task outlives an argument that it refers to.
// Not by default: clang then refuses every function that returns a task and is neither a coroutine
// nor marked [[clang::coro_wrapper]], what wraps or invokes callables too.
#if defined(EDDY_CHECK_LIFETIMES) && defined(__clang__)
#define EDDY_CORO_TYPE [[clang::coro_return_type, clang::coro_lifetimebound]]
#define EDDY_CORO_WRAPPER [[clang::coro_wrapper, clang::coro_disable_lifetimebound]]
#define EDDY_CORO_WRAPPER_LAMBDA __attribute__((coro_wrapper, coro_disable_lifetimebound))
#else
#define EDDY_CORO_TYPE
#define EDDY_CORO_WRAPPER
#define EDDY_CORO_WRAPPER_LAMBDA
#endif
