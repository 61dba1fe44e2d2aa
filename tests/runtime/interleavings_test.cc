// The mailbox, falling asleep and the pool's queue in every interleaving of three threads: the very
// functions of the library, over atomics, locks and futexes that go step by step. And the explorer
// itself, on mailboxes with faults that it must find.
#include "tests/support/interleavings.h"
#include "tests/support/sanitized.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/mailbox.h"
#include "runtime/work_lane.h"

namespace eddy::test {
namespace {

using detail::work;
using detail::work_queue;

class Interleavings : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef EDDY_SANITIZED
    GTEST_SKIP() << "a sanitizer keeps locals elsewhere than on the stack, where they are compared";
#endif
  }
};

/// What the kernel does for a doorbell: a ring is kept until it has been heard.
class doorbell {
 public:
  void ring() {
    interleavings::current().step("ring");
    ++rings;
    rung_ = true;
  }
  void wait_for_ring() {
    interleavings::current().wait("sleep", [this] { return rung_; });
    rung_ = false;
  }
  /// May end by itself, as a sleep does when a timer is due.
  void sleep_a_while() {
    interleavings::current().step("sleep a while");
    rung_ = false;
  }
  int rings = 0;

 private:
  bool rung_ = false;
};

struct letter : work {
  int sender = 0;
  int number = 0;
};

// ---- The mailbox, and falling asleep -----------------------------------------------------------

/// Two threads send, the loop takes all, and sleeps whenever it finds nothing.
template <class Mailbox>
class post_office {
 public:
  /// What each of the two sends; how often the loop's sleep ends by itself at first.
  post_office(int first, int second, int naps) : counts_{first, second}, naps_(naps) {}

  interleavings::result explore() {
    interleavings all;
    return all.explore({room, sizeof room}, [this] { return begin(); }, [this] { return wrong(); });
  }

 private:
  struct state {
    Mailbox box;
    doorbell bell;
    std::array<std::array<letter, 3>, 2> letters;
    std::array<int, 2> taken{};
    int sleeps = 0;
    bool out_of_order = false;
    bool done = false;
  };

  std::vector<std::function<void()>> begin() {
    s_ = ::new (room) state;
    return {[this] { loop(); }, [this] { send(0); }, [this] { send(1); }};
  }
  void send(int sender) {
    const auto from = static_cast<std::size_t>(sender);
    for (int i = 0; i < counts_[from]; ++i) {
      letter& l = s_->letters[from][static_cast<std::size_t>(i)];
      l.sender = sender;
      l.number = i;
      if (s_->box.push(l)) s_->bell.ring();  // as loop::outside::send does
    }
  }
  void loop() {
    int naps = naps_;
    work_queue arrived;
    while (s_->taken[0] + s_->taken[1] < counts_[0] + counts_[1]) {
      s_->box.take(arrived);
      bool any = false;
      while (work* w = arrived.pop()) {
        auto& l = static_cast<letter&>(*w);
        if (l.number != s_->taken[static_cast<std::size_t>(l.sender)]++) s_->out_of_order = true;
        any = true;
      }
      if (any) continue;
      if (!s_->box.fall_asleep()) continue;  // as a backend's run() does
      if (naps > 0) {
        --naps;
        s_->bell.sleep_a_while();
      } else {
        s_->bell.wait_for_ring();
      }
      ++s_->sleeps;
      s_->box.wake_up();
    }
    s_->done = true;
  }
  std::string wrong() const {
    if (!s_->done) return "a wake-up is lost";
    if (s_->out_of_order) return "a letter is lost, doubled or overtaken";
    if (s_->bell.rings > s_->sleeps) return "it is rung for more than one sleep";
    return "";
  }

  std::array<int, 2> counts_;
  int naps_;
  state* s_ = nullptr;
  // (Nothing in it needs to be destroyed.)
  alignas(state) static inline std::byte room[sizeof(state)];
};

using stepped_mailbox = detail::basic_mailbox<stepped_atomic>;

TEST_F(Interleavings, NoWakeUpIsLostAndEachSleepIsRungForOnce) {
  std::uint64_t states = 0;
  for (const auto& [first, second, naps] :
       {std::tuple{1, 1, 0}, std::tuple{1, 1, 2}, std::tuple{2, 1, 1}, std::tuple{2, 2, 0}}) {
    const auto all = post_office<stepped_mailbox>(first, second, naps).explore();
    EXPECT_EQ(all.failure, "") << first << " and " << second << " letters, " << naps << " naps";
    states += all.states;
  }
  std::printf("%llu states\n", static_cast<unsigned long long>(states));
  EXPECT_GT(states, 1000u);
}

