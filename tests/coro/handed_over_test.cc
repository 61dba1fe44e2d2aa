// docs/semantics.md, rule 35: what was handed over and not yet taken, where the object that gave it
// goes in between.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/channel.h>
#include <eddy/coro/deferred.h>
#include <eddy/coro/latch.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/task_group.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class handed_over : public coro_test {
 public:
  /// `make` an object; a task does `wait` with it; once that waits, `give`, and the object is gone.
  template <class Make, class Wait, class Give>
  void gone_after(Make make, Wait wait, Give give) {
    run([&]() -> task<> {
      auto object = make();
      const auto waiter = spawn(wait, std::ref(*object));
      co_await settled();
      give(*object, waiter);
      object.reset();
      log(co_await end_of(waiter));
    });
  }
  template <class T, class... A>
  static auto made(A... a) {
    return [=] { return std::make_unique<T>(a...); };
  }
  static constexpr auto cancelled = [](auto&, const auto& waiter) { waiter.cancel(); };

  const std::string text = std::string(100, 'x');
};
EDDY_TEST_ON_EVERY_BACKEND(handed_over);

// ---- Nothing, or what the taker carries: the object may go ----

TEST_P(handed_over, Rule35AnEventMayGoOnceItIsSet) {
  const auto waits = [&](event& e) -> task<> {
    co_await e.wait();
    log("woken");
  };
  gone_after(made<event>(), waits, [](event& e, auto&) { e.set(); });
  gone_after(made<event>(), waits, [](event& e, auto& waiter) {
    e.set();
    waiter.cancel();
  });
  gone_after(made<event>(), waits, cancelled);
  EXPECT_EQ(log.text(), "woken > value > stopped > stopped");
}

TEST_P(handed_over, Rule35ALatchMayGoOnceItIsOpen) {
  const auto waits = [&](latch& l) -> task<> {
    co_await l.wait();
    log("open");
  };
  gone_after(made<latch>(1u), waits, [](latch& l, auto&) { l.count_down(); });
  gone_after(made<latch>(1u), waits, cancelled);
  EXPECT_EQ(log.text(), "open > value > stopped");
}

TEST_P(handed_over, Rule35AChannelMayGoOnceItHasServedWhoWaited) {
  using strings = channel<std::string>;
  const auto receives = [&](strings& c) -> task<> {
    const auto element = co_await c.receive();
    log(element ? std::to_string(element->size()) : "closed");
  };
  const auto sends = [&](strings& c) -> task<> {
    const auto sent = co_await c.send(text);
    log(sent ? "sent" : "closed");
  };
  for (const std::size_t capacity : {0u, 1u}) {
    gone_after(made<strings>(capacity), receives,
               [&](strings& c, auto&) { EXPECT_TRUE(c.try_send(std::string(text))); });
    gone_after(made<strings>(capacity), receives, [](strings& c, auto&) { c.close(); });
    gone_after(made<strings>(capacity), receives, cancelled);
  }
  gone_after(made<strings>(0u), sends,
             [&](strings& c, auto&) { EXPECT_EQ(c.try_receive(), text); });
  gone_after(made<strings>(0u), sends, [](strings& c, auto&) { c.close(); });
  gone_after(made<strings>(0u), sends, cancelled);
  EXPECT_EQ(log.text(),
            "100 > value > closed > value > stopped > "
            "100 > value > closed > value > stopped > "
            "sent > value > closed > value > stopped");
}

TEST_P(handed_over, Rule35AHandleMayGoOnceItsTaskHasEnded) {
  run([&]() -> task<> {
    event go;
    auto child = std::make_unique<join_handle<std::string>>(spawn([&]() -> task<std::string> {
      co_await go.wait();
      co_return text;
    }));
    const auto joins = spawn([&]() -> task<> { log(std::to_string((co_await *child).size())); });
    const auto looks = spawn([&]() -> task<> {
      const auto end = co_await child->join();
      log(end.has_value() ? "value" : "no value");
    });
    co_await settled();
    go.set();
    co_await next_tick();
    EXPECT_TRUE(child->done());
    child.reset();
    co_await joins;
    co_await looks;
  });
  EXPECT_EQ(log.text(), "100 > value");
}

