// One backend with its mailbox and pool, driven as the loop drives it, and what contract tests ask
// of it.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/backend/backend.h"
#include "runtime/backend/uring.h"
#include "runtime/mailbox.h"
#include "runtime/pool.h"
#include "tests/support/backends.h"
#include "tests/support/simulated_world.h"
#include "tests/support/temporary_directory.h"

namespace eddy::test {

using detail::work;
using namespace std::chrono_literals;

template <class T>
std::uint64_t number(T* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

/// A request for a descriptor and a buffer, the form of most.
inline request ask_for(verb what, int descriptor, const void* address = nullptr,
                       std::size_t length = 0) {
  request r;
  r.what = what;
  r.descriptor = descriptor;
  r.address = number(address);
  r.length = static_cast<std::uint32_t>(length);
  if (what == verb::read || what == verb::write) r.offset = current_position;
  return r;
}

inline request at_offset(request r, std::uint64_t offset) {
  r.offset = offset;
  r.through = nature::file;
  return r;
}

/// An operation that counts its reports.
struct test_operation : operation {
  explicit test_operation(const request& r = {}) : operation(type()) { ask = r; }
  static const detail::work_type& type() {
    static constexpr detail::work_type t{
        [](work* w) noexcept { ++static_cast<test_operation*>(w)->reports; }, nullptr};
    return t;
  }
  int reports = 0;
};

/// Something posted from outside.
struct test_post : work {
  test_post() : work(type()) {}
  static const detail::work_type& type() {
    static constexpr detail::work_type t{[](work*) noexcept {}, nullptr};
    return t;
  }
};

class backend_under_test {
 public:
  static constexpr std::size_t chunk_size = 4096;
  static constexpr unsigned chunk_count = 2;

  explicit backend_under_test(const std::string& name, unsigned ring_entries = 64,
                              detail::pool_options pool_of = {2, 64})
      : workers(pool_of, inbox) {
    detail::backend_parts parts{inbox, workers, ring_entries, chunk_size, chunk_count};
    if (name == "io_uring") kernel = detail::make_uring_backend(parts);
#ifndef EDDY_WITHOUT_LIBURING
    if (name == "io_uring_by_polls") {  // as on a kernel without rings of buffers
      detail::uring_limits limits;
      limits.lacking = verb::receive_chunk;
      kernel = detail::make_uring_backend(parts, limits);
    }
#endif
    if (name == "epoll") kernel = detail::make_epoll_backend(parts);
    if (name == "simulation") kernel = detail::simulated::make_alone(parts, without_delay());
    workers.set_doorbell([](void* b) noexcept { static_cast<detail::backend*>(b)->wake(); },
                         kernel.get());
  }

  /// First the threads: one may still be about to ring for an operation that has arrived already.
  ~backend_under_test() { workers.stop(); }

  void begin(test_operation& o) {
    o.where = operation::place::listed;
    o.from_pool = o.cancel_asked = false;
    o.reports = 0;
    turn.start.push(o);
  }
  /// What the loop does with an operation inside. One at the pool stands in the pool's lists and is
  /// taken back there.
  void cancel(test_operation& o) {
    ASSERT_EQ(o.where, operation::place::inside);
    o.cancel_asked = true;
    if (!o.from_pool) {
      turn.cancel.push(o);
    } else if (workers.remove(o)) {
      o.where = operation::place::reported;
      o.result = -ECANCELED;
      o.run();
    }
  }

  /// One run and the mail. Gives what was reported, in order.
  std::vector<test_operation*> poll(time_point until = time_point::min()) {
    turn.until = until;
    kernel->run(turn);
    std::vector<test_operation*> reported;
    posts = 0;
    while (operation* o = turn.done.pop()) {
      EXPECT_EQ(o->where, operation::place::reported);
      reported.push_back(static_cast<test_operation*>(o));
    }
    detail::work_queue mail;
    inbox.take(mail);
    while (work* w = mail.pop()) {
      if (w->type == &test_post::type()) {
        ++posts;
        continue;
      }
      auto* o = static_cast<test_operation*>(w);
      EXPECT_TRUE(o->from_pool);
      o->where = operation::place::reported;
      reported.push_back(o);
    }
    for (test_operation* o : reported) o->run();
    return reported;
  }

  /// Runs until `o` is reported; gives its result.
  int run_until(test_operation& o) {
    const time_point give_up = later(kernel->now(), 20s);
    while (!o.reports && kernel->now() < give_up) poll(give_up);
    EXPECT_EQ(o.reports, 1) << "not reported: verb " << static_cast<int>(o.ask.what);
    return o.result;
  }
  int finish(const request& r) {
    test_operation o(r);
    begin(o);
    return run_until(o);
  }
  /// Hands `o` over; it must have to wait.
  void begin_and_wait(test_operation& o) {
    begin(o);
    for (int i = 0; i < 3; ++i) poll();
    ASSERT_EQ(o.where, operation::place::inside);
    ASSERT_EQ(o.reports, 0);
  }

  // ---- The world ----

  std::pair<int, int> pair(int domain = AF_UNIX, int type = SOCK_STREAM) {
    int both[2] = {-1, -1};
    request r = ask_for(verb::pair, domain, both);
    r.options = static_cast<std::uint32_t>(type);
    EXPECT_EQ(kernel->ask(r), 0);
    return {both[0], both[1]};
  }
  std::pair<int, int> pipe() {
    int both[2] = {-1, -1};
    EXPECT_EQ(kernel->ask(ask_for(verb::pipe, -1, both)), 0);
    return {both[0], both[1]};
  }
  int socket(int domain = AF_INET, int type = SOCK_STREAM) {
    request r = ask_for(verb::socket, domain);
    r.options = static_cast<std::uint32_t>(type);
    int made = kernel->ask(r);
    EXPECT_GE(made, 0);
    return made;
  }
  /// A listener on a free port of the loopback, and its address.
  std::pair<int, sockaddr_in> listener() {
    int s = socket();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(kernel->ask(ask_for(verb::bind, s, &address, sizeof address)), 0);
    EXPECT_EQ(kernel->ask(ask_for(verb::listen, s, nullptr, 16)), 0);
    return {s, local_name(s)};
  }
  sockaddr_in local_name(int s) {
    sockaddr_in address{};
    std::uint32_t size = sizeof address;
    request r = ask_for(verb::local_name, s, &address);
    r.offset = number(&size);
    EXPECT_EQ(kernel->ask(r), 0);
    EXPECT_EQ(size, sizeof address);
    return address;
  }
  /// Two connected TCP sockets.
  std::pair<int, int> connection() {
    auto [server, address] = listener();
    int client = socket();
    test_operation accepted(accept_from(server)),
        connected(ask_for(verb::connect, client, &address, sizeof address));
    begin(accepted);
    begin(connected);
    EXPECT_EQ(run_until(connected), 0);
    int other = run_until(accepted);
    EXPECT_GE(other, 0);
    close(server);
    return {client, other};
  }
  static request accept_from(int s) {
    request r = ask_for(verb::accept, s);
    r.options = SOCK_CLOEXEC | SOCK_NONBLOCK;
    return r;
  }
  static request ready_for(int descriptor, unsigned events) {
    request r = ask_for(verb::ready, descriptor);
    r.options = events;
    return r;
  }
  static request open_file(const std::string& path, unsigned flags, unsigned permissions = 0600) {
    request r = ask_for(verb::open, -1, path.c_str(), permissions);
    r.options = flags;
    return r;
  }
  static request remove_path(const std::string& path, unsigned flags = 0) {
    request r = ask_for(verb::remove, -1, path.c_str());
    r.options = flags;
    return r;
  }
  int close(int descriptor) { return kernel->ask(ask_for(verb::close, descriptor)); }
  /// What is sent synchronously, all of it.
  void say(int descriptor, std::string_view text) {
    EXPECT_EQ(kernel->ask(ask_for(verb::send, descriptor, text.data(), text.size())),
              static_cast<int>(text.size()));
  }
  /// What arrives first at `descriptor`.
  std::string hear(int descriptor, std::size_t most = 64) {
    std::string text(most, '\0');
    int n = finish(ask_for(verb::receive, descriptor, text.data(), most));
    return n < 0 ? std::to_string(n) : text.substr(0, static_cast<std::size_t>(n));
  }
  /// A signal of the process, or of a world alone.
  void raise_signal(int signal) {
    if (auto* machine = detail::simulated::machine_of(kernel.get())) {
      machine->raise(signal);
    } else {
      ::raise(signal);
    }
  }
  /// A path of this test alone (a simulated machine is its own).
  std::string path(const std::string& name) const {
    return detail::simulated::machine_of(kernel.get()) ? "/tmp/" + name : folder_.file(name);
  }

  detail::mailbox inbox;
  detail::pool workers;
  std::unique_ptr<detail::backend> kernel;
  detail::turn turn;
  int posts = 0;  // that came in the last poll

 private:
  static time_point later(time_point t, duration d) { return detail::later(t, d); }

  temporary_directory folder_;
};

/// Tests of what every backend does, one that simulates it too.
class every_backend : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { make(); }
  void make(unsigned ring_entries = 64, detail::pool_options pool = {2, 64}) {
    under_test = nullptr;
    try {
      under_test = std::make_unique<backend_under_test>(GetParam(), ring_entries, pool);
    } catch (const std::system_error& e) {
      FAIL() << GetParam() << " cannot be had: " << e.what();
    }
    ASSERT_TRUE(under_test->kernel);
    ASSERT_EQ(under_test->kernel->name(), GetParam());
  }
  backend_under_test& b() { return *under_test; }
  std::unique_ptr<backend_under_test> under_test;
};

/// Tests of what needs a kernel: other threads, the pool, descriptors of other kinds.
class real_backend : public every_backend {};

}  // namespace eddy::test
