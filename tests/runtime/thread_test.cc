// docs/semantics.md, rule 18 and the thread's half of 32: whose a runtime is, and when it is made,
// run again and ended.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <eddy/coro/event.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/deny.h"
#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class thread : public every_runtime {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    every_runtime::SetUp();
  }
};
EDDY_TEST_ON_EVERY_BACKEND(thread);
using thread_death = thread;

template <class F>
void elsewhere(F f) {
  std::thread(f).join();
}

// ---- Whose it is ----

TEST_P(thread, Rule18TheFirstRunMayBeOnAnotherThreadThanTheMakers) {
  auto made_here = make_runtime(GetParam());
  elsewhere([&] {
    EXPECT_EQ(eddy::run(*made_here,
                        []() -> task<int> {
                          co_await sleep_for(1ms);
                          co_return 7;
                        }),
              7);
    made_here = nullptr;
  });
}

TEST_P(thread, Rule18ARunOnAnotherThreadThanTheFirstAborts) {
  EXPECT_DEATH(
      {
        auto r = make_runtime(GetParam());
        r->run();
        elsewhere([&] { r->run(); });
      },
      "^eddy: a runtime is used on a thread that is not its own");
}

TEST_P(thread, Rule18ARunOnAnotherThreadAbortsWhereTheFirstHasEnded) {
  // A thread that begins when another has ended gets its memory, thread-local variables included.
  EXPECT_DEATH(
      {
        auto r = make_runtime(GetParam());
        elsewhere([&] { r->run(); });
        elsewhere([&] { r->run(); });
      },
      "^eddy: a runtime is used on a thread that is not its own");
  EXPECT_DEATH(
      {
        std::unique_ptr<runtime> r;
        elsewhere([&] { r = make_runtime(GetParam()); });
        elsewhere([&] { r->set_timeout(1h, [] {}); });
      },
      "^eddy: a runtime is used on a thread that is not its own");
}

TEST_P(thread, Rule18AskingForTheBackendBindsTheRuntimeToTheThread) {
  EXPECT_DEATH(
      {
        auto r = make_runtime(GetParam());
        r->backend();
        elsewhere([&] { r->run_nowait(); });
      },
      "^eddy: a runtime is used on a thread that is not its own");
}

TEST_P(thread, Rule18ACallOnAnotherThreadAborts) {
  const auto dies = [&](auto call) {
    EXPECT_DEATH(
        {
          auto r = make_runtime(GetParam());
          const timer_id id = r->set_timeout(1h, [] {});
          elsewhere([&] { call(*r, id); });
        },
        "^eddy: a runtime is used on a thread that is not its own");
  };
  dies([](runtime& r, timer_id) { r.set_timeout(0ns, [] {}); });
  dies([](runtime& r, timer_id) { r.set_interval(0ns, [] {}); });
  dies([](runtime& r, timer_id id) { r.clear(id); });
  dies([](runtime& r, timer_id) { r.set_immediate([] {}); });
  dies([](runtime& r, timer_id) { r.next_tick([] {}); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.add_hook(phase::check, [] {})); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.guard()); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.pending()); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.next_timeout()); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.backend()); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.backend_reason()); });
  dies([](runtime& r, timer_id) { static_cast<void>(r.native_handle()); });
}

TEST_P(thread, Rule18ARunInsideARunAborts) {
  EXPECT_DEATH(
      {
        auto r = make_runtime(GetParam());
        r->next_tick([&] { r->run_nowait(); });
        r->run();
      },
      "^eddy: a run inside a run");
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           eddy::run([]() -> task<> { co_return; });
                           co_return;
                         }),
               "^eddy: a run inside a run");
}

TEST_P(thread, Rule18CurrentIsTheRunningOneAndAbortsWhereNoneRuns) {
  run([&]() -> task<> {
    EXPECT_EQ(&runtime::current(), &rt());
    co_return;
  });
  EXPECT_DEATH(runtime::current(), "^eddy: no runtime runs on this thread");
  EXPECT_DEATH(spawn([]() -> task<> { co_return; }), "^eddy: no runtime runs on this thread");
}

TEST_P(thread, Rule18TwoRuntimesOfOneThreadRunInTurns) {
  auto other = make_runtime(GetParam());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run([]() -> task<int> {
                co_await sleep_for(0ns);
                co_return 1;
              }),
              1);
    EXPECT_EQ(eddy::run(*other,
                        []() -> task<int> {
                          co_await sleep_for(0ns);
                          co_return 2;
                        }),
              2);
  }
}

TEST_P(thread, Rule32AWakeOnAnotherThreadAborts) {
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           event never;
                           spawn([&never]() -> task<> {
                             co_await immediate();
                             elsewhere([&never] { never.set(); });
                           });
                           co_await never.wait();
                         }),
               "^eddy: a task is woken or cancelled on a thread that is not its own");
}

