// Two loops on one thread that stand for machines of their own: they share nothing.
#include <optional>
#include <thread>

#include <eddy/eddy.h>
#include <eddy/runtime/detail/loop.h>

#include "tests/support/runtime_test.h"

namespace eddy::test {
namespace {

class hosts : public every_runtime {
 protected:
  void SetUp() override {
    every_runtime::SetUp();
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    other_ = make_runtime(GetParam());
    for (runtime* r : {&rt(), other_.get()}) detail::loop_of(*r).become_host();
  }
  void TearDown() override {
    other_.reset();
    every_runtime::TearDown();
  }
  runtime& other() { return *other_; }

 private:
  std::unique_ptr<runtime> other_;
};

TEST_P(hosts, ATaskOfOneIsNotWokenByAnother) {
  const auto wrong = [&] {
    event shared;
    const auto waits = [&]() -> task<> { co_await shared.wait(); };
    other().next_tick([&] { static_cast<void>(spawn(waits)); });
    other().run_nowait();
    run([&]() -> task<> {
      shared.set();
      co_return;
    });
  };
  EXPECT_DEATH(wrong(), "eddy: a simulated host uses a task, lock or channel of another");
}

TEST_P(hosts, BetweenTheirTicksAScriptMayWakeATask) {
  event shared;
  bool woken = false;
  const auto waits = [&]() -> task<> {
    co_await shared.wait();
    woken = true;
  };
  other().next_tick([&] { static_cast<void>(spawn(waits)); });
  other().run_nowait();
  shared.set();
  other().run_nowait();
  EXPECT_TRUE(woken);
}

TEST_P(hosts, AStreamOfOneIsNotReadByAnother) {
  const auto wrong = [&] {
    std::optional<unix_stream> shared;
    run([&]() -> task<> {
      auto both = unix_stream::pair().value();
      shared.emplace(std::move(both.first));
      co_return;
    });
    eddy::run(other(), [&]() -> task<> {
      char byte = 0;
      static_cast<void>(co_await shared->read({&byte, 1}));
    });
  };
  EXPECT_DEATH(wrong(), "eddy: a simulated host uses a stream, listener or file of another");
}

TEST_P(hosts, RunOnBetweenThemAborts) {
  const auto wrong = [&] {
    run([&]() -> task<> { co_await run_on(other(), []() -> task<> { co_return; }); });
  };
  EXPECT_DEATH(wrong(), "eddy: run_on between simulated hosts");
}

TEST_P(hosts, AnotherThreadsPostAborts) {
  const auto wrong = [&] { std::thread([&] { rt().post([] {}); }).join(); };
  EXPECT_DEATH(wrong(), "eddy: another thread posts to a simulated host");
}

EDDY_TEST_ON_EVERY_BACKEND(hosts);

}  // namespace
}  // namespace eddy::test
