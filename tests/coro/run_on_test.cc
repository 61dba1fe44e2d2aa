// docs/semantics.md, rule 31: run_on, between two runtimes on two threads.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <eddy/coro/run_on.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

/// A runtime on a thread of its own; it runs until it is dropped.
class other_side {
 public:
  explicit other_side(const std::string& backend, runtime_options options = {}) {
    thread_ = std::thread([this, backend, options] {
      const auto made = make_runtime(backend, options);
      rt_ = made.get();
      guard_ = made->guard();
      try {
        eddy::run(*made, [this]() -> task<> {
          ready_ = true;
          ready_.notify_one();
          co_await ended_.wait();
        });
      } catch (const stopped_error&) {  // one test asks for it
      }
      made->run();  // until it is dropped
    });
    ready_.wait(false);
  }
  ~other_side() {
    rt_->post([this] {
      ended_.set();
      guard_ = pending_guard();
    });
    thread_.join();
  }
  runtime& rt() { return *rt_; }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  std::thread thread_;
  runtime* rt_ = nullptr;
  pending_guard guard_;
  event ended_;
  std::atomic<bool> ready_{false};
};

class run_on_test : public real_runtime {
 public:
  run_on_test() { detail::run_on_base::patience_ = 1h; }
  /// (counted without atomics: each test's objects live on one thread at a time)
  trace log;
};
EDDY_TEST_ON_REAL_BACKENDS(run_on_test);

/// Waits until it is stopped, and says so on the way out.
task<int> until_stopped(std::atomic<int>& began, std::atomic<int>& gone) {
  struct at_end {
    std::atomic<int>& gone;
    explicit at_end(std::atomic<int>& g) : gone(g) {}
    ~at_end() {
      ++gone;
      gone.notify_all();
    }
  } const end(gone);
  ++began;
  began.notify_all();
  co_await sleep_for(1h);
  co_return 1;
}

TEST_P(run_on_test, Rule31RunsThereAndBringsBackTheValue) {
  other_side other(GetParam());
  run([&]() -> task<> {
    const auto here = std::this_thread::get_id();
    const auto there = [&](int a, std::unique_ptr<int> b) -> task<std::unique_ptr<int>> {
      EXPECT_EQ(std::this_thread::get_id(), other.id());
      co_await sleep_for(1ms);
      EXPECT_EQ(std::this_thread::get_id(), other.id());
      co_return std::make_unique<int>(a + *b);
    };
    const auto sum = co_await run_on(other.rt(), there, 1, std::make_unique<int>(2));
    EXPECT_EQ(*sum, 3);
    EXPECT_EQ(std::this_thread::get_id(), here);
    bool ran = false;
    const auto nothing = [&]() -> task<> {
      ran = true;
      co_return;
    };
    co_await run_on(other.rt(), nothing);
    EXPECT_TRUE(ran);
  });
}

TEST_P(run_on_test, Rule31ItIsPendingHere) {
  other_side other(GetParam());
  std::atomic<bool> go{false};
  run([&]() -> task<> {
    const auto waits = [&]() -> task<> {
      while (!go) co_await sleep_for(1ms);
    };
    const auto h = spawn([&]() -> task<> { co_await run_on(other.rt(), waits); });
    co_await next_tick();
    co_await next_tick();
    EXPECT_EQ(rt().pending().operations, 1u);
    go = true;
    co_await h;
    EXPECT_EQ(rt().pending().total(), 0u);
  });
}

TEST_P(run_on_test, Rule31AnExceptionIsRethrownHere) {
  other_side other(GetParam());
  run([&]() -> task<> {
    const auto late = []() -> task<int> {
      co_await next_tick();
      throw std::runtime_error("late");
    };
    const auto no_task = []() -> task<int> { throw std::runtime_error("no task"); };
    const auto of = [&](const std::function<task<int>()>& f) -> task<std::string> {
      try {
        static_cast<void>(co_await run_on(other.rt(), f));
      } catch (const std::exception& e) {
        co_return e.what();
      }
      co_return "nothing";
    };
    const std::function<task<int>()> first = late;
    const std::function<task<int>()> second = no_task;
    log(co_await of(first));
    log(co_await of(second));
  });
  EXPECT_EQ(log.text(), "late > no task");
}

