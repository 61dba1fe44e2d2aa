// A runtime in a host's own poll(2) loop: every wake-up arrives, and the host never spins. Each
// test counts the host's polls; one that was not ended by what it waited for within ten seconds is
// a wake-up lost.
#include "tests/support/io_test.h"
#include "tests/support/runtime_test.h"
#include "tests/support/soak.h"

#include <atomic>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <eddy/eddy.h>

#include "runtime/backend/uring.h"

namespace eddy::test {
namespace {

/// A program whose loop is not ours: it sleeps in poll(2), and gives the runtime a turn when poll
/// says so or time is up.
class host {
 public:
  explicit host(runtime& rt) : rt_(rt), handle_(rt.native_handle()) {}

  /// Until the runtime has nothing pending.
  void run() {
    while (!lost_ && rt_.run_nowait()) wait();
  }
  /// Until `done`.
  void run_until(const std::function<bool()>& done) {
    for (;;) {
      rt_.run_nowait();
      if (done() || lost_) return;
      wait();
    }
  }

  std::uint64_t polls = 0;  // those without a wait included

 private:
  void wait() {
    ++polls;
    const std::optional<duration> most = rt_.next_timeout();
    pollfd entry{handle_, POLLIN, 0};
    constexpr int patience = 10'000;
    int milliseconds = patience;
    if (most) {
      // Rounded up: a host that rounds down spins in the last millisecond.
      const auto up = std::chrono::ceil<std::chrono::milliseconds>(*most).count();
      milliseconds = static_cast<int>(std::min<std::int64_t>(up, patience));
    }
    const int n = ::poll(&entry, 1, milliseconds);
    if (n == 0 && milliseconds == patience) {
      lost_ = true;
      ADD_FAILURE() << "a wake-up was lost";
      rt_.run();  // so that nobody waits for what this test has not done
    }
  }

