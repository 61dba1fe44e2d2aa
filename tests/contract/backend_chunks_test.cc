// What every backend makes of chunks: memory is lent with the report, in turn where all of it is
// lent, and comes back.
#include "tests/contract/backend_under_test.h"

#include <cerrno>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy::test {
namespace {

std::vector<std::string> chunk_backends() {
  std::vector<std::string> all = backends({"io_uring", "epoll", "simulation"});
  if (!built_without_liburing() && std::erase(all, "io_uring")) {
    all.emplace_back("io_uring");
    all.emplace_back("io_uring_by_polls");
  }
  return all;
}

class chunks_of_a_backend : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { made_ = std::make_unique<backend_under_test>(GetParam()); }
  backend_under_test& b() { return *made_; }

  static request receive(int descriptor) { return ask_for(verb::receive_chunk, descriptor); }
  int give_back(int chunk) {
    request r = ask_for(verb::give_back, -1);
    r.second = chunk;
    return b().kernel->ask(r);
  }
  static std::string_view text(const test_operation& o) {
    return {reinterpret_cast<const char*>(static_cast<std::uintptr_t>(o.ask.address)),
            static_cast<std::size_t>(o.result)};
  }
  /// Runs a few times; nothing may be reported.
  void nothing_comes() {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(b().poll().empty());
  }

 private:
  std::unique_ptr<backend_under_test> made_;
};
INSTANTIATE_TEST_SUITE_P(Contract, chunks_of_a_backend, ::testing::ValuesIn(chunk_backends()),
                         backend_name);

TEST_P(chunks_of_a_backend, LendWhatHasCome) {
  auto [near, far] = b().pair();
  test_operation one(receive(near));
  b().begin_and_wait(one);
  b().say(far, "hello");
  EXPECT_EQ(b().run_until(one), 5);
  EXPECT_EQ(text(one), "hello");
  test_operation other(receive(near));
  b().say(far, "there");
  b().begin(other);
  EXPECT_EQ(b().run_until(other), 5);
  EXPECT_EQ(text(other), "there");
  EXPECT_EQ(text(one), "hello") << "it is still lent";
  EXPECT_NE(one.ask.second, other.ask.second);
  EXPECT_EQ(give_back(one.ask.second), 0);
  EXPECT_EQ(give_back(other.ask.second), 0);
  EXPECT_EQ(give_back(other.ask.second), -EINVAL);
  b().close(near);
  b().close(far);
}

TEST_P(chunks_of_a_backend, AtTheEndAndAfterAnErrorNothingIsLent) {
  auto [near, far] = b().pair();
  b().close(far);
  for (unsigned i = 0; i < 3 * backend_under_test::chunk_count; ++i)
    EXPECT_EQ(b().finish(receive(near)), 0);
  b().close(near);
  for (unsigned i = 0; i < 3 * backend_under_test::chunk_count; ++i)
    EXPECT_EQ(b().finish(receive(near)), -EBADF);
  EXPECT_EQ(give_back(0), -EINVAL);
}

TEST_P(chunks_of_a_backend, ALongOneComesInPieces) {
  auto [near, far] = b().pair();
  const std::string sent(2 * backend_under_test::chunk_size, 's');
  b().say(far, sent);
  std::size_t received = 0;
  while (received < sent.size()) {
    test_operation o(receive(near));
    b().begin(o);
    const int n = b().run_until(o);
    ASSERT_GT(n, 0);
    ASSERT_LE(n, static_cast<int>(backend_under_test::chunk_size));
    received += static_cast<std::size_t>(n);
    EXPECT_EQ(give_back(o.ask.second), 0);
  }
  b().close(near);
  b().close(far);
}

