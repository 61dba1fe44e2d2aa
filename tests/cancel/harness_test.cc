// The harness itself: each kind of fault that it looks for, planted, must be found; and it must
// reach the places in which they hide.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest-spi.h>

#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>

#include "tests/cancel/harness.h"

namespace eddy::test {
namespace {

/// What the harness says about a scenario.
std::string complaints(const scenario& s) {
  ::testing::TestPartResultArray said;
  {
    ::testing::ScopedFakeTestPartResultReporter listening(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &said);
    static_cast<void>(play_all(s, "simulation"));
  }
  std::string all;
  for (int i = 0; i < said.size(); ++i)
    all += said.GetTestPartResult(i).message() + std::string("\n");
  return all;
}

std::vector<std::unique_ptr<counted>> left_behind;

/// Right as long as nobody cancels it.
task<> loses_an_element(world& w) {
  const auto sends = [&w]() -> task<> {
    const bool given = w.buffer.try_send(3);
    co_await next_tick();  // stopped here, nobody counts it
    if (given) w.sent += 3;
  };
  co_await sends();
  co_await w.receive(w.buffer);
}

task<> leaves_a_permit(world& w) {
  auto permit = co_await w.permits.acquire();
  permit.forget();
  co_await next_tick();
  w.permits.release();
}

task<> forgets_its_cleanup(world& w) {
  ++w.cleanups_due;
  co_await w.hopping(3);
  ++w.cleanups_done;
}

task<> leaves_an_object(world&) {
  left_behind.push_back(std::make_unique<counted>());
  co_await yield();
  left_behind.pop_back();
}

task<> leaves_a_descriptor(world& w) {
  const auto own = unix_stream::pair().value().first.release();
  co_await immediate();
  request r;
  r.what = verb::close;
  r.descriptor = own;
  detail::loop_of(w.rt).ask(r);
}

task<> never_ends(world& w) {
  co_await w.never.wait();
}

task<> swallows_the_stop(world& w) {
  co_await shield(w.hopping(1));
  throw std::runtime_error("an exception that nobody declared");
}

TEST(harness, FindsWhatIsWrongOnlyWhereABlowFalls) {
  EXPECT_NE(complaints({"loses_an_element", loses_an_element}).find("an element is lost"),
            std::string::npos);
  EXPECT_NE(complaints({"leaves_a_permit", leaves_a_permit}).find("a permit is lost"),
            std::string::npos);
  EXPECT_NE(complaints({"forgets_its_cleanup", forgets_its_cleanup}).find("cleanups_due"),
            std::string::npos);
  EXPECT_NE(complaints({"leaves_an_object", leaves_an_object}).find("a frame is left"),
            std::string::npos);
  left_behind.clear();
  EXPECT_NE(complaints({"leaves_a_descriptor", leaves_a_descriptor}).find("a descriptor is left"),
            std::string::npos);
}

TEST(harness, FindsWhatIsWrongUndisturbed) {
  EXPECT_NE(complaints({"never_ends", never_ends}).find("deadlock"), std::string::npos);
  EXPECT_NE(complaints({"swallows_the_stop", swallows_the_stop}).find("nobody declared"),
            std::string::npos);
}

TEST(harness, FindsNothingWhereNothingIsWrong) {
  EXPECT_EQ(
      complaints({"hops", [](world& w) -> task<> { static_cast<void>(co_await w.hopping(3)); }}),
      "");
}

/// Where it was when it was stopped: each of the places between four waits must be reached.
int place = 0;
int stopped_at[5] = {};
task<> walks(world& w) {
  struct at_end {
    at_end() = default;
    ~at_end() { ++stopped_at[place]; }
  } const noticed;
  place = 0;
  co_await next_tick();
  place = 1;
  co_await w.hopping(1);
  place = 2;
  co_await yield();
  place = 3;
  co_await sleep_for(10us);
  place = 4;
}

TEST(harness, ReachesEveryWaitAlsoThoseOfOneDrain) {
  EXPECT_GT(play_all({"walks", walks}, "simulation"), 12u);
  for (const int times : stopped_at) {
    EXPECT_GT(times, 0);
  }
}

}  // namespace
}  // namespace eddy::test
