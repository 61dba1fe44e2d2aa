// Children that nobody waits for, many at once, and bad days: no zombie, no leak, on every backend.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/pipe.h>
#include <eddy/io/process.h>

#include "tests/support/children.h"
#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class ChildrenTest : public io_test {
 protected:
  ~ChildrenTest() override { EXPECT_EQ(children(), 0u) << "a child, or a zombie, was left behind"; }
};
EDDY_ON_EVERY_BACKEND(ChildrenTest);

process_options shell(std::string command) {
  process_options options("/bin/sh");
  options.arguments = {"-c", std::move(command)};
  return options;
}
process_options sleeper() {
  return process_options("sleep", {"100"});
}

// ---- Dropped ----

TEST_P(ChildrenTest, OneThatIsDroppedIsKilledAndReapedWhileTheRunGoesOn) {
  run([]() -> task<void> {
    int pid = 0;
    {
      const process p = process::spawn(sleeper()).value();
      pid = p.pid();
    }
    EXPECT_EQ(runtime::current().pending().total(), 0u);
    while (::kill(pid, 0) == 0) co_await sleep_for(100us);
    EXPECT_EQ(children(), 0u);
  });
}

TEST_P(ChildrenTest, OneThatIsDroppedAtTheEndOfTheRunIsReapedInIt) {
  runtime rt(options());
  std::optional<process> outlives;
  eddy::run(
      rt,
      [](std::optional<process>& kept) -> task<void> {
        kept = process::spawn(sleeper()).value();
        const process p = process::spawn(sleeper()).value();
        const process q = process::spawn(sleeper()).value();
        co_return;
      },
      std::ref(outlives));
  EXPECT_EQ(children(), 1u);
  outlives.reset();
  EXPECT_EQ(children(), 0u);
}

TEST_P(ChildrenTest, OneThatIsStartedAndDroppedWithoutARuntimeIsReaped) {
  {
    const process p = process::spawn(sleeper()).value();
    EXPECT_EQ(children(), 1u);
  }
  EXPECT_EQ(children(), 0u);
}

TEST_P(ChildrenTest, OneThatHasEndedAlreadyIsReapedWhereItIsDropped) {
  run([]() -> task<void> {
    {
      process_options options("true");
      options.kill_when_dropped = false;
      const process p = process::spawn(options).value();
      siginfo_t end{};
      EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(p.pid()), &end, WEXITED | WNOWAIT), 0);
      EXPECT_EQ(children(), 1u);
    }
    EXPECT_EQ(children(), 0u);
    co_return;
  });
}

TEST_P(ChildrenTest, TasksThatAreStoppedTakeTheirChildrenWithThem) {
  for (const bool stop_all : {false, true}) {
    run([stop_all]() -> task<void> {
      std::vector<join_handle<void>> all;
      for (int i = 0; i < 10; ++i) {
        all.push_back(spawn([]() -> task<void> {
          process p = process::spawn(sleeper()).value();
          const auto status = co_await p.wait();
          ADD_FAILURE() << status->to_string();
        }));
      }
      co_await after_a_poll();
      EXPECT_EQ(children(), 10u);
      if (stop_all) {
        runtime::current().request_stop();
      } else {
        for (auto& h : all) h.cancel();
      }
    });
    EXPECT_EQ(children(), 0u);
  }
}

TEST_P(ChildrenTest, AGroupGoesWithItsLeader) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    {
      process_options options = shell("sleep 100 & echo; wait");
      options.new_group = true;
      options.output = stdio::of(writer.native_handle());
      const process p = process::spawn(options).value();
      std::array<char, 1> line;
      const auto said = co_await reader.read(line);
      EXPECT_TRUE(said);
    }
    const auto closed = co_await writer.close();
    EXPECT_TRUE(closed);
    const auto end = co_await read_all(reader, 10);  // (the grandchild held it)
    EXPECT_EQ(end.value_or("?"), "");
  });
}