TEST_P(run_on_test, Rule31ACancelEndsItThereAndStopsTheCaller) {
  other_side other(GetParam());
  std::atomic<int> began{0};
  std::atomic<int> gone{0};
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      static_cast<void>(
          co_await run_on(other.rt(), until_stopped, std::ref(began), std::ref(gone)));
      log("not reached");
    });
    co_await immediate();
    began.wait(0);
    h.cancel();
    h.cancel();
    log(co_await end_of(h));
    EXPECT_EQ(gone, 1) << "its frames are gone when the caller has stopped";
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(run_on_test, Rule31ACancelRightAfterTheCallEndsItWhereverItIs) {
  for (const unsigned budget : {1u, 1024u}) {
    runtime_options options;
    options.callback_budget = budget;
    other_side other(GetParam(), options);
    std::atomic<int> began{0};
    std::atomic<int> gone{0};
    run([&]() -> task<> {
      for (int i = 0; i < 200; ++i) {
        const auto h = spawn([&]() -> task<> {
          static_cast<void>(
              co_await run_on(other.rt(), until_stopped, std::ref(began), std::ref(gone)));
        });
        for (int k = 0; k < i % 5; ++k) co_await next_tick();
        if (i % 3 == 0) co_await immediate();
        h.cancel();
        EXPECT_EQ(co_await end_of(h), "stopped");
      }
    });
    EXPECT_EQ(began, gone);
  }
}

TEST_P(run_on_test, Rule31ACancelThatComesBeforeItHasBegunThereEndsIt) {
  runtime_options options;
  options.callback_budget = 1;
  other_side other(GetParam(), options);
  std::atomic<bool> busy{true};
  std::atomic<int> began{0};
  run([&]() -> task<> {
    // With a budget of one microtask, and another task that always has one, what is spawned waits a
    // tick at least.
    const auto spins = [&]() -> task<> {
      while (busy) co_await next_tick();
    };
    const auto spinning = spawn([&]() -> task<> { co_await run_on(other.rt(), spins); });
    const auto there = [&]() -> task<> {
      ++began;
      co_await sleep_for(1h);
    };
    for (int i = 0; i < 200; ++i) {
      const auto h = spawn([&]() -> task<> { co_await run_on(other.rt(), there); });
      co_await next_tick();
      h.cancel();
      EXPECT_EQ(co_await end_of(h), "stopped");
    }
    busy = false;
    co_await spinning;
  });
}

