// Lines of tasks far longer than the native stack is deep: on threads with little stack, on a first
// thread with a small limit, and on a stack of the program's own, of which nobody tells the bounds.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

#include <functional>
#include <stdexcept>
#include <string>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/ok.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/counting.h"
#include "tests/support/runtime_test.h"
#include "tests/support/sanitized.h"

namespace eddy::test {
namespace {

constexpr int deep = 100'000;
// (An exception takes microseconds for each level; this is more than any stack has as well.)
constexpr int deep_for_exceptions = 10'000;

enum class bottom { ends_at_once, ends_later, throws_at_once, waits_for_ever };

task<int> reach(bottom how) {
  if (how == bottom::ends_later) co_await yield();
  if (how == bottom::throws_at_once) throw std::runtime_error("from the bottom");
  if (how == bottom::waits_for_ever) co_await sleep_for(24h);
  co_return 0;
}
task<int> line(int depth, bottom how) {
  int below = 0;
  if (depth == 0) {
    below = co_await reach(how) - 1;
  } else {
    below = co_await line(depth - 1, how);
  }
  co_return below + 1;
}
task<result<int>> line_of_ok(int depth) {
  int below = 0;
  if (depth == 0) {
    below = co_await reach(bottom::ends_at_once);
    if (below == 0) co_return std::errc::no_such_device;
  }
  below = co_await ok(line_of_ok(depth - 1));
  co_return below + 1;
}
task<int> line_of_boundaries(int depth) {
  int below = 0;
  if (depth == 0) {
    below = co_await reach(bottom::ends_at_once);
    co_return below;
  }
  auto inner = co_await catch_stopped(line_of_boundaries(depth - 1));
  co_return inner ? *inner + 1 : 0;
}

void lines_of_each_kind(runtime& rt) {
  eddy::run(rt, []() -> task<> {
    // (awaited in turn: g++ 12 has no room for more in one expression)
    int depth = co_await line(deep, bottom::ends_at_once);
    EXPECT_EQ(depth, deep);
    depth = co_await line(deep, bottom::ends_later);
    EXPECT_EQ(depth, deep);
    std::string caught;
    try {
      co_await line(deep_for_exceptions, bottom::throws_at_once);
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    EXPECT_EQ(caught, "from the bottom");
    auto stopped = spawn(line, deep, bottom::waits_for_ever);
    co_await yield();
    co_await yield();
    stopped.cancel();
    auto end = co_await stopped.join();
    EXPECT_TRUE(end.stopped());
    auto left = co_await line_of_ok(deep);
    EXPECT_FALSE(left.has_value());
    depth = co_await line_of_boundaries(deep);
    EXPECT_EQ(depth, deep);
  });
}

class stack : public real_runtime {
 protected:
  /// The whole of it in a child process: what overflows a stack leaves nothing else.
  template <class Where>
  void expect_deep_lines(Where where) {
    EXPECT_EQ(run_apart([&] {
                where([] {
                  const auto own = make_runtime(GetParam());
                  lines_of_each_kind(*own);
                  // Once more, in ticks.
                  int ended = 0;
                  own->post([&] {
                    spawn([&]() -> task<> { ended = co_await line(deep, bottom::ends_later); });
                  });
                  while (own->run_nowait()) {
                  }
                  EXPECT_EQ(ended, deep);
                });
              }),
              "");
  }
};
EDDY_TEST_ON_REAL_BACKENDS(stack);

void on_a_thread_with(std::size_t size, const std::function<void()>& f) {
  pthread_attr_t with;
  ASSERT_EQ(::pthread_attr_init(&with), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&with, size), 0);
  pthread_t thread;
  ASSERT_EQ(::pthread_create(
                &thread, &with,
                [](void* body) -> void* {
                  (*static_cast<const std::function<void()>*>(body))();
                  return nullptr;
                },
                const_cast<std::function<void()>*>(&f)),
            0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&with);
}

// (What a sanitizer puts into each frame needs room as well.)
#ifdef EDDY_SANITIZED
constexpr std::size_t smallest = 128;
#else
constexpr std::size_t smallest = 64;
#endif

TEST_P(stack, LinesAreDeeperThanTheStackOfAnyThread) {
  for (const std::size_t kib :
       {std::size_t{64}, std::size_t{128}, std::size_t{256}, std::size_t{8192}}) {
    if (kib < smallest) continue;
    SCOPED_TRACE(kib);
    expect_deep_lines([kib](const std::function<void()>& f) { on_a_thread_with(kib << 10, f); });
  }
}

TEST_P(stack, LinesAreDeeperThanASmallLimitOfTheFirstThread) {
  expect_deep_lines([](const std::function<void()>& f) {
    const rlimit small{256 << 10, 256 << 10};
    ASSERT_EQ(::setrlimit(RLIMIT_STACK, &small), 0);
    f();
  });
}

TEST_P(stack, ARunThatBeginsDeepOnTheStackKeepsToWhatIsLeft) {
  expect_deep_lines([](const std::function<void()>& f) {
    on_a_thread_with(512 << 10, [&] {
      volatile char used[300 << 10];
      for (std::size_t i = 0; i < sizeof used; i += 1024) used[i] = 1;
      f();
    });
  });
}

#ifndef EDDY_SANITIZED  // (which do not follow a change of stacks)
ucontext_t back_to_thread;
const std::function<void()>* body_of_fiber;

TEST_P(stack, LinesAreDeeperThanAStackOfTheProgramsOwn) {
  expect_deep_lines([](const std::function<void()>& f) {
    constexpr std::size_t size = 128 << 10;
    // Below it nothing may be touched.
    void* const memory =
        ::mmap(nullptr, size + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    void* const own = static_cast<char*>(memory) + 65536;
    ASSERT_EQ(::mprotect(own, size, PROT_READ | PROT_WRITE), 0);
    ucontext_t fiber;
    ASSERT_EQ(::getcontext(&fiber), 0);
    fiber.uc_stack.ss_sp = own;
    fiber.uc_stack.ss_size = size;
    fiber.uc_link = &back_to_thread;
    body_of_fiber = &f;
    ::makecontext(&fiber, [] { (*body_of_fiber)(); }, 0);
    ASSERT_EQ(::swapcontext(&back_to_thread, &fiber), 0);
    ::munmap(memory, size + 65536);
  });
}
#endif

}  // namespace
}  // namespace eddy::test
