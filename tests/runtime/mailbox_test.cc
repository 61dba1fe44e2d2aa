// The mailbox: three states, order, and one ring for one sleep, with many producers and from a
// signal handler.
#include "runtime/mailbox.h"

#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/sanitized.h"

namespace eddy::detail {
namespace {

/// What the tests send: who sent it and as which.
struct letter : work {
  unsigned sender = 0;
  std::size_t number = 0;
};

std::vector<std::size_t> take_numbers(mailbox& box) {
  work_queue arrived;
  box.take(arrived);
  std::vector<std::size_t> numbers;
  while (work* w = arrived.pop()) numbers.push_back(static_cast<letter*>(w)->number);
  return numbers;
}

using numbers = std::vector<std::size_t>;

TEST(Mailbox, IsTakenInTheOrderOfArrivalBehindWhatIsThere) {
  mailbox box;
  letter letters[4];
  for (std::size_t i = 0; i < 4; ++i) letters[i].number = i;
  EXPECT_TRUE(box.empty());
  work_queue into;
  into.push(letters[3]);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(box.push(letters[i]));
  EXPECT_FALSE(box.empty());
  box.take(into);
  EXPECT_TRUE(box.empty());
  numbers got;
  while (work* w = into.pop()) got.push_back(static_cast<letter*>(w)->number);
  EXPECT_EQ(got, (numbers{3, 0, 1, 2}));
  EXPECT_EQ(take_numbers(box), numbers{});
}

TEST(Mailbox, OnlyTheFirstPushOfASleepIsToldToRing) {
  mailbox box;
  letter letters[5];
  for (std::size_t i = 0; i < 5; ++i) letters[i].number = i;
  EXPECT_FALSE(box.push(letters[0]));  // awake: nobody rings
  EXPECT_FALSE(box.fall_asleep());     // something has arrived
  EXPECT_FALSE(box.push(letters[1]));
  EXPECT_EQ(take_numbers(box), (numbers{0, 1}));
  EXPECT_TRUE(box.fall_asleep());
  EXPECT_TRUE(box.empty());
  EXPECT_TRUE(box.push(letters[2]));
  EXPECT_FALSE(box.push(letters[3]));
  box.wake_up();  // what arrived stays
  EXPECT_FALSE(box.empty());
  EXPECT_FALSE(box.push(letters[4]));
  EXPECT_EQ(take_numbers(box), (numbers{2, 3, 4}));
}

TEST(Mailbox, AfterASleepThatNobodyEndedNobodyRings) {
  mailbox box;
  letter a;
  EXPECT_TRUE(box.fall_asleep());
  box.wake_up();
  EXPECT_FALSE(box.push(a));
  box.wake_up();
  EXPECT_EQ(take_numbers(box).size(), 1u);
}

TEST(Mailbox, TakingWhileAsleepLeavesItAsleep) {
  mailbox box;
  letter a;
  EXPECT_TRUE(box.fall_asleep());
  EXPECT_EQ(take_numbers(box), numbers{});
  EXPECT_TRUE(box.push(a));
}

TEST(Mailbox, OneMailboxAsleepDoesNotDisturbAnother) {
  mailbox asleep, awake;
  letter a, b;
  EXPECT_TRUE(asleep.fall_asleep());
  EXPECT_FALSE(awake.push(a));
  EXPECT_TRUE(asleep.push(b));
}

/// A doorbell on which a consumer sleeps, and the count of its rings.
class doorbell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    ++rings_;
    changed_.notify_one();
  }
  /// Sleeps until it has been rung `times` in all.
  void await(std::size_t times) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return rings_ >= times; });
  }
  std::size_t rings() {
    const std::lock_guard lock(mutex_);
    return rings_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t rings_ = 0;
};

