// Names of hosts on every backend, with a resolver of the test's own: numeric, shared, cancelled,
// refused; and connecting by name.
#include "tests/support/io_test.h"

#include <netdb.h>
#include <netinet/in.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>

#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/connect.h>
#include <eddy/io/file.h>
#include <eddy/io/resolve.h>

namespace eddy::test {
namespace {

/// What the resolver below knows, and how often it was asked.
struct known_names {
  std::mutex lock;
  std::condition_variable changed;
  std::map<std::string, std::vector<std::string>> addresses;
  std::map<std::string, std::string> of_addresses;  // by "127.0.0.1:80"
  std::map<std::string, int> failures;
  bool stuck = false;
  int asked = 0;
  int inside = 0;
};
known_names& names() {
  static known_names all;
  return all;
}

class ResolveTest : public io_test {
 protected:
  ResolveTest() {
    const std::lock_guard held(names().lock);
    names().addresses.clear();
    names().of_addresses.clear();
    names().failures.clear();
    names().stuck = false;
    names().asked = 0;
  }
  static void know(const std::string& name, std::vector<std::string> addresses) {
    const std::lock_guard held(names().lock);
    names().addresses[name] = std::move(addresses);
  }
  static void stick(bool on) {
    const std::lock_guard held(names().lock);
    names().stuck = on;
    names().changed.notify_all();
  }
  static void wait_until_asked(int times) {
    std::unique_lock held(names().lock);
    names().changed.wait(held, [times] { return names().asked >= times; });
  }
  static int asked() {
    const std::lock_guard held(names().lock);
    return names().asked;
  }
};
EDDY_ON_EVERY_BACKEND(ResolveTest);

std::string all_of(const result<std::vector<socket_address>>& r) {
  if (!r) return r.error().message();
  std::string text;
  for (const socket_address& a : *r) text += (text.empty() ? "" : " ") + a.to_string();
  return text;
}

}  // namespace
}  // namespace eddy::test

// The program's own resolver stands in front of the system's.
extern "C" int getaddrinfo(const char* host, const char*, const addrinfo* hints, addrinfo** found) {
  auto& known = eddy::test::names();
  std::unique_lock held(known.lock);
  ++known.asked;
  ++known.inside;
  known.changed.notify_all();
  known.changed.wait(held, [&] { return !known.stuck; });
  --known.inside;
  if (const auto failure = known.failures.find(host); failure != known.failures.end()) {
    errno = EMFILE;  // (for EAI_SYSTEM)
    return failure->second;
  }
  const auto it = known.addresses.find(host);
  if (it == known.addresses.end()) return EAI_NONAME;
  addrinfo** last = found;
  for (const std::string& text : it->second) {
    const auto address =
        eddy::socket_address::parse((text.find(':') == text.npos ? text : "[" + text + "]") + ":0");
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != address->family()) continue;
    // (One block for each, as freeaddrinfo below gives it back.)
    auto* one = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo) + address->size()));
    one->ai_family = address->family();
    one->ai_addrlen = address->size();
    one->ai_addr = reinterpret_cast<sockaddr*>(one + 1);
    std::memcpy(one->ai_addr, address->data(), address->size());
    *last = one;
    last = &one->ai_next;
  }
  if (last == found) return EAI_NODATA;
  return 0;
}
extern "C" void freeaddrinfo(addrinfo* all) noexcept {
  while (all) {
    addrinfo* next = all->ai_next;
    std::free(all);
    all = next;
  }
}

extern "C" int getnameinfo(const sockaddr* address, socklen_t size, char* name, socklen_t most,
                           char*, socklen_t, int flags) {
  auto& known = eddy::test::names();
  const std::lock_guard held(known.lock);
  ++known.asked;
  EXPECT_EQ(flags, NI_NAMEREQD);
  const std::string text = eddy::socket_address::from_native(address, size)->to_string();
  if (const auto failure = known.failures.find(text); failure != known.failures.end())
    return failure->second;
  const auto it = known.of_addresses.find(text);
  if (it == known.of_addresses.end()) return EAI_NONAME;
  if (it->second.size() >= most) return EAI_OVERFLOW;
  std::strcpy(name, it->second.c_str());
  return 0;
}

