// The pool: what is submitted comes back by the mailbox, in bounded queues, on no more threads than
// there is work.
#include "runtime/pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <semaphore>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/mailbox.h"
#include "tests/support/sanitized.h"

namespace eddy::detail {
namespace {

using test::sanitized;

/// Something that work on the pool waits for, and that can be waited for until so much work does.
class gate {
 public:
  /// On the pool: says that it has begun, and waits until the gate is open.
  void pass() {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void await_begun(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    begun_ = 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;
  bool open_ = false;
};

void prepare(operation& o, pool_lane lane, int (*function)(void*), void* argument) {
  o.ask = {};
  o.ask.what = verb::call;
  o.ask.lane = lane;
  o.ask.address = reinterpret_cast<std::uintptr_t>(function);
  o.ask.offset = reinterpret_cast<std::uintptr_t>(argument);
  o.result = -1;
  o.where = operation::place::inside;
}
void prepare_gated(operation& o, pool_lane lane, gate& g) {
  prepare(
      o, lane,
      [](void* argument) {
        static_cast<gate*>(argument)->pass();
        return 7;
      },
      &g);
}

/// A loop's side of the pool: its mailbox, its doorbell, and what has come home in order.
class PoolTest : public testing::Test {
 protected:
  pool& make(unsigned threads, std::size_t queue = 1024) {
    workers_ = std::make_unique<pool>(pool_options{threads, queue}, box_);
    workers_->set_doorbell(
        [](void* context) noexcept { static_cast<PoolTest*>(context)->bell_.release(); }, this);
    return *workers_;
  }
  /// Sleeps as a loop does until something is home.
  void await_some() {
    for (;;) {
      work_queue arrived;
      box_.take(arrived);
      if (!arrived.empty()) {
        while (work* w = arrived.pop()) home_.push_back(static_cast<operation*>(w));
        return;
      }
      if (!box_.fall_asleep()) continue;
      bell_.acquire();  // hangs if nobody rings; rung twice, `no ring is left` fails
      box_.wake_up();
    }
  }
  void await(std::size_t count) {
    while (home_.size() < count) await_some();
  }
  void TearDown() override {
    workers_.reset();
    EXPECT_TRUE(box_.empty());
    EXPECT_FALSE(bell_.try_acquire()) << "a ring too many";
  }

  mailbox box_;
  std::counting_semaphore<> bell_{0};
  std::vector<operation*> home_;
  std::unique_ptr<pool> workers_;
};

using Pool = PoolTest;

TEST_F(Pool, AResultComesHomeByTheMailbox) {
  pool& workers = make(2);
  EXPECT_EQ(workers.threads(), 0u);  // lazily
  operation o;
  int input = 20;
  prepare(
      o, pool_lane::compute, [](void* argument) { return *static_cast<int*>(argument) + 1; },
      &input);
  ASSERT_TRUE(workers.submit(o));
  await(1);
  EXPECT_EQ(home_[0], &o);
  EXPECT_EQ(o.result, 21);
  EXPECT_EQ(workers.threads(), 1u);
}

TEST_F(Pool, AFailureComesHomeAsItsErrno) {
  pool& workers = make(1);
  operation o;
  o.ask.what = verb::close;
  o.ask.descriptor = -1;
  ASSERT_TRUE(workers.submit(o));
  await(1);
  EXPECT_EQ(o.result, -EBADF);
}

TEST_F(Pool, OneThreadStartsItsWorkInTheOrderOfSubmission) {
  pool& workers = make(1);
  gate g;
  operation blocker;
  prepare_gated(blocker, pool_lane::compute, g);
  ASSERT_TRUE(workers.submit(blocker));
  g.await_begun(1);
  struct job {
    operation o;
    std::vector<int>* order = nullptr;  // one thread: no lock
    int number = 0;
  };
  std::vector<int> order;
  const auto jobs = std::make_unique<job[]>(100);
  for (int i = 0; i < 100; ++i) {
    jobs[i].order = &order;
    jobs[i].number = i;
    prepare(
        jobs[i].o, pool_lane::compute,
        [](void* argument) {
          auto& j = *static_cast<job*>(argument);
          j.order->push_back(j.number);
          return j.number;
        },
        &jobs[i]);
    ASSERT_TRUE(workers.submit(jobs[i].o));
  }
  g.open();
  await(101);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(home_[static_cast<std::size_t>(i) + 1], &jobs[i].o);
  }
}

TEST_F(Pool, AFullQueueRefusesAndChangesNothing) {
  pool& workers = make(1, 3);
  gate g;
  operation o[6];
  for (auto& each : o) prepare_gated(each, pool_lane::files, g);
  ASSERT_TRUE(workers.submit(o[0]));
  g.await_begun(1);  // runs: it is no longer queued
  for (int i = 1; i < 4; ++i) ASSERT_TRUE(workers.submit(o[i]));
  work_list<operation> listed;
  listed.push(o[4]);
  listed.push(o[5]);
  EXPECT_FALSE(workers.submit(o[4]));
  EXPECT_FALSE(o[4].from_pool);
  EXPECT_EQ(listed.front(), &o[4]);  // stays listed
  EXPECT_TRUE(workers.remove(o[2]));
  EXPECT_TRUE(workers.submit(o[4]));  // room for one
  EXPECT_EQ(listed.front(), &o[5]);   // taken out of its list
  EXPECT_FALSE(workers.submit(o[5]));
  g.open();
  await(4);
  EXPECT_EQ(home_, (std::vector<operation*>{&o[0], &o[1], &o[3], &o[4]}));
  EXPECT_TRUE(workers.submit(o[5]));
  await(5);
  EXPECT_TRUE(listed.empty());
}

TEST_F(Pool, WhatIsQueuedCanBeTakenBackAndWhatRunsCannot) {
  pool& workers = make(1);
  gate g;
  operation runs, first, middle, last;
  for (operation* o : {&runs, &first, &middle, &last}) prepare_gated(*o, pool_lane::compute, g);
  for (operation* o : {&runs, &first, &middle, &last}) ASSERT_TRUE(workers.submit(*o));
  g.await_begun(1);
  EXPECT_FALSE(workers.remove(runs));
  EXPECT_TRUE(workers.remove(middle));
  EXPECT_TRUE(workers.remove(last));
  EXPECT_TRUE(workers.remove(first));
  EXPECT_FALSE(first.is_linked());
  ASSERT_TRUE(workers.submit(last));
  g.open();
  await(2);
  EXPECT_EQ(home_, (std::vector<operation*>{&runs, &last}));
  EXPECT_EQ(first.result, -1);
  EXPECT_EQ(runs.result, 7);
}

TEST_F(Pool, BlockedLookupsDoNotStopFilesOrComputations) {
  pool& workers = make(8);
  gate g;
  const auto lookups = std::make_unique<operation[]>(6);
  for (int i = 0; i < 6; ++i) {
    prepare_gated(lookups[i], pool_lane::lookup, g);
    ASSERT_TRUE(workers.submit(lookups[i]));
  }
  g.await_begun(4);
  EXPECT_EQ(workers.threads(), 4u);  // however many threads the other lanes may have
  operation file, computation;
  prepare(file, pool_lane::files, [](void*) { return 1; }, nullptr);
  prepare(computation, pool_lane::compute, [](void*) { return 2; }, nullptr);
  ASSERT_TRUE(workers.submit(file));
  await(1);
  ASSERT_TRUE(workers.submit(computation));
  await(2);
  EXPECT_EQ(home_, (std::vector<operation*>{&file, &computation}));
  g.open();
  await(8);
}

TEST_F(Pool, OneJobAtATimeNeedsOneThread) {
  pool& workers = make(8);
  operation o;
  prepare(o, pool_lane::files, [](void*) { return 0; }, nullptr);
  for (std::size_t i = 1; i <= 2'000; ++i) {
    ASSERT_TRUE(workers.submit(o));
    await(i);
    ASSERT_EQ(workers.threads(), 1u);
  }
}

TEST_F(Pool, AThreadThatIsStillRingingTakesTheAnswerToItsResult) {
  // The loop is quick and submits while the thread still stands in the doorbell: it counts as free
  // all the same.
  pool& workers = make(8);
  struct slow_bell {
    std::binary_semaphore rung{0}, may_go{0};
  } bell;
  workers.set_doorbell(
      [](void* context) noexcept {
        auto& b = *static_cast<slow_bell*>(context);
        b.rung.release();
        b.may_go.acquire();
      },
      &bell);
  operation o;
  prepare(o, pool_lane::compute, [](void*) { return 0; }, nullptr);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(box_.fall_asleep());
    EXPECT_TRUE(workers.submit(o));
    if (i) bell.may_go.release();
    bell.rung.acquire();
    EXPECT_EQ(workers.threads(), 1u);
    work_queue arrived;
    box_.take(arrived);
    EXPECT_EQ(arrived.pop(), &o);
  }
  bell.may_go.release();
  workers.stop();  // before the doorbell goes
}

TEST_F(Pool, AsManyThreadsStartAsThereIsWorkAndNoMoreThanAllowed) {
  pool& workers = make(5);
  gate g;
  operation o[9];
  for (auto& each : o) prepare_gated(each, pool_lane::compute, g);
  for (int round = 0; round < 20; ++round) {
    g.shut();
    home_.clear();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(workers.submit(o[i]));
    g.await_begun(3);  // side by side
    EXPECT_EQ(workers.threads(), 3u);
    g.open();
    await(3);
  }
  g.shut();
  home_.clear();
  for (auto& each : o) ASSERT_TRUE(workers.submit(each));
  g.await_begun(5);
  EXPECT_EQ(workers.threads(), 5u);
  g.open();
  await(9);
}

TEST_F(Pool, AfterAStopItStartsAnew) {
  pool& workers = make(3);
  workers.stop();
  operation o[3];
  gate g;
  for (std::size_t round = 0; round < 50; ++round) {
    g.shut();
    home_.clear();
    for (auto& each : o) {
      prepare_gated(each, pool_lane::compute, g);
      ASSERT_TRUE(workers.submit(each));
    }
    g.open();
    await(3);
    workers.stop();
    EXPECT_EQ(workers.threads(), 0u);
  }
}

TEST_F(Pool, ItsThreadsHaveTheSignalsBlockedThatItsMakerHad) {
  sigset_t none, one, original;
  sigemptyset(&none);
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &one, &original);
  pool& workers = make(1);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  sigset_t blocked;
  sigemptyset(&blocked);
  operation o;
  prepare(
      o, pool_lane::compute,
      [](void* argument) {
        return pthread_sigmask(SIG_SETMASK, nullptr, static_cast<sigset_t*>(argument));
      },
      &blocked);
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ASSERT_TRUE(workers.submit(o));
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  await(1);
  for (const int s : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM, SIGRTMAX}) {
    EXPECT_EQ(sigismember(&blocked, s), s == SIGUSR1) << s;
    EXPECT_EQ(sigismember(&after, s), sigismember(&before, s)) << s;
  }
  pthread_sigmask(SIG_SETMASK, &original, nullptr);
}

