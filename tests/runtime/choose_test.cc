// Which backend a loop gets: option before EDDY_BACKEND before the best there is, and what is said
// about it.
#include "runtime/backend/choose.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

#include "runtime/mailbox.h"
#include "runtime/pool.h"
#include "tests/support/backends.h"
#include "tests/support/deny.h"

namespace eddy::detail {
namespace {

using testing::deny_io_uring;
using testing::kill_process;

class Choose : public ::testing::Test {
 protected:
  void SetUp() override { ::unsetenv("EDDY_BACKEND"); }
  void TearDown() override { ::unsetenv("EDDY_BACKEND"); }

  chosen choose(backend_kind wanted) {
    return choose_backend(wanted, backend_parts{inbox, workers});
  }

  /// In a forked child: denied with `error`, `wanted` is asked for. Says on stderr what came of it.
  [[noreturn]] void denied(int error, backend_kind wanted) {
    deny_io_uring(error);
    try {
      chosen c = choose(wanted);
      operation o;
      o.ask.what = verb::nothing;
      o.where = operation::place::listed;
      turn t;
      t.start.push(o);
      while (o.where != operation::place::reported) c.made->run(t);
      std::fprintf(stderr, "%s: %s\n", c.made->name(), c.reason.c_str());
    } catch (const std::system_error& e) {
      std::fprintf(stderr, "errno %d: %s\n", e.code().value(), e.what());
    }
    std::_Exit(0);
  }