TEST_P(handed_over, Rule35AGroupMayEndBeforeThoseWhoWaitedForItHaveRun) {
  run([&]() -> task<> {
    std::optional<join_handle<void>> waiter;
    co_await with_task_group([&](task_group& g) -> task<> {
      g.spawn([]() -> task<> {
        for (int i = 0; i < 4; ++i) co_await next_tick();
      });
      waiter = spawn(g.wait());
      co_return;
    });
    EXPECT_FALSE(waiter->done());
    log("the group has ended");
    co_await *waiter;
  });
  EXPECT_EQ(log.text(), "the group has ended");
}

TEST_P(handed_over, Rule35AGeneratorMayGoOnceItsValueIsTaken) {
  run([&]() -> task<> {
    const auto once = [](const std::string& value) -> async_generator<std::string> {
      co_await next_tick();
      co_yield value;
    };
    auto values = std::make_unique<async_generator<std::string>>(once(text));
    const bool is_taken =
        (co_await values->next())->size() == 100 && (values.reset(), values == nullptr);
    EXPECT_TRUE(is_taken);
  });
}

// ---- What lives in the object: its end aborts, as with waiters ----

TEST_P(handed_over, Rule35ADeferredDestroyedBeforeItsValueIsTakenAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  using replies = deferred<std::string>;
  const auto waits = [&](replies& d) -> task<> {
    const std::string& value = co_await d.wait();
    log(std::to_string(value.size()));
  };
  const char* const message = "eddy: a deferred is destroyed before .* has taken";
  EXPECT_DEATH(
      gone_after(made<replies>(), waits, [&](replies& d, auto&) { EXPECT_TRUE(d.set(text)); }),
      message);
  EXPECT_DEATH(gone_after(made<replies>(), waits,
                          [&](replies& d, auto&) {
                            d.fail(std::make_exception_ptr(std::runtime_error("failed")));
                          }),
               message);
}

TEST_P(handed_over, Rule35ADeferredMayGoOnceEachOfItsWaitersHasTakenTheValueOrIsStopped) {
  using replies = deferred<std::string>;
  const auto waits = [&](replies& d) -> task<> {
    log(std::to_string((co_await d.wait()).size()));
    co_await next_tick();
  };
  gone_after(made<replies>(), waits, cancelled);
  gone_after(made<replies>(), waits, [&](replies& d, auto& waiter) {
    EXPECT_TRUE(d.set(text));
    waiter.cancel();
  });
  EXPECT_EQ(log.text(), "stopped > stopped");
  run([&]() -> task<> {
    auto d = std::make_unique<replies>();
    const auto waiter = spawn(waits, std::ref(*d));
    co_await settled();
    d->set(text);
    co_await next_tick();
    d.reset();
    log(co_await end_of(waiter));
    d = std::make_unique<replies>();
    d->set(text);
    const auto size_of = [](const std::string& value) { return value.size(); };
    EXPECT_EQ(size_of(co_await d->wait()), 100u);
    d.reset();
    d = std::make_unique<replies>();
    d->fail(std::make_exception_ptr(std::runtime_error("failed")));
    log(co_await thrown_in(d->wait()));
    d.reset();
  });
  EXPECT_EQ(log.text(), "stopped > stopped > 100 > value > failed");
}

TEST_P(handed_over, Rule35ASemaphoreDestroyedBeforeItsPermitIsTakenAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto waits = [&](semaphore& s) -> task<> {
    const auto permit = co_await s.acquire();
    log("not reached");
  };
  EXPECT_DEATH(gone_after(made<semaphore>(0u), waits, [](semaphore& s, auto&) { s.release(); }),
               "eddy: a semaphore is destroyed while a permit");
}

TEST_P(handed_over, Rule35ASemaphoreDestroyedWhileAPermitIsHeldAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::optional<semaphore::permit> permit;
        semaphore s(1);
        permit = s.try_acquire();
      },
      "eddy: a semaphore is destroyed while a permit");
}

TEST_P(handed_over, Rule35ASemaphoreMayGoOnceItsPermitsAreGivenBackOrSpent) {
  const auto waits = [&](semaphore& s) -> task<> {
    auto permit = co_await s.acquire();
    log("has it");
    permit.forget();
    co_await next_tick();
  };
  gone_after(made<semaphore>(0u), waits, cancelled);
  run([&]() -> task<> {
    auto s = std::make_unique<semaphore>(1);
    auto first = co_await s->acquire();
    auto spends = spawn(waits, std::ref(*s));
    co_await settled();
    {
      const auto given_back = std::move(first);
    }
    co_await next_tick();
    s.reset();
    log(co_await end_of(spends));
  });
  EXPECT_EQ(log.text(), "stopped > has it > value");
}

