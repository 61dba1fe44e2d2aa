// Random trees of everything that coro/ offers, with random cancels from everywhere: from outside,
// from siblings, from destructors of an unwinding. Each seed is a program of its own, and the same
// program every time; after each run nothing may be left. EDDY_FUZZ_RUNS says how many runs on the
// simulation (20,000 without), EDDY_FUZZ_SEED where to begin.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/coro/async_generator.h>
#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/channel.h>
#include <eddy/coro/deferred.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/run_on.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>

#include "tests/coro/pieces.h"

namespace eddy::test {
namespace {

/// One program: its dice, its primitives, and whom it may cancel.
class program {
 public:
  program(runtime& rt, std::uint64_t seed, bool in_memory)
      : rt_(rt),
        state_(seed * 0x9E3779B97F4A7C15u + 1),
        pool_too_(in_memory),
        pair_(rt),
        elements_(dice(3)) {}

  task<> top() {
    for (int i = 0; i < 4; ++i) {
      const auto h = spawn(&program::node, this, 4);
      const victim listed(*this, h);
      co_await sleep_for(microseconds(40));
      if (dice(2)) h.cancel();
      count(co_await h.join());
    }
    if (dice(20) == 0) rt_.request_stop();
  }

  /// Nothing is held, lost or there twice.
  void audit() {
    for (mutex& m : locks_) {
      EXPECT_TRUE(m.try_lock());
    }
    std::array<std::optional<semaphore::permit>, 2> permits;
    for (auto& p : permits) {
      p = permits_.try_acquire();
      EXPECT_TRUE(p);
    }
    EXPECT_FALSE(permits_.try_acquire());
    while (const auto element = elements_.try_receive()) ++received_;
    EXPECT_EQ(sent_, received_);
    for (std::string text = pair_.hear(); !text.empty(); text = pair_.hear())
      read_ += static_cast<long>(text.size());
    EXPECT_EQ(written_, read_);
    EXPECT_EQ(cleanups_due_, cleanups_done_);
    EXPECT_TRUE(victims_.empty());
  }

  static inline std::uint64_t values = 0;
  static inline std::uint64_t stops = 0;
  static inline std::uint64_t errors = 0;

 private:
  unsigned dice(unsigned sides) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>((state_ >> 11) % sides);
  }
  duration microseconds(unsigned below) { return std::chrono::microseconds(dice(below)); }

  /// A task that anybody may cancel, as long as this stands.
  class victim {
   public:
    victim(program& p, join_handle<int> h) : program_(p), handle_(std::move(h)) {
      p.victims_.push_back(this);
    }
    victim(const victim&) = delete;
    victim& operator=(const victim&) = delete;
    ~victim() { std::erase(program_.victims_, this); }
    void cancel() const { handle_.cancel(); }

   private:
    program& program_;
    join_handle<int> handle_;
  };
  void cancel_one() {
    if (!victims_.empty()) victims_[dice(static_cast<unsigned>(victims_.size()))]->cancel();
  }
  /// User code in destructors, during an unwinding too.
  struct bystander {
    explicit bystander(program& p) : of(p) {}
    ~bystander() {
      if (of.dice(4) == 0) of.cancel_one();
      if (of.dice(16) == 0 && of.nodes_ < most_nodes) spawn(&program::small, &of);
    }
    program& of;
  };

  void count(const join_result<int>& r) {
    if (r.stopped()) {
      ++stops;
    } else if (r.exception()) {
      ++errors;
    } else {
      ++values;
    }
  }

  task<> small() {
    const counted frame;
    co_await next_tick();
    co_await sleep_for(microseconds(4));
  }

  // ---- What a node may do ----

