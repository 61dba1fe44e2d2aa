// docs/semantics.md, rules 19, 23 and 30: channel.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <eddy/coro/channel.h>
#include <eddy/coro/timeout.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

class channels : public coro_test {};
EDDY_TEST_ON_EVERY_BACKEND(channels);

constexpr std::size_t capacities[] = {0, 1, 2, 7};

TEST_P(channels, ElementsAreReceivedInTheOrderInWhichTheyWereSent) {
  for (const std::size_t capacity : capacities) {
    run([&]() -> task<> {
      channel<int> c(capacity);
      const auto sends = [&]() -> task<> {
        for (int i = 0; i < 50; ++i) {
          if (i % 7 == 0) co_await yield();
          EXPECT_TRUE(co_await c.send(i));
        }
        c.close();
      };
      spawn(sends);
      int next = 0;
      while (const auto i = co_await c.receive()) {
        EXPECT_EQ(*i, next++);
        if (next % 5 == 0) co_await yield();
      }
      EXPECT_EQ(next, 50);
    });
  }
}

TEST_P(channels, SendersAndReceiversAreServedInTheOrderInWhichTheyCame) {
  run([&]() -> task<> {
    channel<int> c(0);
    const auto sends = [&](int i) -> task<> {
      EXPECT_TRUE(co_await c.send(i));
      log("sent", static_cast<unsigned>(i));
    };
    const auto receives = [&](std::string name) -> task<> {
      const auto i = co_await c.receive();
      log(name, static_cast<unsigned>(*i));
    };
    for (int i = 1; i <= 3; ++i) spawn(sends, i);
    co_await settled();
    for (const char* name : {"a", "b", "c"}) spawn(receives, std::string(name));
    co_await settled();
    for (const char* name : {"d", "e"}) spawn(receives, std::string(name));
    co_await settled();
    spawn(sends, 4);
    spawn(sends, 5);
    co_await settled();
  });
  EXPECT_EQ(log.text(), "a 1 > b 2 > c 3 > sent 1 > sent 2 > sent 3 > sent 4 > sent 5 > d 4 > e 5");
}

TEST_P(channels, ARendezvousEndsWhenSomebodyReceives) {
  run([&]() -> task<> {
    channel<std::string> c(0);
    const auto h = spawn([&]() -> task<> {
      EXPECT_TRUE(co_await c.send("x"));
      log("sent");
    });
    co_await settled();
    EXPECT_FALSE(h.done());
    EXPECT_EQ(co_await c.receive(), "x");
    log("received");
    co_await h;
  });
  EXPECT_EQ(log.text(), "received > sent");
}

TEST_P(channels, TrySendLeavesTheArgumentUntouchedWhereItCannot) {
  run([&]() -> task<> {
    channel<std::unique_ptr<int>> c(1);
    auto one = std::make_unique<int>(1);
    EXPECT_TRUE(c.try_send(std::move(one)));
    EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): what is left is the question
    auto two = std::make_unique<int>(2);
    EXPECT_FALSE(c.try_send(std::move(two)));
    EXPECT_TRUE(two);  // NOLINT(bugprone-use-after-move): what is left is the question
    EXPECT_EQ(**c.try_receive(), 1);
    EXPECT_FALSE(c.try_receive());
    c.close();
    EXPECT_FALSE(c.try_send(std::move(two)));
    EXPECT_TRUE(two);  // NOLINT(bugprone-use-after-move): what is left is the question
    co_return;
  });
}

TEST_P(channels, TrySendAndTryReceiveServeWhoWaits) {
  run([&]() -> task<> {
    channel<int> c(0);
    EXPECT_FALSE(c.try_send(1));
    auto receiver = spawn(c.receive());
    co_await settled();
    EXPECT_TRUE(c.try_send(2));
    EXPECT_EQ(co_await receiver, 2);
    auto sender = spawn(c.send(3));
    co_await settled();
    EXPECT_EQ(c.try_receive(), 3);
    EXPECT_TRUE(co_await sender);
  });
}