namespace eddy::test {
namespace {

/// Has this machine IPv6?
bool has_v6() {
  static const bool has = tcp_listener::bind(socket_address::loopback_v6(0)).has_value();
  return has;
}

TEST_P(ResolveTest, WhatIsAnAddressIsNotLookedUp) {
  run([]() -> task<void> {
    for (const auto& [host, text] :
         std::map<std::string, std::string>{{"127.0.0.1", "127.0.0.1:80"},
                                            {"::1", "[::1]:80"},
                                            {"fe80::1%lo", "[fe80::1%1]:80"},
                                            {"fe80::1%7", "[fe80::1%7]:80"}}) {
      const auto ticks = runtime::current().ticks();
      const auto r = co_await resolve(host, 80);
      EXPECT_EQ(all_of(r), text);
      EXPECT_EQ(runtime::current().ticks(), ticks);
    }
    const auto other = co_await resolve("127.0.0.1", 80, address_family::v6);
    EXPECT_EQ(other.error(), errc::host_not_found);
  });
  EXPECT_EQ(asked(), 0);
}

TEST_P(ResolveTest, WhatNothingCanBeCalledIsNotLookedUpEither) {
  run([]() -> task<void> {
    for (const std::string& host :
         {std::string(), std::string("."), std::string("a..b"), std::string(".a"),
          std::string("a\0b", 3), std::string(254, 'a'), std::string(64, 'a') + ".test",
          std::string("1.2"), std::string("0x7f.1"), std::string("0177.0.0.1"), std::string("1"),
          std::string("127.0.0.1 "), std::string("fe80::1%nosuch"), std::string("[::1]"),
          std::string("::1::2")}) {
      const auto r = co_await resolve(host, 80);
      EXPECT_EQ(r.error(), errc::host_not_found) << host;
    }
  });
  EXPECT_EQ(asked(), 0);
}

TEST_P(ResolveTest, TheResolversOrderIsKeptAndThePortAdded) {
  know("host.test", {"::1", "127.0.0.3", "127.0.0.2"});
  run([]() -> task<void> {
    const auto all = co_await resolve("host.test", 443);
    EXPECT_EQ(all_of(all), "[::1]:443 127.0.0.3:443 127.0.0.2:443");
    const auto v4 = co_await resolve("host.test", 443, address_family::v4);
    EXPECT_EQ(all_of(v4), "127.0.0.3:443 127.0.0.2:443");
    const auto v6 = co_await resolve("host.test", 443, address_family::v6);
    EXPECT_EQ(all_of(v6), "[::1]:443");
  });
}

TEST_P(ResolveTest, FailuresAreWords) {
  {
    const std::lock_guard held(names().lock);
    names().failures = {{"again.test", EAI_AGAIN},
                        {"fail.test", EAI_FAIL},
                        {"none.test", EAI_NODATA},
                        {"memory.test", EAI_MEMORY},
                        {"system.test", EAI_SYSTEM}};
  }
  run([]() -> task<void> {
    const auto again = co_await resolve("again.test", 1);
    EXPECT_EQ(again.error(), errc::name_try_again);
    const auto fail = co_await resolve("fail.test", 1);
    EXPECT_EQ(fail.error(), errc::name_server_failed);
    const auto none = co_await resolve("none.test", 1);
    EXPECT_EQ(none.error(), errc::host_not_found);
    const auto unknown = co_await resolve("unknown.test", 1);
    EXPECT_EQ(unknown.error(), errc::host_not_found);
    const auto memory = co_await resolve("memory.test", 1);
    EXPECT_EQ(memory.error(), std::errc::not_enough_memory);
    const auto system = co_await resolve("system.test", 1);
    EXPECT_EQ(system.error(), std::errc::too_many_files_open);
  });
}

TEST_P(ResolveTest, EqualLookUpsAreSharedAndOneThatLeavesLeavesTheOthers) {
  know("host.test", {"127.0.0.2"});
  stick(true);
  run([]() -> task<void> {
    std::vector<join_handle<result<std::vector<socket_address>>>> all;
    for (int i = 0; i < 100; ++i)
      all.push_back(spawn(resolve("host.test", static_cast<std::uint16_t>(i))));
    co_await after_a_poll();
    wait_until_asked(1);
    EXPECT_EQ(runtime::current().pending().operations, 100u);
    // At once, although the resolver is stuck.
    all[7].cancel();
    const auto left = co_await all[7].join();
    EXPECT_TRUE(left.stopped());
    EXPECT_EQ(runtime::current().pending().operations, 99u);
    stick(false);
    for (std::uint16_t i = 0; i < 100; ++i) {
      if (i == 7) continue;
      const auto r = co_await all[i];
      EXPECT_EQ(all_of(r), "127.0.0.2:" + std::to_string(i));
    }
    EXPECT_EQ(asked(), 1);
    const auto later = co_await resolve("host.test", 9);
    EXPECT_EQ(all_of(later), "127.0.0.2:9");
    EXPECT_EQ(asked(), 2);  // nothing is kept
  });
}

TEST_P(ResolveTest, WhereAllHaveLeftTheRunEndsWhenTheResolverGivesUp) {
  stick(true);
  std::atomic<bool> left = false;
  std::thread releaser([&left] {
    while (!left) std::this_thread::yield();
    stick(false);
  });
  run(
      [](std::atomic<bool>& l) -> task<void> {
        auto looking = spawn(resolve("host.test", 1));
        co_await after_a_poll();
        wait_until_asked(1);
        looking.cancel();
        const auto r = co_await looking.join();
        EXPECT_TRUE(r.stopped());
        EXPECT_EQ(runtime::current().pending().total(), 0u);
        l = true;
      },
      std::ref(left));
  releaser.join();
  const std::lock_guard held(names().lock);
  EXPECT_EQ(names().inside, 0);
}

TEST_P(ResolveTest, WhileItStopsACleanupMayStillAsk) {
  know("host.test", {"127.0.0.2"});
  const auto stopped_in_the_middle = []() -> task<void> {
    auto last = spawn([]() -> task<void> {
      auto cleanup = []() -> task<void> {
        const auto r = co_await resolve("host.test", 1);
        // It has an answer, or is told that there is none: it does not wait for ever.
        EXPECT_TRUE(r || r.error() == std::errc::operation_canceled);
      };
      auto body = []() -> task<void> { co_await sleep_for(std::chrono::hours(1)); };
      co_await finally(body(), cleanup);
    });
    co_await after_a_poll();
    runtime::current().request_stop();
    static_cast<void>(co_await last.join());
  };
  EXPECT_THROW(run(stopped_in_the_middle), stopped_error);
}

TEST_P(ResolveTest, AStuckResolverHoldsUpNoFiles) {
  stick(true);
  run([this]() -> task<void> {
    std::vector<join_handle<result<std::vector<socket_address>>>> all;
    for (int i = 0; i < 10; ++i) all.push_back(spawn(resolve("host" + std::to_string(i), 1)));
    co_await after_a_poll();
    wait_until_asked(4);
    const result<void> written = co_await write_file(path("file"), "content");
    EXPECT_TRUE(written);
    stick(false);
    for (auto& h : all) static_cast<void>(co_await h.join());
  });
}

TEST_P(ResolveTest, ARuntimeThatGoesWaitsForItsLookUp) {
  stick(true);
  std::thread releaser;
  {
    runtime rt(options());
    rt.next_tick([] { spawn(resolve("host.test", 1)); });
    while (asked() == 0) rt.run_nowait();
    releaser = std::thread([] { stick(false); });
  }
  releaser.join();
  const std::lock_guard held(names().lock);
  EXPECT_EQ(names().inside, 0);
}

TEST_P(ResolveTest, NameOfGivesTheNameOfAnAddress) {
  {
    const std::lock_guard held(names().lock);
    names().of_addresses = {{"127.0.0.2:80", "host.test"}, {"[::1]:80", "six.test"}};
    names().failures = {{"127.0.0.3:80", EAI_AGAIN}};
  }
  run([]() -> task<void> {
    const auto v4 = co_await name_of(*socket_address::parse("127.0.0.2:80"));
    EXPECT_EQ(v4.value_or(""), "host.test");
    const auto v6 = co_await name_of(socket_address::loopback_v6(80));
    EXPECT_EQ(v6.value_or(""), "six.test");
    const auto again = co_await name_of(*socket_address::parse("127.0.0.3:80"));
    EXPECT_EQ(again.error(), errc::name_try_again);
    const auto none = co_await name_of(*socket_address::parse("127.0.0.4:80"));
    EXPECT_EQ(none.error(), errc::host_not_found);
    const auto path = co_await name_of(*socket_address::from_path("/tmp/x"));
    EXPECT_EQ(path.error(), std::errc::address_family_not_supported);
    const auto nothing = co_await name_of(socket_address());
    EXPECT_EQ(nothing.error(), std::errc::address_family_not_supported);
  });
}

// ---- connect ----

/// A listener that takes no more: a connection to it is neither accepted nor refused.
class black_hole {
 public:
  explicit black_hole(const socket_address& at) : socket_(::socket(at.family(), SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(socket_, static_cast<const sockaddr*>(at.data()), at.size()), 0);
    EXPECT_EQ(::listen(socket_, 0), 0);
    const int filler = ::socket(at.family(), SOCK_STREAM, 0);
    EXPECT_EQ(::connect(filler, static_cast<const sockaddr*>(at.data()), at.size()), 0);
    fillers_.push_back(filler);
  }
  ~black_hole() {
    ::close(socket_);
    for (const int d : fillers_) ::close(d);
  }

