// Child processes on every backend: started, told of, ended, never left behind.
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <eddy/io/pipe.h>
#include <eddy/io/process.h>
#include <eddy/io/signals.h>

#include "tests/support/children.h"
#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

class ProcessTest : public io_test {
 protected:
  ~ProcessTest() override { EXPECT_EQ(children(), 0u) << "a child, or a zombie, was left behind"; }
};
EDDY_ON_EVERY_BACKEND(ProcessTest);

process_options shell(std::string command) {
  process_options options("/bin/sh");
  options.arguments = {"-c", std::move(command)};
  return options;
}

process_options sleeper() {
  process_options options("sleep", {"100"});
  options.die_with_parent = true;  // (of a death test)
  return options;
}

// ---- The end ----

TEST_P(ProcessTest, ItsEndIsACodeOrASignal) {
  run([]() -> task<void> {
    process right = process::spawn("true").value();
    const auto zero = co_await right.wait();
    EXPECT_TRUE(zero.value().success());
    EXPECT_EQ(zero->code, 0);
    EXPECT_FALSE(zero->signal);
    EXPECT_EQ(zero->to_string(), "exit code 0");
    process wrong = process::spawn(shell("exit 137")).value();
    const auto code = co_await wrong.wait();
    EXPECT_EQ(code->code, 137);
    EXPECT_FALSE(code->signal);
    EXPECT_FALSE(code->success());
    process killed = process::spawn(shell("kill -9 $$")).value();
    const auto signal = co_await killed.wait();
    EXPECT_EQ(signal->signal, SIGKILL);
    EXPECT_FALSE(signal->code);
    EXPECT_FALSE(signal->success());
    EXPECT_EQ(signal->to_string(), "signal 9 (Killed)");
  });
}

TEST_P(ProcessTest, WaitAgainGivesTheSameWithoutSuspending) {
  run([]() -> task<void> {
    process p = process::spawn(shell("exit 3")).value();
    const auto first = co_await p.wait();
    const auto ticks = runtime::current().ticks();
    const auto second = co_await p.wait();
    EXPECT_EQ(runtime::current().ticks(), ticks);
    EXPECT_EQ(first->code, 3);
    EXPECT_EQ(second->code, 3);
    EXPECT_EQ(first->use.memory_peak, second->use.memory_peak);
  });
}

