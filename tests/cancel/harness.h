// Exhaustive cancel. A scenario is a coroutine; it is played once undisturbed, and then once for
// every point of its course with a blow at that point: its task is cancelled, or the whole run is
// stopped, or both one after the other. After every play the same accounts are drawn up: nothing
// may be left, lost or done twice.
//
// Points are taken without touching the product, at three places:
// - before poll and after check (hooks): with a budget of B microtasks a tick runs at most B of
//   them, so over all budgets from 1 up to where the course no longer changes there is a point
//   between any two microtasks of a drain, and before it everything ran as with an unspent budget;
// - inside the backend's run(), when it has reported something that the loop has not yet looked at:
//   the operation is done, and its task does not know.
// How many points a course has is found by going on until the blow no longer falls. (So it may
// differ from play to play, as it does with a real kernel.)
#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <eddy/coro/channel.h>
#include <eddy/coro/event.h>
#include <eddy/coro/mutex.h>
#include <eddy/coro/run.h>
#include <eddy/coro/semaphore.h>
#include <eddy/coro/shield.h>
#include <eddy/coro/spawn.h>
#include <eddy/io/unix.h>
#include <eddy/runtime/runtime.h>

#include "runtime/pool.h"
#include "tests/coro/pieces.h"

namespace eddy::test {

enum class blow { none, cancel, stop, cancel_then_stop };
inline const char* name_of(blow b) {
  constexpr const char* names[] = {"none", "cancel", "stop", "cancel, then stop"};
  return names[static_cast<int>(b)];
}

// ---- Points

/// Counts the points of one play, and strikes at one.
class striker {
 public:
  striker(blow kind, unsigned at) : kind_(kind), at_(at) {}

  void aim(runtime& rt, join_handle<void> victim) {
    rt_ = &rt;
    victim_.emplace(std::move(victim));
  }
  void release() { victim_.reset(); }
  void point() {
    if (!victim_) return;
    const unsigned here = points_++;
    if (here == at_ && (kind_ == blow::cancel || kind_ == blow::cancel_then_stop))
      victim_->cancel();
    if (here == at_ && kind_ == blow::stop) rt_->request_stop();
    if (here == at_ + 1 && kind_ == blow::cancel_then_stop) rt_->request_stop();
  }
  bool fell() const { return points_ > at_; }
  unsigned points() const { return points_; }

 private:
  blow kind_;
  unsigned at_;
  unsigned points_ = 0;
  runtime* rt_ = nullptr;
  std::optional<join_handle<void>> victim_;
};

/// The backend of that name, and a point whenever it has reported something. Reports nothing twice,
/// or fails the test.
class watched_backend final : public detail::backend {
 public:
  watched_backend(std::unique_ptr<detail::backend> inner, striker& s)
      : inner_(std::move(inner)), striker_(s) {}
  void run(detail::turn& t) override {
    for (operation* o = t.start.front(); o; o = t.start.after(*o)) given_.insert(o);
    const std::size_t before = length(t.done);
    inner_->run(t);
    inside_ = inner_->inside();
    std::size_t i = 0;
    for (operation* o = t.done.front(); o; o = t.done.after(*o)) {
      if (i++ < before) continue;
      if (given_.erase(o) != 1) {
        ADD_FAILURE() << "an operation is reported that is not inside";
      }
    }
    if (i > before) striker_.point();
  }
  int ask(const request& r) noexcept override { return inner_->ask(r); }
  void wake() noexcept override { inner_->wake(); }
  time_point now() noexcept override { return inner_->now(); }
  int native_handle() noexcept override { return inner_->native_handle(); }
  const char* name() const noexcept override { return inner_->name(); }
  detail::backend& inner() { return *inner_; }

