// The io_uring backend as a loop drives it, for the tests of what only it has.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "runtime/backend/uring.h"
#include "runtime/mailbox.h"
#include "runtime/pool.h"

namespace eddy::detail {
namespace {

using namespace std::chrono_literals;

constexpr time_point never = time_point::max();
constexpr time_point at_once = time_point::min();

std::uint64_t address_of(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p);
}

request ask_for(verb what, int descriptor = -1, const void* memory = nullptr,
                std::size_t size = 0) {
  request r;
  r.what = what;
  r.descriptor = descriptor;
  r.address = address_of(memory);
  r.length = static_cast<std::uint32_t>(size);
  return r;
}

struct socket_pair {
  int ends[2];
  socket_pair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends)) std::abort();
  }
  ~socket_pair() {
    for (int e : ends) ::close(e);
  }
};

/// How the replaced io_uring_enter behaves; see refuse_after().
struct {
  unsigned accept = 0;   // so many entries are taken
  int error = 0;         // then this is the answer
  int times = 0;         // so often
  unsigned refused = 0;  // so often that was done
  unsigned waits = 0;    // enters that submitted nothing and waited
} faulty;

inline int faulty_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags,
                        void* argument, std::size_t size) noexcept {
  if (!submit && wait) ++faulty.waits;
  if (!submit || faulty.times == 0)
    return uring_enter(descriptor, submit, wait, flags, argument, size);
  --faulty.times;
  ++faulty.refused;
  if (const unsigned n = std::min(faulty.accept, submit)) {
    uring_enter(descriptor, n, 0, flags & IORING_ENTER_REGISTERED_RING, nullptr, 0);
  }
  return -faulty.error;
}

/// A loop's share: a mailbox, a pool, the backend, and the lists of a turn.
class Uring : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* only = std::getenv("EDDY_TEST_BACKENDS");
    if (only && !std::string(only).empty() &&
        std::string(only).find("io_uring") == std::string::npos) {
      GTEST_SKIP() << "EDDY_TEST_BACKENDS=" << only;
    }
    try {
      make();
    } catch (const std::system_error& e) {
      FAIL() << "no io_uring here (EDDY_TEST_BACKENDS=epoll leaves it out on purpose): "
             << e.what();
    }
  }
  void TearDown() override {
    uring_enter_hook = nullptr;
    faulty = {};
    if (workers) workers->stop();  // a thread may still be ringing
  }

  void make(unsigned entries = 256, const uring_limits& limits = {},
            std::size_t pool_queue = 1024) {
    if (workers) workers->stop();
    kernel.reset();
    workers.reset();
    pool_options options;
    options.queue = pool_queue;
    workers = std::make_unique<pool>(options, inbox);
    kernel = make_uring_backend(backend_parts{inbox, *workers, entries}, limits);
    workers->set_doorbell([](void* b) noexcept { static_cast<backend*>(b)->wake(); }, kernel.get());
  }

  void start(operation& o, const request& r) {
    o.ask = r;
    o.where = operation::place::listed;
    t.start.push(o);
  }
  void cancel(operation& o) {
    o.cancel_asked = true;
    t.cancel.push(o);
  }

  /// One run; what is done afterwards, in order.
  std::vector<operation*> run(time_point until = at_once) {
    t.until = until;
    kernel->run(t);
    std::vector<operation*> done;
    while (operation* o = t.done.pop()) done.push_back(o);
    work_queue mail;
    inbox.take(mail);
    while (work* w = mail.pop()) {
      auto* o = static_cast<operation*>(w);
      o->where = operation::place::reported;
      done.push_back(o);
    }
    return done;
  }
  /// Runs until `count` operations more are done; gives up after many runs.
  std::vector<operation*> run_for(std::size_t count) {
    std::vector<operation*> all;
    for (int i = 0; i < 100'000 && all.size() < count; ++i) {
      for (operation* o : run(never)) all.push_back(o);
    }
    EXPECT_EQ(all.size(), count);
    return all;
  }
  std::uint64_t enters() const { return kernel->counts().enters; }

  mailbox inbox;
  std::unique_ptr<pool> workers;
  std::unique_ptr<backend> kernel;
  turn t;
};

}  // namespace
}  // namespace eddy::detail
