// The load for all servers: one process, epoll, everything that comes back is compared byte for
// byte.
//
//     load PORT [--connections=N] [--size=BYTES] [--pipeline=N] [--seconds=T] [--churn] [--flood]
//     [--idle=N] [--pid=SERVER]
//
// Echo: each connection keeps `pipeline` messages on their way; the time is that from sending them
// until the last has come back. Churn: connect, one message, close, again and again. Flood: one
// more connection, not timed, that sends as fast as it is served. Idle: so many connections are
// made and served once, and the growth of the server's memory is taken. Prints `name<TAB>figure`,
// times in nanoseconds. `load_share` tells whether the load was the bottleneck: the part of one
// core that it used.
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "bench/measure.h"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

struct settings {
  std::uint16_t port = 0;
  int connections = 1;
  std::size_t size = 64;
  int pipeline = 1;
  double seconds = 1;
  bool churn = false;
  bool flood = false;
  int idle = 0;
  int server = 0;
};

settings read_settings(int count, char** arguments) {
  settings s;
  for (int i = 1; i < count; ++i) {
    const std::string a = arguments[i];
    const auto value = [&](const char* name) -> const char* {
      return a.rfind(name, 0) == 0 ? arguments[i] + std::strlen(name) : nullptr;
    };
    if (const char* v = value("--connections=")) {
      s.connections = std::atoi(v);
    } else if (const char* bytes = value("--size=")) {
      s.size = static_cast<std::size_t>(std::atol(bytes));
    } else if (const char* n = value("--pipeline=")) {
      s.pipeline = std::atoi(n);
    } else if (const char* t = value("--seconds=")) {
      s.seconds = std::atof(t);
    } else if (const char* pid = value("--pid=")) {
      s.server = std::atoi(pid);
    } else if (const char* idle = value("--idle=")) {
      s.idle = std::atoi(idle);
    } else if (a == "--churn") {
      s.churn = true;
    } else if (a == "--flood") {
      s.flood = true;
    } else {
      s.port = static_cast<std::uint16_t>(std::atoi(a.c_str()));
    }
  }
  if (!s.port || s.connections < 1 || s.pipeline < 1 || s.size < 8) {
    std::fprintf(stderr, "load: see the first lines of bench/load/load.cc\n");
    std::exit(2);
  }
  return s;
}

/// The time that all threads of the server have run, by the scheduler's own account.
double run_time_of(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  DIR* tasks = opendir(folder.c_str());
  if (!tasks) fail(folder.c_str());
  double sum = 0;
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.') continue;
    const std::string path = folder + "/" + entry->d_name + "/schedstat";
    std::FILE* file = std::fopen(path.c_str(), "r");
    double ran = 0;
    if (!file || std::fscanf(file, "%lf", &ran) != 1) fail(path.c_str());
    std::fclose(file);
    sum += ran;
  }
  closedir(tasks);
  return sum;
}

/// The bytes of all messages: a connection's stream is this, over and over, from a place of its own
/// on. The length is prime so that a message that is lost, doubled or another's shows.
constexpr std::size_t pattern_length = 65521;
constexpr std::size_t longest = 1 << 20;
const char* pattern() {
  static const auto bytes = [] {
    auto made = std::make_unique<char[]>(pattern_length + longest);
    bench::random_numbers random;
    for (std::size_t i = 0; i < pattern_length; ++i) made[i] = static_cast<char>(random());
    for (std::size_t i = pattern_length; i < pattern_length + longest; ++i) {
      made[i] = made[i - pattern_length];
    }
    return made;
  }();
  return bytes.get();
}

struct connection {
  int descriptor = -1;
  bool floods = false;
  bool connected = false;
  std::size_t sent_to = 0;      // place in the pattern
  std::size_t received_to = 0;  // place in the pattern
  std::size_t to_send = 0;
  std::size_t to_receive = 0;
  std::uint64_t started = 0;
  unsigned age = 0;  // which of the churn's source addresses
};