  task<> cleanup() {
    const counted frame;
    {
      const bystander cancels(*this);
      co_await sleep_for(microseconds(4));
      if (dice(3) == 0) static_cast<void>(co_await with_timeout(microseconds(6), node(0)));
      EXPECT_FALSE(stop_requested());
    }
    ++cleanups_done_;
    if (dice(12) == 0) throw std::runtime_error("cleanup");
  }
  task<int> cleaned(int depth) {
    const auto last = [this] { return cleanup(); };
    ++cleanups_due_;
    co_return co_await finally(node(depth), last);
  }
  task<int> locked(int depth) {
    mutex& m = locks_[dice(3)];
    const auto guard = co_await with_timeout(microseconds(12), m.lock());
    if (!guard) co_return 0;
    EXPECT_FALSE(m.try_lock());
    co_return co_await node(depth);
  }
  task<int> permitted(int depth) {
    const auto permit = co_await with_timeout(microseconds(12), permits_.acquire());
    if (!permit) co_return 0;
    co_return co_await node(depth);
  }
  // (g++ 12 needs a local variable where a co_await stands in a condition)
  task<> sends() {
    const counted frame;
    if (const auto r = co_await elements_.send(1)) ++sent_;
  }
  task<> receives() {
    const counted frame;
    if (co_await elements_.receive()) ++received_;
  }
  task<> reads() {
    if (reading_) co_return;
    struct now_reading {
      bool& flag;
      explicit now_reading(bool& f) : flag(f) { flag = true; }
      ~now_reading() { flag = false; }
    } const alone(reading_);
    const int n = co_await pair_.read();
    if (n > 0) read_ += n;
  }
  void writes() {
    pair_.say("abc");
    written_ += 3;
  }
  async_generator<int> numbers(int depth) {
    const counted frame;
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(co_await node(depth));
      co_yield i;
    }
  }
  task<> children(task_group& g, int depth) {
    const unsigned n = dice(4);
    for (unsigned i = 0; i < n; ++i) {
      const auto h = g.spawn(&program::node, this, depth);
      const victim listed(*this, h);
      if (dice(2)) co_await next_tick();
      if (dice(4) == 0) h.cancel();
      if (dice(3) == 0) count(co_await h.join());
    }
    if (dice(4) == 0) co_await g.wait();
    if (dice(6) == 0) g.cancel();
    if (dice(2)) static_cast<void>(co_await node(depth));
  }
  task<> a_spawned(int depth) {
    const auto h = spawn(&program::node, this, depth);
    const victim listed(*this, h);
    const auto join = [h, this]() -> task<> { count(co_await h.join()); };
    if (dice(2)) co_await next_tick();
    if (dice(3) == 0) h.cancel();
    // (joined in any case: what nobody joins would end the run)
    co_await shield(join());
  }

  task<int> node(int depth) {
    const counted frame;
    const bystander cancels(*this);
    if (++nodes_ > most_nodes) co_return 1;
    const unsigned steps = 1 + dice(3);
    for (unsigned s = 0; s < steps; ++s) {
      const counted local;
      if (depth <= 0 || dice(3) == 0) {
        co_await leaf();
      } else {
        static_cast<void>(co_await inner(depth - 1));
      }
    }
    co_return 1;
  }

  task<> leaf() {
    switch (dice(12)) {
      case 0:
        co_await sleep_for(microseconds(6));
        break;
      case 1:
        co_await next_tick();
        break;
      case 2:
        co_await yield();
        break;
      case 3:
        co_await immediate();
        break;
      case 4: {
        static_cast<void>(co_await with_timeout(microseconds(8), event_.wait()));
        if (dice(2))
          event_.set();
        else
          event_.reset();
        break;
      }
      case 5:
        static_cast<void>(co_await with_timeout(microseconds(8), sends()));
        break;
      case 6:
        static_cast<void>(co_await with_timeout(microseconds(8), receives()));
        break;
      case 7:
        static_cast<void>(co_await with_timeout(microseconds(8), reads()));
        break;
      case 8:
        writes();
        break;
      case 9:
        cancel_one();
        break;
      case 10: {
        const auto job = [] { return 1; };
        if (pool_too_) static_cast<void>(co_await offload(job));
        break;
      }
      case 11: {
        if (replies_ % 2 == 0) reply_ = std::make_shared<deferred<int>>();
        ++replies_;
        const auto waits = reply_;
        if (dice(2)) waits->set(1);
        static_cast<void>(co_await with_timeout(microseconds(5), waits->wait()));
        break;
      }
      default:
        break;
    }
  }

