// System calls, enters and wake-ups, counted exactly: in a traced child process, or by what the
// backend counts itself.
#include "tests/support/counting.h"
#include "tests/support/runtime_test.h"
#include "tests/support/sanitized.h"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

class system_call_counts : public real_runtime {
 protected:
  bool is_uring() const { return GetParam() == "io_uring"; }
  /// `program(runtime)` in a traced process, on the backend under test, which is there already.
  template <class F>
  traced trace(F program) {
    const traced t = trace_system_calls([&] {
      const auto rt = make_runtime(GetParam());
      static_cast<void>(rt->backend());
      program(*rt);
    });
    EXPECT_EQ(t.failure, "");
    return t;
  }
};
EDDY_TEST_ON_REAL_BACKENDS(system_call_counts);

TEST(tracing, SeesEachSystemCallOfEachThread) {
  const traced t = trace_system_calls([] {
    ::getppid();
    count_from_here();
    for (int i = 0; i < 3; ++i) ::getppid();
    std::thread([] { ::syscall(SYS_getpgid, 0); }).join();
    count_to_here();
    ::getppid();
  });
  EXPECT_EQ(t.failure, "");
  EXPECT_EQ(t.here.of(SYS_getppid), 3u) << t.here.text();
  EXPECT_EQ(t.all.of(SYS_getppid), 5u);
  EXPECT_EQ(t.here.of(SYS_getpgid), 0u);
  EXPECT_EQ(t.other.of(SYS_getpgid), 1u) << t.other.text();
}

TEST(tracing, SaysHowAProgramFailed) {
  EXPECT_NE(trace_system_calls([] { ::abort(); }).failure, "");
  EXPECT_NE(trace_system_calls([] { ::_exit(3); }).failure, "");
}

// ---- Requests

constexpr unsigned requests = 1000;

/// Blocks, as any client may: sends and waits for the echo, again and again. A thread of its own.
void ask_again_and_again(int socket, unsigned times) {
  char buffer[64] = {};
  for (unsigned i = 0; i < times; ++i) {
    if (::send(socket, buffer, sizeof buffer, 0) != sizeof buffer) return;
    for (std::size_t have = 0; have < sizeof buffer;) {
      const ssize_t n = ::recv(socket, buffer + have, sizeof buffer - have, 0);
      if (n <= 0) return;
      have += static_cast<std::size_t>(n);
    }
  }
}

task<void> serve(tcp_stream s) {
  std::array<char, 4096> buffer;
  for (unsigned i = 0; i < 10; ++i)
    co_await ok(write_all(s, const_buffer(buffer.data(), co_await ok(s.read(buffer)))));
  count_from_here();
  for (unsigned i = 0; i < requests; ++i) {
    co_await ok(write_all(s, const_buffer(buffer.data(), co_await ok(s.read(buffer)))));
  }
  count_to_here();
}

TEST_P(system_call_counts, ARequestOnOneConnectionCostsTwoOrThree) {
  const traced t = trace([](runtime& rt) {
    std::thread client;
    eddy::run(rt, [&]() -> task<> {
      tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
      const socket_address at = listener.local_address();
      client = std::thread([at] {
        const int s = ::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(::connect(s, static_cast<const sockaddr*>(at.data()), at.size()), 0);
        ask_again_and_again(s, requests + 10);
        ::close(s);
      });
      co_await serve(co_await ok(listener.accept()));
    });
    client.join();
  });
  // Once for a connection, when it has to wait for the first time, epoll is told of it and what it
  // is.
  constexpr std::uint64_t registration = 4;
  const auto most = static_cast<std::uint64_t>(is_uring() ? 2 : 3) * requests + registration;
  EXPECT_LE(t.here.total(), most) << t.here.text();
  EXPECT_GE(t.here.total(), requests) << "they were not counted: " << t.here.text();
  std::printf("%s: %.3f system calls a request (%s)\n", GetParam().c_str(),
              static_cast<double>(t.here.total()) / requests, t.here.text().c_str());
}

