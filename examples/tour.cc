// The tour: everything that the loop can wait for, at once. Files, work for the pool, timers, and
// an HTTP request, by name, to a server of its own. Nobody stops it: it ends when nothing is
// pending.
//
//   tour [--trace] [FILE]     --trace: also each tick, and in which phase each line was printed
#include <eddy/eddy.h>

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;

// ---- What is printed

/// Prints lines with the time, and with --trace the tick and the phase they belong to. Hooks tell
/// the phases: whatever runs between the prepare and the check hook of a tick runs in its poll
/// phase.
class journal {
 public:
  void begin(eddy::runtime& rt, bool trace) {
    runtime_ = &rt;
    trace_ = trace;
    start_ = rt.now();
    if (!trace) return;
    before_poll_ = rt.add_hook(eddy::phase::prepare, [this] { poll_begins(); });
    after_poll_ = rt.add_hook(eddy::phase::check, [this] { phase_ = "close"; });
  }
  void end() {
    before_poll_ = {};
    after_poll_ = {};
  }

  [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) {
    if (trace_) {
      enter_tick();
      std::printf("  %-8s", phase_);
    }
    std::printf("%5lld ms  ", elapsed());
    std::va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::printf("\n");
  }

 private:
  long long elapsed() const { return (runtime_->now() - start_) / 1ms; }

  void enter_tick() {
    if (tick_ == runtime_->ticks()) return;
    tick_ = runtime_->ticks();
    phase_ = "pending";  // the timers phase only takes off what is due; it runs here
    std::printf("tick %llu\n", static_cast<unsigned long long>(tick_));
  }

  void poll_begins() {
    enter_tick();
    phase_ = "poll";
    const eddy::pending_counts n = runtime_->pending();
    std::printf("  %-8s%5lld ms  (pending: timers %zu, operations %zu, pool work %zu)\n", phase_,
                elapsed(), n.timers, n.operations, n.pool_work);
  }

  eddy::runtime* runtime_ = nullptr;
  bool trace_ = false;
  eddy::time_point start_;
  std::uint64_t tick_ = 0;
  const char* phase_ = "main";  // before tick 1: main's first steps
  eddy::hook before_poll_;
  eddy::hook after_poll_;
};

static journal out;

// ---- Files and the pool

/// Slow on purpose, where that ends in this life; else modulo 2^64.
static std::uint64_t fibonacci(std::size_t n) {
  if (n < 2) return n;
  if (n <= 40) return fibonacci(n - 1) + fibonacci(n - 2);
  std::uint64_t before = 0;
  std::uint64_t last = 1;
  for (; n > 1; --n) before = std::exchange(last, before + last);
  return last;
}

static eddy::task<> first_read(std::string path) {
  out.say("first read of the file begins");
  const std::string text = co_await eddy::ok(eddy::read_file(path));
  out.say("first count: %zu characters", text.size());
  out.say("calculation of the Fibonacci number of %zu begins, on the pool", text.size());
  const std::uint64_t number = co_await eddy::offload(fibonacci, text.size());
  out.say("calculation has ended: %llu", static_cast<unsigned long long>(number));
}

static eddy::task<> second_and_third_read(std::string path) {
  out.say("second read of the file begins");
  const std::string second = co_await eddy::ok(eddy::read_file(path));
  out.say("second count: %zu characters; third read begins", second.size());
  const std::string third = co_await eddy::ok(eddy::read_file(path));
  out.say("third count: %zu characters", third.size());
}

// ---- Timers

static eddy::task<> zero_timer(int number) {
  out.say("zero timer %d begins", number);
  co_await eddy::sleep_for(0ms);
  out.say("zero timer %d is over", number);
}

static eddy::task<> timer_of_1000_ms() {
  out.say("timer of 1000 ms begins");
  co_await eddy::sleep_for(1000ms);
  out.say("timer of 1000 ms is over");
}

static eddy::task<> timer_of_3000_ms() {
  out.say("timer of 3000 ms begins");
  co_await eddy::sleep_for(3000ms);
  out.say("timer of 3000 ms is over; it begins one of 500 ms");
  co_await eddy::sleep_for(500ms);
  out.say("timer of 500 ms is over");
}