TEST_P(ChildrenTest, OneThatIsDetachedGoesOnHoldsNothingAndIsReaped) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    process_options options = shell("read x; echo on");
    options.input = stdio::pipe;
    options.output = stdio::of(writer.native_handle());
    process p = process::spawn(options).value();
    const int pid = p.pid();
    pipe_writer input = std::move(p.input());
    p.detach();
    const auto closed = co_await writer.close();
    EXPECT_TRUE(closed);
    const auto written = co_await input.write("\n");
    EXPECT_TRUE(written);
    const auto said = co_await read_all(reader, 10);
    EXPECT_EQ(said.value_or("?"), "on\n");
    while (::kill(pid, 0) == 0) co_await sleep_for(100us);
  });
  // One that outlives its run is reaped when another is started.
  int pid = 0;
  run(
      [](int& number) -> task<void> {
        process_options options = sleeper();
        process p = process::spawn(options).value();
        number = p.pid();
        p.detach();
        co_return;
      },
      std::ref(pid));
  EXPECT_EQ(children(), 1u);
  ::kill(pid, SIGKILL);
  siginfo_t end{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT), 0);
  run([]() -> task<void> {
    process p = process::spawn("true").value();
    const auto status = co_await p.wait();
    EXPECT_TRUE(status->success());
  });
}

TEST_P(ChildrenTest, OneThatIsStoppedAndKilledByOthersHasEndedOnce) {
  run([]() -> task<void> {
    process p = process::spawn(sleeper()).value();
    auto waiting = spawn(p.wait());
    co_await after_a_poll();
    ::kill(p.pid(), SIGSTOP);
    siginfo_t stop{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(p.pid()), &stop, WSTOPPED | WNOWAIT), 0);
    for (int i = 0; i < 3; ++i) co_await after_a_poll();
    EXPECT_FALSE(waiting.done());  // a stop is no end
    ::kill(p.pid(), SIGKILL);
    const auto status = co_await waiting;
    EXPECT_EQ(status->signal, SIGKILL);
  });
}

// ---- Others' children and handlers ----

std::atomic<int> host_heard{0};

