// Exhaustive cancel of the world: streams, listeners, connects, files, and what is built on them.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <eddy/coro/catch_stopped.h>
#include <eddy/coro/offload.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/coro/when.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/file.h>
#include <eddy/io/filesystem.h>
#include <eddy/io/pipe.h>
#include <eddy/io/process.h>
#include <eddy/io/ready.h>
#include <eddy/io/serve.h>
#include <eddy/io/tcp.h>

#include "tests/cancel/harness.h"
#include "tests/support/children.h"
#include "tests/support/temporary_directory.h"

namespace eddy::test {
namespace {

// ---- Reads and writes ----

task<> a_read_that_has_data_already(world& w) {
  auto& c = w.connect();
  co_await w.write(c, 10);
  co_await w.read_some(c, 100);
}

task<> a_read_that_waits(world& w) {
  auto& c = w.connect();
  const auto writes = [&]() -> task<> {
    co_await w.pausing(20us);
    co_await w.write(c, 10);
  };
  static_cast<void>(co_await when_all(w.read_some(c, 4), writes(), w.hopping(1)));
}

task<> two_reads_after_another(world& w) {
  auto& c = w.connect();
  co_await w.write(c, 10);
  co_await w.read_some(c, 4);
  co_await w.read_some(c, 100);
}

task<> any_of_two_reads_with_data_on_both(world& w) {
  auto& a = w.connect();
  auto& b = w.connect();
  static_cast<void>(co_await when_all(w.write(a, 3), w.write(b, 5)));
  static_cast<void>(co_await when_any(w.read_some(a, 100), w.read_some(b, 100)));
}

task<> any_of_a_read_and_a_sleep(world& w) {
  auto& c = w.connect();
  w.beside([](world& in, world::connection& to) -> task<> {
    co_await in.pausing(20us);
    co_await in.write(to, 7);
  }(w, c));
  static_cast<void>(co_await when_any(w.read_some(c, 100), w.pausing(20us)));
}

task<> a_read_and_a_write_at_once(world& w) {
  auto& c = w.connect();
  static_cast<void>(co_await when_all(w.write(c, 9), w.read_some(c, 9)));
}

task<> a_read_under_a_deadline(world& w) {
  auto& c = w.connect();
  EXPECT_EQ((co_await with_timeout(20us, w.read_some(c, 10))).error(), errc::timed_out);
  co_await w.write(c, 3);
  co_await w.read_some(c, 10);
}

task<> a_deadline_in_the_tick_of_the_read(world& w) {
  auto& c = w.connect();
  w.beside([](world& in, world::connection& to) -> task<> {
    co_await in.pausing(20us);
    co_await in.write(to, 7);
  }(w, c));
  static_cast<void>(co_await with_timeout(20us, w.read_some(c, 100)));
}

task<> a_write_that_waits_for_room(world& w) {
  auto& c = w.connect();
  const auto writes = [&]() -> task<> {
    const counted frame;
    const std::string data(100'000, 'x');
    for (int i = 0; i < 8; ++i) {
      const auto n = co_await c.near.write(data);
      EXPECT_TRUE(n);
      w.written += static_cast<long>(*n);
    }
    static_cast<void>(c.near.shutdown_write());
  };
  const auto reads = [&]() -> task<> {
    const counted frame;
    std::string data(150'000, ' ');
    for (;;) {
      const auto n = co_await c.far.read(data);
      if (!n || !*n) break;
      w.read += static_cast<long>(*n);
    }
  };
  static_cast<void>(co_await when_all(writes(), reads()));
}

task<> the_end_of_a_stream(world& w) {
  auto& c = w.connect();
  const auto ends = [&]() -> task<> {
    co_await w.hopping(2);
    EXPECT_TRUE(c.near.shutdown_write());
  };
  static_cast<void>(co_await when_all(w.read_some(c, 10), ends()));
}

task<> ping_pong(world& w) {
  auto both = unix_stream::pair().value();
  const auto plays = [](unix_stream& s, bool begins) -> task<> {
    const counted frame;
    std::array<char, 1> ball{};
    for (int i = 0; i < 3; ++i) {
      if (begins || i) {
        EXPECT_TRUE(co_await s.write(ball));
      }
      if (!begins || i < 2) {
        EXPECT_TRUE(co_await s.read(ball));
      }
    }
  };
  static_cast<void>(co_await when_all(plays(both.first, true), plays(both.second, false)));
  co_await w.hopping(1);
}

task<> a_shielded_read(world& w) {
  auto& c = w.connect();
  w.beside([](world& in, world::connection& to) -> task<> {
    in.beside_has_begun = true;
    co_await shield(in.pausing(20us));
    co_await shield(in.write(to, 7));
  }(w, c));
  while (!w.beside_has_begun) co_await next_tick();  // (stopped before, it would write nothing)
  co_await shield(w.read_some(c, 100));
}

task<> a_cleanup_that_writes(world& w) {
  auto& c = w.connect();
  const auto says_goodbye = [&]() -> task<> {
    co_await w.write(c, 3);
    ++w.cleanups_done;
  };
  ++w.cleanups_due;
  co_await finally(w.pausing(20us), says_goodbye);
  co_await w.read_some(c, 10);
}

task<> a_read_beside_a_failing_sibling(world& w) {
  auto& c = w.connect();
  co_await with_task_group([&](task_group& g) -> task<> {
    g.spawn(&world::read_some, &w, std::ref(c), 10u);
    g.spawn(
        [](world& in) -> task<> {
          co_await in.pausing(20us);
          throw std::runtime_error("on purpose");
        },
        std::ref(w));
    co_return;
  });
}

task<> a_group_of_readers_cancelled_by_its_body(world& w) {
  co_await with_task_group([&](task_group& g) -> task<> {
    for (int i = 0; i < 3; ++i) g.spawn(&world::read_some, &w, std::ref(w.connect()), 10u);
    co_await immediate();
    co_await w.write(*w.connections.front(), 2);
    g.cancel();
  });
}

// ---- close ----

task<> a_close_while_nothing_waits(world&) {
  auto both = unix_stream::pair().value();
  EXPECT_TRUE(co_await both.first.close());
  EXPECT_TRUE(co_await both.second.close());
}

task<> a_close_under_a_reader(world& w) {
  auto both = unix_stream::pair().value();
  const auto reads = [&]() -> task<> {
    const counted frame;
    std::array<char, 8> data{};
    EXPECT_EQ((co_await both.first.read(data)).error(), std::errc::operation_canceled);
  };
  const auto closes = [&]() -> task<> {
    const counted frame;
    co_await w.hopping(2);
    EXPECT_TRUE(co_await both.first.close());
  };
  static_cast<void>(co_await when_all(reads(), closes()));
}

task<> a_close_of_a_listener_under_accept(world& w) {
  auto listener = tcp_listener::bind(socket_address::loopback(0)).value();
  const auto accepts = [&]() -> task<> {
    const counted frame;
    EXPECT_EQ((co_await listener.accept()).error(), std::errc::operation_canceled);
  };
  const auto closes = [&]() -> task<> {
    const counted frame;
    co_await w.hopping(2);
    EXPECT_TRUE(co_await listener.close());
  };
  static_cast<void>(co_await when_all(accepts(), closes()));
}

// ---- accept and connect ----

task<> accept_with_a_connection_waiting(world&) {
  auto listener = tcp_listener::bind(socket_address::loopback(0)).value();
  const auto near = co_await tcp_stream::connect(listener.local_address());
  EXPECT_TRUE(near);
  const auto far = co_await listener.accept();
  EXPECT_TRUE(far);
}

task<> accept_that_waits(world& w) {
  auto listener = tcp_listener::bind(socket_address::loopback(0)).value();
  const auto connects = [&]() -> task<> {
    const counted frame;
    co_await w.pausing(20us);
    EXPECT_TRUE(co_await tcp_stream::connect(listener.local_address()));
  };
  static_cast<void>(co_await when_all(listener.accept(), connects()));
}

task<> accept_under_a_deadline(world& w) {
  auto listener = tcp_listener::bind(socket_address::loopback(0)).value();
  EXPECT_EQ((co_await with_timeout(20us, listener.accept())).error(), errc::timed_out);
  co_await w.hopping(1);
}

task<> a_connect_that_is_refused(world&) {
  socket_address nobody = socket_address::loopback(0);
  {
    auto listener = tcp_listener::bind(nobody).value();
    nobody = listener.local_address();
  }
  EXPECT_EQ((co_await tcp_stream::connect(nobody)).error(), std::errc::connection_refused);
}

task<> a_connect_that_hangs(world&) {
  const std::string name = std::string(1, '\0') + "eddy.hangs." + std::to_string(::getpid());
  unix_listen_options options;
  options.backlog = 0;
  auto listener = unix_listener::bind(name, options).value();
  std::vector<unix_stream> waiting;
  bool hangs = false;
  while (!hangs && waiting.size() < 8) {
    auto r = co_await with_timeout(200us, unix_stream::connect(name));
    hangs = !r;
    if (r) waiting.push_back(std::move(*r));
  }
  EXPECT_TRUE(hangs) << "the backlog is full";
  const auto accepts = [&]() -> task<> {
    const counted frame;
    EXPECT_TRUE(co_await listener.accept());
  };
  static_cast<void>(co_await when_all(unix_stream::connect(name), accepts()));
}

// ---- What is built on them ----

task<> a_server_with_two_clients(world& w) {
  auto listener = tcp_listener::bind(socket_address::loopback(0)).value();
  const auto address = listener.local_address();
  const auto echoes = [](tcp_stream s) -> task<> {
    const counted frame;
    std::array<char, 16> data{};
    const auto n = co_await s.read(data);
    if (n && *n) static_cast<void>(co_await s.write(const_buffer(data.data(), *n)));
  };
  const auto calls = [&]() -> task<> {
    const counted frame;
    auto s = co_await tcp_stream::connect(address);
    EXPECT_TRUE(s);
    std::array<char, 4> data{};
    EXPECT_TRUE(co_await s->write(data));
    EXPECT_TRUE(co_await read_exactly(*s, data));
  };
  const auto both = [&]() -> task<> {
    static_cast<void>(co_await when_all(calls(), calls()));
    EXPECT_TRUE(co_await listener.close());
  };
  const auto [served, called] = co_await when_all(serve(listener, echoes), both());
  EXPECT_TRUE(served);
  co_await w.hopping(1);
}

task<> a_pipe(world& w) {
  auto both = make_pipe().value();
  const auto writes = [&]() -> task<> {
    const counted frame;
    co_await w.hopping(1);
    EXPECT_TRUE(co_await both.second.write(std::string_view("abc")));
  };
  const auto reads = [&]() -> task<> {
    const counted frame;
    std::array<char, 3> data{};
    EXPECT_TRUE(co_await read_exactly(both.first, data));
  };
  static_cast<void>(co_await when_all(writes(), reads()));
}

task<> waits_for_descriptors(world& w) {
  auto& c = w.connect();
  const int d = c.far.native_handle();
  const auto waits = [&]() -> task<> {
    const counted frame;
    EXPECT_TRUE(co_await readable(d));
  };
  const auto writes = [&]() -> task<> {
    co_await w.hopping(1);
    co_await w.write(c, 3);
  };
  static_cast<void>(co_await when_all(waits(), ready(d, interest::read | interest::priority),
                                      writable(d), writes()));
  co_await w.read_some(c, 10);
  // One that nobody ends, and a read beside it.
  w.beside([](world& in, world::connection& to) -> task<> {
    co_await in.pausing(20us);
    co_await in.write(to, 7);
  }(w, c));
  static_cast<void>(co_await when_any(ready(d, interest::priority), w.read_some(c, 100)));
}

task<> a_file(world& w) {
  const temporary_directory folder;
  const std::string path = w.is_virtual ? "/tmp/file" : folder.file("file");
  const auto gone = [&]() -> task<> {
    static_cast<void>(co_await remove_file(path));
    ++w.cleanups_done;
  };
  const auto uses = [&]() -> task<> {
    const counted frame;
    auto f = co_await file::open(path, open_mode::read | open_mode::write | open_mode::create);
    EXPECT_TRUE(f);
    EXPECT_EQ((co_await f->write_at(std::string_view("hello"), 0)).value(), 5u);
    std::array<char, 5> data{};
    EXPECT_EQ((co_await f->read_at(data, 0)).value(), 5u);
    EXPECT_EQ((co_await f->size()).value(), 5u);
    EXPECT_TRUE(co_await f->close());
  };
  ++w.cleanups_due;
  co_await finally(uses(), gone);
}

// ---- Children ----

/// Wherever the blow falls: it has been killed and reaped when the run has ended.
void expect_no_child(world&) {
  EXPECT_EQ(children(), 0u) << "a child, or a zombie, is left";
}

task<> a_child_that_echoes(world& w) {
  w.audits.push_back(&expect_no_child);
  process_options options("cat");
  options.input = options.output = stdio::pipe;
  process child = process::spawn(options).value();
  const auto writes = [&]() -> task<> {
    const counted frame;
    EXPECT_TRUE(co_await child.input().write(std::string_view("abc")));
    EXPECT_TRUE(co_await child.input().close());
  };
  const auto reads = [&]() -> task<> {
    const counted frame;
    const auto all = co_await read_all(child.output(), 10);
    EXPECT_EQ(all.value_or("?"), "abc");
  };
  static_cast<void>(co_await when_all(writes(), reads()));
  const auto status = co_await child.wait();
  EXPECT_TRUE(status.value().success());
  co_await w.hopping(1);
}

task<> a_child_that_is_killed_under_a_wait(world& w) {
  w.audits.push_back(&expect_no_child);
  process child = process::spawn({"sleep", {"100"}}).value();
  const auto waits = [&]() -> task<> {
    const counted frame;
    for (;;) {
      // One that was begun and is stopped loses nothing.
      const auto status = co_await with_timeout(30us, child.wait());
      if (status.error() == errc::timed_out) continue;
      EXPECT_EQ(status->signal, SIGKILL);
      break;
    }
  };
  const auto kills = [&]() -> task<> {
    const counted frame;
    co_await w.pausing(20us);
    EXPECT_TRUE(child.kill());
  };
  static_cast<void>(co_await when_all(waits(), kills()));
}

task<> a_child_that_is_dropped(world& w) {
  w.audits.push_back(&expect_no_child);
  {
    const process child = process::spawn({"sleep", {"100"}}).value();
    co_await w.hopping(2);
  }
  co_await w.pausing(20us);
}

task<> a_program_run_to_its_end(world& w) {
  w.audits.push_back(&expect_no_child);
  process_options options("/bin/sh", {"-c", "cat; echo wrong >&2; exit 3"});
  const auto done = co_await run_process(options, "input");
  EXPECT_EQ(done.value().status.code, 3);
  EXPECT_EQ(done->output, "input");
  EXPECT_EQ(done->error_output, "wrong\n");
  co_await w.hopping(1);
}

constexpr scenario table[] = {
    {"AReadThatHasDataAlready", a_read_that_has_data_already},
    {"AReadThatWaits", a_read_that_waits},
    {"TwoReadsAfterAnother", two_reads_after_another},
    {"AnyOfTwoReadsWithDataOnBoth", any_of_two_reads_with_data_on_both},
    {"AnyOfAReadAndASleep", any_of_a_read_and_a_sleep},
    {"AReadAndAWriteAtOnce", a_read_and_a_write_at_once},
    {"AReadUnderADeadline", a_read_under_a_deadline},
    {"ADeadlineInTheTickOfTheRead", a_deadline_in_the_tick_of_the_read},
    {"AWriteThatWaitsForRoom", a_write_that_waits_for_room},
    {"TheEndOfAStream", the_end_of_a_stream},
    {"PingPong", ping_pong},
    {"AShieldedRead", a_shielded_read},
    {"ACleanupThatWrites", a_cleanup_that_writes},
    {"AReadBesideAFailingSibling", a_read_beside_a_failing_sibling, false, "on purpose"},
    {"AGroupOfReadersCancelledByItsBody", a_group_of_readers_cancelled_by_its_body},
    {"ACloseWhileNothingWaits", a_close_while_nothing_waits},
    {"ACloseUnderAReader", a_close_under_a_reader},
    {"ACloseOfAListenerUnderAccept", a_close_of_a_listener_under_accept},
    {"AcceptWithAConnectionWaiting", accept_with_a_connection_waiting},
    {"AcceptThatWaits", accept_that_waits},
    {"AcceptUnderADeadline", accept_under_a_deadline},
    {"AConnectThatIsRefused", a_connect_that_is_refused},
    {"AConnectThatHangs", a_connect_that_hangs, true},
    {"AServerWithTwoClients", a_server_with_two_clients},
    {"APipe", a_pipe},
    {"WaitsForDescriptors", waits_for_descriptors},
    {"AFile", a_file},
    {"AChildThatEchoes", a_child_that_echoes, true},
    {"AChildThatIsKilledUnderAWait", a_child_that_is_killed_under_a_wait, true},
    {"AChildThatIsDropped", a_child_that_is_dropped, true},
    {"AProgramRunToItsEnd", a_program_run_to_its_end, true},
};

class exhaustive_cancel : public ::testing::TestWithParam<case_of_table> {};
INSTANTIATE_TEST_SUITE_P(io, exhaustive_cancel, ::testing::ValuesIn(every_case(table)), case_name);

TEST_P(exhaustive_cancel, NothingIsLeftLostOrDoneTwice) {
  RecordProperty("plays", static_cast<int>(play_all(*GetParam().what, GetParam().backend)));
}

// ---- Too many at once ----

class many_cancels : public every_runtime {};
EDDY_TEST_ON_EVERY_BACKEND(many_cancels);

TEST_P(many_cancels, TenThousandTimeoutsExpireInOneMillisecondWithASubmissionQueueOfEight) {
  // One read a descriptor: as many pairs as this process may open, which is ten thousand where
  // nobody has forbidden it.
  rlimit allowed{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &allowed), 0);
  const rlimit before = allowed;
  allowed.rlim_cur = std::min<rlim_t>(allowed.rlim_max, 20'200);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &allowed), 0);
  const std::size_t reads_at_once = std::min<std::size_t>(10'000, (allowed.rlim_cur - 100) / 2);

  runtime_options options;
  options.ring_entries = 8;
  make(options);
  std::size_t late = 0;
  {
    std::vector<std::unique_ptr<stream_pair>> streams;
    for (std::size_t i = 0; i < reads_at_once; ++i)
      streams.push_back(std::make_unique<stream_pair>(rt()));
    const auto reads = [](operation_awaitable reading, time_point at,
                          std::size_t& count) -> task<> {
      const counted frame;
      const auto r = co_await with_deadline(at, std::move(reading));
      if (!r && r.error() == errc::timed_out) ++count;
    };
    run([&]() -> task<> {
      const time_point due = now() + 100ms;
      co_await with_task_group([&](task_group& g) -> task<> {
        for (std::size_t i = 0; i < reads_at_once; ++i) {
          g.spawn(reads, streams[i]->read(), due + std::chrono::nanoseconds(i * 100),
                  std::ref(late));
        }
        co_return;
      });
    });
  }
  EXPECT_EQ(late, reads_at_once);
  EXPECT_EQ(counted::live, 0);
  EXPECT_EQ(rt().pending().total(), 0u);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace eddy::test