TEST_P(thread, Rule32ACancelOnAnotherThreadAborts) {
  EXPECT_DEATH(eddy::run(*make_runtime(GetParam()),
                         []() -> task<> {
                           const auto sleeper = spawn([]() -> task<> { co_await sleep_for(1h); });
                           co_await immediate();
                           elsewhere([&sleeper] { sleeper.cancel(); });
                         }),
               "^eddy: .* on a thread that is not its own");
}

// ---- Again, and the end ----

TEST_P(thread, Rule18ARuntimeIsRunAgainAfterItsRunHasEnded) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run([i]() -> task<int> {
                const auto child = spawn([i]() -> task<int> {
                  co_await sleep_for(0ns);
                  auto job = [i] { return 10 * i; };
                  co_return co_await offload(job);
                });
                co_return co_await child;
              }),
              10 * i);
    EXPECT_THROW(run([]() -> task<> {
                   co_await immediate();
                   throw std::domain_error("x");
                 }),
                 std::domain_error);
    rt().set_timeout(0ns, [&] { log("callback"); });
    rt().run();
  }
  EXPECT_EQ(log.text(), "callback > callback > callback");
}

TEST_P(thread, Rule18TheDestructorCancelsAndWaitsForWhateverIsLeft) {
  event never;
  rt().post([&] {
    spawn([&]() -> task<> {
      const noted going(log, "sleeper goes");
      co_await sleep_for(1h);
    });
    spawn([&]() -> task<> {
      const noted going(log, "waiter goes");
      co_await never.wait();
    });
    spawn_background([&]() -> task<> {
      const noted going(log, "background goes");
      co_await sleep_for(1h);
    });
    spawn([&]() -> task<> {
      const noted going(log, "job goes");
      auto job = [this] { log("job"); };
      co_await offload(job);
    });
  });
  EXPECT_TRUE(rt().run_nowait());
  EXPECT_EQ(log.text(), "");
  drop_runtime();
  EXPECT_EQ(log.text(), "sleeper goes > waiter goes > background goes > job goes");
}

TEST_P(thread, Rule18TheDestructorWaitsForRunningPoolWork) {
  std::atomic<bool> running{false};
  std::atomic<bool> may_end{is_virtual()};
  std::atomic<bool> ended{false};
  auto job = [&] {
    running = true;
    may_end.wait(false);
    ended = true;
  };
  rt().post([&] { spawn([&]() -> task<> { co_await offload(job); }); });
  while (!running) EXPECT_TRUE(rt().run_nowait() || running);
  std::thread other([&] {
    may_end = true;
    may_end.notify_one();
  });
  drop_runtime();
  EXPECT_TRUE(ended);
  other.join();
}

