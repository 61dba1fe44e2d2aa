// Unix listeners whose backlog is full: no event tells when there is room, so there are looks, not
// too rare and not too many.
#include "tests/contract/backend_under_test.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <sys/un.h>

namespace eddy::test {
namespace {

/// Many clients of a listener whose backlog has room for one.
class crowd : public ::testing::TestWithParam<std::string> {
 protected:
  static constexpr std::size_t size = 60;

  void SetUp() override {
    address_.sun_family = AF_UNIX;
    std::strncpy(address_.sun_path, b().path("socket").c_str(), sizeof address_.sun_path - 1);
    server_ = b().socket(AF_UNIX);
    ASSERT_EQ(b().kernel->ask(ask_for(verb::bind, server_, &address_, sizeof address_)), 0);
    ASSERT_EQ(b().kernel->ask(ask_for(verb::listen, server_, nullptr, 0)), 0);
    for (std::size_t i = 0; i < size; ++i) {
      sockets_.push_back(b().socket(AF_UNIX));
      connects_.push_back(std::make_unique<test_operation>(
          ask_for(verb::connect, sockets_.back(), &address_, sizeof address_)));
      b().begin(*connects_.back());
    }
    b().poll();
    attempts_ = b().kernel->counts().attempts;
  }
  ~crowd() override {
    leave();
    for (const int s : sockets_) b().close(s);
    b().close(server_);
  }
  backend_under_test& b() { return backend_; }
  std::size_t inside() {
    return static_cast<std::size_t>(std::count_if(connects_.begin(), connects_.end(),
                                                  [](const auto& o) { return o->reports == 0; }));
  }
  std::uint64_t attempts() { return b().kernel->counts().attempts - attempts_; }
  void leave() {
    for (const auto& o : connects_) {
      if (o->reports == 0) b().cancel(*o);
    }
    b().poll();
  }
  void take(int accepted) {
    ASSERT_GE(accepted, 0);
    sockets_.push_back(accepted);
  }

  int server_ = -1;
  std::vector<std::unique_ptr<test_operation>> connects_;

 private:
  backend_under_test backend_{GetParam()};
  sockaddr_un address_{};
  std::vector<int> sockets_;
  std::uint64_t attempts_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Contract, crowd, real_backends(), backend_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(crowd);

TEST_P(crowd, GetsInAsFastAsItIsAcceptedHere) {
  const std::size_t at_once = size - inside();
  for (std::size_t in = at_once; in < size; ++in) {
    take(b().finish(b().accept_from(server_)));
    b().poll();  // without a pause
    ASSERT_EQ(size - inside(), in + 1);
  }
  EXPECT_LT(attempts(), 5 * size);
}

TEST_P(crowd, IsLookedAtAgainSoonWhereSomebodyElseAccepts) {
  while (const std::size_t before = inside()) {
    take(::accept4(server_, nullptr, nullptr, SOCK_CLOEXEC));
    while (inside() == before) {
      b().poll(time_point::max());
    }
    if (inside() == 0) break;
    EXPECT_LE(b().kernel->again(), b().kernel->now() + 1ms);
  }
  EXPECT_LT(attempts(), 20 * size);
}

TEST_P(crowd, ThatNobodyLetsInIsTriedEverMoreRarelyAndByOneOfItAlone) {
  const std::size_t before = inside();
  for (int pass = 0; pass < 10; ++pass) {
    b().poll(b().kernel->again());
    b().poll();
  }
  EXPECT_EQ(inside(), before);
  EXPECT_LE(attempts(), 10u);
  EXPECT_GT(b().kernel->again(), b().kernel->now() + 32ms);
  leave();
  EXPECT_EQ(inside(), 0u);
  EXPECT_EQ(b().kernel->again(), time_point::max());
}

/// One that is full does not keep those from the others.
TEST_P(crowd, OfOtherListenersGoItsOwnWay) {
  sockaddr_un other{};
  other.sun_family = AF_UNIX;
  std::strncpy(other.sun_path, b().path("other").c_str(), sizeof other.sun_path - 1);
  const int server = b().socket(AF_UNIX);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::bind, server, &other, sizeof other)), 0);
  ASSERT_EQ(b().kernel->ask(ask_for(verb::listen, server, nullptr, 0)), 0);
  const int first = b().socket(AF_UNIX), second = b().socket(AF_UNIX);
  ASSERT_EQ(b().finish(ask_for(verb::connect, first, &other, sizeof other)), 0);
  test_operation waits(ask_for(verb::connect, second, &other, sizeof other));
  b().begin_and_wait(waits);
  const int one = b().finish(b().accept_from(server));
  EXPECT_EQ(b().run_until(waits), 0);
  for (int s : {server, first, second, one}) b().close(s);
}

/// One report a turn: what the kernel has answered already may not have been looked at.
TEST_P(crowd, OfWhichOneIsCancelledJustWhenItIsToldToWaitIsLeft) {
  leave();
  test_operation waits(connects_.back()->ask);
  test_operation before;
  b().turn.limit = 1;
  b().begin(before);
  b().begin(waits);
  b().poll();
  b().poll(time_point::min());
  ASSERT_EQ(waits.reports, 0);
  if (waits.where == operation::place::inside) b().cancel(waits);
  test_operation with_it, and_it;
  b().begin(with_it);
  b().begin(and_it);
  EXPECT_EQ(b().run_until(waits), -ECANCELED);
  b().run_until(with_it);
  b().run_until(and_it);
}

}  // namespace
}  // namespace eddy::test