TEST(Mailbox, ManySendersLoseNothingKeepTheirOrderAndRingOncePerSleep) {
  constexpr unsigned senders = 4;
  constexpr std::size_t each = test::sanitized ? 20'000 : 50'000;
  mailbox box;
  // No atomic: the mailbox must order this write ("the doorbell is made") before any ring.
  doorbell* bell = nullptr;
  std::vector<std::unique_ptr<letter[]>> letters;
  for (unsigned s = 0; s < senders; ++s) letters.push_back(std::make_unique<letter[]>(each));
  std::vector<std::thread> threads;
  for (unsigned s = 0; s < senders; ++s) {
    threads.emplace_back([&, s] {
      for (std::size_t i = 0; i < each; ++i) {
        letter& l = letters[s][i];
        l.sender = s;
        l.number = i;
        if (box.push(l)) bell->ring();
        if (i % 16 == 0) std::this_thread::yield();  // lets the consumer empty the box and sleep
      }
    });
  }
  doorbell made;
  bell = &made;
  std::vector<std::size_t> expected(senders, 0);
  std::size_t taken = 0, sleeps = 0, in_order = 0;
  while (taken < senders * each) {
    work_queue arrived;
    box.take(arrived);
    if (arrived.empty()) {
      if (!box.fall_asleep()) continue;
      made.await(++sleeps);
      box.wake_up();
      EXPECT_FALSE(box.empty());  // rung, so something is there
      continue;
    }
    while (work* w = arrived.pop()) {
      auto* l = static_cast<letter*>(w);
      in_order += l->number == expected[l->sender]++;
      ++taken;
    }
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(in_order, senders * each);
  EXPECT_TRUE(box.empty());
  EXPECT_EQ(made.rings(), sleeps);
  RecordProperty("sleeps", static_cast<int>(sleeps));
}

TEST(Mailbox, ACycleOfPushSleepAndWakeNeverHangs) {
  // One letter at a time: the narrowest race between the push and the falling asleep.
  mailbox box;
  doorbell bell, back;
  letter l;
  constexpr std::size_t rounds = 5'000;
  std::thread sender([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      l.number = i;
      if (box.push(l)) bell.ring();
      back.await(i + 1);  // the letter is ours again
    }
  });
  std::size_t sleeps = 0;
  for (std::size_t i = 0; i < rounds;) {
    if (box.fall_asleep()) {
      bell.await(++sleeps);
      box.wake_up();
    }
    for (const std::size_t number : take_numbers(box)) {
      EXPECT_EQ(number, i++);
      back.ring();
    }
  }
  sender.join();
  EXPECT_EQ(bell.rings(), sleeps);
}

constexpr int signals = 2'000;
mailbox* signalled_box = nullptr;
letter from_signal[signals];
std::atomic<int> delivered{0};
static_assert(std::atomic<int>::is_always_lock_free);

TEST(Mailbox, ASignalHandlerMayPushWhileItsThreadPushesAndTakes) {
  mailbox box;
  signalled_box = &box;
  delivered = 0;
  for (int i = 0; i < signals; ++i) from_signal[i].number = static_cast<std::size_t>(i);
  struct sigaction action = {}, before = {};
  action.sa_handler = [](int) {
    const int error = errno;
    const int n = delivered.load(std::memory_order_relaxed);
    (void)signalled_box->push(from_signal[n]);
    delivered.store(n + 1, std::memory_order_release);
    errno = error;
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  const pthread_t loop = pthread_self();
  std::thread sender([&] {
    for (int i = 0; i < signals; ++i) {
      pthread_kill(loop, SIGUSR1);
      while (delivered.load(std::memory_order_acquire) <= i) std::this_thread::yield();
    }
  });
  letter own[8];
  std::size_t from_handler = 0, pushed = 0, own_taken = 0;
  while (from_handler < signals || own_taken < pushed) {
    if (from_handler < signals) {
      for (letter& l : own) {
        l.sender = 1;
        ++pushed;
        (void)box.push(l);
      }
    }
    std::this_thread::yield();
    work_queue arrived;
    box.take(arrived);
    while (work* w = arrived.pop()) {
      auto* l = static_cast<letter*>(w);
      if (l->sender) {
        ++own_taken;
      } else {
        EXPECT_EQ(l->number, from_handler++);
      }
    }
  }
  sender.join();
  EXPECT_EQ(own_taken, pushed);
  EXPECT_TRUE(box.empty());
  ASSERT_EQ(sigaction(SIGUSR1, &before, nullptr), 0);
}

}  // namespace
}  // namespace eddy::detail