TEST_P(ChildrenTest, NobodyElsesChildIsReapedAndTheHandlerIsTheirs) {
  struct sigaction own{};
  struct sigaction before{};
  own.sa_handler = [](int) { ++host_heard; };
  own.sa_flags = SA_RESTART;
  ASSERT_EQ(::sigaction(SIGCHLD, &own, &before), 0);
  host_heard = 0;
  const pid_t theirs = ::fork();
  if (theirs == 0) ::_exit(9);
  run([]() -> task<void> {
    for (int i = 0; i < 5; ++i) {
      process p = process::spawn("true").value();
      const auto status = co_await p.wait();
      EXPECT_TRUE(status->success());
    }
  });
  struct sigaction now{};
  ::sigaction(SIGCHLD, nullptr, &now);
  EXPECT_EQ(now.sa_handler, own.sa_handler);
  EXPECT_GE(host_heard, 1);
  int status = 0;
  EXPECT_EQ(::waitpid(theirs, &status, 0), theirs);
  EXPECT_EQ(WEXITSTATUS(status), 9);
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST_P(ChildrenTest, WhereTheProgramIgnoresItsChildrenAnEndIsAnErrorAndNoHang) {
  ::signal(SIGCHLD, SIG_IGN);
  run([]() -> task<void> {
    process_options options("cat");
    options.input = stdio::pipe;
    process p = process::spawn(options).value();
    const auto status = co_await p.wait();
    EXPECT_EQ(status.error(), std::errc::no_child_process);
    const auto again = co_await p.wait();
    EXPECT_EQ(again.error(), std::errc::no_child_process);
    EXPECT_EQ(p.kill().error(), std::errc::no_such_process);
    EXPECT_EQ(process::spawn("/no/such/program").error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(process::spawn("/").error(), std::errc::permission_denied);
    const auto whole = co_await run_process(shell("echo x"));
    EXPECT_EQ(whole.error(), std::errc::no_child_process);
  });
  ::signal(SIGCHLD, SIG_DFL);
}

TEST_P(ChildrenTest, OneThatTheProgramItselfHasWaitedForIsAnErrorToo) {
  run([]() -> task<void> {
    process p = process::spawn("true").value();
    EXPECT_EQ(::waitpid(p.pid(), nullptr, 0), p.pid());
    const auto status = co_await p.wait();
    EXPECT_EQ(status.error(), std::errc::no_child_process);
    EXPECT_EQ(p.kill().error(), std::errc::no_such_process);
  });
}

// ---- Many ----

TEST_P(ChildrenTest, AThousandAtOnce) {
  rlimit allowed{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &allowed), 0);
  const rlimit before = allowed;
  allowed.rlim_cur = std::min<rlim_t>(allowed.rlim_max, 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &allowed), 0);
  const int count = allowed.rlim_cur < 4096 ? 100 : 1000;
  run(
      [](int n) -> task<void> {
        process_options options = shell("read x; exit $x");
        options.input = stdio::pipe;
        std::vector<process> all;
        for (int i = 0; i < n; ++i) {
          auto started = process::spawn(options);
          if (!started && started.error() == std::errc::resource_unavailable_try_again) break;
          all.push_back(std::move(started).value());
        }
        EXPECT_GE(all.size(), 100u);
        std::vector<join_handle<result<exit_status>>> waiting;
        for (process& p : all) {
          static_cast<void>(p.input());
          waiting.push_back(spawn(p.wait()));
        }
        co_await after_a_poll();
        for (std::size_t i = 0; i < all.size(); ++i) {
          const auto written = co_await write_all(all[i].input(), std::to_string(i % 256) + "\n");
          EXPECT_TRUE(written);
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
          const auto status = co_await waiting[i];
          EXPECT_EQ(status->code, static_cast<int>(i % 256));
        }
      },
      count);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(ChildrenTest, WithoutADescriptorLeftItIsAnErrorAndNothingIsLost) {
  rlimit allowed{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &allowed), 0);
  const rlimit before = allowed;
  run([&allowed]() -> task<void> {
    co_await after_a_poll();  // (the backend has its own)
    process_options options("cat");
    options.input = options.output = options.error_output = stdio::pipe;
    const std::size_t open = open_descriptors();
    allowed.rlim_cur = 64;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &allowed), 0);
    std::vector<process> all;
    std::error_code error;
    while (!error) {
      auto started = process::spawn(options);
      error = started.error();
      if (started) all.push_back(std::move(*started));
    }
    EXPECT_EQ(error, std::errc::too_many_files_open);
    EXPECT_EQ(open_descriptors(), open + 4 * all.size());
    EXPECT_EQ(children(), all.size());
    for (int i = 0; i < 3; ++i) all.pop_back();  // (three numbers each are free at once)
    // Each number that is missing, in turn: of the pipes, of the pidfd, of what is put aside.
    const std::size_t now = open_descriptors();
    for (int left = 0; left < 8; ++left) {
      std::vector<int> taken;
      int one;
      while ((one = ::dup(0)) >= 0) taken.push_back(one);
      for (int i = 0; i < left && !taken.empty(); ++i) {
        ::close(taken.back());
        taken.pop_back();
      }
      {
        const auto started = process::spawn(options);
        EXPECT_EQ(static_cast<bool>(started), left >= 7) << left;
        if (!started) {
          EXPECT_EQ(started.error(), std::errc::too_many_files_open);
        }
      }
      for (const int d : taken) ::close(d);
      EXPECT_LE(open_descriptors(), now + 1);  // (the one that is being reaped)
    }
    allowed.rlim_cur = allowed.rlim_max;
  });
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(ChildrenTest, SeveralThreadsLeakNoPipeIntoEachOthersChildren) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      run([]() -> task<void> {
        for (int i = 0; i < 25; ++i) {
          // It ends when its input does: which it would not if another child held that.
          const auto done = co_await run_process("cat", "x");
          EXPECT_EQ(done.value().output, "x");
          EXPECT_FALSE(done.value().output_incomplete);
        }
      });
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST_P(ChildrenTest, AProgramThatIsOpenToWriteIsAnErrorUntilItIsNot) {
  const std::string program = path("program");
  std::filesystem::copy_file("/bin/true", program);
  const int writes = ::open(program.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(writes, 0);
  run(
      [](std::string name, int open) -> task<void> {
        EXPECT_EQ(process::spawn(name).error(), std::errc::text_file_busy);
        std::thread closes([open] { ::close(open); });
        auto started = process::spawn(name);
        while (started.error() == std::errc::text_file_busy) started = process::spawn(name);
        closes.join();
        const auto status = co_await started.value().wait();
        EXPECT_TRUE(status->success());
      },
      program, writes);
}

// ---- run_process ----

TEST_P(ChildrenTest, ARunGivesItsEndAndBothOutputs) {
  run([]() -> task<void> {
    const auto done = co_await run_process(shell("cat; echo wrong >&2; exit 3"), "input");
    EXPECT_EQ(done.value().status.code, 3);
    EXPECT_EQ(done.value().output, "input");
    EXPECT_EQ(done.value().error_output, "wrong\n");
    EXPECT_FALSE(done.value().output_incomplete);
    const auto plain = co_await run_process({"echo", {"a", "b"}});
    EXPECT_EQ(plain.value().output, "a b\n");
    const auto none = co_await run_process("no_such_program_anywhere");
    EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
    process_options joined = shell("echo a; echo b >&2");
    joined.error_to_output = true;
    const auto both = co_await run_process(joined);
    EXPECT_EQ(both.value().output, "a\nb\n");
    process_options given("cat");
    given.input = stdio::discard;
    const auto nothing = co_await run_process(given);
    EXPECT_EQ(nothing.value().output, "");
    const auto refused = co_await run_process(given, "input");
    EXPECT_EQ(refused.error(), std::errc::invalid_argument);
  });
}

TEST_P(ChildrenTest, AllStreamsMoveAtOnceWhateverTheirSize) {
  run([]() -> task<void> {
    std::string input(10'000'000, ' ');
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 7 + i / 251);
    const auto same = co_await run_process("cat", input);
    EXPECT_TRUE(same.value().output == input);
    // Both outputs before the input is read, and input that nobody reads.
    const auto first = co_await run_process(
        shell("head -c 1000000 /dev/zero >&2; head -c 500000 /dev/zero; cat | wc -c >&2"), input);
    EXPECT_EQ(first.value().output.size(), 500'000u);
    EXPECT_EQ(first.value().error_output.substr(1'000'000), "10000000\n");
    const auto unread = co_await run_process("true", input);
    EXPECT_TRUE(unread.value().status.success());
    EXPECT_FALSE(unread.value().output_incomplete);
  });
}

TEST_P(ChildrenTest, AGrandchildThatHoldsAnOutputIsWaitedForAsLongAsTheGrace) {
  run([]() -> task<void> {
    process_options options = shell("sleep 100 & echo $!");
    options.grace = 20ms;
    const auto done = co_await run_process(options);
    EXPECT_TRUE(done.value().output_incomplete);
    EXPECT_TRUE(done.value().status.success());
    const int grandchild = std::atoi(done.value().output.c_str());
    EXPECT_GT(grandchild, 1);
    ::kill(grandchild, SIGKILL);
    // It need not hold it to the end of the grace.
    options = shell("(read x; echo late) <&3 & echo early");
    options.grace = 100s;
    std::array<int, 2> both{};  // (that waits)
    EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC), 0);
    options.pass(both[0], 3);
    auto running = spawn(run_process(options));
    co_await sleep_for(20ms);
    EXPECT_EQ(::write(both[1], "\n", 1), 1);
    for (const int d : both) ::close(d);
    const auto late = co_await running;
    EXPECT_EQ(late.value().output, "early\nlate\n");
    EXPECT_FALSE(late.value().output_incomplete);
  });
}