TEST_P(channels, Rule19AReceiverCancelledInTheTickInWhichItGetsAValueGetsIt) {
  for (const std::size_t capacity : capacities) {
    run([&]() -> task<> {
      channel<int> c(capacity);
      int received = 0;
      const auto h = spawn([&]() -> task<> {
        const auto i = co_await c.receive();
        received += *i;
        co_await next_tick();
        log("not reached");
      });
      co_await settled();
      EXPECT_TRUE(co_await c.send(5));
      h.cancel();
      EXPECT_EQ(co_await end_of(h), "stopped");
      EXPECT_EQ(received, 5) << "never lost";
      EXPECT_FALSE(c.try_receive());
    });
  }
  EXPECT_EQ(log.text(), "");
}

TEST_P(channels, Rule30ACancelledSendWasNotSentAndItsElementIsDestroyed) {
  for (const std::size_t capacity : capacities) {
    run([&]() -> task<> {
      channel<std::shared_ptr<int>> c(capacity);
      const auto element = std::make_shared<int>(1);
      for (std::size_t i = 0; i < capacity; ++i) {
        EXPECT_TRUE(c.try_send(std::shared_ptr<int>(element)));
      }
      const auto h = spawn(c.send(element));
      const auto other = spawn(c.send(element));
      co_await settled();
      EXPECT_EQ(element.use_count(), 1 + static_cast<long>(capacity) + 2);
      h.cancel();
      EXPECT_EQ(co_await end_of(h), "stopped");
      EXPECT_EQ(element.use_count(), 1 + static_cast<long>(capacity) + 1);
      std::size_t received = 0;
      while (c.try_receive()) ++received;
      EXPECT_EQ(received, capacity + 1);
      EXPECT_EQ(co_await end_of(other), "value");
      EXPECT_EQ(element.use_count(), 1);
    });
  }
}

