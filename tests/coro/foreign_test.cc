// docs/semantics.md, rule 32: what is awaited of other libraries: how it is found, who resumes it,
// and what stands around it.
#include <coroutine>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace theirs {

/// An awaiter that says whose it is.
struct named {
  std::string name;
  explicit named(std::string n) : name(std::move(n)) {}
  named(const named&) = delete;
  named& operator=(const named&) = delete;
  ~named() = default;
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  std::string await_resume() const { return name; }
};

// ---- Ways in which an awaiter is found ----

struct free_by_value {};
inline named operator co_await(free_by_value) {
  return named("free");
}
struct free_by_category {};
inline named operator co_await(free_by_category&) {
  return named("free &");
}
inline named operator co_await(const free_by_category&) {
  return named("free const&");
}
inline named operator co_await(free_by_category&&) {
  return named("free &&");
}
template <class T>
struct free_of_any {
  T kept;
};
template <class T>
named operator co_await(const free_of_any<T>& a) {
  return named("template " + std::to_string(a.kept));
}
struct free_reference {
  named kept{"reference"};
};
inline named& operator co_await(free_reference & a) {
  return a.kept;
}
struct member {
  named operator co_await() & { return named("member &"); }
  named operator co_await() const& { return named("member const&"); }
  named operator co_await() && { return named("member &&"); }
};
struct member_of_const {
  named operator co_await() const { return named("member const"); }
};

// ---- Ways in which it is resumed ----

enum class resumes { inside, inside_true, by_transfer, by_going_on, later };
struct token {
  resumes how;
  std::coroutine_handle<>* waits = nullptr;
};
struct resumed {
  token t;
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) const {
    if (t.how == resumes::by_transfer) return h;
    if (t.how == resumes::later) {
      *t.waits = h;
    } else {
      h.resume();
    }
    return std::noop_coroutine();
  }
  int await_resume() const noexcept { return 7; }
};
inline resumed operator co_await(token t) {
  return resumed{t};
}
struct resumes_inside {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) const { h.resume(); }
  int await_resume() const noexcept { return 8; }
};
struct resumes_and_says_true {
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) const {
    h.resume();
    return true;
  }
  int await_resume() const noexcept { return 9; }
};
/// Does `first` with its handle, then `second`, and says that it waits, or does not.
struct twice {
  void (*first)(std::coroutine_handle<>);
  void (*second)(std::coroutine_handle<>);
  bool waits = true;
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) const {
    first(h);
    second(h);
    return waits;
  }
  void await_resume() const noexcept {}
};
struct destroys_inside {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) const { h.destroy(); }
  void await_resume() const noexcept {}
};
struct refuses {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const { throw std::runtime_error("refused"); }
  void await_resume() const noexcept {}
};

}  // namespace theirs