TEST_P(handed_over, Rule35AMutexDestroyedBeforeItsLockIsTakenAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  std::optional<mutex::guard> guard;
  EXPECT_DEATH(gone_after(
                   made<mutex>(),
                   [&](mutex& m) -> task<> {
                     guard = m.try_lock();
                     const auto mine = co_await m.lock();
                   },
                   [&](mutex&, auto&) { guard.reset(); }),
               "eddy: a mutex is destroyed while it is locked, or was handed over");
}

TEST_P(handed_over, Rule35AnIntervalDestroyedBeforeItsTickIsTakenAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto ticks = [&](interval& every) -> task<> {
    static_cast<void>(co_await every.tick());
    log("not reached");
  };
  const char* const message =
      "^eddy: an interval is destroyed while a task waits for its tick: interval::tick at "
      "handed_over_test.cc:";
  EXPECT_DEATH(gone_after(made<interval>(1h), ticks, [](auto&, auto&) {}), message);
  // Due in the same timers phase as what destroys it, and behind that.
  EXPECT_DEATH(run([&]() -> task<> {
                 auto every = std::make_unique<interval>(0ns);
                 co_await next_tick();
                 const auto first = spawn([&]() -> task<> {
                   co_await sleep_until(time_point::min());
                   every.reset();
                 });
                 const auto second = spawn(ticks, std::ref(*every));
                 co_await second;
               }),
               message);
}

TEST_P(handed_over, Rule35AnIntervalMayGoOnceItsTicksAreTakenOrItsWaitersAreStopped) {
  const auto ticks = [&](interval& every) -> task<> {
    static_cast<void>(co_await every.tick());
    log("ticked");
    co_await next_tick();
  };
  gone_after(made<interval>(1h), ticks, cancelled);
  run([&]() -> task<> {
    auto every = std::make_unique<interval>(1ms);
    const auto one = spawn(ticks, std::ref(*every));
    const auto two = spawn(ticks, std::ref(*every));
    const auto three = spawn(ticks, std::ref(*every));
    co_await settled();
    // A copy has the rhythm, and nobody who waits.
    std::make_unique<interval>(*every).reset();
    *every = interval(2ms);
    two.cancel();
    co_await one;
    co_await three;
    every.reset();
    log(co_await end_of(two));
  });
  EXPECT_EQ(log.text(), "stopped > ticked > ticked > stopped");
}

TEST_P(handed_over, Rule35WhatIsTakenWithTheBudgetSpentIsHandedOverToo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  runtime_options options;
  options.callback_budget = 1;
  make(options);
  // In the tick in which the waiter asks the budget is spent: it queues, with what it took.
  const auto gone_while_it_queues = [&](auto object, auto wait) {
    run([&, wait]() mutable -> task<> {
      co_await sleep_for(0ns);
      const auto waiter = spawn(wait, std::ref(*object));
      const auto destroys = spawn([&]() -> task<> {
        object.reset();
        co_return;
      });
      co_await destroys;
      co_await waiter;
    });
  };
  auto e = std::make_unique<event>();
  e->set();
  gone_while_it_queues(std::move(e), [](event& x) -> task<> { co_await x.wait(); });
  auto c = std::make_unique<channel<std::string>>(1);
  EXPECT_TRUE(c->try_send(std::string(text)));
  gone_while_it_queues(std::move(c), [&](channel<std::string>& x) -> task<> {
    EXPECT_EQ(co_await x.receive(), text);
  });
  EXPECT_DEATH(
      {
        auto d = std::make_unique<deferred<std::string>>();
        d->set(text);
        gone_while_it_queues(std::move(d), [&](deferred<std::string>& x) -> task<> {
          EXPECT_EQ(co_await x.wait(), text);
        });
      },
      "eddy: a deferred is destroyed");
  EXPECT_DEATH(gone_while_it_queues(
                   std::make_unique<semaphore>(1),
                   [](semaphore& x) -> task<> { const auto permit = co_await x.acquire(); }),
               "eddy: a semaphore is destroyed");
  EXPECT_DEATH(
      gone_while_it_queues(std::make_unique<mutex>(),
                           [](mutex& x) -> task<> { const auto guard = co_await x.lock(); }),
      "eddy: a mutex is destroyed");
}

}  // namespace
}  // namespace eddy::test