/// While it lives, no thread can be started: the default stack is larger than the address space.
class no_new_threads {
 public:
  no_new_threads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, std::size_t{1} << 47);
    EXPECT_EQ(pthread_setattr_default_np(&huge), 0);
    pthread_attr_destroy(&huge);
  }
  ~no_new_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  no_new_threads(const no_new_threads&) = delete;
  no_new_threads& operator=(const no_new_threads&) = delete;

 private:
  pthread_attr_t before_;
};

TEST_F(Pool, WhereNoThreadCanBeStartedTheOperationComesHomeWithTheReason) {
  pool& workers = make(2);
  operation o;
  prepare(o, pool_lane::compute, [](void*) { return 3; }, nullptr);
  {
    const no_new_threads none;
    ASSERT_TRUE(workers.submit(o));
    EXPECT_EQ(workers.threads(), 0u);
    EXPECT_FALSE(box_.empty());
    await(1);
    EXPECT_EQ(o.result, -EAGAIN);
  }
  ASSERT_TRUE(workers.submit(o));
  await(2);
  EXPECT_EQ(o.result, 3);
}

TEST_F(Pool, ASecondThreadThatCannotBeStartedIsDoneWithout) {
  pool& workers = make(2);
  gate g;
  operation first, second;
  prepare_gated(first, pool_lane::compute, g);
  prepare_gated(second, pool_lane::compute, g);
  ASSERT_TRUE(workers.submit(first));
  g.await_begun(1);
  {
    const no_new_threads none;
    ASSERT_TRUE(workers.submit(second));
    EXPECT_EQ(workers.threads(), 1u);
    EXPECT_TRUE(box_.empty());
  }
  g.open();
  await(2);
  EXPECT_EQ(second.result, 7);
}