TEST_P(run_on_test, Rule31WhatFinishesAfterAllIsDelivered) {
  other_side other(GetParam());
  std::atomic<bool> began{false};
  std::atomic<bool> go{false};
  run([&]() -> task<> {
    const auto shielded = [&]() -> task<int> {
      began = true;
      began.notify_one();
      while (!go) co_await shield(sleep_for(1ms));
      co_return 5;
    };
    const auto h = spawn([&]() -> task<> {
      EXPECT_EQ(co_await run_on(other.rt(), shielded), 5);
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    co_await immediate();
    began.wait(false);
    h.cancel();
    go = true;
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "delivered > stopped");
}

TEST_P(run_on_test, Rule31AFunctionThatTakesAStopTokenIsToldThere) {
  other_side other(GetParam());
  std::atomic<bool> began{false};
  run([&]() -> task<> {
    const auto plain = [](std::stop_token token, int n) -> task<int> {
      co_return token.stop_possible() ? n : 0;
    };
    EXPECT_EQ(co_await run_on(other.rt(), plain, 5), 5);
    // By reference, too: it is kept as the arguments are.
    const auto refers = [](const std::stop_token& token, const int& n) -> task<int> {
      co_await next_tick();
      co_return token.stop_possible() ? n : 0;
    };
    EXPECT_EQ(co_await run_on(other.rt(), refers, 6), 6);
    const auto there = [&](std::stop_token token) -> task<int> {
      const std::stop_callback hung(token,
                                    [&] { EXPECT_EQ(std::this_thread::get_id(), other.id()); });
      began = true;
      began.notify_one();
      while (!token.stop_requested()) co_await shield(sleep_for(1ms));
      co_return 5;
    };
    const auto h = spawn([&]() -> task<> {
      EXPECT_EQ(co_await run_on(other.rt(), there), 5);
      log("delivered");
      co_await next_tick();
      log("not reached");
    });
    co_await immediate();
    began.wait(false);
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "delivered > stopped");
}

TEST_P(run_on_test, Rule31StoppedThereBySomethingElseIsAStoppedErrorHere) {
  auto other = std::make_unique<other_side>(GetParam());
  std::atomic<int> began{0};
  std::atomic<int> gone{0};
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<int> {
      co_return co_await run_on(other->rt(), until_stopped, std::ref(began), std::ref(gone));
    });
    co_await immediate();
    began.wait(0);
    other->rt().request_stop();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "the task was stopped");
}

TEST_P(run_on_test, Rule31OnARuntimeThatIsStoppingItNeverBeginsAndIsAStoppedErrorHere) {
  std::atomic<runtime*> address{nullptr};
  std::atomic<bool> go{false};
  std::thread thread([&] {
    const auto made = make_runtime(GetParam());
    EXPECT_EQ(thrown_by([&] {
                eddy::run(*made, [&]() -> task<> {
                  made->request_stop();
                  co_await shield(yield());
                  co_await shield(sleep_for(0ns));
                  EXPECT_TRUE(stop_requested());
                  address = made.get();
                  address.notify_one();
                  while (!go) co_await shield(sleep_for(1ms));
                  co_await next_tick();
                });
              }),
              "the task was stopped");
  });
  address.wait(nullptr);
  run([&]() -> task<> {
    const auto there = [&]() -> task<> {
      log("began");
      co_return;
    };
    log(co_await thrown_in(run_on(*address, there)));
    go = true;
  });
  thread.join();
  EXPECT_EQ(log.text(), "the task was stopped");
}

TEST_P(run_on_test, Rule31DroppedUnrunItIsAStoppedErrorHere) {
  std::atomic<runtime*> address{nullptr};
  std::atomic<bool> go{false};
  std::thread thread([&] {
    const auto never_run = make_runtime(GetParam());
    address = never_run.get();
    address.notify_one();
    go.wait(false);
  });
  address.wait(nullptr);
  run([&]() -> task<> {
    const auto there = [&]() -> task<> {
      log("began");
      co_return;
    };
    const auto first = spawn([&]() -> task<> { co_await run_on(*address, there); });
    const auto cancelled = spawn([&]() -> task<> { co_await run_on(*address, there); });
    co_await immediate();
    cancelled.cancel();
    const auto late = spawn([&]() -> task<> { co_await run_on(*address, there); });
    co_await immediate();
    go = true;
    go.notify_one();
    co_await yield();
    late.cancel();  // whatever the other side has got to
    log(co_await end_of(first));
    log(co_await end_of(cancelled));
    const auto end = co_await end_of(late);
    EXPECT_TRUE(end == "stopped" || end == "the task was stopped");
  });
  thread.join();
  EXPECT_EQ(log.text(), "the task was stopped > stopped");
}

TEST_P(run_on_test, Rule31ThatNobodyRunsTheOtherIsSaidOnceWithThePlace) {
  detail::run_on_base::patience_ = 1ms;
  auto never_run = make_runtime(GetParam());
  testing::internal::CaptureStderr();
  int line = 0;
  run([&]() -> task<> {
    const auto calls = spawn([&]() -> task<> {
      line = __LINE__ + 1;
      static_cast<void>(co_await run_on(*never_run, value_now, 1));
    });
    co_await next_tick();
    co_await sleep_for(1ms);  // its timer was started before
    EXPECT_FALSE(calls.done());
    never_run = nullptr;
    log(co_await end_of(calls));
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.text(), "the task was stopped");
  EXPECT_EQ(said.find("eddy: run_on waits, and the other runtime has not taken its call: "), 0u)
      << said;
  EXPECT_NE(said.find("run_on_test.cc:" + std::to_string(line) + ")\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("eddy: ", 1), std::string::npos) << said;
}

TEST_P(run_on_test, Rule31WhatWouldSayThatIsNoTimerOfTheProgram) {
  other_side other(GetParam());
  std::atomic<bool> go{false};
  run([&]() -> task<> {
    const auto waits = [&]() -> task<> {
      while (!go) co_await sleep_for(1ms);
    };
    const auto h = spawn([&]() -> task<> { co_await run_on(other.rt(), waits); });
    co_await next_tick();
    EXPECT_EQ(rt().pending().timers, 0u);
    go = true;
    co_await h;
  });
  EXPECT_EQ(rt().pending().total(), 0u);
  EXPECT_FALSE(rt().run_once()) << "and none is left";
}

TEST_P(run_on_test, Rule31WhatWasSentBeforeItsRunBeginsIsRunByIt) {
  std::atomic<runtime*> address{nullptr};
  std::atomic<bool> go{false};
  std::thread thread([&] {
    const auto later = make_runtime(GetParam());
    address = later.get();
    address.notify_one();
    go.wait(false);
    later->run();
  });
  address.wait(nullptr);
  run([&]() -> task<> {
    auto h = spawn([&]() -> task<int> { co_return co_await run_on(*address, value_now, 8); });
    co_await immediate();
    go = true;
    go.notify_one();
    EXPECT_EQ(co_await h, 8);
  });
  thread.join();
}

TEST_P(run_on_test, OnItsOwnRuntimeItIsARootTask) {
  run([&]() -> task<> {
    EXPECT_EQ(co_await run_on(rt(), value_now, 4), 4);
    const auto h =
        spawn([&]() -> task<> { static_cast<void>(co_await run_on(rt(), value_after, 1h, 4)); });
    co_await immediate();
    co_await immediate();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(run_on_test, ThereAndBackAndThereAgain) {
  other_side other(GetParam());
  run([&]() -> task<> {
    const auto home = std::this_thread::get_id();
    const auto back = [&](int i) -> task<int> {
      EXPECT_EQ(std::this_thread::get_id(), home);
      co_await next_tick();
      co_return i + 1;
    };
    const auto there = [&](int i) -> task<int> {
      EXPECT_EQ(std::this_thread::get_id(), other.id());
      co_return 10 * co_await run_on(rt(), back, i);
    };
    EXPECT_EQ(co_await run_on(other.rt(), there, 1), 20);
  });
}

TEST_P(run_on_test, UnderATimeoutAndInWhenAny) {
  other_side other(GetParam());
  std::atomic<int> began{0};
  std::atomic<int> gone{0};
  run([&]() -> task<> {
    const auto r = co_await with_timeout(
        1ms, run_on(other.rt(), until_stopped, std::ref(began), std::ref(gone)));
    EXPECT_EQ(r.error(), errc::timed_out);
    const auto [a, b] =
        co_await when_any(run_on(other.rt(), value_now, 1),
                          run_on(other.rt(), until_stopped, std::ref(began), std::ref(gone)));
    EXPECT_EQ(a, 1);
    EXPECT_FALSE(b);
    EXPECT_EQ(began, gone);
  });
}

TEST_P(run_on_test, CallableAndArgumentsAreKept) {
  other_side other(GetParam());
  run([&]() -> task<> {
    const auto text = std::make_shared<std::string>("captured");
    const auto reads = [text](std::string more) -> task<std::string> {
      co_await sleep_for(1ms);
      co_return *text + more;
    };
    EXPECT_EQ(co_await run_on(other.rt(), reads,
                              std::string(" and passed, longer than any small string")),
              "captured and passed, longer than any small string");
    EXPECT_EQ(text.use_count(), 2);
  });
}

TEST_P(run_on_test, ACallersRuntimeMayEndAsSoonAsItHasTheAnswer) {
  other_side other(GetParam());
  for (int i = 0; i < 300; ++i) {
    const auto mine = make_runtime(GetParam());
    const auto calls = [&]() -> task<int> { co_return co_await run_on(other.rt(), value_now, i); };
    EXPECT_EQ(eddy::run(*mine, calls), i);
  }
}

TEST_P(run_on_test, ManyAtOnceWithCancelsAllEnd) {
  other_side other(GetParam());
  std::atomic<int> began{0};
  std::atomic<int> gone{0};
  run([&]() -> task<> {
    for (int round = 0; round < 20; ++round) {
      std::vector<join_handle<int>> values;
      std::vector<join_handle<int>> waiting;
      for (int i = 0; i < 20; ++i) {
        values.push_back(spawn(
            [&](int v) -> task<int> { co_return co_await run_on(other.rt(), value_now, v); }, i));
        waiting.push_back(spawn([&]() -> task<int> {
          co_return co_await run_on(other.rt(), until_stopped, std::ref(began), std::ref(gone));
        }));
      }
      for (int i = 0; i < 20; ++i) {
        if (i % 4 == 0) co_await immediate();
        waiting[static_cast<std::size_t>(i)].cancel();
      }
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(co_await values[static_cast<std::size_t>(i)], i);
        EXPECT_TRUE((co_await waiting[static_cast<std::size_t>(i)].join()).stopped());
      }
    }
  });
  EXPECT_EQ(began, gone);
}

}  // namespace
}  // namespace eddy::test