 private:
  static std::size_t length(const detail::operation_list& list) {
    std::size_t n = 0;
    for (operation* o = list.front(); o; o = list.after(*o)) ++n;
    return n;
  }
  std::unique_ptr<detail::backend> inner_;
  striker& striker_;
  std::set<operation*> given_;  // (what goes to the pool comes back by the mailbox: it stays here)
};

/// What the backend's maker needs to know; a factory is a plain function.
struct next_backend {
  static inline std::string name;
  static inline striker* striking = nullptr;
  static inline watched_backend* made = nullptr;
  static std::unique_ptr<detail::backend> make(const detail::backend_parts& parts,
                                               void* /*context*/) {
    std::unique_ptr<detail::backend> inner =
        name == "io_uring" ? detail::make_uring_backend(parts)
        : name == "epoll"  ? detail::make_epoll_backend(parts)
                           : detail::simulated::make_alone(parts, without_delay());
    auto watched = std::make_unique<watched_backend>(std::move(inner), *striking);
    made = watched.get();
    parts.workers.set_doorbell([](void* b) noexcept { static_cast<detail::backend*>(b)->wake(); },
                               watched.get());
    return watched;
  }
};

inline std::size_t descriptors_of_this_process() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// ---- The world of a scenario

/// What scenarios use, with accounts that must be even at the end of every play, wherever the blow
/// fell.
class world {
 public:
  explicit world(runtime& r, bool in_memory) : rt(r), is_virtual(in_memory) {}

  /// Two ends of a connection; what is written at the near one is read at the far one.
  struct connection {
    connection(unix_stream n, unix_stream f) : near(std::move(n)), far(std::move(f)) {}
    unix_stream near;
    unix_stream far;
    bool by_chunks = false;  // so it is read
  };

  runtime& rt;
  bool is_virtual;
  bool beside_has_begun = false;
  mutex lock;
  semaphore permits{2};
  event never;
  event go;
  channel<int> rendezvous{0};
  channel<int> buffer{2};
  std::vector<std::unique_ptr<connection>> connections;

  // Each is the sum of what was given, and of what was taken.
  long sent = 0;
  long received = 0;
  long written = 0;
  long read = 0;
  int cleanups_due = 0;
  int cleanups_done = 0;

  /// A scenario's own account, called after the run.
  std::vector<void (*)(world&)> audits;

  task<> send(channel<int>& to, int element) {
    const counted frame;
    if (co_await to.send(element)) sent += element;
  }
  task<> receive(channel<int>& from) {
    const counted frame;
    if (const auto element = co_await from.receive()) received += *element;
  }
  task<> holding(duration d) {
    const counted frame;
    const auto guard = co_await lock.lock();
    EXPECT_FALSE(lock.try_lock());
    co_await sleep_for(d);
  }
  task<> permitted(duration d) {
    const counted frame;
    const auto permit = co_await permits.acquire();
    co_await sleep_for(d);
  }
  task<> waiting() {
    const counted frame;
    co_await never.wait();
  }
  task<> pausing(duration d) {
    const counted frame;
    co_await sleep_for(d);
  }
  task<int> hopping(int times) {
    const counted frame;
    for (int i = 0; i < times; ++i) co_await next_tick();
    co_return times;
  }
  /// The cleanup of a `finally` that was entered: it must run to its end, out of reach.
  task<> cleanup(int hops) {
    const counted frame;
    for (int i = 0; i < hops; ++i) {
      EXPECT_FALSE(stop_requested());
      co_await next_tick();
    }
    co_await sleep_for(10us);
    ++cleanups_done;
  }
  /// `aw`, and a cleanup that is accounted for.
  template <class A>
  task<> cleaned(A aw, int hops) {
    const counted frame;
    const auto last = [this, hops] { return cleanup(hops); };
    ++cleanups_due;
    static_cast<void>(co_await finally(std::move(aw), last));
  }