  runtime& rt_;
  int handle_;
  bool lost_ = false;
};

class embedding : public real_runtime {};
EDDY_TEST_ON_REAL_BACKENDS(embedding);

TEST_P(embedding, EachOfManyPostsToASleepingHostArrives) {
  const int posts = in_ci_or_soak(10'000, 1'000'000);
  host h(rt());
  std::atomic<int> arrived{0};
  pending_guard guard = rt().guard();
  std::thread other([&] {
    for (int i = 1; i <= posts; ++i) {
      rt().post([&arrived] {
        arrived.fetch_add(1, std::memory_order_release);
        arrived.notify_one();
      });
      // The next one when this one has run: so the host is asleep, or about to be.
      for (int n = arrived.load(std::memory_order_acquire); n < i;
           n = arrived.load(std::memory_order_acquire)) {
        arrived.wait(n);
      }
    }
    guard = pending_guard();
  });
  h.run();
  other.join();
  EXPECT_EQ(arrived, posts);
  // One for each post, one for the guard, and where a post came before the host slept, one that
  // finds what it left.
  EXPECT_LE(h.polls, 2u * static_cast<unsigned>(posts) + 2);
}

TEST_P(embedding, AFloodOfPostsArrivesAndIsNotPolledForOneByOne) {
  constexpr int posts = 10'000;
  host h(rt());
  int arrived = 0;
  pending_guard guard = rt().guard();
  std::thread other([&] {
    for (int i = 0; i < posts; ++i) rt().post([&arrived] { ++arrived; });
    guard = pending_guard();
  });
  h.run();
  other.join();
  EXPECT_EQ(arrived, posts);
  EXPECT_LE(h.polls, static_cast<unsigned>(posts) + 2);
}

TEST_P(embedding, AnIdleHostSleeps) {
  host h(rt());
  auto [near, far] = unix_stream::pair().value();
  std::thread other;
  rt().post([&] {
    spawn(
        [](unix_stream& s) -> task<> {
          char byte;
          EXPECT_EQ(co_await ok(s.read(mutable_buffer(&byte, 1))), 1u);
        },
        std::ref(near));
    spawn([]() -> task<> { co_await sleep_for(300ms); });
    other = std::thread([socket = far.native_handle()] {
      const timespec later{0, 500'000'000};
      ::clock_nanosleep(CLOCK_MONOTONIC, 0, &later, nullptr);
      EXPECT_EQ(::send(socket, "x", 1, 0), 1);
    });
  });
  h.run();
  other.join();
  EXPECT_LE(h.polls, 6u) << "first steps, the timer, the byte";
}

TEST_P(embedding, EachByteOfARawPeerWakesTheHost) {
  constexpr int rounds = 10'000;
  host h(rt());
  auto [near, far] = unix_stream::pair().value();
  rt().post([&] {
    spawn(
        [](unix_stream& s) -> task<> {
          char byte;
          for (int i = 0; i < rounds; ++i) {
            co_await ok(s.read(mutable_buffer(&byte, 1)));
            co_await ok(s.write(const_buffer(&byte, 1)));
          }
        },
        std::ref(near));
  });
  std::thread other([socket = far.native_handle()] {
    for (int i = 0; i < rounds; ++i) {
      char byte = static_cast<char>(i);
      EXPECT_EQ(::send(socket, &byte, 1, 0), 1);
      pollfd entry{socket, POLLIN, 0};
      ::poll(&entry, 1, -1);
      char back = 0;
      EXPECT_EQ(::recv(socket, &back, 1, 0), 1);
      EXPECT_EQ(back, byte);
    }
  });
  h.run();
  other.join();
  EXPECT_LE(h.polls, 3u * rounds) << "the read, and the write handed over and finished";
}

TEST_P(embedding, TimersComeOnTimeAndCostOneSleepEach) {
  host h(rt());
  constexpr unsigned rounds = 100;
  rt().post([] {
    spawn([]() -> task<> {
      for (unsigned i = 0; i < rounds; ++i) {
        const time_point until = now() + 2ms;
        co_await sleep_until(until);
        EXPECT_GE(now(), until);
      }
    });
  });
  h.run();
  EXPECT_LE(h.polls, rounds + 3);
}

TEST_P(embedding, WorkOfThePoolWakesTheHost) {
  host h(rt());
  constexpr unsigned jobs = 1000;
  unsigned done = 0;
  rt().post([&done] {
    spawn(
        [](unsigned& sum) -> task<> {
          for (unsigned i = 0; i < jobs; ++i) sum += co_await offload([] { return 1u; });
        },
        std::ref(done));
  });
  h.run();
  EXPECT_EQ(done, jobs);
  EXPECT_LE(h.polls, 2 * jobs + 3);
}

TEST_P(embedding, AStopFromAnotherThreadWakesTheHost) {
  host h(rt());
  rt().post([] { spawn([]() -> task<> { co_await sleep_for(1h); }); });
  rt().run_nowait();
  std::thread other([&] { rt().request_stop(); });
  h.run();
  other.join();
  EXPECT_LE(h.polls, 3u);
}

TEST_P(embedding, WhatABudgetLeftOverIsNotForgotten) {
  runtime_options options;
  options.callback_budget = 2;
  make(options);
  host h(rt());
  constexpr int count = 50;
  std::vector<std::pair<unix_stream, unix_stream>> pairs;
  for (int i = 0; i < count; ++i) pairs.push_back(unix_stream::pair().value());
  int heard = 0;
  rt().post([&] {
    for (auto& p : pairs) {
      spawn(
          [](unix_stream& s, int& sum) -> task<> {
            char byte;
            for (int i = 0; i < 2; ++i)
              sum += static_cast<int>(co_await ok(s.read(mutable_buffer(&byte, 1))));
          },
          std::ref(p.first), std::ref(heard));
    }
  });
  h.run_until([&] { return rt().pending().operations == count; });
  for (int round = 1; round <= 2; ++round) {
    for (auto& p : pairs) EXPECT_EQ(::send(p.second.native_handle(), "x", 1, 0), 1);
    h.run_until([&] { return heard == round * count; });
  }
  EXPECT_EQ(heard, 2 * count);
}

TEST_P(embedding, AConnectToAFullBacklogGoesOnWhenThereIsRoom) {
  const std::string name = std::string("\0eddy-embedding-", 16) + std::to_string(::getpid());
  unix_listen_options short_backlog;
  short_backlog.backlog = 0;
  host h(rt());
  auto listener = unix_listener::bind(name, short_backlog).value();
  int connected = 0;
  constexpr int count = 4;
  std::vector<unix_stream> streams;
  rt().post([&] {
    for (int i = 0; i < count; ++i) {
      spawn(
          [](std::string to, std::vector<unix_stream>& into, int& sum) -> task<> {
            into.push_back(co_await ok(unix_stream::connect(to)));
            ++sum;
          },
          name, std::ref(streams), std::ref(connected));
    }
  });
  // The host takes the connections itself, one every few milliseconds, from another thread.
  std::thread other([socket = listener.native_handle()] {
    for (int i = 0; i < count; ++i) {
      pollfd entry{socket, POLLIN, 0};
      ::poll(&entry, 1, -1);
      const timespec later{0, 10'000'000};
      ::clock_nanosleep(CLOCK_MONOTONIC, 0, &later, nullptr);
      ::close(::accept(socket, nullptr, nullptr));
    }
  });
  h.run();
  other.join();
  EXPECT_EQ(connected, count);
  EXPECT_LE(h.polls, 300u) << "it is asked again after 1, 2, 4 … ms";
}

// ---- A kernel that has no room, under a host

std::atomic<int> refusals_left{0};
int refusing_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags,
                   void* argument, std::size_t size) noexcept {
  if (submit && refusals_left > 0) {
    --refusals_left;
    return -EAGAIN;
  }
  return detail::uring_enter(descriptor, submit, wait, flags, argument, size);
}

TEST_P(embedding, WhatTheKernelHadNoRoomForIsHandedOverAgain) {
  host h(rt());
  auto [near, far] = unix_stream::pair().value();
  EXPECT_EQ(::send(far.native_handle(), "x", 1, 0), 1);
  rt().post([&] {
    spawn(
        [](unix_stream& s) -> task<> {
          char byte;
          EXPECT_EQ(co_await ok(s.read(mutable_buffer(&byte, 1))), 1u);
        },
        std::ref(near));
  });
  refusals_left = 5;
  detail::uring_enter_hook = refusing_enter;
  h.run();
  detail::uring_enter_hook = nullptr;
  EXPECT_LE(h.polls, 50u);
}

}  // namespace
}  // namespace eddy::test
