// What the tests of coro/ are built from: tasks that end after a time with a value or an exception,
// objects that are counted, and the message of what was thrown.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include <eddy/coro/event.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/task.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {

/// Something that owns; moved and copied, each copy counts.
class counted {
 public:
  counted() noexcept { ++live; }
  counted(const counted&) noexcept { ++live; }
  counted& operator=(const counted&) noexcept = default;
  ~counted() { --live; }
  static inline long live = 0;
};

inline task<int> value_after(duration d, int value) {
  const counted frame;
  co_await sleep_for(d);
  co_return value;
}

inline task<int> failing_after(duration d, std::string what) {
  const counted frame;
  co_await sleep_for(d);
  throw std::runtime_error(what);
}

inline task<int> value_now(int value) {
  co_return value;
}

inline task<int> failing_now(std::string what) {
  const counted frame;
  throw std::runtime_error(what);
  co_return 0;
}

/// What it is that an expression throws; "nothing".
template <class F>
std::string thrown_by(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing";
}

inline std::string message_of(const std::exception_ptr& error) {
  return error ? thrown_by([&] { std::rethrow_exception(error); }) : "nothing";
}

/// Awaits a task and gives the message of what it threw; "nothing".
template <class A>
task<std::string> thrown_in(A aw) {
  try {
    static_cast<void>(co_await std::move(aw));
  } catch (const std::exception& e) {
    co_return e.what();
  }
  co_return "nothing";
}

/// How a joined task ended, as a word: "value", "stopped", or the exception's message.
template <class T>
task<std::string> end_of(join_handle<T> h) {
  const join_result<T> r = co_await h.join();
  if (r.has_value()) co_return "value";
  if (r.stopped()) co_return "stopped";
  co_return message_of(r.exception());
}

/// Every test leaves nothing behind: no object, nothing pending.
class coro_test : public every_runtime {
 protected:
  void SetUp() override {
    every_runtime::SetUp();
    counted::live = 0;
  }
  void TearDown() override {
    if (!HasFatalFailure()) {
      EXPECT_EQ(rt().pending().total(), 0u);
      EXPECT_EQ(counted::live, 0);
    }
    every_runtime::TearDown();
  }
  /// Lets everything run that can run without time or the kernel.
  static task<void> settled() {
    for (int i = 0; i < 8; ++i) co_await next_tick();
  }
};

}  // namespace eddy::test