// Mailboxes with a fault each: what is above could not fail without it.

class with_a_head {
 public:
  bool fall_asleep() {
    work* nothing = nullptr;
    return head_.compare_exchange_strong(nothing, &asleep_, order, order);
  }
  void wake_up() {
    work* sleeping = &asleep_;
    head_.compare_exchange_strong(sleeping, nullptr, order, order);
  }
  void take(work_queue& into) {
    work* head = head_.load();
    if (!head || head == &asleep_) return;
    work* newest = head_.exchange(nullptr);
    work* oldest = nullptr;
    while (newest) {
      work* before = newest->next;
      newest->next = oldest;
      oldest = std::exchange(newest, before);
    }
    while (oldest) {
      work* after = oldest->next;
      into.push(*oldest);
      oldest = after;
    }
  }

 protected:
  /// Gives what stood there before.
  work* enter(work& w) {
    work* head = head_.load();
    do {
      w.next = head == &asleep_ ? nullptr : head;
    } while (!head_.compare_exchange_strong(head, &w, order, order));
    return head;
  }
  static constexpr auto order = std::memory_order_seq_cst;
  work asleep_;
  stepped_atomic<work*> head_{nullptr};
};

/// Rings only if what it pushed is the newest still.
class rings_if_still_the_head : public with_a_head {
 public:
  bool push(work& w) { return enter(w) == &asleep_ && head_.load() == &w; }
};
/// Looks whether the loop sleeps, and then sends.
class looks_before_it_sends : public with_a_head {
 public:
  bool push(work& w) {
    const bool slept = head_.load() == &asleep_;
    enter(w);
    return slept;
  }
};
/// Looks whether anything is there, and then sleeps.
class sleeps_after_the_last_look : public with_a_head {
 public:
  bool push(work& w) { return enter(w) == &asleep_; }
  bool fall_asleep() {
    if (head_.load()) return false;
    head_.store(&asleep_);
    return true;
  }
};
/// Forgets, as it wakes up, what arrived while it slept.
class wakes_up_empty : public with_a_head {
 public:
  bool push(work& w) { return enter(w) == &asleep_; }
  void wake_up() { head_.store(nullptr); }
};
/// Rings each time: nothing is lost, but a wake-up is written for a loop that is awake.
class rings_each_time : public with_a_head {
 public:
  bool push(work& w) { return enter(w), true; }
};

template <class Mailbox>
std::string failure_of() {
  return post_office<Mailbox>(1, 1, 0).explore().failure;
}

TEST_F(Interleavings, MailboxesWithAFaultAreFound) {
  EXPECT_NE(failure_of<rings_if_still_the_head>(), "");
  EXPECT_NE(failure_of<looks_before_it_sends>(), "");
  EXPECT_NE(failure_of<sleeps_after_the_last_look>(), "");
  EXPECT_NE(failure_of<wakes_up_empty>(), "");
  EXPECT_NE(failure_of<rings_each_time>(), "");
  std::printf("one of them: %s\n", failure_of<rings_if_still_the_head>().c_str());
}

// ---- The pool's queue --------------------------------------------------------------------------

/// Where work comes home: one step. (The mailbox itself has been through all of it above.)
class home_box {
 public:
  bool push(work& w) {
    interleavings::current().step("comes home");
    arrived_.push(w);
    return false;
  }
  void take_one() {
    interleavings::current().wait("take", [this] { return !arrived_.empty(); });
    arrived_.pop();
  }

 private:
  work_queue arrived_;
};

/// What the threads of the model have of a system. (The operation's address is its job.)
struct stepped_system {
  using mutex = stepped_mutex;
  template <class T>
  using atomic = stepped_atomic<T>;
  using thread = int;
  using mailbox = home_box;
  static void futex_wake(stepped_atomic<std::uint32_t>& word) {
    interleavings::current().step("futex wake");
    if (sleeper_of(word)) sleeper_of(word) = false;
  }
  static void futex_wait(stepped_atomic<std::uint32_t>& word, std::uint32_t value) {
    interleavings::current().step("futex look");
    if (word.now() != value) return;
    sleeper_of(word) = true;
    interleavings::current().wait("futex sleep", [&word] { return !sleeper_of(word); });
  }
  static int execute(const request& r) {
    auto& job = *reinterpret_cast<const std::function<int()>*>(r.address);  // NOLINT
    return job();
  }
  /// Who sleeps on which word (each thread has one).
  static bool& sleeper_of(const stepped_atomic<std::uint32_t>& word) {
    for (sleeper& s : *sleepers) {
      if (s.word == &word || !s.word) {
        s.word = &word;
        return s.sleeps;
      }
    }
    std::abort();
  }
  struct sleeper {
    const void* word;
    bool sleeps;
  };
  static inline std::array<sleeper, 2>* sleepers;
};
using lane = detail::work_lane<stepped_system>;

