// How the ring accepts: whoever is there in the same enter, and looking first whether anybody is.
#include <sys/un.h>

#include <vector>

#include "runtime/backend/uring_request.h"
#include "tests/runtime/uring_under_test.h"

namespace eddy::detail {
namespace {

TEST_F(Uring, AnAcceptTakesWhoIsThereInTheSameEnter) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un at{AF_UNIX, {}};
  socklen_t size = sizeof(sa_family_t);  // the kernel finds a name
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  size = sizeof at;
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
  const auto connect = [&] {
    const int s = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(s, reinterpret_cast<sockaddr*>(&at), size), 0);
    return s;
  };
  std::vector<int> all{listener, connect()};
  for (const bool waits : {false, true}) {
    operation o;
    start(o, ask_for(verb::accept, listener));
    if (waits) {
      EXPECT_EQ(run().size(), 0u);
      all.push_back(connect());
    }
    const std::uint64_t before = enters();
    EXPECT_EQ(run(never).size(), 1u);
    EXPECT_EQ(enters() - before, 1u);
    EXPECT_GE(o.result, 0);
    all.push_back(o.result);
  }
  for (const int d : all) ::close(d);
}

TEST(Entries, OnlyAnAcceptSaysHowItAccepts) {
  for (const verb what : {verb::accept, verb::receive, verb::connect, verb::receive_message}) {
    io_uring_sqe entry{};
    uring_prepare(entry, ask_for(what, 0), 4);
    EXPECT_EQ(entry.ioprio, what == verb::accept ? 4 : 0);
  }
}

}  // namespace
}  // namespace eddy::detail
