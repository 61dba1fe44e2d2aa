// ok: the value of a result, or the task is left with its error.
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include <eddy/coro/ok.h>
#include <eddy/coro/sleep.h>
#include <eddy/coro/spawn.h>
#include <eddy/coro/yield.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class ok_awaited : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(ok_awaited);

task<result<int>> give(result<int> r, bool waits) {
  if (waits) co_await next_tick();
  co_return r;
}
task<result<void>> give_nothing(result<void> r, bool waits) {
  if (waits) co_await next_tick();
  co_return r;
}

TEST_P(ok_awaited, AValueIsTheResultsValue) {
  run([]() -> task<> {
    for (const bool waits : {false, true}) {
      EXPECT_EQ(co_await ok(give(7, waits)), 7);
      co_await ok(give_nothing({}, waits));
    }
  });
}

TEST_P(ok_awaited, AnErrorEndsATaskOfResultsWithItAndDestroysItsLocals) {
  for (const bool waits : {false, true}) {
    log.clear();
    const auto leaves = [&]() -> task<result<std::string>> {
      const noted local(log, "local");
      const int n = co_await ok(give(std::errc::connection_reset, waits));
      log("went on");
      co_return std::to_string(n);
    };
    run([&]() -> task<> {
      const auto r = co_await leaves();
      log("awaiter");
      EXPECT_FALSE(r);
      EXPECT_EQ(r.error(), std::errc::connection_reset);
    });
    EXPECT_EQ(log.text(), "local > awaiter");
  }
}

TEST_P(ok_awaited, NoCatchSeesTheError) {
  for (const bool waits : {false, true}) {
    const auto leaves = [&]() -> task<result<void>> {
      try {
        co_await ok(give(eddy::errc::end_of_stream, waits));
      } catch (...) {
        log("caught");
      }
      log("went on");
      co_return {};
    };
    const result<void> r = run([&]() -> task<result<void>> { return leaves(); });
    EXPECT_EQ(r.error(), eddy::errc::end_of_stream);
  }
  EXPECT_EQ(log.text(), "");
}

TEST_P(ok_awaited, AnErrorPassesThroughSeveralTasks) {
  for (const bool waits : {false, true}) {
    log.clear();
    const auto inner = [&]() -> task<result<int>> {
      const noted local(log, "inner");
      co_return co_await ok(give(std::errc::broken_pipe, waits));
    };
    const auto outer = [&]() -> task<result<std::unique_ptr<int>>> {
      const noted local(log, "outer");
      co_return std::make_unique<int>(co_await ok(inner()));
    };
    const auto r = run([&]() -> task<result<std::unique_ptr<int>>> { return outer(); });
    EXPECT_EQ(r.error(), std::errc::broken_pipe);
    EXPECT_EQ(log.text(), "inner > outer");
  }
}

TEST_P(ok_awaited, AnyOtherTaskThrowsSystemError) {
  run([]() -> task<> {
    for (const bool waits : {false, true}) {
      std::error_code caught;
      try {
        co_await ok(give(std::errc::connection_reset, waits));
      } catch (const std::system_error& e) {
        caught = e.code();
      }
      EXPECT_EQ(caught, std::errc::connection_reset);
      EXPECT_THROW(co_await ok(give_nothing(std::errc::broken_pipe, waits)), std::system_error);
    }
  });
}

TEST_P(ok_awaited, AnExceptionPasses) {
  const auto throws = [](bool waits) -> task<result<int>> {
    if (waits) co_await next_tick();
    throw std::domain_error("x");
  };
  const auto passes = [&](bool waits) -> task<result<int>> {
    co_return co_await ok(throws(waits));
  };
  run([&]() -> task<> {
    for (const bool waits : {false, true}) {
      EXPECT_THROW(static_cast<void>(co_await passes(waits)), std::domain_error);
    }
  });
}

TEST_P(ok_awaited, ACancelReachesWhatIsAwaitedAndStopsTheTask) {
  const auto sleeps = [&]() -> task<result<int>> {
    const noted local(log, "inner");
    co_await sleep_for(1h);
    co_return 7;
  };
  run([&]() -> task<> {
    const auto child = spawn([&]() -> task<result<int>> {
      const noted local(log, "outer");
      co_return co_await ok(sleeps());
    });
    co_await immediate();
    child.cancel();
    auto r = co_await child.join();
    EXPECT_TRUE(r.stopped());
  });
  EXPECT_EQ(log.text(), "inner > outer");
}

TEST_P(ok_awaited, ASpawnedTaskLeftWithAnErrorGivesItToItsJoiner) {
  run([]() -> task<> {
    for (const bool waits : {false, true}) {
      const auto child = spawn([waits]() -> task<result<int>> {
        co_return co_await ok(give(std::errc::timed_out, waits));
      });
      const auto r = co_await child;
      EXPECT_EQ(r.error(), std::errc::timed_out);
    }
  });
}

TEST_P(ok_awaited, MainLeftWithAnErrorGivesItToRun) {
  for (const bool waits : {false, true}) {
    const auto r = run(
        [&]() -> task<result<int>> { co_return co_await ok(give(std::errc::timed_out, waits)); });
    EXPECT_EQ(r.error(), std::errc::timed_out);
  }
}

TEST_P(ok_awaited, TheLocalsOfATaskLeftMayAwaitNothingButDoAnythingElse) {
  const auto leaves = [&]() -> task<result<int>> {
    struct spawns {
      explicit spawns(trace& l) : log(l) {}
      ~spawns() {
        spawn(
            [](trace& l) -> task<> {
              l("spawned by a destructor");
              co_return;
            },
            std::ref(log));
      }
      trace& log;
    } const local(log);
    co_return co_await ok(give(std::errc::timed_out, true));
  };
  EXPECT_FALSE(run([&]() -> task<result<int>> { return leaves(); }));
  EXPECT_EQ(log.text(), "spawned by a destructor");
}

}  // namespace
}  // namespace eddy::test
