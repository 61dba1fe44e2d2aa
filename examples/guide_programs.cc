// Guide, 22: other programs, run to their end or talked to. Their failure is a value.
#include <eddy/eddy.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

static eddy::task<> run_programs() {
  const auto sorted = co_await eddy::run_process({"sort", {"-r"}}, "pear\napple\nplum\n");
  if (!sorted) {
    std::printf("no sort: %s\n", sorted.error().message().c_str());
    co_return;
  }
  std::printf("%s", sorted->output.c_str());  // plum, pear, apple

  const auto failed = co_await eddy::run_process({"sh", {"-c", "echo no >&2; exit 3"}});
  std::printf("%s: %s", failed->status.to_string().c_str(),
              failed->error_output.c_str());  // exit code 3: no

  const auto late = co_await eddy::with_timeout(10ms, eddy::run_process({"sleep", {"100"}}));
  if (late.error() == eddy::errc::timed_out) std::puts("killed");
}

static eddy::task<> talk() {
  eddy::process_options options("cat");
  options.input = options.output = eddy::stdio::pipe;
  options.directory = "/";
  options.set_variable("LC_ALL", "C");
  eddy::process cat = eddy::process::spawn(options).value();

  static_cast<void>(co_await eddy::write_all(cat.input(), "hello\n"));
  static_cast<void>(co_await cat.input().close());  // its end of input
  const auto said = co_await eddy::read_all(cat.output(), 1000);
  const auto status = co_await cat.wait();
  if (status->success()) std::printf("%s", said->c_str());  // hello
}

int main() {
  eddy::run(run_programs());
  eddy::run(talk());
}