  mailbox inbox;
  pool workers{pool_options{}, inbox};
};

bool have_uring() {
  mailbox inbox;
  pool workers(pool_options{}, inbox);
  try {
    make_uring_backend(backend_parts{inbox, workers});
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

TEST_F(Choose, AutomaticTakesTheBestThereIs) {
  const chosen c = choose(backend_kind::automatic);
  EXPECT_EQ(c.kind, have_uring() ? backend_kind::io_uring : backend_kind::epoll);
  EXPECT_EQ(c.reason.find(c.made->name()), 0u) << c.reason;
  EXPECT_EQ(c.reason.back(), '.');
  EXPECT_FALSE(backend_is_forced());
}

TEST_F(Choose, TheOptionIsStrongerThanTheEnvironment) {
  ::setenv("EDDY_BACKEND", "io_uring", 1);
  const chosen c = choose(backend_kind::epoll);
  EXPECT_EQ(c.kind, backend_kind::epoll);
  EXPECT_STREQ(c.made->name(), "epoll");
  EXPECT_EQ(c.reason, "epoll, because the option asks for epoll.");
}

TEST_F(Choose, TheEnvironmentIsStrongerThanAutomatic) {
  ::setenv("EDDY_BACKEND", "epoll", 1);
  EXPECT_TRUE(backend_is_forced());
  const chosen c = choose(backend_kind::automatic);
  EXPECT_EQ(c.kind, backend_kind::epoll);
  EXPECT_EQ(c.reason, "epoll, because EDDY_BACKEND asks for epoll.");
  if (!have_uring()) return;
  ::setenv("EDDY_BACKEND", "io_uring", 1);
  EXPECT_EQ(choose(backend_kind::automatic).kind, backend_kind::io_uring);
}

TEST_F(Choose, AnEmptyEnvironmentVariableIsNone) {
  ::setenv("EDDY_BACKEND", "", 1);
  EXPECT_FALSE(backend_is_forced());
  EXPECT_NO_THROW(choose(backend_kind::automatic));
}

TEST_F(Choose, AnUnknownNameIsNamedAndNothingIsGuessed) {
  for (const char* name : {"uring", "Epoll", "auto", "simulated", "epoll "}) {
    ::setenv("EDDY_BACKEND", name, 1);
    try {
      choose(backend_kind::automatic);
      ADD_FAILURE() << name;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string(e.what()).find(std::string("EDDY_BACKEND=") + name), std::string::npos)
          << e.what();
    }
  }
}

TEST_F(Choose, ASimulationIsNotMadeWithoutItsLibrary) {
  EXPECT_THROW(choose(backend_kind::simulated), std::invalid_argument);
}

TEST_F(Choose, ThePoolRingsTheBackendThatWasChosen) {
  for (backend_kind kind : {backend_kind::epoll, backend_kind::io_uring}) {
    if (kind == backend_kind::io_uring && !have_uring()) continue;
    const chosen c = choose(kind);
    operation o;
    o.ask.what = verb::call;
    o.ask.address = reinterpret_cast<std::uintptr_t>(+[](void*) { return 7; });
    o.where = operation::place::listed;
    turn t;
    t.start.push(o);
    t.until = time_point::max();
    work_queue mail;
    while (mail.empty()) {
      c.made->run(t);
      inbox.take(mail);
    }
    EXPECT_EQ(mail.pop(), &o);
    EXPECT_EQ(o.result, 7);
    workers.stop();  // a thread may still be ringing
  }
}

TEST_F(Choose, BuiltWithoutLiburingItSaysSo) {
  if (!test::built_without_liburing()) GTEST_SKIP() << "built with liburing";
  EXPECT_EQ(choose(backend_kind::automatic).reason,
            "epoll, because eddy was built without liburing.");
  const auto refused = [&](backend_kind kind) -> std::string {
    try {
      choose(kind);
      return "not refused";
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code().value(), ENOTSUP);
      return e.what();
    }
  };
  EXPECT_EQ(refused(backend_kind::io_uring)
                .find("the option asks for io_uring, but eddy was built without liburing"),
            0u);
  ::setenv("EDDY_BACKEND", "io_uring", 1);
  EXPECT_EQ(refused(backend_kind::automatic)
                .find("EDDY_BACKEND asks for io_uring, but eddy was built without liburing"),
            0u);
}

using ChooseDeathTest = Choose;

/// Where io_uring's system calls are made at all.
class ChooseDeniedDeathTest : public Choose {
 protected:
  void SetUp() override {
    if (test::built_without_liburing()) GTEST_SKIP() << "built without liburing";
    Choose::SetUp();
  }
};

TEST_F(ChooseDeniedDeathTest, DeniedByEpermItFallsBackAndSaysWhy) {
  EXPECT_EXIT(denied(EPERM, backend_kind::automatic), ::testing::ExitedWithCode(0),
              "^epoll: epoll, because io_uring is denied by policy \\(EPERM; [^.]*\\)\\.\n$");
}

TEST_F(ChooseDeniedDeathTest, DeniedByEnosysItFallsBackAndSaysWhy) {
  EXPECT_EXIT(denied(ENOSYS, backend_kind::automatic), ::testing::ExitedWithCode(0),
              "^epoll: epoll, because io_uring is .*\\(ENOSYS.*\\.\n$");
}

TEST_F(ChooseDeniedDeathTest, WithoutMemoryItFallsBackAndSaysWhy) {
  EXPECT_EXIT(denied(ENOMEM, backend_kind::automatic), ::testing::ExitedWithCode(0),
              "^epoll: epoll, because io_uring finds no memory for its rings \\(ENOMEM.*\\.\n$");
}

TEST_F(ChooseDeniedDeathTest, AnExplicitChoiceThatCannotBeHadThrowsWithTheReason) {
  EXPECT_EXIT(denied(EPERM, backend_kind::io_uring), ::testing::ExitedWithCode(0),
              "^errno 1: the option asks for io_uring, but io_uring is denied by policy");
  EXPECT_EXIT(
      {
        ::setenv("EDDY_BACKEND", "io_uring", 1);
        denied(ENOSYS, backend_kind::automatic);
      },
      ::testing::ExitedWithCode(0), "^errno 38: EDDY_BACKEND asks for io_uring, but io_uring is ");
}

TEST_F(ChooseDeathTest, ForcedEpollMakesNoIoUringSystemCall) {
  EXPECT_EXIT(denied(kill_process, backend_kind::epoll), ::testing::ExitedWithCode(0), "^epoll: ");
  EXPECT_EXIT(
      {
        ::setenv("EDDY_BACKEND", "epoll", 1);
        denied(kill_process, backend_kind::automatic);
      },
      ::testing::ExitedWithCode(0), "^epoll: ");
}

TEST_F(ChooseDeniedDeathTest, TheFilterOfTheseTestsKills) {
  EXPECT_EXIT(denied(kill_process, backend_kind::automatic), ::testing::KilledBySignal(SIGSYS), "");
}

}  // namespace
}  // namespace eddy::detail