// ---- HTTP

/// The server's side of one connection: takes a request up to its empty line, and answers two
/// seconds later.
static eddy::task<> answer(eddy::tcp_stream stream) {
  std::string request;
  char buffer[1024];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const eddy::result<std::size_t> n = co_await stream.read(buffer);
    if (!n || *n == 0 || request.size() > 65536) co_return;
    request.append(buffer, *n);
  }
  out.say("server: has read a request, answers in 2000 ms");
  co_await eddy::sleep_for(2000ms);
  const eddy::result<void> sent =
      co_await eddy::write_all(stream,
                               "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
                               "16\r\nConnection: close\r\n\r\nThe tea is ready");
  if (!sent) out.say("server: cannot answer: %s", sent.error().message().c_str());
}

/// Would go on for ever; spawned in the background, it does not hold the loop.
static eddy::task<> serve(eddy::tcp_listener listener) {
  const eddy::result<void> end = co_await eddy::serve(listener, answer);
  if (!end) out.say("server: cannot accept: %s", end.error().message().c_str());
}

static eddy::task<> http_request(std::string host, std::uint16_t port) {
  out.say("HTTP request to %s begins", host.c_str());
  eddy::tcp_stream stream = co_await eddy::ok(eddy::connect(host, port));
  const std::string request = "GET / HTTP/1.1\r\nHost: " + host + ":" + std::to_string(port) +
                              "\r\nConnection: close\r\n\r\n";
  co_await eddy::ok(eddy::write_all(stream, request));
  std::string response;
  char buffer[1024];
  for (;;) {
    const std::size_t n = co_await eddy::ok(stream.read(buffer));
    if (n == 0) break;
    response.append(buffer, n);
  }
  const std::size_t head = response.find("\r\n\r\n");
  out.say("HTTP response: %s; body: %s", response.substr(0, response.find("\r\n")).c_str(),
          head == std::string::npos ? "none" : response.c_str() + head + 4);
}

// ---- All of it

static eddy::task<> tour(std::string path) {
  eddy::tcp_listener listener = eddy::tcp_listener::bind(eddy::socket_address::loopback(0)).value();
  const std::uint16_t port = listener.local_address().port();
  eddy::spawn_background(serve, std::move(listener));

  // Nothing of this runs inside spawn: they begin, in this order, when main has ended (or waits).
  eddy::spawn(first_read, path);
  eddy::spawn(zero_timer, 1);
  eddy::spawn(zero_timer, 2);
  eddy::spawn(second_and_third_read, path);
  eddy::spawn(timer_of_3000_ms);
  eddy::spawn(timer_of_1000_ms);
  eddy::spawn(http_request, "localhost", port);
  out.say("main has ended; what it began goes on");
  co_return;
}

/// A file of 39 characters in a folder of its own, for as long as this lives.
class temporary_file {
 public:
  temporary_file() {
    std::string name = (std::filesystem::temp_directory_path() / "eddy-tour-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::system_error(errno, std::system_category(), name);
    folder_ = name;
    std::ofstream(path()) << "A file of thirty-nine characters, as is";
  }
  ~temporary_file() {
    std::error_code ignored;  // it lies in the folder for temporary files
    std::filesystem::remove_all(folder_, ignored);
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  std::string path() const { return (folder_ / "text.txt").string(); }

 private:
  std::filesystem::path folder_;
};

int main(int count, char** arguments) try {
  bool trace = false;
  std::string path;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(arguments[i], "--trace") == 0) {
      trace = true;
    } else if (arguments[i][0] != '-' && path.empty()) {
      path = arguments[i];
    } else {
      std::fprintf(stderr, "usage: %s [--trace] [FILE]\n", arguments[0]);
      return 2;
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  {
    const temporary_file file;
    eddy::runtime rt;
    std::printf("backend: %s\n", std::string(rt.backend_reason()).c_str());
    out.begin(rt, trace);
    eddy::run(rt, tour, path.empty() ? file.path() : path);
    out.end();
  }  // the pool's threads end with the runtime
  std::printf("FINISHED\n");
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "tour: %s\n", e.what());
  return 1;
}