class load {
 public:
  explicit load(const settings& s)
      : settings_(s),
        batch_(s.size * static_cast<std::size_t>(s.pipeline)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (batch_ > longest) fail("size * pipeline is too large");
    times_.reserve(std::size_t{1} << 22);
  }

  void run() {
    const int all = settings_.connections + settings_.flood;
    const auto connections = std::make_unique<connection[]>(static_cast<std::size_t>(all));
    now_ = bench::now_ns();
    for (int i = 0; i < all; ++i) {
      connection& c = connections[static_cast<std::size_t>(i)];
      c.floods = i == settings_.connections;
      c.sent_to = c.received_to = static_cast<std::size_t>(i) * 7919 % pattern_length;
      open(c, !settings_.churn);
    }
    const double warm_up = std::min(0.3, settings_.seconds / 4);
    serve_until(now_ + static_cast<std::uint64_t>(warm_up * 1e9));
    const std::uint64_t started = now_ = bench::now_ns();
    const std::uint64_t own_cpu = bench::cpu_ns();
    const double cpu = settings_.server ? run_time_of(settings_.server) : 0;
    const std::uint64_t before = batches_;
    times_.clear();
    serve_until(started + static_cast<std::uint64_t>(settings_.seconds * 1e9));
    const auto elapsed = static_cast<double>(bench::now_ns() - started);
    const auto requests =
        static_cast<double>((batches_ - before) * static_cast<std::uint64_t>(settings_.pipeline));
    if (requests == 0) {
      std::fprintf(stderr, "load: nothing came back\n");
      std::exit(1);
    }
    if (settings_.server) {
      const double used = run_time_of(settings_.server) - cpu;
      bench::program::print("server_cpu", used / requests);
      bench::program::print("server_share", used / elapsed);
    }
    bench::program::print("load_share", static_cast<double>(bench::cpu_ns() - own_cpu) / elapsed);
    bench::program::print("requests_per_second", requests / elapsed * 1e9);
    bench::program::print("per_request", elapsed / requests);
    std::sort(times_.begin(), times_.end());
    bench::program::print("p50", at(0.5));
    bench::program::print("p99", at(0.99));
    bench::program::print("p999", at(0.999));
    if (settings_.flood)
      bench::program::print("flood_bytes_per_second",
                            static_cast<double>(flooded_) / elapsed * 1e9);
    bench::program::print(
        "operations",
        static_cast<double>(batches_ * static_cast<std::uint64_t>(settings_.pipeline)));
  }

 private:
  double at(double part) const {
    return static_cast<double>(
        times_[static_cast<std::size_t>(part * static_cast<double>(times_.size() - 1))]);
  }