 private:
  int socket_;
  std::vector<int> fillers_;
};

TEST_P(ResolveTest, ConnectTakesTheFirstThatAnswers) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    const std::uint16_t port = listener.local_address().port();
    const std::string at = ":" + std::to_string(port);
    // Nobody listens at the first forty: each failure starts the next at once, not after 250 ms.
    std::vector<std::string> addresses;
    for (int i = 2; i < 42; ++i) addresses.push_back("127.0.0." + std::to_string(i));
    addresses.push_back("127.0.0.1");
    know("host.test", addresses);
    const time_point begin = now();
    const result<tcp_stream> s = co_await connect("host.test", port);
    EXPECT_TRUE(s);
    if (s) {
      EXPECT_EQ(s->peer_address().to_string(), "127.0.0.1" + at);
    }
    EXPECT_LT(now() - begin, std::chrono::milliseconds(250) * 40);
  });
}

TEST_P(ResolveTest, ConnectGoesOnAfterAQuarterOfASecondAndClosesTheLosers) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    const std::uint16_t port = listener.local_address().port();
    const black_hole hole(*socket_address::parse("127.0.0.2:" + std::to_string(port)));
    know("host.test", {"127.0.0.2", "127.0.0.1"});
    const std::size_t before = open_descriptors();
    const time_point begin = now();
    const result<tcp_stream> s = co_await connect("host.test", port);
    EXPECT_TRUE(s);
    EXPECT_GE(now() - begin, std::chrono::milliseconds(250));
    EXPECT_EQ(open_descriptors(), before + 1);
  });
}