TEST_P(ProcessTest, ItSaysWhatItHasUsed) {
  run([]() -> task<void> {
    process p = process::spawn(shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")).value();
    const auto status = co_await p.wait();
    EXPECT_GT(status->use.user_time + status->use.system_time, duration::zero());
    EXPECT_GT(status->use.memory_peak, 100'000u);
  });
}

TEST_P(ProcessTest, AWaitHoldsTheLoopAndNothingElseDoes) {
  run([]() -> task<void> {
    process p = process::spawn(sleeper()).value();
    EXPECT_EQ(runtime::current().pending().total(), 0u);
    auto waiting = spawn(p.wait());
    co_await after_a_poll();
    EXPECT_EQ(runtime::current().pending().operations, 1u);
    EXPECT_TRUE(p.kill());
    const auto status = co_await waiting;
    EXPECT_EQ(status->signal, SIGKILL);
  });
}

TEST_P(ProcessTest, ACancelledWaitLosesNothing) {
  for (const moment at : moments) {
    run([at]() -> task<void> {
      process_options options = shell("read x; exit 5");
      options.input = stdio::pipe;
      process p = process::spawn(options).value();
      pipe_writer& input = p.input();
      const bool stopped = co_await stops_when_cancelled(spawn(p.wait()), at);
      EXPECT_TRUE(stopped);
      const auto written = co_await input.write("\n");
      EXPECT_TRUE(written);
      const auto status = co_await p.wait();
      EXPECT_EQ(status->code, 5);
    });
  }
}

TEST_P(ProcessTest, AnInputThatNobodyHasAskedForIsClosedByWait) {
  run([]() -> task<void> {
    process_options options("cat");
    options.input = stdio::pipe;
    process p = process::spawn(options).value();
    const auto status = co_await p.wait();
    EXPECT_TRUE(status->success());
  });
}

TEST_P(ProcessTest, ASecondWaitAtOnceAbortsAndNamesBothPlaces) {
  EXPECT_DEATH(run([]() -> task<void> {
                 process p = process::spawn(sleeper()).value();
                 spawn(p.wait());
                 spawn(p.wait());
                 co_await after_a_poll();
               }),
               "^eddy: a second wait.*process_test.cc:[0-9]+.*process_test.cc:[0-9]+");
}

TEST_P(ProcessTest, WhatIsMisusedAborts) {
  EXPECT_DEATH(run([]() -> task<void> {
                 process p = process::spawn("true").value();
                 p.input();
                 co_return;
               }),
               "^eddy: input\\(\\) of a process whose input is no pipe");
  EXPECT_DEATH(run([]() -> task<void> {
                 process p = process::spawn("true").value();
                 const process moved = std::move(p);
                 static_cast<void>(p.pid());
                 co_return;
               }),
               "^eddy: a process is used after it was moved from");
  EXPECT_DEATH(run([]() -> task<void> {
                 {
                   process p = process::spawn(sleeper()).value();
                   spawn(p.wait());
                   co_await after_a_poll();
                 }
               }),
               "^eddy: a process is destroyed or detached while a task waits");
}

TEST_P(ProcessTest, ItMayBeMovedWhileItIsAwaited) {
  run([]() -> task<void> {
    process p = process::spawn(sleeper()).value();
    auto waiting = spawn(p.wait());
    co_await after_a_poll();
    process q = std::move(p);
    EXPECT_TRUE(q.kill(SIGTERM));
    const auto status = co_await waiting;
    EXPECT_EQ(status->signal, SIGTERM);
  });
}

// ---- Errors of the start ----

TEST_P(ProcessTest, WhatExecSaysIsTheErrorAndThereIsNoChild) {
  const std::string script = path("no_first_line");
  const std::string secret = path("secret");
  std::ofstream(script) << "exit 0\n";
  std::ofstream(secret) << "#!/bin/sh\n";
  ::chmod(script.c_str(), 0755);
  ::chmod(secret.c_str(), 0644);
  run(
      [](std::string no_first_line, std::string no_permission) -> task<void> {
        EXPECT_EQ(process::spawn("no_such_program_anywhere").error(),
                  std::errc::no_such_file_or_directory);
        EXPECT_EQ(process::spawn("/no/such/program").error(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(process::spawn("/bin/sh/x").error(), std::errc::not_a_directory);
        EXPECT_EQ(process::spawn("").error(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(process::spawn(no_permission).error(), std::errc::permission_denied);
        EXPECT_EQ(process::spawn("/").error(), std::errc::permission_denied);
        EXPECT_EQ(process::spawn(no_first_line).error(), std::errc::executable_format_error);
        EXPECT_EQ(process::spawn(std::string("tr\0ue", 5)).error(), std::errc::invalid_argument);
        process_options many("true");
        many.arguments.assign(100, std::string(100'000, 'x'));
        EXPECT_EQ(process::spawn(many).error(), std::errc::argument_list_too_long);
        process_options nowhere("true");
        nowhere.directory = "/no/such/directory";
        EXPECT_EQ(process::spawn(nowhere).error(), std::errc::no_such_file_or_directory);
        process_options unread("true");
        unread.input = stdio::read_from("/no/such/file");
        EXPECT_EQ(process::spawn(unread).error(), std::errc::no_such_file_or_directory);
        process_options closed("true");
        closed.input = stdio::of(-1);
        EXPECT_EQ(process::spawn(closed).error(), std::errc::bad_file_descriptor);
        closed.input = stdio::of(1000);
        EXPECT_EQ(process::spawn(closed).error(), std::errc::bad_file_descriptor);
        EXPECT_EQ(children(), 0u);
        co_return;
      },
      script, secret);
}

TEST_P(ProcessTest, ThePathIsTheChilds) {
  const std::string here = path("bin");
  const std::string forbidden = path("forbidden");
  for (const std::string& folder : {here, forbidden}) {
    std::filesystem::create_directory(folder);
    std::ofstream(folder + "/eddy_program") << "#!/bin/sh\nexit 7\n";
  }
  ::chmod((here + "/eddy_program").c_str(), 0755);
  ::chmod((forbidden + "/eddy_program").c_str(), 0644);
  run(
      [](std::string folder, std::string without) -> task<void> {
        process_options options("eddy_program");
        EXPECT_EQ(process::spawn(options).error(), std::errc::no_such_file_or_directory);
        options.set_variable("PATH", "/nowhere:" + without + ":" + folder + ":/bin");
        process p = process::spawn(options).value();
        const auto status = co_await p.wait();
        EXPECT_EQ(status->code, 7);
        // Permission that is missing in one folder is told where no other has it.
        options.set_variable("PATH", without + ":/nowhere");
        EXPECT_EQ(process::spawn(options).error(), std::errc::permission_denied);
      },
      here, forbidden);
}

TEST_P(ProcessTest, ARelativePathStartsAtTheDirectoryThatIsAskedFor) {
  const std::string folder = path("folder");
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/program") << "#!/bin/sh\nexit 7\n";
  ::chmod((folder + "/program").c_str(), 0755);
  run(
      [](std::string where) -> task<void> {
        process_options options("./program");
        EXPECT_EQ(process::spawn(options).error(), std::errc::no_such_file_or_directory);
        options.directory = where;
        process p = process::spawn(options).value();
        const auto status = co_await p.wait();
        EXPECT_EQ(status->code, 7);
        // An empty part of PATH is that directory, too.
        process_options found("program");
        found.directory = where;
        found.set_variable("PATH", "/bin:");
        process q = process::spawn(found).value();
        const auto second = co_await q.wait();
        EXPECT_EQ(second->code, 7);
        const auto before = std::filesystem::current_path();
        options.directory.clear();
        std::filesystem::current_path(where);
        auto here = process::spawn(options);
        std::filesystem::current_path(before);
        const auto third = co_await here.value().wait();
        EXPECT_EQ(third->code, 7);
      },
      folder);
}

// ---- Streams ----

TEST_P(ProcessTest, ItsStreamsArePipes) {
  run([]() -> task<void> {
    process_options options = shell("read line; echo \"got $line\"; echo wrong >&2; cat");
    options.input = options.output = options.error_output = stdio::pipe;
    process p = process::spawn(options).value();
    const auto written = co_await write_all(p.input(), "hello\nrest");
    EXPECT_TRUE(written);
    const auto closed = co_await p.input().close();
    EXPECT_TRUE(closed);
    const auto output = co_await read_all(p.output(), 1000);
    const auto errors = co_await read_all(p.error_output(), 1000);
    const auto status = co_await p.wait();
    EXPECT_EQ(output.value_or("?"), "got hello\nrest");
    EXPECT_EQ(errors.value_or("?"), "wrong\n");
    EXPECT_TRUE(status->success());
  });
}

TEST_P(ProcessTest, AChildThatHasClosedItsInputIsABrokenPipeAndNoSignal) {
  run([]() -> task<void> {
    process_options options = shell("exec <&-; echo closed; exec sleep 100");
    options.input = options.output = stdio::pipe;
    process p = process::spawn(options).value();
    std::array<char, 10> buffer;
    const auto said = co_await p.output().read(buffer);
    EXPECT_EQ(said.value_or(0u), 7u);
    const auto written = co_await p.input().write("x");
    EXPECT_EQ(written.error(), std::errc::broken_pipe);
  });
}

TEST_P(ProcessTest, ItsStreamsMayBeFilesNothingOrOurs) {
  run(
      [](std::string in, std::string out, std::string log) -> task<void> {
        std::ofstream(in) << "content";
        std::ofstream(out) << "what was there before";
        std::ofstream(log) << "one\n";
        process_options options = shell("cat; echo two >&2");
        options.input = stdio::read_from(in);
        options.output = stdio::write_to(out);
        options.error_output = stdio::append_to(log);
        process p = process::spawn(options).value();
        const auto status = co_await p.wait();
        EXPECT_TRUE(status->success());
        EXPECT_EQ(content_of(out), "content");
        EXPECT_EQ(content_of(log), "one\ntwo\n");

        auto [reader, writer] = make_pipe().value();
        process_options both = shell("cat; echo out; echo err >&2");
        both.input = stdio::discard;
        both.output = stdio::of(writer.native_handle());
        both.error_to_output = true;
        process q = process::spawn(both).value();
        const auto closed = co_await writer.close();
        EXPECT_TRUE(closed);
        const auto read = co_await read_all(reader, 100);
        EXPECT_EQ(read.value_or("?"), "out\nerr\n");
        const auto second = co_await q.wait();
        EXPECT_TRUE(second->success());
      },
      path("in"), path("out"), path("log"));
}

// ---- What it inherits ----

TEST_P(ProcessTest, ItHasNoDescriptorButThreeAndThoseThatArePassed) {
  // Without close-on-exec, as those of other libraries may be.
  const int stray = ::open("/dev/null", O_RDONLY);
  run([]() -> task<void> {
    process_options options = shell(
        "i=0; while [ $i -lt 100 ]; do [ -e /proc/$$/fd/$i ] && printf \"$i \"; i=$((i+1)); done");
    const auto plain = co_await run_process(options);
    EXPECT_EQ(plain.value().output, "0 1 2 ");
    auto [reader, writer] = make_pipe().value();
    options.pass(reader.native_handle(), 7).pass(writer.native_handle(), 5);
    const auto passed = co_await run_process(options);
    EXPECT_EQ(passed.value().output, "0 1 2 5 7 ");
  });
  ::close(stray);
}

TEST_P(ProcessTest, AListenerMayBePassed) {
  run([]() -> task<void> {
    auto listener = unix_listener::bind(std::string(1, '\0') + "eddy.passed").value();
    process_options options("/bin/sh", {"-c", "exec cat /proc/net/unix <&3"});
    options.output = stdio::pipe;
    options.pass(listener.native_handle(), 3);
    process p = process::spawn(options).value();
    const auto all = co_await read_all(p.output(), 10 << 20);
    const auto status = co_await p.wait();
    EXPECT_TRUE(status->success());
    EXPECT_NE(all.value().find("@eddy.passed"), std::string::npos);
  });
}

TEST_P(ProcessTest, WhatIsPassedMayChangePlaces) {
  run([]() -> task<void> {
    std::array<int, 3> files{};
    std::string names = "abc";
    for (std::size_t i = 0; i < 3; ++i) {
      files[i] = ::memfd_create("eddy", MFD_CLOEXEC);
      EXPECT_EQ(::write(files[i], &names[i], 1), 1);
    }
    const std::string read = "for i in " + std::to_string(files[0]) + " " +
                             std::to_string(files[1]) + " " + std::to_string(files[2]) +
                             "; do cat /proc/self/fd/$i; done";
    std::array<std::size_t, 3> order{0, 1, 2};
    do {
      process_options options = shell(read);
      std::string expected(3, ' ');
      for (std::size_t i = 0; i < 3; ++i) {
        options.pass(files[i], files[order[i]]);
        expected[order[i]] = names[i];
      }
      const auto done = co_await run_process(options);
      EXPECT_EQ(done.value().output, expected);
    } while (std::next_permutation(order.begin(), order.end()));
    // One as two, and in the place of the other.
    process_options twice = shell(read);
    twice.pass(files[0], files[1]).pass(files[0], files[2]).pass(files[1], files[0]);
    const auto done = co_await run_process(twice);
    EXPECT_EQ(done.value().output, "baa");
    for (const int d : files) ::close(d);
  });
}

TEST_P(ProcessTest, StandardStreamsMayChangePlaces) {
  run([]() -> task<void> {
    // One that has ours, and whose own child has its outputs changed.
    auto [reader, writer] = make_pipe().value();
    const int kept[2] = {::fcntl(1, F_DUPFD_CLOEXEC, 3), ::fcntl(2, F_DUPFD_CLOEXEC, 3)};
    auto [second_reader, second_writer] = make_pipe().value();
    ::dup2(writer.native_handle(), 1);
    ::dup2(second_writer.native_handle(), 2);
    process_options options = shell("echo out; echo err >&2");
    options.output = stdio::of(2);
    options.error_output = stdio::of(1);
    auto started = process::spawn(options);
    ::dup2(kept[0], 1);
    ::dup2(kept[1], 2);
    for (const int d : kept) ::close(d);
    const auto status = co_await started.value().wait();
    EXPECT_TRUE(status->success());
    for (pipe_writer* w : {&writer, &second_writer}) {
      const auto closed = co_await w->close();
      EXPECT_TRUE(closed);
    }
    const auto first = co_await read_all(reader, 100);
    const auto second = co_await read_all(second_reader, 100);
    EXPECT_EQ(first.value_or("?"), "err\n");
    EXPECT_EQ(second.value_or("?"), "out\n");
  });
}

TEST_P(ProcessTest, ANumberIsGivenOnce) {
  run([]() -> task<void> {
    auto [reader, writer] = make_pipe().value();
    process_options wrong("true");
    wrong.input = stdio::pipe;
    wrong.pass(reader.native_handle(), 0);
    EXPECT_EQ(process::spawn(wrong).error(), std::errc::invalid_argument);
    process_options same("true");
    same.pass(reader.native_handle(), 5).pass(writer.native_handle(), 5);
    EXPECT_EQ(process::spawn(same).error(), std::errc::invalid_argument);
    process_options second("true");
    second.error_to_output = true;
    second.error_output = stdio::pipe;
    EXPECT_EQ(process::spawn(second).error(), std::errc::invalid_argument);
    process_options terminal("true");
    terminal.terminal = true;
    terminal.output = stdio::pipe;
    EXPECT_EQ(process::spawn(terminal).error(), std::errc::invalid_argument);
    co_return;
  });
}

TEST_P(ProcessTest, TheThreadsEndIsItsEnd) {
  int pid = 0;
  std::thread thread([this, &pid] {
    run(
        [](int& number) -> task<void> {
          process_options options = sleeper();
          options.kill_when_dropped = false;
          number = process::spawn(options).value().pid();
          co_return;
        },
        std::ref(pid));
  });
  thread.join();
  siginfo_t end{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(end.si_status, SIGKILL);
  EXPECT_FALSE(process::spawn(""));  // (what was left is reaped)
}

/// What a program started so sees of its signals.
task<std::string> signals_of_a_child() {
  const process_options options("cat", {"/proc/self/status"});
  const auto done = co_await run_process(options);
  std::istringstream lines(done.value().output);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    for (const char* name : {"SigBlk:", "SigIgn:", "SigCgt:"}) {
      if (line.starts_with(name)) all += line + '\n';
    }
  }
  co_return all;
}

TEST_P(ProcessTest, ItBeginsWithCleanSignalsWhateverWatchesHere) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGUSR2, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  run([]() -> task<void> {
    // (Whoever has started this may have ignored some more.)
    unsigned long long ignored = 0;
    for (int number = 1; number <= 64; ++number) {
      struct sigaction is{};
      if (number != SIGPIPE && ::sigaction(number, nullptr, &is) == 0 && is.sa_handler == SIG_IGN)
        ignored |= 1ull << (number - 1);
    }
    EXPECT_EQ(ignored >> (SIGUSR2 - 1) & ignored >> (SIGHUP - 1) & 1, 1u);
    std::array<char, 200> expected{};
    std::snprintf(expected.data(), expected.size(),
                  "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n", 0ull, ignored, 0ull);
    const std::string without = co_await signals_of_a_child();
    EXPECT_EQ(without, expected.data());
    const signal_set set{SIGUSR2, SIGHUP, SIGTERM, SIGPIPE};
    const std::string with = co_await signals_of_a_child();
    EXPECT_EQ(with, expected.data());
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  for (const int number : {SIGPIPE, SIGUSR2, SIGHUP}) ::signal(number, SIG_DFL);
}

TEST_P(ProcessTest, EnvironmentAndDirectoryAreGiven) {
  ::setenv("EDDY_OURS", "inherited", 1);
  run([]() -> task<void> {
    process_options options = shell("echo $EDDY_OURS $EDDY_SET; pwd");
    options.directory = "/";
    options.set_variable("EDDY_SET", "set").set_variable("EDDY_SET", "again");
    const auto ours = co_await run_process(options);
    EXPECT_EQ(ours.value().output, "inherited again\n/\n");
    options.environment = {"EDDY_OURS=given", "EDDY_SET=not"};
    const auto given = co_await run_process(options);
    EXPECT_EQ(given.value().output, "given again\n/\n");
    process_options bare("/usr/bin/env");
    bare.environment.emplace();
    const auto nothing = co_await run_process(bare);
    EXPECT_EQ(nothing.value().output, "");
    bare.set_variable("A=B", "x");
    EXPECT_EQ(process::spawn(bare).error(), std::errc::invalid_argument);
  });
  ::unsetenv("EDDY_OURS");
}

// ---- Signals, groups, sessions ----

TEST_P(ProcessTest, AfterItsEndNoSignalReachesAnybody) {
  run([]() -> task<void> {
    process p = process::spawn(sleeper()).value();
    EXPECT_TRUE(p.kill(0));
    EXPECT_EQ(p.kill(1000).error(), std::errc::invalid_argument);
    EXPECT_EQ(p.kill_group().error(), std::errc::no_such_process);
    EXPECT_TRUE(p.kill());
    const auto status = co_await p.wait();
    EXPECT_EQ(status->signal, SIGKILL);
    EXPECT_EQ(p.kill().error(), std::errc::no_such_process);
    EXPECT_EQ(p.kill(0).error(), std::errc::no_such_process);
  });
}

TEST_P(ProcessTest, AGroupIsKilledWithAllThatIsInIt) {
  run([]() -> task<void> {
    process_options options = shell("sleep 100 & echo $!; wait");
    options.new_group = true;
    options.output = stdio::pipe;
    process p = process::spawn(options).value();
    std::array<char, 20> said{};
    const auto n = co_await p.output().read(said);
    EXPECT_TRUE(n);
    EXPECT_EQ(::getpgid(p.pid()), p.pid());
    EXPECT_EQ(::getpgid(std::atoi(said.data())), p.pid());
    EXPECT_TRUE(p.kill_group(SIGTERM));
    const auto status = co_await p.wait();
    EXPECT_EQ(status->signal, SIGTERM);
    // The pipe ends when both have.
    const auto end = co_await read_all(p.output(), 10);
    EXPECT_EQ(end.value_or("?"), "");
    process_options alone = sleeper();
    alone.new_group = true;
    process q = process::spawn(alone).value();
    EXPECT_TRUE(q.kill_group());
    const auto ended = co_await q.wait();
    EXPECT_EQ(ended->signal, SIGKILL);
    EXPECT_EQ(q.kill_group().error(), std::errc::no_such_process);
  });
}

TEST_P(ProcessTest, ASessionOfItsOwn) {
  run([]() -> task<void> {
    process_options options = sleeper();
    options.new_session = true;
    const process p = process::spawn(options).value();
    EXPECT_EQ(::getsid(p.pid()), p.pid());
    co_return;
  });
}

TEST_P(ProcessTest, ATerminalIsAllThreeStreams) {
  run([]() -> task<void> {
    process_options options = shell("tty; stty size; read x; echo \"<$x>\"; echo last >&2");
    options.terminal = true;
    options.window = {100, 30};
    process p = process::spawn(options).value();
    const auto typed = co_await write_all(p.input(), "line\n");
    EXPECT_TRUE(typed);
    const auto shown = co_await read_all(p.output(), 10'000);
    const std::string text = shown.value_or("?");
    EXPECT_NE(text.find("/dev/pts/"), text.npos) << text;
    EXPECT_NE(text.find("30 100\r\n"), text.npos) << text;
    EXPECT_NE(text.find("<line>\r\n"), text.npos) << text;
    EXPECT_NE(text.find("last\r\n"), text.npos) << text;
    const auto status = co_await p.wait();
    EXPECT_TRUE(status->success());
    EXPECT_EQ(::getsid(0) == p.pid(), false);
  });
}

TEST_P(ProcessTest, CtrlDAndCtrlCAreTyped) {
  run([]() -> task<void> {
    process_options options("cat");
    options.terminal = true;
    const auto ended = co_await run_process(options, "abc\n\4");
    EXPECT_TRUE(ended.value().status.success());
    EXPECT_NE(ended.value().output.find("abc\r\nabc\r\n"), std::string::npos);
    const auto interrupted = co_await run_process(options, "\3");
    EXPECT_EQ(interrupted.value().status.signal, SIGINT);
  });
}

TEST_P(ProcessTest, AnotherUserHasNoneOfOurGroups) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run([]() -> task<void> {
    process_options options = shell("id -u; id -g; id -G");
    options.user = 65534;
    options.group = 65533;
    options.directory = "/";
    const auto done = co_await run_process(options);
    EXPECT_EQ(done.value().output, "65534\n65533\n65533\n");
    EXPECT_EQ(::geteuid(), 0u);
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  });
}

TEST_P(ProcessTest, AnotherUserWithoutTheRightToIsAnError) {
  const pid_t apart = ::fork();
  ASSERT_GE(apart, 0);
  if (apart == 0) {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) || ::setgid(65534) || ::setuid(65534)))
      ::_exit(2);
    run([]() -> task<void> {
      process_options options("true");
      options.user = 0;
      EXPECT_EQ(process::spawn(options).error(), std::errc::operation_not_permitted);
      process_options group("true");
      group.group = 0;
      EXPECT_EQ(process::spawn(group).error(), std::errc::operation_not_permitted);
      process_options same("true");
      same.user = ::getuid();
      process p = process::spawn(same).value();
      const auto status = co_await p.wait();
      EXPECT_TRUE(status->success());
    });
    ::_exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(apart, &status, 0), apart);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace eddy::test