namespace eddy::test {
namespace {

class foreign : public coro_test {};
EDDY_TEST_ON_EVERY_BACKEND(foreign);

TEST_P(foreign, Rule32AnAwaiterIsFoundByAFreeOperator) {
  run([&]() -> task<> {
    theirs::free_by_value by_value;
    log(co_await by_value);
    log(co_await theirs::free_by_value());
    theirs::free_by_category a;
    const theirs::free_by_category fixed;
    log(co_await a);
    log(co_await fixed);
    log(co_await std::move(a));
    const theirs::free_of_any<int> any{5};
    log(co_await any);
    theirs::free_reference refers;
    log(co_await refers);
  });
  EXPECT_EQ(log.text(), "free > free > free & > free const& > free && > template 5 > reference");
}

TEST_P(foreign, Rule32AnAwaiterIsFoundByAMemberOfEachCategory) {
  run([&]() -> task<> {
    theirs::member a;
    const theirs::member fixed;
    log(co_await a);
    log(co_await fixed);
    log(co_await std::move(a));
    log(co_await theirs::member());
    theirs::member_of_const b;
    log(co_await b);
    log(co_await std::move(b));
    const theirs::named itself("itself");
    log(co_await itself);
  });
  EXPECT_EQ(log.text(),
            "member & > member const& > member && > member && > member const > member const > "
            "itself");
}

TEST_P(foreign, Rule32AnAsyncGeneratorAwaitsItToo) {
  run([&]() -> task<> {
    const auto names = []() -> async_generator<std::string> {
      theirs::free_by_value a;
      co_yield co_await a;
      theirs::token inside{theirs::resumes::inside};
      const int v = co_await inside;
      co_yield std::to_string(v);
    };
    auto all = names();
    while (const auto name = co_await all.next()) log(*name);
  });
  EXPECT_EQ(log.text(), "free > 7");
}

TEST_P(foreign, Rule32ResumedInsideItsSuspensionItGoesOnAsAMicrotask) {
  run([&]() -> task<> {
    for (const auto how : {theirs::resumes::inside, theirs::resumes::by_transfer}) {
      theirs::token t{how};
      rt().next_tick([&] { log("microtask"); });
      log(std::to_string(co_await t));
    }
    theirs::resumes_inside inside;
    log(std::to_string(co_await inside));
    log(std::to_string(co_await theirs::resumes_inside()));
    log(std::to_string(co_await theirs::resumes_and_says_true()));
  });
  EXPECT_EQ(log.text(), "microtask > 7 > microtask > 7 > 8 > 8 > 9");
}

TEST_P(foreign, Rule32AFrameThatIsDestroyedStopsTheTask) {
  run([&]() -> task<> {
    const auto h = spawn([&]() -> task<> {
      const counted frame;
      theirs::destroys_inside destroys;
      co_await destroys;
      log("not reached");
    });
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "stopped");
}

TEST_P(foreign, Rule32WhatResumesATaskTwiceAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string said =
      "^eddy: a foreign awaitable has resumed a task that does not wait for it";
  const auto nothing = [](std::coroutine_handle<>) {};
  const auto resume = [](std::coroutine_handle<> h) { h.resume(); };
  const auto destroy = [](std::coroutine_handle<> h) { h.destroy(); };
  const auto throws = [](std::coroutine_handle<>) { throw std::runtime_error("thrown"); };
  const auto awaiting = [&](theirs::twice awaited) {
    run([&]() -> task<> {
      // (Beside others, whose places in the queue must not be taken.)
      rt().next_tick([] {});
      co_await awaited;
      rt().next_tick([] {});
      co_await next_tick();
    });
  };
  awaiting({nothing, nothing, false});
  awaiting({nothing, resume, true});
  EXPECT_DEATH(awaiting({resume, resume, true}), said);
  EXPECT_DEATH(awaiting({resume, destroy, true}), said);
  EXPECT_DEATH(awaiting({destroy, resume, true}), said);
  EXPECT_DEATH(awaiting({nothing, resume, false}), said);
  EXPECT_DEATH(awaiting({resume, throws, true}), said);
  EXPECT_DEATH(run([&]() -> task<> {
                 std::coroutine_handle<> waits;
                 const auto guard = rt().guard();
                 rt().set_immediate([&] {
                   waits.resume();
                   waits.resume();
                 });
                 theirs::token later{theirs::resumes::later, &waits};
                 static_cast<void>(co_await later);
               }),
               said);
}

TEST_P(foreign, Rule32BoundariesStandAroundIt) {
  run([&]() -> task<> {
    std::coroutine_handle<> waits;
    const auto guard = rt().guard();
    rt().set_immediate([&] { waits.resume(); });
    theirs::token later{theirs::resumes::later, &waits};
    const auto [a, b, c] = co_await when_all(later, theirs::resumes_inside(), value_after(0ns, 1));
    log(std::to_string(a) + std::to_string(b) + std::to_string(c));
    theirs::free_by_value by_value;
    log(co_await shield(by_value));
    const auto caught = co_await catch_stopped(by_value);
    log(*caught);
    const auto cleanup = [&]() -> task<> {
      log("cleanup");
      co_return;
    };
    log(co_await finally(by_value, cleanup));
    log(co_await thrown_in(shield(theirs::refuses())));
    const auto in_time = co_await with_timeout(1h, theirs::resumes_inside());
    log(std::to_string(*in_time));
    const auto destroyed = co_await catch_stopped(theirs::destroys_inside());
    log(destroyed ? "not reached" : "stopped");
  });
  EXPECT_EQ(log.text(), "781 > free > free > cleanup > free > refused > 8 > stopped");
}

TEST_P(foreign, Rule32ACancelWaitsForItInABoundaryToo) {
  run([&]() -> task<> {
    std::coroutine_handle<> waits;
    const auto guard = rt().guard();
    const auto h = spawn([&]() -> task<> {
      theirs::token later{theirs::resumes::later, &waits};
      const auto [first, other] = co_await when_any(later, value_now(1));
      log(std::to_string(*first) + std::to_string(*other));
    });
    co_await settled();
    EXPECT_FALSE(h.done()) << "it has lost, and cannot be cancelled";
    waits.resume();
    co_await h;
    std::optional<join_handle<void>> stops;
    stops = spawn([&]() -> task<> {
      stops->cancel();
      const auto none = co_await catch_stopped(theirs::resumes_inside());
      log(none ? "awaited" : "not awaited");
      co_await next_tick();
    });
    log(co_await end_of(*stops));
  });
  EXPECT_EQ(log.text(), "71 > not awaited > stopped");
}

}  // namespace
}  // namespace eddy::test