  void open(connection& c, bool blocking) {
    c.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
    if (c.descriptor < 0) fail("socket");
    const int on = 1;
    setsockopt(c.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (settings_.churn) {
      // Closed connections keep their port for a minute: many source addresses have enough of them.
      setsockopt(c.descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      address.sin_addr.s_addr = htonl(0x7f000002u + c.age++ % 200);
      if (bind(c.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address)) fail("bind");
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(settings_.port);
    c.started = now_;
    if (connect(c.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) &&
        errno != EINPROGRESS) {
      fail("connect");
    }
    c.to_send = c.to_receive = batch_;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &c;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, c.descriptor, &event)) fail("epoll_ctl");
  }

  void serve_until(std::uint64_t end) {
    epoll_event events[1024];
    while (now_ < end) {
      const int n = epoll_wait(epoll_, events, 1024, flood_more_ ? 0 : 100);
      now_ = bench::now_ns();
      for (int i = 0; i < n; ++i)
        serve(*static_cast<connection*>(events[i].data.ptr), events[i].events);
      if (flood_more_) flood(*flood_more_);
    }
  }

  void serve(connection& c, std::uint32_t events) {
    if (events & EPOLLERR) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(c.descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
      errno = error;
      fail("connection");
    }
    if (c.floods) {
      flood_more_ = &c;
      return;
    }
    if (events & EPOLLOUT && c.to_send) send_some(c);
    if (events & EPOLLIN) receive_some(c);
  }

  void send_some(connection& c) {
    while (c.to_send) {
      const long n =
          send(c.descriptor, pattern() + c.sent_to, c.to_send, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) fail("send");
      c.sent_to = (c.sent_to + static_cast<std::size_t>(n)) % pattern_length;
      c.to_send -= static_cast<std::size_t>(n);
    }
  }

  /// False: nothing more is there now.
  bool receive_once(connection& c) {
    const long n = recv(c.descriptor, buffer_.get(), longest, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) fail("recv");
    if (n == 0) {
      std::fprintf(stderr, "load: the server has closed a connection\n");
      std::exit(1);
    }
    const auto got = static_cast<std::size_t>(n);
    if (got > c.to_receive || std::memcmp(buffer_.get(), pattern() + c.received_to, got) != 0) {
      std::fprintf(stderr, "load: what came back is not what was sent\n");
      std::exit(1);
    }
    c.received_to = (c.received_to + got) % pattern_length;
    c.to_receive -= got;
    return true;
  }

  void receive_some(connection& c) {
    while (c.to_receive) {
      if (!receive_once(c)) return;
    }
    now_ = bench::now_ns();
    times_.push_back(now_ - c.started);
    ++batches_;
    if (settings_.churn) {
      close(c.descriptor);
      return open(c, false);
    }
    c.started = now_;
    c.to_send = c.to_receive = batch_;
    send_some(c);
  }

  /// As much as there is room for, but no more in one round than the others can bear.
  void flood(connection& c) {
    constexpr std::size_t most = 64 * 1024;
    bool moved = false;
    const long n = send(c.descriptor, pattern() + c.sent_to, most, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      c.sent_to = (c.sent_to + static_cast<std::size_t>(n)) % pattern_length;
      c.to_receive += static_cast<std::size_t>(n);
      moved = true;
    }
    const std::size_t before = c.to_receive;
    if (c.to_receive && receive_once(c)) {
      flooded_ += before - c.to_receive;
      moved = true;
    }
    if (!moved) flood_more_ = nullptr;
  }

  settings settings_;
  std::size_t batch_;
  int epoll_;
  std::uint64_t now_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t flooded_ = 0;
  connection* flood_more_ = nullptr;
  std::vector<std::uint64_t> times_;
  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(longest);
};

/// Bytes of the server that are in memory and its own.
double memory_of(int pid) {
  std::FILE* file = std::fopen(("/proc/" + std::to_string(pid) + "/statm").c_str(), "r");
  double pages = 0;
  double shared = 0;
  if (!file || std::fscanf(file, "%*d %lf %lf", &pages, &shared) != 2) fail("statm");
  std::fclose(file);
  return (pages - shared) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// A connection that has sent one message and got it back.
void open_idle(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (descriptor < 0 || connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address))
    fail("connect");
  char back[64];
  if (send(descriptor, pattern(), sizeof back, MSG_NOSIGNAL) != sizeof back) fail("send");
  if (recv(descriptor, back, sizeof back, MSG_WAITALL) != sizeof back) fail("recv");
  bench::check(std::memcmp(back, pattern(), sizeof back) == 0,
               "what came back is not what was sent");
}

void hold_idle(const settings& s) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (int i = 0; i < 100; ++i) open_idle(s.port);
  const double before = memory_of(s.server);
  for (int i = 0; i < s.idle; ++i) open_idle(s.port);
  bench::program::print("idle_connection_bytes", (memory_of(s.server) - before) / s.idle);
  bench::program::print("operations", s.idle);
}

}  // namespace

int main(int count, char** arguments) {
  const settings s = read_settings(count, arguments);
  if (s.idle) {
    hold_idle(s);
  } else {
    load(s).run();
  }
}
