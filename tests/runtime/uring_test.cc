// What only the io_uring backend has: the one enter of a run, enters that fail halfway, full rings,
// attempts, the pool for what the ring cannot do. What it has in common with the others is
// tests/contract/backend_test.cc.
#include "runtime/backend/uring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/mailbox.h"
#include "runtime/pool.h"
#include "tests/runtime/uring_under_test.h"
#include "tests/support/temporary_directory.h"

namespace eddy::detail {
namespace {

TEST_F(Uring, OneEnterSubmitsWaitsAndCarriesTheTimeout) {
  socket_pair s;
  char byte;
  std::vector<operation> waiting(10), nothing(10);
  for (auto& o : waiting) start(o, ask_for(verb::receive, s.ends[0], &byte, 1));
  const time_point until = kernel->now() + 3ms;
  EXPECT_TRUE(run(until).empty());
  EXPECT_GE(kernel->now(), until);
  EXPECT_EQ(enters(), 1u);
  EXPECT_EQ(kernel->inside(), 10u);

  for (auto& o : nothing) start(o, ask_for(verb::nothing));
  EXPECT_EQ(run(never).size(), 10u);
  EXPECT_EQ(enters(), 2u);

  for (auto& o : waiting) cancel(o);
  EXPECT_EQ(run(never).size(), 10u);
  EXPECT_EQ(enters(), 3u);
  EXPECT_EQ(kernel->inside(), 0u);
}

TEST_F(Uring, ARunWithNothingToDoEntersNothing) {
  run();
  EXPECT_EQ(enters(), 0u);
  socket_pair s;
  char byte;
  operation o;
  start(o, ask_for(verb::receive, s.ends[0], &byte, 1));
  run();
  EXPECT_EQ(enters(), 1u);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(run().empty());
  EXPECT_EQ(enters(), 1u) << "nothing has come, and the flags say so";
  ASSERT_EQ(::write(s.ends[1], "x", 1), 1);
  EXPECT_EQ(run().size(), 1u);
  EXPECT_EQ(enters(), 2u);
  EXPECT_EQ(o.result, 1);
}

TEST_F(Uring, WhatAnEnterDidNotTakeGoesWithTheNext) {
  constexpr unsigned count = 12;
  uring_enter_hook = faulty_enter;
  for (int error : {EAGAIN, EBUSY, EINTR, ENOMEM}) {
    for (unsigned k = 0; k <= count + 1; ++k) {
      socket_pair s;
      char bytes[count];
      std::vector<operation> all(count);
      for (unsigned i = 0; i < count; ++i) {
        start(all[i],
              i % 2 ? ask_for(verb::receive, s.ends[0], &bytes[i], 1) : ask_for(verb::nothing));
      }
      ASSERT_EQ(::write(s.ends[1], "abcdef", 6), 6);
      faulty = {k, error, 1, 0, 0};
      for (operation* o : run_for(count))
        EXPECT_EQ(o->result, o->ask.what == verb::nothing ? 0 : 1);
      EXPECT_EQ(faulty.refused, 1u);
      EXPECT_EQ(kernel->inside(), 0u);
      EXPECT_TRUE(run().empty()) << "each is reported once";
    }
  }
}

TEST_F(Uring, AKernelThatTakesNothingForAWhileIsNotAskedInABusyLoop) {
  uring_enter_hook = faulty_enter;
  faulty = {0, EAGAIN, 6, 0, 0};
  operation o;
  start(o, ask_for(verb::nothing));
  const time_point begin = kernel->now();
  run_for(1);
  EXPECT_EQ(faulty.refused, 6u);
  EXPECT_EQ(faulty.waits, 6u);
  EXPECT_GE(kernel->now() - begin, 63ms) << "1 + 2 + 4 + 8 + 16 + 32";
}

TEST_F(Uring, ACancelledEntryThatTheKernelHasNotTakenYetEndsOnce) {
  uring_enter_hook = faulty_enter;
  for (unsigned k = 0; k < 4; ++k) {
    socket_pair s;
    char bytes[3];
    std::vector<operation> all(3);
    for (int i = 0; i < 3; ++i) start(all[i], ask_for(verb::receive, s.ends[0], &bytes[i], 1));
    faulty = {k, EAGAIN, 1, 0, 0};
    EXPECT_TRUE(run().empty());
    for (auto& o : all) cancel(o);
    for (operation* o : run_for(3)) EXPECT_EQ(o->result, -ECANCELED);
    EXPECT_TRUE(run().empty());
  }
}

/// The ring is full of what the kernel has refused, and takes all of it in the enter that sleeps:
/// what has then found no entry must not wait for somebody else's end.
TEST_F(Uring, ACancelThatFindsNoEntryIsNotSleptOver) {
  for (const unsigned entries : {8u, 64u}) {
    make(entries);
    socket_pair s;
    char byte;
    operation waits;
    start(waits, ask_for(verb::receive, s.ends[0], &byte, 1));
    EXPECT_TRUE(run(kernel->now() + 1ms).empty());  // the doorbell is armed from now on
    uring_enter_hook = faulty_enter;
    faulty = {0, EAGAIN, 2, 0, 0};
    std::vector<operation> all(2 * entries);
    for (auto& o : all) start(o, ask_for(verb::receive, s.ends[0], &byte, 1));
    EXPECT_TRUE(run().empty());
    EXPECT_EQ(faulty.refused, 2u);
    cancel(waits);
    operation follows;  // listed behind what found no room
    start(follows, ask_for(verb::nothing));
    const time_point give_up = kernel->now() + 10s;
    std::vector<operation*> done;
    for (int i = 0; i < 20 && done.size() < 2; ++i) {
      for (operation* o : run(give_up)) done.push_back(o);
    }
    ASSERT_EQ(done.size(), 2u);
    EXPECT_EQ(waits.result, -ECANCELED);
    EXPECT_LT(kernel->now(), give_up);
    for (auto& o : all) {
      if (o.where == operation::place::inside) cancel(o);
      if (o.where == operation::place::listed) o.unlink();
    }
    while (kernel->inside()) run(give_up);
  }
}

TEST_F(Uring, MoreCancelsThanTheRingHasEntriesAllArrive) {
  make(8);
  socket_pair s;
  char byte;
  std::vector<operation> all(10'000);
  for (auto& o : all) start(o, ask_for(verb::receive, s.ends[0], &byte, 1));
  run();
  EXPECT_EQ(kernel->inside(), all.size());
  for (auto& o : all) cancel(o);
  for (operation* o : run_for(all.size())) {
    EXPECT_EQ(o->result, -ECANCELED);
    EXPECT_FALSE(o->is_linked());
  }
  EXPECT_EQ(kernel->inside(), 0u);
}

TEST_F(Uring, ACompletionRingThatOverflowsLosesNothing) {
  uring_limits limits;
  limits.completion_entries = 16;
  make(8, limits);
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::vector<operation> all(500);
  for (auto& o : all) {
    request r = ask_for(verb::ready, event);
    r.options = POLLIN;
    start(o, r);
  }
  while (kernel->inside() < all.size()) run();
  ASSERT_EQ(::eventfd_write(event, 1), 0);
  for (operation* o : run_for(all.size())) EXPECT_EQ(o->result, POLLIN);
  ::close(event);
}

TEST_F(Uring, NoMoreThanTheLimitIsReportedAndTheRestDoesNotSleep) {
  std::vector<operation> all(100);
  for (auto& o : all) start(o, ask_for(verb::nothing));
  t.limit = 30;
  EXPECT_EQ(run(never).size(), 30u);
  EXPECT_EQ(run(never).size(), 30u);
  EXPECT_EQ(run(never).size(), 30u);
  EXPECT_EQ(run(never).size(), 10u);
  EXPECT_EQ(enters(), 1u);
}

TEST_F(Uring, ManyReadySocketsComeInAFewRuns) {
  std::vector<socket_pair> pairs(200);
  std::vector<operation> all(200);
  char byte;
  for (int i = 0; i < 200; ++i) start(all[i], ask_for(verb::receive, pairs[i].ends[0], &byte, 1));
  run();
  for (auto& p : pairs) ASSERT_EQ(::write(p.ends[1], "x", 1), 1);
  std::size_t got = run(never).size();
  EXPECT_GT(got, 100u) << "the task work that one enter leaves is asked for again in the same run";
  if (got < 200) got += run_for(200 - got).size();
}

TEST_F(Uring, AFewSendsAreAttemptedManyGoThroughTheRing) {
  socket_pair s;
  std::vector<operation> few(4), many(5);
  for (auto& o : few) start(o, ask_for(verb::send, s.ends[0], "x", 1));
  EXPECT_EQ(run(never).size(), 4u);
  EXPECT_EQ(kernel->counts().attempts, 4u);
  EXPECT_EQ(enters(), 0u);
  for (auto& o : many) start(o, ask_for(verb::send, s.ends[0], "x", 1));
  EXPECT_EQ(run(never).size(), 5u);
  EXPECT_EQ(kernel->counts().attempts, 4u);
  EXPECT_EQ(enters(), 1u);
}

TEST_F(Uring, ASendThatFindsNoRoomWaitsInTheRing) {
  socket_pair s;
  std::string much(1 << 20, 'x');
  const auto filled = ::send(s.ends[0], much.data(), much.size(), MSG_DONTWAIT);
  ASSERT_GT(filled, 0);
  operation o;
  start(o, ask_for(verb::send, s.ends[0], "last", 4));
  EXPECT_TRUE(run().empty());
  EXPECT_EQ(kernel->inside(), 1u);
  for (ssize_t left = filled; left > 0;) left -= ::recv(s.ends[1], much.data(), much.size(), 0);
  EXPECT_EQ(run_for(1)[0]->result, 4);
}

TEST_F(Uring, ASendToAClosedPeerFailsWithoutASignal) {
  socket_pair s;
  ::shutdown(s.ends[1], SHUT_RD);
  std::vector<operation> all(6);
  for (auto& o : all) start(o, ask_for(verb::send, s.ends[0], "x", 1));
  for (operation* o : run_for(6)) EXPECT_EQ(o->result, -EPIPE);
}

TEST_F(Uring, AnOperationThatTheKernelWillNotWaitForIsWaitedFor) {
  socket_pair s;
  char byte = 0;
  operation first, second;
  request r = ask_for(verb::receive, s.ends[0], &byte, 1);
  r.options = MSG_DONTWAIT;  // answers -EAGAIN in the ring, as O_NONBLOCK does in older kernels
  start(first, r);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(run().empty());
  ASSERT_EQ(::write(s.ends[1], "q", 1), 1);
  EXPECT_EQ(run_for(1)[0]->result, 1);
  EXPECT_EQ(byte, 'q');

  for (int runs = 0; runs < 4; ++runs) {  // cancelled in each of its states
    start(second, r);
    for (int i = 0; i < runs; ++i) run();
    if (second.where == operation::place::listed) {
      second.unlink();
      continue;
    }
    cancel(second);
    EXPECT_EQ(run_for(1)[0]->result, -ECANCELED);
    EXPECT_EQ(kernel->inside(), 0u);
    second.cancel_asked = false;
  }
}

TEST_F(Uring, ACancelNeverLosesBytes) {
  int finished = 0, stopped = 0;
  for (int i = 0; i < 200; ++i) {
    socket_pair s;
    char byte = 0;
    operation o;
    start(o, ask_for(verb::receive, s.ends[0], &byte, 1));
    run();
    if (i % 2) {
      ASSERT_EQ(::write(s.ends[1], "x", 1), 1);
    }
    cancel(o);
    run_for(1);
    if (i % 2 == 0) {
      ASSERT_EQ(::write(s.ends[1], "x", 1), 1);
    }
    char rest;
    const auto left = ::recv(s.ends[0], &rest, 1, MSG_DONTWAIT);
    if (o.result == 1) {
      ++finished;
      EXPECT_EQ(byte, 'x');
      EXPECT_EQ(left, -1);
    } else {
      ++stopped;
      EXPECT_EQ(o.result, -ECANCELED);
      EXPECT_EQ(left, 1);
    }
  }
  EXPECT_GE(stopped, 100);
  EXPECT_EQ(finished + stopped, 200);
}

TEST_F(Uring, AFilesReadIsShortAtItsEndOnly) {
  // The kernel gives this file in small pieces, whatever is asked for.
  const int file = ::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
  if (file < 0) GTEST_SKIP() << "no /proc/kallsyms";
  std::string expected(100'000, 0), got(100'000, 0);
  std::size_t size = 0;
  ssize_t piece = 0, largest = 0;
  while (size < expected.size() && (piece = ::pread(file, &expected[size], expected.size() - size,
                                                    static_cast<off_t>(size))) > 0) {
    size += static_cast<std::size_t>(piece);
    largest = std::max(largest, piece);
  }
  if (largest == static_cast<ssize_t>(expected.size())) GTEST_SKIP() << "it comes in one piece";
  operation o;
  request r = ask_for(verb::read, file, got.data(), got.size());
  r.through = nature::file;
  start(o, r);
  EXPECT_EQ(run_for(1)[0]->result, static_cast<int>(size));
  EXPECT_EQ(got, expected);
  ::close(file);
}

TEST_F(Uring, ASmallCachedFileIsReadByOneAttempt) {
  const test::temporary_directory folder;
  const int file = ::open(folder.file("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  const std::string text(39, 'f');
  ASSERT_EQ(::write(file, text.data(), text.size()), 39);
  std::string got(4096, 0);
  operation o, again;
  request r = ask_for(verb::read, file, got.data(), got.size());
  r.through = nature::file;
  start(o, r);
  run_for(1);
  EXPECT_EQ(o.result, 39);
  EXPECT_EQ(got.substr(0, 39), text);
  EXPECT_EQ(kernel->counts().attempts, 1u);
  r.offset = current_position;
  ASSERT_EQ(::lseek(file, 30, SEEK_SET), 30);
  start(again, r);
  run_for(1);
  EXPECT_EQ(again.result, 9);
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 39);
  ::close(file);
}

TEST_F(Uring, AVerbThatThisKernelLacksGoesToThePool) {
  uring_limits limits;
  limits.lacking = verb::truncate;
  make(256, limits);
  const test::temporary_directory folder;
  const int file = ::open(folder.file("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  operation o;
  request r = ask_for(verb::truncate, file);
  r.offset = 1234;
  start(o, r);
  run_for(1);
  EXPECT_TRUE(o.from_pool);
  EXPECT_EQ(o.result, 0);
  EXPECT_EQ(::lseek(file, 0, SEEK_END), 1234);

  make();
  operation bad;
  r.descriptor = -1;
  start(bad, r);
  run_for(1);
  EXPECT_EQ(bad.result, -EBADF);
  ::close(file);
}

int wait_for(void* event) {
  pollfd p{*static_cast<int*>(event), POLLIN, 0};
  return ::poll(&p, 1, -1);
}

TEST_F(Uring, WhatThePoolRefusesStaysListedInItsPlace) {
  make(256, {}, 1);
  int gate = ::eventfd(0, EFD_CLOEXEC);
  std::vector<operation> calls(12);
  for (auto& o : calls) {
    request r = ask_for(verb::call);
    r.address = reinterpret_cast<std::uintptr_t>(&wait_for);
    r.offset = address_of(&gate);
    start(o, r);
  }
  operation behind;
  start(behind, ask_for(verb::nothing));
  ASSERT_EQ(run().size(), 1u) << "who is behind in the list does not wait for the pool";
  std::vector<operation*> listed;
  for (operation* o = t.start.front(); o; o = t.start.after(*o)) listed.push_back(o);
  ASSERT_GE(listed.size(), 1u);
  EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end()));
  EXPECT_EQ(listed.back(), &calls.back());
  for (operation* o : listed) {
    EXPECT_EQ(o->where, operation::place::listed);
    EXPECT_FALSE(o->from_pool);
  }
  ASSERT_EQ(::eventfd_write(gate, 1), 0);
  for (operation* o : run_for(calls.size())) EXPECT_EQ(o->result, 1);
  ::close(gate);
}

TEST_F(Uring, MoreThanMayBeInsideStaysListed) {
  uring_limits limits;
  limits.inside = 4;
  make(8, limits);
  socket_pair s;
  char bytes[10];
  std::vector<operation> all(10);
  for (int i = 0; i < 10; ++i) start(all[i], ask_for(verb::receive, s.ends[0], &bytes[i], 1));
  EXPECT_TRUE(run().empty());
  EXPECT_EQ(kernel->inside(), 4u);
  EXPECT_EQ(t.start.front(), &all[4]);
  ASSERT_EQ(::write(s.ends[1], "0123456789", 10), 10);
  for (operation* o : run_for(10)) EXPECT_EQ(o->result, 1);
  EXPECT_TRUE(t.start.empty());
}

TEST_F(Uring, AFileOperationThatHasBegunIsNotCancelled) {
  const int file = ::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  operation o;
  start(o, ask_for(verb::sync, file));
  t.limit = 0;  // it stays inside, finished or not
  run();
  EXPECT_EQ(o.where, operation::place::inside);
  cancel(o);
  t.limit = 1024;
  EXPECT_NE(run_for(1)[0]->result, -ECANCELED);
  ::close(file);
}

TEST_F(Uring, WakeEndsASleepAndKeepsErrno) {
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) {
      errno = ERANGE;
      kernel->wake();
      EXPECT_EQ(errno, ERANGE);
      std::this_thread::yield();
    }
  });
  run(never);
  other.join();
  for (int i = 0; i < 3; ++i) run();
  kernel->wake();  // before the sleep, too
  EXPECT_TRUE(run(never).empty());
  kernel->wake();
  EXPECT_TRUE(run().empty());  // and where a run without a sleep has come between
  EXPECT_TRUE(run(never).empty());
}

TEST_F(Uring, AMessageFromAnotherThreadIsNeverSleptThrough) {
  static constexpr work_type type{[](work*) noexcept {}, nullptr};
  for (int i = 0; i < 2000; ++i) {
    operation note(type);
    std::thread other([&] {
      if (inbox.push(note)) kernel->wake();
    });
    EXPECT_EQ(run_for(1)[0], &note);
    other.join();
  }
}

TEST_F(Uring, NativeHandleIsReadableWhenThereIsSomethingToDo) {
  pollfd host{kernel->native_handle(), POLLIN, 0};
  EXPECT_EQ(::poll(&host, 1, 0), 0);
  socket_pair s;
  char byte;
  operation o;
  start(o, ask_for(verb::receive, s.ends[0], &byte, 1));
  run();
  EXPECT_EQ(::poll(&host, 1, 0), 0);
  ASSERT_EQ(::write(s.ends[1], "x", 1), 1);
  EXPECT_EQ(::poll(&host, 1, -1), 1);
  EXPECT_EQ(run().size(), 1u);
  EXPECT_EQ(::poll(&host, 1, 0), 0);
  std::thread other([&] { kernel->wake(); });
  EXPECT_EQ(::poll(&host, 1, -1), 1);
  other.join();
  run();
  EXPECT_EQ(::poll(&host, 1, 0), 0);
}

TEST_F(Uring, ADatagramToAFullPeerThatNoEventTellsOfIsTriedWithoutSpinning) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "eddy-uring-dgram-%d", ::getpid());
  const int peer = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int sender = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(peer, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  char text[] = "x";
  iovec part{text, 1};
  msghdr message{};
  message.msg_name = &name;
  message.msg_namelen = sizeof name;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  while (::sendmsg(sender, &message, 0) == 1) {
  }
  ASSERT_EQ(errno, EAGAIN);
  operation o;
  start(o, ask_for(verb::send_message, sender, &message));
  const auto before = enters();
  const time_point until = kernel->now() + 30ms;
  while (kernel->now() < until) EXPECT_TRUE(run(until).empty());
  EXPECT_LT(enters() - before, 70u);
  while (::recv(peer, text, 1, 0) == 1) {
  }
  EXPECT_EQ(run_for(1)[0]->result, 1);
  ::close(sender);
  ::close(peer);
}

TEST_F(Uring, AForkedChildCanDestroyItsCopy) {
  run(kernel->now() + 1ms);
  EXPECT_EXIT(
      {
        // What the child maps may come to lie where the parent has its ring.
        constexpr std::size_t page = 4096;
        std::vector<volatile char*> pages(500);
        for (auto& p : pages) {
          p = static_cast<volatile char*>(
              ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        }
        kernel.reset();
        for (auto* p : pages) *p = 1;
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  operation o;
  start(o, ask_for(verb::nothing));
  run_for(1);
}

TEST_F(Uring, UseOnAnotherThreadAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a forked child has no ring
  operation o;
  start(o, ask_for(verb::nothing));
  EXPECT_DEATH(std::thread([&] { kernel->run(t); }).join(),
               "eddy: io_uring_enter: the ring belongs to another thread");
}

}  // namespace
}  // namespace eddy::detail