TEST_P(system_call_counts, ADatagramCostsOneToSendAndOneToReceive) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, []() -> task<> {
      udp_socket a = udp_socket::bind(socket_address::loopback(0)).value();
      udp_socket b = udp_socket::bind(socket_address::loopback(0)).value();
      const socket_address to = b.local_address();
      std::array<char, 1200> buffer{};
      for (unsigned i = 0; i < requests + 10; ++i) {
        if (i == 10) count_from_here();
        co_await ok(a.send_to(buffer, to));
        const bool bytes_alone = i % 2 == 0;
        const std::size_t size = bytes_alone ? co_await ok(b.receive(buffer))
                                             : (co_await ok(b.receive_from(buffer))).size;
        EXPECT_EQ(size, buffer.size());
      }
      count_to_here();
    });
  });
  EXPECT_EQ(t.here.total(), 2 * requests) << t.here.text();
  EXPECT_EQ(t.here.of(SYS_sendmsg), requests) << t.here.text();
  EXPECT_EQ(t.here.of(SYS_recvmsg), requests / 2) << t.here.text();
  EXPECT_EQ(t.here.of(SYS_recvfrom), requests / 2) << t.here.text();
}

TEST_P(system_call_counts, AWaitForADescriptorCostsTwoOrSix) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, []() -> task<> {
      const int d = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      std::uint64_t count = 1;
      for (unsigned i = 0; i < requests + 10; ++i) {
        if (i == 10) count_from_here();
        auto waiting = spawn(readable(d));
        co_await yield();
        co_await immediate();
        EXPECT_EQ(::write(d, &count, sizeof count), 8);
        co_await ok(waiting);
        EXPECT_EQ(::read(d, &count, sizeof count), 8);
      }
      count_to_here();
      ::close(d);
    });
  });
  EXPECT_EQ(t.here.of(SYS_write), requests) << t.here.text();
  const std::uint64_t ours = t.here.total() - 2 * requests;
  // epoll: looked at, put into the set, waited for (in each of two ticks), looked at, taken out.
  EXPECT_LE(ours, (is_uring() ? 2 : 6) * requests) << t.here.text();
  std::printf("%s: %.3f system calls a wait (%s)\n", GetParam().c_str(),
              static_cast<double>(ours) / requests, t.here.text().c_str());
}

TEST_P(system_call_counts, AWriteOfSeveralBuffersCostsOne) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, []() -> task<> {
      auto both = unix_stream::pair().value();
      std::array<char, 1000> head{};
      std::array<char, 3000> body{};
      const std::array<const_buffer, 2> out{const_buffer(head), const_buffer(body)};
      for (unsigned i = 0; i < requests + 10; ++i) {
        if (i == 10) count_from_here();
        co_await ok(both.first.write(out));
        co_await ok(write_all(both.first, head, body));
        while (both.second.try_read(body)) {
        }
      }
      count_to_here();
    });
  });
  EXPECT_EQ(t.here.of(SYS_sendmsg), 2 * requests) << t.here.text();
  EXPECT_EQ(t.here.of(SYS_recvfrom), 4 * requests) << t.here.text();
  EXPECT_EQ(t.here.total(), 6 * requests) << t.here.text();
}

TEST_P(system_call_counts, ABatchOfDatagramsCostsOne) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, []() -> task<> {
      udp_socket a = udp_socket::bind(socket_address::loopback(0)).value();
      udp_socket b = udp_socket::bind(socket_address::loopback(0)).value();
      const socket_address to = b.local_address();
      std::vector<std::array<char, 100>> memory(64);
      const std::vector<mutable_buffer> buffers(memory.begin(), memory.end());
      const std::vector<outgoing> out(64, outgoing{memory[0], &to});
      std::vector<datagram> told(64);
      count_from_here();
      for (unsigned i = 0; i < 100; ++i) {
        const std::size_t sent = co_await ok(a.send_batch(out));
        const std::size_t received = co_await ok(b.receive_batch(buffers, told));
        EXPECT_EQ(sent + received, 128u);
      }
      count_to_here();
    });
  });
  EXPECT_EQ(t.here.of(SYS_sendmmsg), 100u) << t.here.text();
  EXPECT_EQ(t.here.of(SYS_recvmmsg), 100u) << t.here.text();
  EXPECT_EQ(t.here.total(), 200u) << t.here.text();
}

TEST_P(system_call_counts, AKernelThatRefusesToCutIsAskedOnce) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, []() -> task<> {
      udp_socket a = udp_socket::bind(socket_address::loopback(0)).value();
      udp_socket b = udp_socket::bind(socket_address::loopback(0)).value();
      const int on = 1;
      ::setsockopt(a.native_handle(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on);
      std::array<char, 1000> data{};
      send_options cut;
      cut.segment = 100;
      count_from_here();
      for (unsigned i = 0; i < 100; ++i) co_await ok(a.send_to(data, b.local_address(), cut));
      count_to_here();
    });
  });
  EXPECT_EQ(t.here.of(SYS_sendmsg), 1u) << t.here.text();
  EXPECT_EQ(t.here.of(SYS_sendmmsg), 100u) << t.here.text();
}

