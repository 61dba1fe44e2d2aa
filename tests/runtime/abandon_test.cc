// The end of a host: its tasks and callbacks go without another line of their code.
#include <coroutine>
#include <functional>
#include <memory>
#include <string>

#include <eddy/eddy.h>
#include <eddy/runtime/detail/loop.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

/// Counts itself.
struct alive {
  alive() noexcept { ++count; }
  alive(const alive&) noexcept { ++count; }
  alive& operator=(const alive&) = default;
  ~alive() { --count; }
  inline static int count = 0;
};

/// Never resumes, and cannot be cancelled.
struct forgotten {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

class abandoned : public every_runtime {
 protected:
  /// Begins `main`, makes so many ticks, and abandons all. How many lines ran in it afterwards?
  template <class F>
  int lines_after(F main, int ticks) {
    auto& l = detail::loop_of(rt());
    auto make = [&]() EDDY_CORO_WRAPPER_LAMBDA { return main(*this); };
    detail::main_of<void, decltype(make)> chain(make);
    {
      const detail::running_scope running(l);
      l.begin_run();
      detail::begin_main(l, chain);
      for (int i = 0; i < ticks; ++i) l.step();
    }
    lines = 0;
    l.abandon();
    EXPECT_TRUE(chain.done);
    if (!has_callbacks) {
      EXPECT_EQ(rt().pending().total(), 0U);
      EXPECT_EQ(alive::count, 0);
    }
    if (before_the_end) before_the_end();
    drop_runtime();
    EXPECT_EQ(alive::count, 0);
    return lines;
  }

 public:
  void line() { ++lines; }
  int lines = 0;
  bool has_callbacks = false;  // they stay, with what they have caught, until the runtime has gone
  std::function<void()> before_the_end;
};

task<> waits_in_depth(abandoned& test, int depth) {
  const alive here;
  if (depth) {
    co_await waits_in_depth(test, depth - 1);
  } else {
    co_await sleep_for(1h);
  }
  test.line();
}

TEST_P(abandoned, FramesGoInnermostFirstAndNothingRuns) {
  EXPECT_EQ(lines_after([](abandoned& test) { return waits_in_depth(test, 20); }, 3), 0);
}

TEST_P(abandoned, NoCleanupBeginsAndNoBoundaryDelivers) {
  const auto main = [](abandoned& test) -> task<> {
    const alive here;
    const auto cleanup = [&test]() -> task<> {
      test.line();
      co_return;
    };
    static_cast<void>(co_await catch_stopped(finally(shield(waits_in_depth(test, 2)), cleanup)));
    test.line();
    static_cast<void>(co_await with_timeout(1h, waits_in_depth(test, 2)));
    test.line();
  };
  EXPECT_EQ(lines_after(main, 2), 0);
}

TEST_P(abandoned, ACleanupThatRunsGoesToo) {
  const auto main = [](abandoned& test) -> task<> {
    co_await finally(yield(), [&test] { return waits_in_depth(test, 3); });
    test.line();
  };
  EXPECT_EQ(lines_after(main, 4), 0);
}

TEST_P(abandoned, ChildrenGoBeforeWhatTheyReferTo) {
  const auto main = [](abandoned& test) -> task<> {
    const auto shared = std::make_unique<std::string>(100, 'x');
    mutex lock;
    event never;
    channel<std::string> words(1);
    const auto holds = [&]() -> task<> {
      const alive here;
      const auto held = co_await lock.lock();
      co_await never.wait();
      test.line();
    };
    const auto looks = [&](std::string& at) -> task<> {
      const alive here;
      struct reads_it {
        std::string& it;
        ~reads_it() { EXPECT_EQ(it.size(), 100U); }
      } const at_the_end{at};
      const auto held = co_await lock.lock();
      test.line();
    };
    const auto first = spawn(holds);
    static_cast<void>(spawn(looks, std::ref(*shared)));
    static_cast<void>(spawn_background(looks, std::ref(*shared)));
    static_cast<void>(spawn([&]() -> task<> {
      const alive here;
      static_cast<void>(co_await words.receive());
      test.line();
    }));
    co_await with_task_group([&](task_group& group) -> task<> {
      const alive here;
      group.spawn(holds);
      group.spawn_background(looks, std::ref(*shared));
      co_await when_all(holds(), looks(*shared));
      test.line();
    });
    test.line();
  };
  EXPECT_EQ(lines_after(main, 3), 0);
}

TEST_P(abandoned, AForeignAwaitableIsNotWaitedFor) {
  const auto main = [](abandoned& test) -> task<> {
    static_cast<void>(spawn([&]() -> task<> {
      const alive here;
      co_await shield(forgotten());
      test.line();
    }));
    const alive here;
    co_await forgotten();
    test.line();
  };
  EXPECT_EQ(lines_after(main, 2), 0);
}

TEST_P(abandoned, CallbacksDoNotRun) {
  has_callbacks = true;
  hook in_check;  // (the test's, and not the host's: it keeps its callback until it is dropped)
  before_the_end = [&in_check] { in_check = hook(); };
  const auto main = [&](abandoned& test) -> task<> {
    runtime& rt = runtime::current();
    const auto say = [&test, kept = alive()] { test.line(); };
    in_check = rt.add_hook(phase::check, say);
    rt.set_timeout(0s, say);
    rt.set_timeout(1h, say);
    rt.set_interval(0s, say);
    rt.set_immediate(say);
    rt.next_tick([&rt, say] {
      rt.next_tick(say);
      rt.post(say);
    });
    rt.post(say);
    rt.on_error([kept = alive()](const std::exception_ptr&) {});
    co_await waits_in_depth(test, 1);
  };
  EXPECT_EQ(lines_after(main, 0), 0);
}

TEST_P(abandoned, WhatDestructorsBeginNeverBegins) {
  const auto main = [](abandoned& test) -> task<> {
    struct spawns {
      abandoned& test;
      ~spawns() {
        static_cast<void>(spawn([&t = test]() -> task<> {
          t.line();
          co_return;
        }));
      }
    } const at_the_end{test};
    co_await sleep_for(1h);
  };
  EXPECT_EQ(lines_after(main, 1), 0);
}

TEST_P(abandoned, WhatDestructorsAskToBeCalledBackIsNot) {
  has_callbacks = true;
  const auto main = [](abandoned& test) -> task<> {
    struct asks {
      abandoned& test;
      ~asks() {
        runtime& rt = runtime::current();
        const auto say = [&t = test] { t.line(); };
        rt.next_tick(say);
        rt.set_immediate(say);
        rt.set_timeout(0s, say);
        rt.post(say);
      }
    } const at_the_end{test};
    co_await waits_in_depth(test, 1);
  };
  EXPECT_EQ(lines_after(main, 1), 0);
}

TEST_P(abandoned, OperationsAreReportedAndNotListenedTo) {
  stream_pair pair(rt());
  const auto main = [&pair](abandoned& test) -> task<> {
    const alive here;
    static_cast<void>(co_await pair.read());
    test.line();
  };
  before_the_end = [&pair] { pair.forget(); };
  EXPECT_EQ(lines_after(main, 2), 0);
}

EDDY_TEST_ON_EVERY_BACKEND(abandoned);

}  // namespace
}  // namespace eddy::test
