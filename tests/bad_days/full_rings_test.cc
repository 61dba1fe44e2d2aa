// io_uring on bad days, under whole programs: enters that fail halfway at every point, a submission
// queue that is full of cancels, a completion queue that overflows. (The backend alone:
// tests/runtime/uring_test.cc.)
#include "tests/support/io_test.h"
#include "tests/support/runtime_test.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <eddy/eddy.h>

#include "runtime/backend/uring.h"
#include "runtime/pool.h"

namespace eddy::test {
namespace {

// ---- Enters that fail

/// What the replaced io_uring_enter does: the enters that hand something over are counted, and from
/// the `at`-th on `times` of them take `accept` entries and then answer with `error`.
struct {
  unsigned at = 0;
  unsigned times = 0;
  unsigned accept = 0;
  int error = 0;
  unsigned seen = 0;     // enters that hand something over
  unsigned most = 0;     // entries that one of them had
  unsigned refused = 0;  // so often that was done
} plan;

int planned_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags,
                  void* argument, std::size_t size) noexcept {
  if (!submit) return detail::uring_enter(descriptor, submit, wait, flags, argument, size);
  const unsigned number = plan.seen++;
  plan.most = std::max(plan.most, submit);
  if (number < plan.at || number >= plan.at + plan.times) {
    return detail::uring_enter(descriptor, submit, wait, flags, argument, size);
  }
  ++plan.refused;
  // (Only the flag that says what `descriptor` is: this one neither waits nor reaps.)
  constexpr unsigned registered_ring = 1u << 4;
  const unsigned some = std::min(plan.accept, submit);
  if (some) detail::uring_enter(descriptor, some, 0, flags & registered_ring, nullptr, 0);
  return -plan.error;
}

class enters_that_fail : public ::testing::Test {
 protected:
  void SetUp() override {
    if (io_test_backends_lack("io_uring")) GTEST_SKIP() << "EDDY_TEST_BACKENDS names no io_uring";
  }
  void TearDown() override { detail::uring_enter_hook = nullptr; }
  static bool io_test_backends_lack(const std::string& name) {
    const auto all = io_backends();
    return std::find(all.begin(), all.end(), name) == all.end();
  }
};

/// Four pairs that talk at once (bytes are compared), a read that a timeout ends, one that a
/// group's cancel ends, a file. Sends go through the ring too: more begin in a tick than are worth
/// an attempt.
task<int> everyday() {
  int talked = 0;
  std::vector<std::pair<unix_stream, unix_stream>> pairs;
  for (int i = 0; i < 6; ++i) pairs.push_back(unix_stream::pair().value());
  co_await with_task_group([&](task_group& group) -> task<> {
    for (auto& p : pairs) {
      group.spawn(
          [](unix_stream& s) -> task<> {
            std::array<char, 64> buffer;
            for (;;) {
              const std::size_t n = co_await ok(s.read(buffer));
              if (n == 0) co_return;
              co_await ok(write_all(s, const_buffer(buffer.data(), n)));
            }
          },
          std::ref(p.second));
      group.spawn(
          [](unix_stream& s, int number, int& sum) -> task<> {
            for (int round = 0; round < 3; ++round) {
              const std::string sent =
                  "message " + std::to_string(number) + "/" + std::to_string(round);
              std::string back(sent.size(), ' ');
              co_await ok(write_all(s, sent));
              co_await ok(read_exactly(s, back));
              sum += back == sent;
            }
            co_await ok(s.close());
          },
          std::ref(p.first), static_cast<int>(&p - pairs.data()), std::ref(talked));
    }
    co_return;
  });
  auto [near, far] = unix_stream::pair().value();
  char byte = 0;
  const auto late = co_await with_timeout(100us, near.read(mutable_buffer(&byte, 1)));
  talked += late.error() == errc::timed_out;
  co_await with_task_group([&](task_group& group) -> task<> {
    group.spawn(
        [](unix_stream& s) -> task<> {
          char never;
          static_cast<void>(co_await s.read(mutable_buffer(&never, 1)));
          ADD_FAILURE() << "a cancelled read gave something";
        },
        std::ref(near));
    co_await immediate();
    co_await immediate();
    group.cancel();
  });
  co_await ok(far.write(const_buffer("x", 1)));
  talked += static_cast<int>(co_await ok(near.read(mutable_buffer(&byte, 1))));
  talked += byte == 'x';
  talked += !(co_await ok(read_file("/proc/self/comm"))).empty();
  co_return talked;
}
constexpr int all_of_it = 6 * 3 + 4;

int run_everyday() {
  runtime_options options;
  options.backend = backend_kind::io_uring;
  runtime rt(options);
  const int talked = eddy::run(rt, everyday);
  EXPECT_EQ(rt.pending().total(), 0u);
  return talked;
}

TEST_F(enters_that_fail, AtEachPointAndAfterEachNumberOfEntriesLoseNothing) {
  const std::size_t descriptors = open_descriptors();
  detail::uring_enter_hook = planned_enter;
  plan = {};
  ASSERT_EQ(run_everyday(), all_of_it);
  const unsigned enters = plan.seen;
  const unsigned entries = plan.most;
  ASSERT_GE(enters, 5u);
  ASSERT_GE(entries, 6u);
  unsigned runs = 0;
  unsigned refused = 0;
  for (const int error : {EAGAIN, EBUSY, EINTR, ENOMEM}) {
    for (unsigned at = 0; at < enters; ++at) {
      for (unsigned accept = 0; accept <= entries; ++accept) {
        plan = {};
        plan.at = at;
        plan.times = 1;
        plan.accept = accept;
        plan.error = error;
        ++runs;
        ASSERT_EQ(run_everyday(), all_of_it)
            << strerror(error) << " at enter " << at << " after " << accept << " entries";
        refused += plan.refused;
      }
    }
  }
  EXPECT_GE(refused, runs * 9 / 10) << "most of the plans were carried out";
  EXPECT_EQ(open_descriptors(), descriptors);
  std::printf("%u programs, %u enters refused\n", runs, refused);
}

TEST_F(enters_that_fail, ManyTimesInARowLoseNothing) {
  detail::uring_enter_hook = planned_enter;
  for (const int error : {EAGAIN, EBUSY, EINTR, ENOMEM}) {
    for (unsigned at = 0; at < 12; ++at) {
      for (const unsigned accept : {0u, 1u, 3u}) {
        plan = {};
        plan.at = at;
        plan.times = 4;
        plan.accept = accept;
        plan.error = error;
        ASSERT_EQ(run_everyday(), all_of_it)
            << strerror(error) << " from enter " << at << " after " << accept << " entries";
      }
    }
  }
}

// ---- Full rings

class full_rings : public real_runtime {
 protected:
  /// As many descriptors as the system lets us have, for as long as this lives.
  void SetUp() override {
    real_runtime::SetUp();
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit most = before_;
    most.rlim_cur = most.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &most);
  }
  void TearDown() override {
    real_runtime::TearDown();
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  request receive_from(int descriptor, void* memory, std::size_t size) {
    request r;
    r.what = verb::receive;
    r.descriptor = descriptor;
    r.address = reinterpret_cast<std::uintptr_t>(memory);
    r.length = static_cast<std::uint32_t>(size);
    return r;
  }

 private:
  rlimit before_{};
};
EDDY_TEST_ON_REAL_BACKENDS(full_rings);

TEST_P(full_rings, TenThousandTimeoutsInOneMillisecondAllArrive) {
  constexpr std::size_t count = 10'000;
  runtime_options options;
  options.ring_entries = 8;
  make(options);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  std::vector<int> copies;
  for (std::size_t i = 0; i < count; ++i) {
    copies.push_back(::fcntl(ends[0], F_DUPFD_CLOEXEC, 3));
    ASSERT_GE(copies.back(), 0) << "this test needs " << count
                                << " descriptors; `ulimit -Hn` says what may be had";
  }
  std::size_t timed_out = 0;
  run([&]() -> task<> {
    std::vector<char> bytes(count);
    const time_point deadline = now() + 50ms;  // all of them wait in the kernel by then
    co_await with_task_group([&](task_group& group) -> task<> {
      for (std::size_t i = 0; i < count; ++i) {
        group.spawn(
            [&](std::size_t which) -> task<> {
              const auto end = deadline + std::chrono::nanoseconds(which * 100);
              const auto r = co_await with_deadline(
                  end, perform(receive_from(copies[which], &bytes[which], 1)));
              timed_out += !r && r.error() == errc::timed_out;
            },
            i);
      }
      co_return;
    });
    EXPECT_EQ(timed_out, count);
    EXPECT_EQ(rt().pending().total(), 0u);
    // And none of them still takes bytes.
    EXPECT_EQ(::send(ends[1], "x", 1, 0), 1);
    char byte = 0;
    EXPECT_EQ(co_await perform(receive_from(ends[0], &byte, 1)), 1);
    EXPECT_EQ(byte, 'x');
  });
  drop_runtime();
  for (const int c : copies) ::close(c);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_P(full_rings, MoreCompletionsAtOnceThanTheQueueHoldsAllArrive) {
  constexpr std::size_t count = 1000;
  // A completion queue of 16, the smallest there is with a submission queue of 8.
  const auto rt = std::make_unique<runtime>();
  if (GetParam() == "io_uring") {
    detail::use_backend(
        *rt, [](const detail::backend_parts& parts, void*) -> std::unique_ptr<detail::backend> {
          detail::uring_limits limits;
          limits.completion_entries = 16;
          detail::backend_parts small{parts.inbox, parts.workers, 8};
          auto made = detail::make_uring_backend(small, limits);
          parts.workers.set_doorbell(
              [](void* b) noexcept { static_cast<detail::backend*>(b)->wake(); }, made.get());
          return made;
        });
  } else {
    detail::use_backend(*rt, [](const detail::backend_parts& parts, void*) {
      auto made = detail::make_epoll_backend(parts);
      parts.workers.set_doorbell([](void* b) noexcept { static_cast<detail::backend*>(b)->wake(); },
                                 made.get());
      return made;
    });
  }
  eddy::run(*rt, [&]() -> task<> {
    std::vector<std::array<int, 2>> pairs(count);
    for (auto& p : pairs) {
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p.data()), 0);
    }
    for (int round = 0; round < 3; ++round) {
      std::size_t right = 0;
      co_await with_task_group([&](task_group& group) -> task<> {
        for (std::size_t i = 0; i < count; ++i) {
          group.spawn(
              [&](std::size_t which) -> task<> {
                std::uint32_t number = 0;
                const int n =
                    co_await perform(receive_from(pairs[which][0], &number, sizeof number));
                right += n == sizeof number && number == which;
              },
              i);
        }
        while (rt->pending().operations < count) co_await yield();
        for (int i = 0; i < 100; ++i) co_await immediate();  // all inside the kernel
        for (std::size_t i = 0; i < count; ++i) {            // all end before the next look
          const auto number = static_cast<std::uint32_t>(i);
          EXPECT_EQ(::send(pairs[i][1], &number, sizeof number, 0),
                    static_cast<ssize_t>(sizeof number));
        }
      });
      EXPECT_EQ(right, count);
    }
    for (auto& p : pairs) {
      for (const int end : p) {
        request r;
        r.what = verb::close;
        r.descriptor = end;
        detail::loop_of(*rt).ask(r);
      }
    }
  });
}

}  // namespace
}  // namespace eddy::test