/// All are lent. Those that find none wait in the order in which they found that, whoever else comes
/// meanwhile.
TEST_P(chunks_of_a_backend, WhoFindsNoneWaitsInTurn) {
  constexpr unsigned count = backend_under_test::chunk_count;
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> all;
  for (unsigned i = 0; i < count + 4; ++i) pairs.push_back(b().pair());
  for (unsigned i = 0; i < count; ++i) {
    b().say(pairs[i].second, "lent");
    b().begin(all.emplace_back(receive(pairs[i].first)));
    EXPECT_EQ(b().run_until(all.back()), 4);
  }
  for (unsigned i = count; i < count + 3; ++i) {
    b().say(pairs[i].second, std::string(i, 'w'));
    b().begin(all.emplace_back(receive(pairs[i].first)));
    nothing_comes();
  }
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(give_back(all[i % count].ask.second), 0);
    if (i == 0) {  // one that comes later, to whom something was sent before
      b().say(pairs[count + 3].second, "late");
      b().begin(all.emplace_back(receive(pairs[count + 3].first)));
    }
    const unsigned next = count + i;
    EXPECT_EQ(b().run_until(all[next]), static_cast<int>(next));
    all[i % count].ask.second = all[next].ask.second;
    nothing_comes();
  }
  EXPECT_EQ(give_back(all[0].ask.second), 0);
  EXPECT_EQ(b().run_until(all.back()), 4);
  EXPECT_EQ(give_back(all.back().ask.second), 0);
  EXPECT_EQ(give_back(all[1].ask.second), 0);
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

TEST_P(chunks_of_a_backend, WhoWaitsForOneCanBeCancelled) {
  constexpr unsigned count = backend_under_test::chunk_count;
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> all;
  for (unsigned i = 0; i < count + 3; ++i) {
    pairs.push_back(b().pair());
    b().say(pairs[i].second, "x");
    b().begin(all.emplace_back(receive(pairs[i].first)));
    i < count ? static_cast<void>(b().run_until(all.back())) : nothing_comes();
  }
  b().cancel(all[count + 1]);  // in the middle
  EXPECT_EQ(b().run_until(all[count + 1]), -ECANCELED);
  nothing_comes();
  EXPECT_EQ(give_back(all[0].ask.second), 0);
  b().cancel(all[count]);  // one is kept for it
  EXPECT_EQ(b().run_until(all[count]) == -ECANCELED ? 1 : all[count].result, 1);
  if (all[count].result > 0) {
    EXPECT_EQ(give_back(all[count].ask.second), 0);
  }
  EXPECT_EQ(b().run_until(all[count + 2]), 1) << "it comes to the next";
  EXPECT_EQ(give_back(all[count + 2].ask.second), 0);
  EXPECT_EQ(give_back(all[1].ask.second), 0);
  // Nothing was lost of what was sent to those that were cancelled.
  test_operation again(receive(pairs[count + 1].first));
  b().begin(again);
  EXPECT_EQ(b().run_until(again), 1);
  EXPECT_EQ(give_back(again.ask.second), 0);
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

TEST_P(chunks_of_a_backend, TheWaitHoldsNone) {
  std::vector<std::pair<int, int>> pairs;
  std::deque<test_operation> all;
  for (unsigned i = 0; i < 5 * backend_under_test::chunk_count; ++i) {
    pairs.push_back(b().pair());
    b().begin(all.emplace_back(receive(pairs[i].first)));
  }
  nothing_comes();
  for (std::size_t round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < pairs.size(); ++i) b().say(pairs[i].second, "ping");
    for (std::size_t ended = 0; ended < all.size();) {
      for (test_operation* o : b().poll(detail::later(b().kernel->now(), 20s))) {
        EXPECT_EQ(o->result, 4);
        EXPECT_EQ(give_back(o->ask.second), 0);
        ++ended;
      }
    }
    for (test_operation& o : all) {
      o.ask = receive(o.ask.descriptor);
      b().begin(o);
    }
    nothing_comes();
  }
  for (test_operation& o : all) b().cancel(o);
  for (test_operation& o : all) EXPECT_EQ(b().run_until(o), -ECANCELED);
  for (auto [near, far] : pairs) {
    b().close(near);
    b().close(far);
  }
}

using chunks_of_a_backend_that_ends = chunks_of_a_backend;
INSTANTIATE_TEST_SUITE_P(Contract, chunks_of_a_backend_that_ends,
                         ::testing::ValuesIn(chunk_backends()), backend_name);
TEST_P(chunks_of_a_backend_that_ends, WhileOneIsLentAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        backend_under_test dies(GetParam());
        const auto ends = dies.pair();
        dies.say(ends.second, "x");
        test_operation o(receive(ends.first));
        dies.begin(o);
        dies.run_until(o);
      },
      "a runtime ends while a chunk of it is still lent");
}

}  // namespace
}  // namespace eddy::test