struct job {
  job() {
    item.ask.what = verb::call;
    item.ask.address = reinterpret_cast<std::uintptr_t>(&run);
  }
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  operation item;
  std::function<int()> run = [this] { return ++times; };
  int times = 0;
};

/// A loop, and two threads of a lane, which look for work when it begins.
struct pool_model {
  pool_model() {
    stepped_system::sleepers = &sleepers;
    l.inbox = &box;
    l.threads = l.most = 2;
  }
  void submit(job& j) {
    if (l.submit(j.item, 10) != lane::answer::queued)
      interleavings::current().fail("it is not queued");
    ++submitted;
  }
  void take_one() {
    box.take_one();
    ++home;
  }
  void take_all() {
    while (home < submitted) take_one();
    done = true;
  }
  std::string wrong() const {
    if (!done) return "work is left and nobody comes to it";
    for (const job* j : {&a, &b}) {
      if (j->times > 1) return "work is done twice";
    }
    if (a.times + b.times != submitted) return "work is lost";
    return "";
  }

  std::array<stepped_system::sleeper, 2> sleepers{};
  lane l;
  home_box box;
  lane::worker first{l}, second{l};
  job a, b;
  int submitted = 0, home = 0;
  bool done = false;
};

/// Explores a loop that does `loop`.
/// What goes wrong where the loop does `loop`; "" if nothing does.
std::string explore_pool(const std::function<void(pool_model&)>& loop) {
  alignas(pool_model) static std::byte room[sizeof(pool_model)];
  pool_model* m = nullptr;
  interleavings all;
  const auto out = all.explore(
      {room, sizeof room},
      [&]() -> std::vector<std::function<void()>> {
        m = ::new (room) pool_model;
        return {[&] { loop(*m); }, [&] { m->l.work(m->first); }, [&] { m->l.work(m->second); }};
      },
      [&] { return m->wrong(); });
  std::printf("%llu states\n", static_cast<unsigned long long>(out.states));
  EXPECT_GT(out.states, 100u);
  return out.failure;
}

TEST_F(Interleavings, TwoPiecesOfWorkAreDoneOnceEach) {
  EXPECT_EQ(explore_pool([](pool_model& m) {
              m.submit(m.a);
              m.submit(m.b);
              m.take_all();
            }),
            "");
}

TEST_F(Interleavings, TwoPiecesOfWorkThatNeedEachOtherRunAtOnce) {
  EXPECT_EQ(explore_pool([](pool_model& m) {
              const auto meets = [](auto* mine, auto* other) {
                mine->run = [mine, other] {
                  ++mine->times;
                  interleavings::current().wait("meet", [other] { return other->times > 0; });
                  return 0;
                };
              };
              meets(&m.a, &m.b);
              meets(&m.b, &m.a);
              m.submit(m.a);
              m.submit(m.b);
              m.take_all();
            }),
            "");
}

TEST_F(Interleavings, WorkSubmittedInAnswerToAResultIsDone) {
  EXPECT_EQ(explore_pool([](pool_model& m) {
              m.submit(m.a);
              m.take_one();
              m.submit(m.b);
              m.take_all();
            }),
            "");
}

TEST_F(Interleavings, WorkIsEitherTakenBackOrDone) {
  EXPECT_EQ(explore_pool([](pool_model& m) {
              m.submit(m.a);
              m.submit(m.b);
              if (m.l.remove(m.b.item)) {
                --m.submitted;
                if (m.b.times) interleavings::current().fail("it is taken back and done");
              }
              m.take_all();
            }),
            "");
}

TEST_F(Interleavings, TheThreadsEnd) {
  EXPECT_EQ(explore_pool([](pool_model& m) {
              m.submit(m.a);
              m.take_all();
              m.l.end();
              m.done = false;
              interleavings::current().wait("join", [] {
                return interleavings::current().has_ended(1) &&
                       interleavings::current().has_ended(2);
              });
              m.done = true;
            }),
            "");
}

}  // namespace
}  // namespace eddy::test
