// Timers beside work without end: a flooding socket, many of them, a million chained next_ticks.
// What is gated does not depend on how busy the machine is: how much work the loop does between a
// deadline and its timer, and how much processor time of its own. The wall clock's figures are
// printed, and gated in the long run, on a quiet machine.
#include "tests/support/runtime_test.h"
#include "tests/support/sanitized.h"
#include "tests/support/soak.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <time.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

class fairness : public real_runtime {};
EDDY_TEST_ON_REAL_BACKENDS(fairness);

duration processor_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// What runs beside a timer tells this of each of its steps; the timer asks what came between its
/// deadline and itself.
class witness {
 public:
  void step() {
    const time_point at = now();
    if (at < deadline_) {
      processor_before_ = processor_time();
    } else {
      ++steps_;
    }
  }
  void begin(time_point deadline) {
    deadline_ = deadline;
    steps_ = 0;
    processor_before_ = processor_time();
  }
  void fired() {
    const duration late = now() - deadline_;
    EXPECT_GE(late, duration::zero());
    late_.push_back(late);
    // No more than this has passed for the loop since the deadline, whoever else had the processor.
    own_.push_back(std::min(late, processor_time() - processor_before_));
    most_steps_ = std::max(most_steps_, steps_);
  }
  unsigned most_steps() const { return most_steps_; }
  duration late(double quantile) { return of(late_, quantile); }
  duration own(double quantile) { return of(own_, quantile); }

 private:
  static duration of(std::vector<duration>& all, double quantile) {
    std::sort(all.begin(), all.end());
    return all[std::min(static_cast<std::size_t>(static_cast<double>(all.size()) * quantile),
                        all.size() - 1)];
  }
  time_point deadline_;
  duration processor_before_{};
  unsigned steps_ = 0;
  unsigned most_steps_ = 0;
  std::vector<duration> late_;
  std::vector<duration> own_;
};

task<void> beat(witness& w, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const time_point deadline = now() + 1ms;
    w.begin(deadline);
    co_await sleep_until(deadline);
    w.fired();
  }
}

void report(const std::string& backend, witness& w) {
  const auto ms = [](duration d) { return static_cast<double>(d.count()) / 1e6; };
  std::printf(
      "%s: late by %.3f ms (median), %.3f ms (p99); of the loop's own making %.3f ms (p99); at "
      "most %u steps\n",
      backend.c_str(), ms(w.late(0.5)), ms(w.late(0.99)), ms(w.own(0.99)), w.most_steps());
  // (What gates is how many steps lie between; a sanitizer multiplies what each takes.)
  if (soak_minutes() && !sanitized) {
    EXPECT_LE(w.own(0.99), 2ms);
    EXPECT_LE(w.late(0.99), 2ms);
  }
}

/// Threads that write as fast as they can.
class flood {
 public:
  explicit flood(std::size_t sockets) {
    for (std::size_t i = 0; i < sockets; ++i) {
      int ends[2];
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      streams.push_back(unix_stream::adopt(ends[0]).value());
      far_.push_back(ends[1]);
    }
    writer_ = std::thread([this] {
      const std::vector<char> block(16 * 1024, 'f');
      while (!end_) {
        for (const int s : far_)
          ::send(s, block.data(), block.size(),
                 MSG_NOSIGNAL | (far_.size() > 1 ? MSG_DONTWAIT : 0));
      }
    });
  }
  ~flood() {
    end_ = true;
    streams.clear();  // ends a send that waits
    writer_.join();
    for (const int s : far_) ::close(s);
  }
  std::vector<unix_stream> streams;

 private:
  std::vector<int> far_;
  std::atomic<bool> end_{false};
  std::thread writer_;
};

task<void> swallow(unix_stream& s, witness& w, std::uint64_t& bytes) {
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    bytes += co_await ok(s.read(buffer));
    w.step();
  }
}

TEST_P(fairness, AFloodingSocketDoesNotDelayATimer) {
  witness w;
  std::uint64_t bytes = 0;
  {
    flood f(1);
    run([&]() -> task<> {
      auto swallowing = spawn(swallow, std::ref(f.streams[0]), std::ref(w), std::ref(bytes));
      co_await beat(w, in_ci_or_soak(1'000, 60'000));
      swallowing.cancel();
      static_cast<void>(co_await swallowing.join());
    });
  }
  EXPECT_GT(bytes, 10'000'000u) << "it was no flood";
  report(GetParam(), w);
  EXPECT_LE(w.most_steps(), 2u) << "one poll phase's worth";
}

TEST_P(fairness, AHundredFloodingSocketsDelayATimerByOnePollAtMost) {
  witness w;
  std::uint64_t bytes = 0;
  constexpr unsigned count = 100;
  {
    flood f(count);
    run([&]() -> task<> {
      std::vector<join_handle<void>> swallowing;
      for (auto& s : f.streams)
        swallowing.push_back(spawn(swallow, std::ref(s), std::ref(w), std::ref(bytes)));
      co_await beat(w, in_ci_or_soak(500, 30'000));
      for (auto& s : swallowing) s.cancel();
      for (auto& s : swallowing) static_cast<void>(co_await s.join());
    });
  }
  std::printf("%s: at most %u steps of a hundred sockets between a deadline and its timer\n",
              GetParam().c_str(), w.most_steps());
  EXPECT_GT(bytes, 10'000'000u) << "it was no flood";
  EXPECT_LE(w.most_steps(), count) << "one poll phase's worth";
}

TEST_P(fairness, AMillionChainedNextTicksDoNotStopATimer) {
  constexpr unsigned chain = 1'000'000;
  constexpr unsigned budget = 1024;
  witness w;
  run([&]() -> task<> {
    bool ended = false;
    auto chaining = spawn([&]() -> task<> {
      for (unsigned i = 0; i < chain; ++i) {
        co_await next_tick();
        w.step();
      }
      ended = true;
    });
    int fired = 0;
    while (!ended) {
      co_await beat(w, 1);
      ++fired;
    }
    co_await chaining;
    EXPECT_GE(fired, 10) << "a million steps take many milliseconds";
  });
  report(GetParam(), w);
  EXPECT_LE(w.most_steps(), 2 * budget) << "what was left of one tick's budget, and one more";
}

}  // namespace
}  // namespace eddy::test