  connection& connect() {
    auto both = unix_stream::pair();
    connections.push_back(std::make_unique<connection>(std::move(both.value().first),
                                                       std::move(both.value().second)));
    return *connections.back();
  }
  task<> write(connection& c, std::size_t bytes) {
    const counted frame;
    const std::string data(bytes, 'x');
    const auto n = co_await c.near.write(data);
    if (n) written += static_cast<long>(*n);
  }
  task<> read_some(connection& c, std::size_t bytes) {
    const counted frame;
    std::string data(bytes, ' ');
    const auto n = co_await c.far.read(data);
    if (n) read += static_cast<long>(*n);
  }
  /// Beside the scenario: not struck; cancelled when the scenario has ended.
  void beside(task<> t) { besides_.push_back(spawn(std::move(t))); }

  /// After the scenario, before its accounts: ends what stands beside, and takes what is still on
  /// its way.
  task<> tidy() {
    for (auto& h : besides_) h.cancel();
    for (auto& h : besides_) static_cast<void>(co_await h.join());
    besides_.clear();
    while (const auto element = buffer.try_receive()) received += *element;
    while (const auto element = rendezvous.try_receive()) received += *element;
    std::string data(65536, ' ');
    for (const auto& c : connections) {
      static_cast<void>(c->near.shutdown_write());
      if (c->by_chunks) {
        chunk_stream in = c->far.chunks();
        for (;;) {
          const auto came = co_await in.next();
          if (!came || came->empty()) break;
          read += static_cast<long>(came->size());
        }
        continue;
      }
      for (;;) {
        const auto n = co_await c->far.read(data);
        if (!n || !*n) break;
        read += static_cast<long>(*n);
      }
    }
    connections.clear();
  }

  void audit() {
    EXPECT_TRUE(lock.try_lock()) << "the mutex is not free";
    {
      const auto first = permits.try_acquire();
      const auto second = permits.try_acquire();
      EXPECT_TRUE(first && second) << "a permit is lost";
      EXPECT_FALSE(permits.try_acquire()) << "a permit too many";
    }
    EXPECT_EQ(sent, received) << "an element is lost, or there twice";
    EXPECT_EQ(written, read) << "bytes are lost, or there twice";
    EXPECT_EQ(cleanups_due, cleanups_done);
    EXPECT_EQ(rt.pending().total(), 0u);
    for (const auto more : audits) more(*this);
  }