// ---- Wake-ups

/// A thread that was begun makes calls of its own before it comes to its work.
bool all_others_sleep() {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (thread.path().filename() == std::to_string(::gettid())) continue;
    std::ifstream file(thread.path() / "stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!text.substr(text.rfind(')') + 1).starts_with(" S")) return false;
  }
  return true;
}

TEST_P(system_call_counts, AnIdleLoopDoesNotWakeUp) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, [&]() -> task<> {
      std::vector<std::pair<unix_stream, unix_stream>> idle;
      for (int i = 0; i < 50; ++i) idle.push_back(unix_stream::pair().value());
      tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
      co_await with_task_group([&](task_group& group) -> task<> {
        for (auto& p : idle) {
          group.spawn(
              [](unix_stream& s) -> task<> {
                char byte;
                static_cast<void>(co_await s.read(mutable_buffer(&byte, 1)));
              },
              std::ref(p.first));
        }
        group.spawn([](tcp_listener& l) -> task<> { static_cast<void>(co_await l.accept()); },
                    std::ref(listener));
        co_await offload([] {});  // the pool's threads are there, and idle too
        do {
          co_await sleep_for(1ms);
        } while (!all_others_sleep());
        const std::uint64_t ticks = rt.ticks();
        count_from_here();
        co_await sleep_for(2s);
        count_to_here();
        EXPECT_EQ(rt.ticks(), ticks + 1) << "slept in one tick, to the next one's timers phase";
        group.cancel();
      });
    });
  });
  EXPECT_EQ(t.here.total(), 1u) << t.here.text();  // the sleep itself
  EXPECT_EQ(t.other.total(), 0u) << t.other.text();
}

TEST_P(system_call_counts, ALoopThatIsAwakeIsNotWokenByWrites) {
  constexpr int posts = 10'000;
  const traced t = trace([](runtime& rt) {
    int arrived = 0;
    std::atomic<bool> begin{false};
    std::thread other([&] {
      while (!begin.load(std::memory_order_acquire)) {
      }
      for (int i = 0; i < posts; ++i) rt.post([&arrived] { ++arrived; });
    });
    eddy::run(rt, [&]() -> task<> {
      // (UBSan tries memory by writing it to a pipe, once for each type: past the first tick that
      // gives memory back.)
      while (rt.ticks() <= 4096) co_await yield();
      count_from_here();
      begin.store(true, std::memory_order_release);
      while (arrived < posts) co_await yield();
      count_to_here();
    });
    other.join();
  });
#ifndef EDDY_SANITIZED  // UBSan tries memory by writing it to a pipe
  EXPECT_EQ(t.other.of(SYS_write), 0u) << t.other.text();
#endif
  EXPECT_EQ(t.here.of(SYS_write), 0u) << t.here.text();
  EXPECT_EQ(t.here.of_io_uring() + t.here.of(SYS_epoll_pwait) + t.here.of(SYS_epoll_pwait2), 0u)
      << t.here.text();
}

TEST_P(system_call_counts, ASleepingLoopIsWokenByOneWriteForAllThatComes) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, [&]() -> task<> {
      count_from_here();
      for (int i = 0; i < 100; ++i) co_await offload([] {});
      count_to_here();
    });
  });
  EXPECT_LE(t.other.of(SYS_write), 100u) << t.other.text();
  EXPECT_LE(t.here.of_io_uring() + t.here.of(SYS_epoll_pwait) + t.here.of(SYS_epoll_pwait2), 101u)
      << t.here.text();
}

TEST_P(system_call_counts, TicksWithNothingForTheKernelMakeNone) {
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, [&]() -> task<> {
      co_await yield();
      count_from_here();
      for (int i = 0; i < 1000; ++i) {
        co_await yield();
        co_await immediate();
        co_await sleep_for(0ns);
      }
      count_to_here();
    });
  });
  EXPECT_EQ(t.here.total(), 0u) << t.here.text();
}

TEST_P(system_call_counts, TicksWhileAnOperationWaitsMakeNoneOrOneEpollWait) {
  constexpr unsigned ticks = 1000;
  const traced t = trace([](runtime& rt) {
    eddy::run(rt, [&]() -> task<> {
      auto [near, far] = unix_stream::pair().value();
      auto reading = spawn(
          [](unix_stream& s) -> task<> {
            char byte;
            static_cast<void>(co_await s.read(mutable_buffer(&byte, 1)));
          },
          std::ref(near));
      for (int i = 0; i < 5; ++i) co_await immediate();
      count_from_here();
      for (unsigned i = 0; i < ticks; ++i) co_await immediate();
      count_to_here();
      reading.cancel();
      static_cast<void>(co_await reading.join());
    });
  });
  EXPECT_LE(t.here.total(), is_uring() ? 0 : ticks) << t.here.text();
}