TEST_F(Pool, AChildAfterForkOnlyFreesIt) {
  if (sanitized) GTEST_SKIP() << "sanitizers do not support a fork of a process with threads";
  pool& workers = make(2);
  gate g;
  operation done, runs;
  prepare(done, pool_lane::files, [](void*) { return 0; }, nullptr);
  prepare_gated(runs, pool_lane::compute, g);
  ASSERT_TRUE(workers.submit(done));
  await(1);
  ASSERT_TRUE(workers.submit(runs));
  g.await_begun(1);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (!child) {
    alarm(20);  // to wait for threads that are not there would last for ever
    workers_.reset();
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  g.open();
  await(2);
}

TEST_F(Pool, AHundredThousandJobsComeHomeEachOnceAndNothingIsTouchedAfterwards) {
  struct job {
    operation o;
    std::uint32_t number = 0;
    std::uint32_t times = 0;
  };
  const std::size_t count = sanitized ? 20'000 : 100'000;
  pool& workers = make(4, 64);
  std::size_t submitted = 0, came = 0, removed = 0;
  std::uint64_t sum = 0;
  while (came + removed < count) {
    while (submitted < count) {
      auto* j = new job;  // its end is the loop's: a late touch is one of freed memory
      j->number = static_cast<std::uint32_t>(submitted);
      prepare(
          j->o, static_cast<pool_lane>(submitted % 3),
          [](void* argument) {
            auto& self = *static_cast<job*>(argument);
            ++self.times;
            return static_cast<int>(self.number);
          },
          j);
      j->o.context = j;
      if (!workers.submit(j->o)) {
        delete j;
        break;
      }
      ++submitted;
      if (submitted % 7 == 0 && workers.remove(j->o)) {
        EXPECT_EQ(j->times, 0u);
        ++removed;
        sum += j->number;
        delete j;
      }
    }
    if (came + removed == count) break;
    await_some();
    for (operation* o : home_) {
      auto* j = static_cast<job*>(o->context);
      EXPECT_EQ(j->times, 1u);
      EXPECT_EQ(o->result, static_cast<int>(j->number));
      sum += j->number;
      ++came;
      delete j;
    }
    home_.clear();
  }
  EXPECT_EQ(came + removed, count);
  EXPECT_EQ(sum, std::uint64_t{count} * (count - 1) / 2);
}

}  // namespace
}  // namespace eddy::detail