 private:
  std::vector<join_handle<void>> besides_;
};

// ---- Plays

struct scenario {
  const char* name;
  task<> (*body)(world&);
  bool real_only = false;  ///< needs what only a kernel has
  /// Ends with this exception where it is not disturbed, and may where it is
  const char* throws = nullptr;
};

enum class ended { stopped, value, error };

struct play_result {
  unsigned points = 0;
  bool fell = false;
  ended how = ended::stopped;
};

/// Hung plays say which they are.
struct now_playing {
  static inline char text[256] = "";
  static void too_long(int) {
    const auto unused = ::write(2, text, sizeof text);
    static_cast<void>(unused);
    std::abort();
  }
};

inline task<> recorded(const scenario& s, world& w, play_result& result) {
  try {
    co_await s.body(w);
    result.how = ended::value;
  } catch (const std::exception& e) {
    result.how = ended::error;
    EXPECT_TRUE(s.throws && s.throws == std::string(e.what())) << e.what();
  }
}

inline play_result play(const scenario& s, const std::string& backend, unsigned budget, blow kind,
                        unsigned at) {
  std::snprintf(now_playing::text, sizeof now_playing::text,
                "this play does not end: %s on %s, budget %u, %s at point %u\n", s.name,
                backend.c_str(), budget, name_of(kind), at);
  ::alarm(60);
  const bool in_memory = backend == "simulation";
  const std::size_t descriptors = in_memory ? 0 : descriptors_of_this_process();
  counted::live = 0;
  play_result result;
  striker striking(kind, at);
  {
    runtime_options options;
    options.callback_budget = budget;
    options.pool_threads = 1;
    options.chunk_size = 4;
    options.chunk_count = 1;
    const auto rt = std::make_unique<runtime>(options);
    next_backend::name = backend;
    next_backend::striking = &striking;
    detail::use_backend(*rt, &next_backend::make);
    static_cast<void>(rt->backend());
    const hook before_poll = rt->add_hook(phase::prepare, [&] { striking.point(); });
    const hook after_check = rt->add_hook(phase::check, [&] { striking.point(); });
    {
      world w(*rt, in_memory);
      const auto playing = [&]() -> task<> {
        // (main's first steps are outside of any tick, where no point is; and a microtask before
        // the scenario's first makes one for the cancel that comes before it has begun)
        co_await immediate();
        co_await next_tick();
        const auto h = spawn(recorded, std::cref(s), std::ref(w), std::ref(result));
        striking.aim(*rt, h);
        static_cast<void>(co_await h.join());
      };
      const auto tidying = [&]() -> task<> {
        striking.release();
        co_await w.tidy();
      };
      try {
        eddy::run(*rt, [&]() -> task<> { co_await finally(playing(), tidying); });
      } catch (const stopped_error&) {
        EXPECT_TRUE(kind == blow::stop || kind == blow::cancel_then_stop)
            << "the run was stopped, and nobody asked";
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
      striking.release();
      w.audit();
    }
    EXPECT_EQ(counted::live, 0) << "a frame is left";
    if (in_memory) {
      EXPECT_EQ(detail::simulated::machine_of(&next_backend::made->inner())->open_descriptors(), 0u)
          << "a descriptor is left";
    }
  }
  if (!in_memory) {
    EXPECT_EQ(descriptors_of_this_process(), descriptors)
        << "a descriptor is left, or one too many is gone";
  }
  result.points = striking.points();
  result.fell = kind != blow::none && striking.fell();
  if (!result.fell || kind == blow::none) {
    EXPECT_EQ(result.how, s.throws ? ended::error : ended::value)
        << "undisturbed it ends by itself";
  }
  ::alarm(0);
  return result;
}

/// Every blow at every point, under every budget that makes a difference; gives the number of
/// plays.
inline unsigned play_all(const scenario& s, const std::string& backend) {
  static const bool once = [] { return std::signal(SIGALRM, &now_playing::too_long) != SIG_ERR; }();
  static_cast<void>(once);
  const bool in_memory = backend == "simulation";
  std::vector<unsigned> budgets{1024};
  const unsigned whole = play(s, backend, 1024, blow::none, 0).points;
  if (in_memory) {
    // Until the budget is never spent: then the course is the whole one's.
    for (unsigned b = 1; b < 40; ++b) {
      if (play(s, backend, b, blow::none, 0).points == whole) break;
      budgets.push_back(b);
    }
  } else {
    budgets.push_back(1);
  }
  unsigned plays = 0;
  for (const unsigned budget : budgets) {
    for (const blow kind : {blow::cancel, blow::stop, blow::cancel_then_stop}) {
      if (!in_memory && budget == 1 && kind != blow::cancel) continue;
      for (unsigned at = 0; at < 5000; ++at) {
        SCOPED_TRACE(std::string(s.name) + " on " + backend + ", budget " + std::to_string(budget) +
                     ", " + name_of(kind) + " at point " + std::to_string(at));
        ++plays;
        if (!play(s, backend, budget, kind, at).fell || ::testing::Test::HasFailure()) break;
      }
      if (::testing::Test::HasFailure()) return plays;
    }
  }
  return plays;
}

// ---- Tables of scenarios

struct case_of_table {
  const scenario* what;
  std::string backend;
};
inline void PrintTo(const case_of_table& c, std::ostream* out) {
  *out << c.what->name << " on " << c.backend;
}

template <std::size_t N>
std::vector<case_of_table> every_case(const scenario (&table)[N]) {
  std::vector<case_of_table> all;
  for (const std::string& backend : backends({"io_uring", "epoll", "simulation"})) {
    for (const scenario& s : table) {
      if (!s.real_only || backend != "simulation") all.push_back({&s, backend});
    }
  }
  return all;
}
inline std::string case_name(const ::testing::TestParamInfo<case_of_table>& info) {
  return std::string(info.param.what->name) + "_" + info.param.backend;
}

}  // namespace eddy::test