TEST_P(thread, Rule18TheDestructorWaitsForAnOperationInTheKernel) {
  auto short_lived = make_runtime(GetParam());
  // (its descriptors are left to the end of the process, for they are no longer anybody's)
  auto* pair = new stream_pair(*short_lived);
  short_lived->post([&] {
    spawn([&]() -> task<> {
      const noted going(log, "reader goes");
      co_await pair->read();
    });
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(short_lived->run_nowait());
  EXPECT_EQ(log.text(), "");
  short_lived = nullptr;
  EXPECT_EQ(log.text(), "reader goes");
  pair->forget();
  delete pair;
}

TEST_P(thread, Rule18ADestructorWithWorkLeftOnAnotherThreadAborts) {
  EXPECT_DEATH(
      {
        auto r = make_runtime(GetParam());
        r->post([] { spawn([]() -> task<> { co_await sleep_for(1h); }); });
        r->run_nowait();
        elsewhere([&] { r = nullptr; });
      },
      "^eddy: a runtime is used on a thread that is not its own");
}

TEST_P(thread, Rule18ADestructorWithATimerOrCallbackLeftOnAnotherThreadAborts) {
  const auto destroyed_elsewhere = [&](auto leave_work) {
    auto r = make_runtime(GetParam());
    leave_work(*r);
    elsewhere([&] { r = nullptr; });
  };
  const char* const sentence = "^eddy: a runtime is used on a thread that is not its own";
  EXPECT_DEATH(destroyed_elsewhere([](runtime& r) { r.set_timeout(1h, [] {}); }), sentence);
  EXPECT_DEATH(destroyed_elsewhere([](runtime& r) { r.set_immediate([] {}); }), sentence);
  EXPECT_DEATH(destroyed_elsewhere([](runtime& r) { r.next_tick([] {}); }), sentence);
  destroyed_elsewhere([](runtime&) {});  // nothing is left: anybody may
}

TEST_P(thread, Rule18ADestructorInARunOfItsOwnAborts) {
  EXPECT_DEATH(
      {
        auto r = make_runtime(GetParam());
        r->post([&] {
          spawn([]() -> task<> { co_await sleep_for(1h); });
          r = nullptr;
        });
        r->run();
      },
      "^eddy: ");
}

TEST_P(thread, AJoinHandleMayOutliveItsRuntime) {
  std::optional<join_handle<int>> ended;
  std::optional<join_handle<int>> stopped;
  auto short_lived = make_runtime(GetParam());
  short_lived->post([&] {
    ended = spawn([]() -> task<int> { co_return 7; });
    stopped = spawn([]() -> task<int> {
      co_await sleep_for(1h);
      co_return 8;
    });
  });
  short_lived->run_nowait();
  short_lived = nullptr;
  EXPECT_TRUE(ended->done());
  EXPECT_TRUE(stopped->done());
  stopped->cancel();
}

TEST_P(thread, AJoinHandleOfAFailedTaskMayOutliveItsRuntime) {
  std::optional<join_handle<void>> failed;
  auto short_lived = make_runtime(GetParam());
  short_lived->post([&] {
    failed = spawn([]() -> task<> {
      co_await immediate();
      throw std::domain_error("nobody joins");
    });
  });
  short_lived->run();
  EXPECT_TRUE(failed->done());
  short_lived = nullptr;
  failed.reset();
}

// ---- The backend ----

TEST_P(thread, BackendAndReasonSayWhatWasAskedFor) {
  const std::string reason(rt().backend_reason());
  if (is_virtual()) {
    EXPECT_EQ(rt().backend(), backend_kind::simulated);
    return;
  }
  EXPECT_EQ(rt().backend(), GetParam() == "epoll" ? backend_kind::epoll : backend_kind::io_uring);
  EXPECT_NE(reason.find(GetParam()), std::string::npos) << reason;
  EXPECT_NE(reason.find("option"), std::string::npos) << reason;
}

class environment : public ::testing::Test {
 protected:
  environment() {
    if (const char* value = std::getenv("EDDY_BACKEND")) before_ = value;
  }
  ~environment() override {
    ::unsetenv("EDDY_BACKEND");
    if (before_) ::setenv("EDDY_BACKEND", before_->c_str(), 1);
  }

 private:
  std::optional<std::string> before_;
};

TEST_F(environment, TheVariableChoosesAndTheReasonNamesIt) {
  ::setenv("EDDY_BACKEND", "epoll", 1);
  runtime rt;
  EXPECT_EQ(rt.backend(), backend_kind::epoll);
  EXPECT_NE(rt.backend_reason().find("EDDY_BACKEND"), std::string_view::npos);
}

TEST_F(environment, TheOptionComesBeforeTheVariable) {
  ::setenv("EDDY_BACKEND", "nonsense", 1);
  runtime_options options;
  options.backend = backend_kind::epoll;
  runtime rt(options);
  EXPECT_EQ(rt.backend(), backend_kind::epoll);
}

TEST_F(environment, AnUnknownNameIsSaidAtFirstNeedAndBeforeMainBegins) {
  ::setenv("EDDY_BACKEND", "nonsense", 1);
  bool began = false;
  const auto main = [&]() -> task<> {
    began = true;
    co_return;
  };
  runtime rt;
  EXPECT_THROW(eddy::run(rt, main), std::invalid_argument);
  EXPECT_THROW(rt.run(), std::invalid_argument);
  EXPECT_THROW(rt.backend(), std::invalid_argument);
  EXPECT_THROW(rt.backend_reason(), std::invalid_argument);
  EXPECT_FALSE(began);
  ::setenv("EDDY_BACKEND", "epoll", 1);
  eddy::run(rt, main);
  EXPECT_TRUE(began) << "and the runtime is as good as new";
}

TEST_F(environment, AnExplicitChoiceThatIsDeniedIsASystemErrorWithTheReason) {
  if (built_without_liburing()) GTEST_SKIP() << "built without liburing";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        eddy::testing::deny_io_uring(EPERM);
        runtime_options options;
        options.backend = backend_kind::io_uring;
        bool began = false;
        for (int i = 0; i < 2; ++i) {
          try {
            runtime rt(options);
            if (i) rt.backend();
            eddy::run(rt, [&]() -> task<> {
              began = true;
              co_return;
            });
            std::exit(1);
          } catch (const std::system_error& e) {
            if (e.code().value() != EPERM || began) std::exit(2);
            std::fprintf(stderr, "%s\n", e.what());
          }
        }
        ::unsetenv("EDDY_BACKEND");
        runtime automatic;
        if (automatic.backend() != backend_kind::epoll) std::exit(3);
        std::fprintf(stderr, "%s\n", std::string(automatic.backend_reason()).c_str());
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "asks for io_uring, but .*denied(.|\n)*epoll, because");
}

}  // namespace
}  // namespace eddy::test
