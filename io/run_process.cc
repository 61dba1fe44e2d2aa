// run_process: a program run to its end, with all its streams at once (process.h).
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <eddy/coro/shield.h>
#include <eddy/coro/task_group.h>
#include <eddy/coro/timeout.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/process.h>

namespace eddy {
namespace {

/// What has come from one of its outputs.
struct collected {
  std::string text;  // has room for more
  std::size_t size = 0;
  bool ended = true;  // (it is no pipe)
};

struct running {
  running(process p, std::string in, const process_options& o)
      : child(std::move(p)), input(std::move(in)), limit(o.output_limit), grace(o.grace) {}
  process child;
  const std::string input;
  const std::size_t limit;
  const duration grace;
  collected output, error_output;
  result<exit_status> status = detail::from_errno(ECHILD);
  bool too_long = false;
  bool is_done = false;

  void kill() noexcept {
    static_cast<void>(child.kill_group());
    static_cast<void>(child.kill());
  }
};

/// (Whether the program reads it is its own affair.)
task<void> feed(pipe_writer& to, const std::string& input) {
  const result<void> written = co_await write_all(to, input);
  static_cast<void>(written);
  const result<void> closed = co_await to.close();
  static_cast<void>(closed);
}

task<void> collect(running& r, pipe_reader& from, collected& into) {
  constexpr std::size_t least = 4096;
  for (;;) {
    if (into.size == into.text.size())
      into.text.resize(std::max(least, std::min(2 * into.size, into.size + (4 << 20))));
    const result<std::size_t> n = co_await from.read(
        mutable_buffer(into.text.data() + into.size, into.text.size() - into.size));
    into.ended = n && *n == 0;
    if (!n || *n == 0) co_return;
    into.size += *n;
    if (into.size <= r.limit) continue;
    r.too_long = true;
    r.kill();
    co_return;
  }
}

task<void> run_to_end(running& r, const process_options& options) {
  const auto all = [&r, &options](task_group& g) -> task<void> {
    if (options.terminal || options.input == stdio::pipe)
      g.spawn(feed, std::ref(r.child.input()), std::cref(r.input));
    const auto reads = [&](pipe_reader& from, collected& into) {
      into.ended = false;
      g.spawn(collect, std::ref(r), std::ref(from), std::ref(into));
    };
    if (options.terminal || options.output == stdio::pipe) reads(r.child.output(), r.output);
    if (options.error_output == stdio::pipe) reads(r.child.error_output(), r.error_output);
    r.status = co_await r.child.wait();
    if (!r.too_long) {
      const result<void> ended = co_await with_timeout(r.grace, g.wait());
      static_cast<void>(ended);
    }
    g.cancel();
  };
  co_await with_task_group(all);
  r.is_done = true;
}

task<void> kill_and_reap(running& r) {
  if (r.is_done) co_return;
  r.kill();
  const result<exit_status> status = co_await r.child.wait();
  static_cast<void>(status);
}

std::string text_of(collected& c) {
  c.text.resize(c.size);
  return std::move(c.text);
}

/// What is not said is a pipe.
void use_pipes(process_options& o, bool has_input) {
  if (o.terminal) return;
  if (o.input == stdio::inherit) o.input = has_input ? stdio::pipe : stdio::discard;
  if (o.output == stdio::inherit) o.output = stdio::pipe;
  if (o.error_output == stdio::inherit && !o.error_to_output) o.error_output = stdio::pipe;
}

}  // namespace

task<result<process_output>> run_process(process_options options, std::string input) {
  use_pipes(options, !input.empty());
  if (!input.empty() && !options.terminal && options.input != stdio::pipe)
    co_return detail::from_errno(EINVAL);
  result<process> started = process::spawn(options);
  if (!started) co_return started.error();
  running r(std::move(*started), std::move(input), options);
  const auto ends = [&r]() -> task<void> { return kill_and_reap(r); };
  co_await finally(run_to_end(r, options), ends);
  if (r.too_long) co_return errc::message_too_long;
  if (!r.status) co_return r.status.error();
  process_output out;
  out.status = *r.status;
  out.output_incomplete = !r.output.ended || !r.error_output.ended;
  out.output = text_of(r.output);
  out.error_output = text_of(r.error_output);
  co_return out;
}

}  // namespace eddy
