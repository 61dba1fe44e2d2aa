// Tests of a whole runtime, each on every backend from one source: the fixtures, an awaitable for a
// raw operation, and a backend that counts what the loop asks of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <eddy/coro/detail/operation_wait.h>
#include <eddy/coro/run.h>
#include <eddy/runtime/runtime.h>

#include "runtime/backend/backend.h"
#include "tests/support/backends.h"
#include "tests/support/simulated_world.h"
#include "tests/support/trace.h"

namespace eddy::test {

using namespace std::chrono_literals;

/// What the loop asked of its backend, between two looks.
struct backend_use {
  std::uint64_t runs = 0;         // poll phases that went to the backend
  std::uint64_t sleeps = 0;       // of them, those that were allowed to sleep
  std::uint64_t clock_reads = 0;  // now()
  std::uint64_t enters = 0;       // system calls that the backend made for polling
};

/// A runtime on the backend of that name. It is made at first need, as ever.
std::unique_ptr<runtime> make_runtime(const std::string& backend, runtime_options = {});
/// The same, with a backend that counts (backend() then says `simulated`).
std::unique_ptr<runtime> make_counted_runtime(const std::string& backend, runtime_options = {});
/// Of the counted runtime that was made last.
backend_use used();

/// Moves the time of the simulated world that was made last.
void advance_time(duration);
/// Sets the wall clock there.
void set_wall_clock(std::chrono::system_clock::time_point);

/// A runtime on the backend that the parameter names; one that cannot be had fails.
class every_runtime : public ::testing::TestWithParam<std::string> {
 protected:
  every_runtime() = default;
  ~every_runtime() override = default;
  void SetUp() override;
  void TearDown() override;

  bool is_virtual() const { return GetParam() == "simulation"; }
  /// The runtime of this test, made with these options: before anything else is done with it.
  runtime& make(const runtime_options&);
  runtime& make_counted(const runtime_options& = {});
  runtime& rt();
  void drop_runtime() { runtime_ = nullptr; }

  /// Runs a main on this test's runtime.
  template <class F>
  auto run(F main) {
    return eddy::run(rt(), std::move(main));
  }
  /// The tick that runs now; 0: main's first steps.
  unsigned long long tick() { return rt().ticks(); }

  trace log;

 private:
  std::unique_ptr<runtime> runtime_;
};

/// For what needs a kernel: other threads, signals, real time.
class real_runtime : public every_runtime {};

// ---- Operations

/// `co_await perform(request)`: the operation's result, an int. For tests that need the kernel
/// without io/.
class operation_awaiter : public detail::operation_wait {
 public:
  explicit operation_awaiter(const request& r) noexcept : operation_wait(r) {}
  template <detail::our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    static constexpr detail::wait_type wait = detail::operation_wait_type("perform");
    static_cast<void>(start(h.promise(), wait, at));
  }
  int await_resume() const noexcept { return result; }
};
class [[nodiscard]] operation_awaitable {
 public:
  explicit operation_awaitable(const request& r) noexcept : request_(r) {}
  operation_awaiter operator co_await() const noexcept { return operation_awaiter(request_); }

 private:
  request request_;
};
inline operation_awaitable perform(const request& r) noexcept {
  return operation_awaitable(r);
}

/// Two connected streams of the runtime's world.
class stream_pair {
 public:
  explicit stream_pair(runtime&);
  ~stream_pair();
  stream_pair(const stream_pair&) = delete;
  stream_pair& operator=(const stream_pair&) = delete;

  /// The runtime is gone: both ends are closed where they are the kernel's.
  void forget();
  /// Makes the other end readable, now.
  void say(std::string_view text);
  /// What is there to read, now: "" where there is nothing.
  std::string hear();
  /// Awaits one byte or more of what was said.
  operation_awaitable read() noexcept;
  char buffer[64] = {};

 private:
  runtime* runtime_;
  int ends_[2] = {-1, -1};
};

}  // namespace eddy::test

/// Each test of a fixture on each backend.
#define EDDY_TEST_ON_EVERY_BACKEND(fixture)                                                        \
  INSTANTIATE_TEST_SUITE_P(on, fixture, ::eddy::test::all_backends(), ::eddy::test::backend_name); \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(fixture)
#define EDDY_TEST_ON_REAL_BACKENDS(fixture)                            \
  INSTANTIATE_TEST_SUITE_P(on, fixture, ::eddy::test::real_backends(), \
                           ::eddy::test::backend_name);                \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(fixture)
