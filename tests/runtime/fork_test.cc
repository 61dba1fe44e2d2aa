// docs/semantics.md, rule 18: after fork, calls in the child abort, and destructors there only free
// memory.
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include <eddy/coro/offload.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class fork : public every_runtime {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "fast");  // it forks, and that is the point
    every_runtime::SetUp();
  }
};
EDDY_TEST_ON_EVERY_BACKEND(fork);

constexpr const char* in_child = "^eddy: a runtime that was made before fork";

TEST_P(fork, Rule18CallsInTheChildAbort) {
  rt().run();
  const timer_id id = rt().set_timeout(1ms, [] {});
  EXPECT_DEATH(rt().run(), in_child);
  EXPECT_DEATH(rt().run_nowait(), in_child);
  EXPECT_DEATH(rt().run_once(), in_child);
  EXPECT_DEATH(rt().set_timeout(0ns, [] {}), in_child);
  EXPECT_DEATH(rt().clear(id), in_child);
  EXPECT_DEATH(rt().set_immediate([] {}), in_child);
  EXPECT_DEATH(rt().next_tick([] {}), in_child);
  EXPECT_DEATH(static_cast<void>(rt().add_hook(phase::idle, [] {})), in_child);
  EXPECT_DEATH(static_cast<void>(rt().guard()), in_child);
  EXPECT_DEATH(static_cast<void>(rt().pending()), in_child);
  EXPECT_DEATH(static_cast<void>(rt().backend()), in_child);
  EXPECT_DEATH(static_cast<void>(rt().native_handle()), in_child);
  EXPECT_DEATH(eddy::run(rt(), []() -> task<> { co_return; }), in_child);
}

TEST_P(fork, Rule18PostsAndStopRequestsInTheChildAbortToo) {
  rt().run();
  EXPECT_DEATH(rt().post([] {}), in_child);
  EXPECT_DEATH(rt().request_stop(), in_child);
}

TEST_P(fork, Rule18OneThatNeverRanIsNotTheChildsEither) {
  rt();
  EXPECT_DEATH(rt().run(), in_child);
}

TEST_P(fork, Rule18DestructorsInTheChildOnlyFreeMemoryAndTheParentGoesOn) {
  auto shared = make_runtime(GetParam());
  std::optional<stream_pair> pair(*shared);
  std::optional<pending_guard> held(shared->guard());
  std::optional<hook> hooked(shared->add_hook(phase::prepare, [] {}));
  shared->post([&] {
    spawn([&]() -> task<> {
      const noted going(log, "reader goes");
      auto job = [] {};
      co_await offload(job);  // the pool has a thread, which the child has not
      EXPECT_EQ(co_await pair->read(), 1);
      log("read");
    });
  });
  while (!shared->pending().operations) shared->run_nowait();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(shared->run_nowait());

  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    hooked.reset();
    held.reset();
    shared = nullptr;
    ::_exit(log.text().empty() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);

  held.reset();
  pair->say("x");
  shared->run();
  EXPECT_EQ(log.text(), "read > reader goes");
  hooked.reset();
  pair.reset();
}

TEST_P(fork, Rule18TheChildMayMakeARuntimeOfItsOwn) {
  rt().run();
  EXPECT_EXIT(
      {
        auto own = make_runtime(GetParam());
        const int value = eddy::run(*own, []() -> task<int> {
          co_await sleep_for(1ms);
          co_return 7;
        });
        own = nullptr;
        ::_exit(value);
      },
      ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace eddy::test