TEST_P(channels, Rule19ASendThatWasTakenAndIsThenCancelledIsDelivered) {
  run([&]() -> task<> {
    channel<int> c(0);
    const auto h = spawn([&]() -> task<> {
      EXPECT_TRUE(co_await c.send(1));
      log("sent");
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    EXPECT_EQ(c.try_receive(), 1);
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "sent > stopped");
}

TEST_P(channels, Rule21ACancelledReceiverTakesNothing) {
  run([&]() -> task<> {
    channel<int> c(0);
    const auto first = spawn(c.receive());
    auto second = spawn(c.receive());
    co_await settled();
    first.cancel();
    EXPECT_TRUE(c.try_send(7));
    EXPECT_EQ(co_await end_of(first), "stopped");
    EXPECT_EQ(co_await second, 7);
  });
}

TEST_P(channels, Rule30OnCloseSendersGetClosedBufferedElementsAreReceivedReceiversGetNothing) {
  run([&]() -> task<> {
    channel<int> c(1);
    EXPECT_TRUE(c.try_send(1));
    auto sender = spawn(c.send(2));
    co_await settled();
    c.close();
    EXPECT_TRUE(c.closed());
    c.close();
    EXPECT_EQ((co_await sender).error(), errc::closed);
    EXPECT_EQ((co_await c.send(3)).error(), errc::closed);
    EXPECT_EQ(co_await c.receive(), 1);
    EXPECT_EQ(co_await c.receive(), std::nullopt);
    EXPECT_EQ(c.try_receive(), std::nullopt);
    channel<int> empty(3);
    auto receiver = spawn(empty.receive());
    co_await settled();
    empty.close();
    EXPECT_EQ(co_await receiver, std::nullopt);
  });
}

TEST_P(channels, Rule30AReceiverCancelledAfterACloseGetsItsNothing) {
  run([&]() -> task<> {
    channel<int> c(0);
    const auto h = spawn([&]() -> task<> {
      EXPECT_EQ(co_await c.receive(), std::nullopt);
      log("closed");
      co_await next_tick();
      log("not reached");
    });
    co_await settled();
    c.close();
    h.cancel();
    log(co_await end_of(h));
  });
  EXPECT_EQ(log.text(), "closed > stopped");
}

TEST_P(channels, Rule30DestroyedWithWaitersItAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const bool sends : {false, true}) {
    EXPECT_DEATH(run([&]() -> task<> {
                   auto c = std::make_unique<channel<int>>(0);
                   if (sends) {
                     spawn(c->send(1));
                   } else {
                     spawn(c->receive());
                   }
                   co_await settled();
                   c.reset();
                 }),
                 "eddy: a channel is destroyed");
  }
}

TEST_P(channels, WhatIsLeftInsideIsDestroyedWithIt) {
  {
    channel<counted> c(4);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(c.try_send(counted()));
    }
    EXPECT_TRUE(c.try_receive());
    EXPECT_EQ(counted::live, 2);
  }
  EXPECT_EQ(counted::live, 0);
}

TEST_P(channels, Rule23AStoppingTaskTakesNothingFromAChannelThatHasSomething) {
  run([&]() -> task<> {
    channel<int> c(2);
    EXPECT_TRUE(c.try_send(1));
    std::optional<join_handle<void>> h;
    h = spawn([&]() -> task<> {
      h->cancel();
      static_cast<void>(co_await c.receive());
      log("not reached");
    });
    EXPECT_EQ(co_await end_of(*h), "stopped");
    h = spawn([&]() -> task<> {
      h->cancel();
      static_cast<void>(co_await c.send(2));
      log("not reached");
    });
    EXPECT_EQ(co_await end_of(*h), "stopped");
    EXPECT_EQ(c.try_receive(), 1);
    EXPECT_EQ(c.try_receive(), std::nullopt);
  });
  EXPECT_EQ(log.text(), "");
}

TEST_P(channels, Rule11WithTheBudgetSpentElementsKeepTheirOrder) {
  for (const std::size_t capacity : capacities) {
    runtime_options options;
    options.callback_budget = 2;
    make(options);
    run([&]() -> task<> {
      channel<int> c(capacity);
      const auto sends = [&]() -> task<> {
        for (int i = 0; i < 20; ++i) {
          EXPECT_TRUE(co_await c.send(i));
        }
        c.close();
      };
      spawn(sends);
      int next = 0;
      while (const auto i = co_await c.receive()) {
        EXPECT_EQ(*i, next++);
      }
      EXPECT_EQ(next, 20);
    });
  }
}

TEST_P(channels, ManyToManyEverythingSentIsReceivedOnceWhoeverIsCancelled) {
  for (const std::size_t capacity : capacities) {
    run([&]() -> task<> {
      channel<int> c(capacity);
      std::vector<int> sent;
      std::vector<int> received;
      const auto sends = [&](int from) -> task<> {
        for (int i = from; i < from + 50; ++i) {
          if (co_await c.send(i)) sent.push_back(i);
        }
      };
      const auto receives = [&]() -> task<> {
        while (const auto i = co_await c.receive()) received.push_back(*i);
      };
      std::vector<join_handle<void>> senders;
      std::vector<join_handle<void>> receivers;
      for (int i = 0; i < 4; ++i) {
        senders.push_back(spawn(sends, i * 100));
        receivers.push_back(spawn(receives));
      }
      for (int i = 0; i < 30; ++i) co_await next_tick();
      senders[1].cancel();
      receivers[2].cancel();
      for (auto& h : senders) static_cast<void>(co_await h.join());
      c.close();
      for (auto& h : receivers) static_cast<void>(co_await h.join());
      std::sort(sent.begin(), sent.end());
      std::sort(received.begin(), received.end());
      EXPECT_EQ(sent, received);
    });
  }
}

}  // namespace
}  // namespace eddy::test