TEST_P(ChildrenTest, OneThatWritesTooMuchIsKilled) {
  run([]() -> task<void> {
    process_options options("cat", {"/dev/zero"});
    options.output_limit = 100'000;
    const auto much = co_await run_process(options);
    EXPECT_EQ(much.error(), errc::message_too_long);
    EXPECT_EQ(children(), 0u);
    process_options exact = shell("head -c 100000 /dev/zero");
    exact.output_limit = 100'000;
    const auto fits = co_await run_process(exact);
    EXPECT_EQ(fits.value().output.size(), 100'000u);
    exact.output_limit = 99'999;
    const auto not_quite = co_await run_process(exact);
    EXPECT_EQ(not_quite.error(), errc::message_too_long);
  });
}

TEST_P(ChildrenTest, AStoppedRunHasKilledAndReapedFirst) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      const bool stopped = co_await stops_when_cancelled(
          spawn(run_process(shell("trap '' TERM; exec sleep 100"), "input")), at);
      EXPECT_TRUE(stopped);
      EXPECT_EQ(children(), 0u);
      const auto late = co_await with_timeout(5ms, run_process(sleeper()));
      EXPECT_EQ(late.error(), errc::timed_out);
      EXPECT_EQ(children(), 0u);
    });
  }
}

}  // namespace
}  // namespace eddy::test
