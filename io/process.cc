// Child processes (process.h).
#include <eddy/io/process.h>

#include <cstring>
#include <utility>

#include <eddy/runtime/detail/abort.h>

#include "io/detail/child.h"
#include "runtime/child.h"

namespace eddy {

using namespace detail;

namespace {

task<result<exit_status>> wait_for(child& c, std::source_location where) {
  const one_at_a_time::call only(
      c.waiting, "a second wait() of a process while another task waits for its end", where);
  if (!c.input_was_asked_for) c.input.reset();
  co_await end_of(c);
  if (c.ended) co_return *c.ended;
  co_return from_errno(c.lost);
}

descriptor stream_of(int number, bool terminal) noexcept {
  return descriptor(number, terminal ? descriptor::kind::terminal : descriptor::kind::stream);
}

}  // namespace

// ---- Its beginning -----------------------------------------------------------------------------

result<process> process::spawn(const process_options& options) {
  child_order order;
  order.program = &options.program;
  order.arguments = options.arguments;
  order.environment = options.environment ? &*options.environment : nullptr;
  order.variables = options.variables;
  order.passed = options.passed;
  order.user = options.user;
  order.group = options.group;
  order.columns = static_cast<std::uint16_t>(options.window.columns);
  order.rows = static_cast<std::uint16_t>(options.window.rows);
  order.error_to_output = options.error_to_output;
  order.terminal = options.terminal;
  order.new_group = options.new_group;
  order.new_session = options.new_session;
  order.die_with_parent = options.die_with_parent;
  if (!options.directory.empty()) order.directory = options.directory.c_str();
  if (options.directory.find('\0') != std::string::npos) return from_errno(EINVAL);
  for (std::size_t i = 0;
       const stdio* s : {&options.input, &options.output, &options.error_output}) {
    if (s->path_.find('\0') != std::string::npos) return from_errno(EINVAL);
    order.streams[i++] = {static_cast<child_stream::source>(s->kind_), s->descriptor_,
                          s->path_.c_str()};
  }

  std::unique_ptr<child, child_deleter> made(new child);
  made->left = std::make_unique<left_child>();
  request r;
  r.what = verb::start_child;
  r.address = address_of(&order);
  if (const int answer = ask_here(r); answer < 0) {
    made->lost = ESRCH;  // (there is nothing to end)
    return from_errno(-answer);
  }
  made->pid = order.pid;
  if (order.descriptor >= 0) made->handle = descriptor(order.descriptor, descriptor::kind::stream);
  made->kill_when_dropped = options.kill_when_dropped;
  made->has_group = options.new_group || options.new_session || options.terminal;
  const auto end_of_ours = [&](int which) {
    return stream_of(order.ends[which], options.terminal);
  };
  if (order.ends[0] >= 0) made->input.emplace(end_of_ours(0));
  if (order.ends[1] >= 0) made->output.emplace(end_of_ours(1));
  if (order.ends[2] >= 0) made->error_output.emplace(end_of_ours(2));
  return process(std::move(made));
}

// ---- Its life ----------------------------------------------------------------------------------

detail::child& process::child_here() const noexcept {
  if (!child_) misuse("a process is used after it was moved from or detached");
  return *child_;
}

int process::pid() const noexcept {
  return child_here().pid;
}

task<result<exit_status>> process::wait(std::source_location where) {
  return wait_for(child_here(), where);
}

result<void> process::kill(int signal) noexcept {
  return void_result(child_here().signal(signal, false));
}

result<void> process::kill_group(int signal) noexcept {
  child& c = child_here();
  if (!c.has_group) return from_errno(ESRCH);
  return void_result(c.signal(signal, true));
}

pipe_writer& process::input() noexcept {
  child& c = child_here();
  if (!c.input) misuse("input() of a process whose input is no pipe (options.input = stdio::pipe)");
  c.input_was_asked_for = true;
  return *c.input;
}

pipe_reader& process::output() noexcept {
  child& c = child_here();
  if (!c.output)
    misuse("output() of a process whose output is no pipe (options.output = stdio::pipe)");
  return *c.output;
}

pipe_reader& process::error_output() noexcept {
  child& c = child_here();
  if (!c.error_output)
    misuse(
        "error_output() of a process whose error output is no pipe (options.error_output = "
        "stdio::pipe)");
  return *c.error_output;
}

void process::detach() noexcept {
  child_here().kill_when_dropped = false;
  child_.reset();
}

// ---- Its end -----------------------------------------------------------------------------------

void detail::child_deleter::operator()(child* c) const noexcept {
  std::unique_ptr<child> gone(c);
  if (gone->waiting.in_use())
    misuse("a process is destroyed or detached while a task waits for its end");
  gone->input.reset();
  gone->output.reset();
  gone->error_output.reset();
  if (gone->is_over()) return;
  if (gone->kill_when_dropped) gone->end();
  reap_later(std::move(gone));
}

std::string exit_status::to_string() const {
  if (code) return "exit code " + std::to_string(*code);
  if (!signal) return "nothing";
  std::string text = "signal " + std::to_string(*signal);
  if (const char* name = ::sigdescr_np(*signal)) {
    text += std::string(" (") + name + (core_dumped ? ", core dumped)" : ")");
  } else if (core_dumped) {
    text += " (core dumped)";
  }
  return text;
}

}  // namespace eddy