// ---- Enters, by the backend's own count

TEST_P(system_call_counts, ATickEntersAtMostOnce) {
  make_counted();
  run([&]() -> task<> {
    std::vector<std::pair<unix_stream, unix_stream>> pairs;
    for (int i = 0; i < 16; ++i) pairs.push_back(unix_stream::pair().value());
    std::vector<join_handle<void>> sides;
    const auto bounce = [](unix_stream& s, bool first) -> task<> {
      std::array<char, 64> buffer{};
      for (int i = 0; i < 500; ++i) {
        if (first) co_await ok(write_all(s, buffer));
        co_await ok(read_exactly(s, buffer));
        if (!first) co_await ok(write_all(s, buffer));
      }
    };
    const std::uint64_t enters = used().enters;
    const std::uint64_t ticks = rt().ticks();
    for (auto& p : pairs) {
      sides.push_back(spawn(bounce, std::ref(p.first), true));
      sides.push_back(spawn(bounce, std::ref(p.second), false));
    }
    for (auto& s : sides) co_await s;
    EXPECT_LE(used().enters - enters, rt().ticks() - ticks);
    EXPECT_GT(used().enters, enters);
  });
}

TEST_P(system_call_counts, ManyAtOnceShareTheirEnters) {
  // One enter runs no more than some 20 items of the kernel's work, so a thousand that end at once
  // take a few.
  constexpr int count = 1000;
  make_counted();
  run([&]() -> task<> {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t enters = used().enters;
      co_await with_task_group([](task_group& group) -> task<> {
        for (int i = 0; i < count; ++i) {
          group.spawn([]() -> task<> {
            request r;
            r.what = verb::nothing;
            co_await perform(r);
          });
        }
        co_return;
      });
      EXPECT_LE(used().enters - enters, count / 20u + 10);
    }
  });
}

// ---- Forced epoll

/// Something of everything that goes to the kernel.
task<void> a_bit_of_everything() {
  tcp_listener listener = tcp_listener::bind(socket_address::loopback(0)).value();
  auto accepting = spawn(listener.accept());
  tcp_stream near = co_await ok(tcp_stream::connect(listener.local_address()));
  tcp_stream far = (co_await accepting).value();
  std::array<char, 16> buffer{};
  co_await ok(near.write(buffer));
  co_await ok(far.read(buffer));
  const auto late = co_await with_timeout(1ms, far.read(buffer));
  EXPECT_EQ(late.error(), errc::timed_out);
  co_await ok(near.close());
  co_await ok(far.close());
  EXPECT_EQ(co_await offload([] { return 3; }), 3);
  const std::string text = co_await ok(read_file("/proc/self/comm"));
  EXPECT_FALSE(text.empty());
  co_await sleep_for(1ms);
}

TEST(forced_epoll, MakesNoIoUringCallAtAll) {
  const traced by_option = trace_system_calls([] {
    runtime_options options;
    options.backend = backend_kind::epoll;
    runtime rt(options);
    eddy::run(rt, a_bit_of_everything);
  });
  EXPECT_EQ(by_option.failure, "");
  EXPECT_EQ(by_option.all.of_io_uring(), 0u) << by_option.all.text();
  EXPECT_GT(by_option.all.of(SYS_epoll_ctl), 0u) << by_option.all.text();

  const traced by_environment = trace_system_calls([] {
    ::setenv("EDDY_BACKEND", "epoll", 1);
    runtime rt;
    eddy::run(rt, a_bit_of_everything);
    EXPECT_EQ(rt.backend(), backend_kind::epoll);
  });
  EXPECT_EQ(by_environment.failure, "");
  EXPECT_EQ(by_environment.all.of_io_uring(), 0u) << by_environment.all.text();
}

TEST(a_runtime, ThatDoesNothingAsksTheKernelForNothing) {
  const traced t = trace_system_calls([] {
    count_from_here();
    {
      const runtime rt;
    }
    count_to_here();
  });
  EXPECT_EQ(t.failure, "");
  EXPECT_EQ(t.here.of_io_uring() + t.here.of(SYS_epoll_create1) + t.here.of(SYS_eventfd2), 0u)
      << t.here.text();
  EXPECT_EQ(t.other.total(), 0u) << "a thread was begun";
}

}  // namespace
}  // namespace eddy::test