  task<int> inner(int depth) {
    switch (dice(16)) {
      case 0: {
        const auto r = co_await with_timeout(microseconds(10), node(depth));
        co_return r ? *r : 0;
      }
      case 1:
        static_cast<void>(co_await when_any(node(depth), node(depth)));
        break;
      case 2:
        static_cast<void>(co_await when_all(node(depth), node(depth), sleep_for(microseconds(3))));
        break;
      case 3: {
        std::vector<task<int>> tasks;
        for (unsigned i = dice(5); i > 0; --i) tasks.push_back(node(depth));
        static_cast<void>(co_await when_all(std::move(tasks), 1 + dice(3)));
        break;
      }
      case 4:
        static_cast<void>(co_await catch_stopped(node(depth)));
        break;
      case 5:
        static_cast<void>(co_await shield(node(depth)));
        break;
      case 6:
      case 7:
        co_return co_await cleaned(depth);
      case 8:
      case 9: {
        const auto body = [this, depth](task_group& g) { return children(g, depth); };
        co_await with_task_group(body);
        break;
      }
      case 10:
        co_await a_spawned(depth);
        break;
      case 11:
        co_return co_await locked(depth);
      case 12:
        co_return co_await permitted(depth);
      case 13: {
        bool caught = false;
        try {
          static_cast<void>(co_await node(depth));
        } catch (const std::runtime_error&) {
          caught = true;
        }
        if (caught) co_await next_tick();
        break;
      }
      case 14: {
        if (dice(3) == 0) throw std::runtime_error("on purpose");
        auto g = numbers(depth);
        while (const auto i = co_await g.next()) {
          if (dice(4) == 0) break;
        }
        break;
      }
      case 15: {
        const auto there = [this, depth] { return node(depth); };
        try {
          static_cast<void>(co_await run_on(rt_, there));
        } catch (const stopped_error&) {
          stopped_there_ = true;
        }
        break;
      }
      default:
        break;
    }
    co_return 1;
  }

  static constexpr int most_nodes = 300;
  runtime& rt_;
  std::uint64_t state_;
  bool pool_too_;
  int nodes_ = 0;
  std::vector<victim*> victims_;
  mutex locks_[3];
  semaphore permits_{2};
  event event_;
  stream_pair pair_;
  channel<int> elements_;
  std::shared_ptr<deferred<int>> reply_;
  unsigned replies_ = 0;
  bool reading_ = false;
  bool stopped_there_ = false;
  long sent_ = 0;
  long received_ = 0;
  long written_ = 0;
  long read_ = 0;
  int cleanups_due_ = 0;
  int cleanups_done_ = 0;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class fuzz : public ::testing::TestWithParam<std::string> {};
EDDY_TEST_ON_EVERY_BACKEND(fuzz);

TEST_P(fuzz, RandomProgramsWithRandomCancelsLeaveNothing) {
  const bool in_memory = GetParam() == "simulation";
  const std::uint64_t from = number_from("EDDY_FUZZ_SEED", 1);
  const std::uint64_t runs = in_memory ? number_from("EDDY_FUZZ_RUNS", 20'000) : 300;
  constexpr unsigned budgets[] = {1024, 1, 2, 3, 7};
  for (std::uint64_t seed = from; seed < from + runs && !HasFailure(); ++seed) {
    SCOPED_TRACE("EDDY_FUZZ_SEED=" + std::to_string(seed) + " EDDY_FUZZ_RUNS=1");
    runtime_options options;
    options.callback_budget = budgets[seed % std::size(budgets)];
    options.pool_threads = 1;
    counted::live = 0;
    const auto rt = make_runtime(GetParam(), options);
    {
      program p(*rt, seed, in_memory || seed % 8 == 0);
      try {
        eddy::run(*rt, [&]() -> task<> { co_await p.top(); });
      } catch (const stopped_error&) {  // by its own request_stop
      } catch (const std::runtime_error& e) {
        const std::string what = e.what();
        EXPECT_TRUE(what == "on purpose" || what == "cleanup") << what;
      }
      EXPECT_EQ(rt->pending().total(), 0u);
      EXPECT_EQ(counted::live, 0);
      p.audit();
    }
  }
  RecordProperty("values", std::to_string(program::values));
  RecordProperty("stops", std::to_string(program::stops));
  RecordProperty("errors", std::to_string(program::errors));
  EXPECT_GT(program::values, 0u);
  EXPECT_GT(program::stops, 0u);
}

}  // namespace
}  // namespace eddy::test