TEST_P(ResolveTest, ConnectTriesFamiliesInTurn) {
  run([]() -> task<void> {
    // Nobody listens at the first, so the second in turn gets it, which is the third by name.
    tcp_listener v4 = tcp_listener::bind(*socket_address::parse("127.0.0.3:0")).value();
    const std::uint16_t port = v4.local_address().port();
    const auto v6 = tcp_listener::bind(socket_address::loopback_v6(port));
    EXPECT_EQ(v6.has_value(), has_v6());
    know("host.test", {"127.0.0.2", "127.0.0.3", "::1"});
    const result<tcp_stream> s = co_await connect("host.test", port);
    EXPECT_TRUE(s);
    if (s) {
      EXPECT_EQ(s->peer_address().ip(), v6 ? "::1" : "127.0.0.3");
    }
  });
}

TEST_P(ResolveTest, WhereAllFailTheFirstErrorIsToldAndNothingStaysOpen) {
  run([]() -> task<void> {
    std::uint16_t port = 0;
    {
      tcp_listener gone = tcp_listener::bind(socket_address::loopback(0)).value();
      port = gone.local_address().port();
    }
    const std::size_t before = open_descriptors();
    // (To the first of them no machine has a way.)
    const std::string nowhere = "255.255.255.255";
    know("host.test", {"127.0.0.1", nowhere, "::1"});
    const result<tcp_stream> s = co_await connect("host.test", port);
    EXPECT_EQ(s.error(), std::errc::connection_refused);
    know("nowhere.test", {nowhere, nowhere});
    const result<tcp_stream> no_way = co_await connect("nowhere.test", port);
    EXPECT_EQ(no_way.error(), std::errc::network_unreachable);
    know("one.test", {nowhere});
    const result<tcp_stream> one = co_await connect("one.test", port);
    EXPECT_EQ(one.error(), std::errc::network_unreachable);
    know("some.test", {nowhere, "127.0.0.1"});
    const result<tcp_stream> some = co_await connect("some.test", port);
    EXPECT_EQ(some.error(), std::errc::network_unreachable);
    // Whoever has no IPv6 hears what IPv4 says.
    know("both.test", {"::1", "127.0.0.1"});
    const result<tcp_stream> both = co_await connect("both.test", port);
    EXPECT_EQ(both.error(), std::errc::connection_refused);
    if (has_v6()) {
      know("other.test", {nowhere, "::1"});
      const result<tcp_stream> other = co_await connect("other.test", port);
      EXPECT_EQ(other.error(), std::errc::connection_refused);
    }
    const result<tcp_stream> none = co_await connect("unknown.test", port);
    EXPECT_EQ(none.error(), errc::host_not_found);
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST_P(ResolveTest, ConnectCanBeCancelledBetweenTwoAttempts) {
  run([]() -> task<void> {
    tcp_listener any = tcp_listener::bind(socket_address::loopback(0)).value();
    const std::uint16_t port = any.local_address().port();
    const black_hole one(*socket_address::parse("127.0.0.2:" + std::to_string(port)));
    const black_hole two(*socket_address::parse("127.0.0.3:" + std::to_string(port)));
    know("host.test", {"127.0.0.2", "127.0.0.3"});
    const std::size_t before = open_descriptors();
    auto connecting = spawn(connect("host.test", port));
    while (open_descriptors() < before + 2) co_await sleep_for(std::chrono::milliseconds(1));
    connecting.cancel();
    const auto r = co_await connecting.join();
    EXPECT_TRUE(r.stopped());
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST_P(ResolveTest, ATimeoutCountsForTheLookUpToo) {
  stick(true);
  std::atomic<bool> over = false;
  std::thread releaser([&over] {
    while (!over) std::this_thread::yield();
    stick(false);
  });
  run(
      [](std::atomic<bool>& o) -> task<void> {
        const connect_options options{nullptr, std::chrono::milliseconds(20)};
        const result<tcp_stream> s = co_await connect("host.test", 1, options);
        EXPECT_EQ(s.error(), errc::timed_out);
        o = true;
      },
      std::ref(over));
  releaser.join();
}

TEST_P(ResolveTest, ConnectFromAnAddressOfOurs) {
  run([]() -> task<void> {
    tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
    const socket_address to = listener.local_address();
    const socket_address from = *socket_address::parse("127.0.0.5:0");
    const result<tcp_stream> s = co_await tcp_stream::connect(to, {&from, duration::zero()});
    EXPECT_TRUE(s);
    if (s) {
      EXPECT_EQ(s->local_address().ip(), "127.0.0.5");
    }
    know("host.test", {"::1", "127.0.0.1"});
    const result<tcp_stream> named =
        co_await connect("host.test", to.port(), {&from, duration::zero()});
    EXPECT_TRUE(named);
    if (named) {
      EXPECT_EQ(named->local_address().ip(), "127.0.0.5");
    }
    const socket_address foreign = *socket_address::parse("192.0.2.1:0");
    const result<tcp_stream> refused =
        co_await tcp_stream::connect(to, {&foreign, duration::zero()});
    EXPECT_EQ(refused.error(), std::errc::address_not_available);
  });
}

}  // namespace
}  // namespace eddy::test
