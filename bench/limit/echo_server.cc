// The limits of rows 8, 10 and 16: echo servers that do nothing else, in four ways. On io_uring
// with sends through the ring, with sends attempted first, or with a multishot receive into lent
// buffers; and on epoll, registered once, edge-triggered. One receive and one send for each
// connection in a round: fair, as row 16 asks.
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <new>
#include <vector>

#include "bench/limit/ring.h"
#include "bench/server.h"

namespace {

struct connection {
  int descriptor;
  std::size_t from = 0;  // what is to be sent: buffer[from..to)
  std::size_t to = 0;
  bool runnable = false;        // epoll: stands in the list of those with something left
  bool waits_to_write = false;  // epoll
  bool ended = false;           // multishot: its last completion has come
  // multishot: lent buffers to be sent, first to last (index | length << 32)
  std::vector<std::uint64_t> parts;
  std::size_t room = bench::echo_buffer;
  char* buffer() noexcept { return reinterpret_cast<char*>(this + 1); }
};

enum tag : std::uint64_t { received, sent, accepted };

class server {
 public:
  server(int listener, bool busy, std::size_t room)
      : listener_(listener), busy_(busy), room_(room) {}

 protected:
  ~server() = default;
  connection* make(int descriptor) const {
    bench::set_no_delay(descriptor);
    auto* c = new (::operator new(sizeof(connection) + room_)) connection;
    c->room = room_;
    c->descriptor = descriptor;
    return c;
  }
  static void end(connection* c) {
    ::close(c->descriptor);
    c->~connection();
    ::operator delete(c);
  }
  /// What is left, without waiting. False: it has to wait.
  static bool send_now(connection& c) {
    const long n =
        ::send(c.descriptor, c.buffer() + c.from, c.to - c.from, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) c.from += static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN) c.from = c.to;  // the next receive says what is wrong
    return c.from == c.to;
  }
  int listener_;
  bool busy_;
  std::size_t room_;
};

// ---- io_uring, one receive at a time

class ring_server : server {
 public:
  ring_server(int listener, bool busy, std::size_t room, bool attempts)
      : server(listener, busy, room), attempts_(attempts) {}

  void run() {
    io_uring_prep_multishot_accept(ring_.entry(nullptr, accepted), listener_, nullptr, nullptr,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (;;) {
      if (busy_) bench::compute();
      ring_.enter(!busy_);
      ring_.reap([&](void* data, std::uint64_t what, const io_uring_cqe& completion) {
        completed(static_cast<connection*>(data), what, completion.res);
      });
    }
  }

 private:
  void completed(connection* c, std::uint64_t what, int result) {
    if (what == accepted) {
      if (result >= 0) receive(*make(result));
      return;
    }
    if (result <= 0) return end(c);
    if (what == sent) {
      c->from += static_cast<std::size_t>(result);
    } else {
      c->from = 0;
      c->to = static_cast<std::size_t>(result);
      if (attempts_) static_cast<void>(send_now(*c));
    }
    if (c->from == c->to) {
      receive(*c);
    } else {
      io_uring_prep_send(ring_.entry(c, sent), c->descriptor, c->buffer() + c->from,
                         c->to - c->from, MSG_NOSIGNAL);
    }
  }
  void receive(connection& c) {
    io_uring_prep_recv(ring_.entry(&c, received), c.descriptor, c.buffer(), c.room, 0);
  }

  limit::ring ring_;
  bool attempts_;
};

// ---- io_uring, multishot receive

class multishot_server : server {
 public:
  multishot_server(int listener, bool busy) : server(listener, busy, 0) {
    memory_ = std::make_unique<char[]>(count * bytes);
    io_uring_buf_reg description{};
    if (posix_memalign(reinterpret_cast<void**>(&lent_), 4096, count * sizeof(io_uring_buf))) {
      limit::fail("posix_memalign", ENOMEM);
    }
    description.ring_addr = reinterpret_cast<std::uintptr_t>(lent_);
    description.ring_entries = count;
    if (const int answer = io_uring_register_buf_ring(ring_.get(), &description, 0)) {
      limit::fail("io_uring_register_buf_ring", -answer);
    }
    io_uring_buf_ring_init(lent_);
    for (unsigned i = 0; i < count; ++i) lend(i);
  }

  void run() {
    io_uring_prep_multishot_accept(ring_.entry(nullptr, accepted), listener_, nullptr, nullptr,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (;;) {
      if (busy_) bench::compute();
      ring_.enter(!busy_);
      ring_.reap([&](void* data, std::uint64_t what, const io_uring_cqe& completion) {
        completed(static_cast<connection*>(data), what, completion);
      });
    }
  }

 private:
  static constexpr unsigned count = 4096;
  static constexpr unsigned bytes = 2048;
  char* place_of(std::uint64_t part) {
    return memory_.get() + static_cast<std::uint32_t>(part) * std::size_t{bytes};
  }

  void lend(unsigned i) {
    io_uring_buf_ring_add(lent_, memory_.get() + std::size_t{i} * bytes, bytes,
                          static_cast<unsigned short>(i), io_uring_buf_ring_mask(count), 0);
    io_uring_buf_ring_advance(lent_, 1);
  }
  void receive(connection& c) {
    io_uring_sqe* q = ring_.entry(&c, received);
    io_uring_prep_recv(q, c.descriptor, nullptr, 0, 0);
    q->ioprio |= IORING_RECV_MULTISHOT;
    q->flags |= IOSQE_BUFFER_SELECT;
    q->buf_group = 0;
  }
  void send_first(connection& c) {
    const std::uint64_t part = c.parts.front();
    io_uring_prep_send(ring_.entry(&c, sent), c.descriptor, place_of(part) + c.from,
                       (part >> 32) - c.from, MSG_NOSIGNAL);
  }
  void completed(connection* c, std::uint64_t what, const io_uring_cqe& completion) {
    const int result = completion.res;
    if (what == accepted) {
      if (result >= 0) receive(*make(result));
      return;
    }
    if (what == sent) {
      c->from += result > 0 ? static_cast<std::size_t>(result) : bytes;
      if (c->from >= c->parts.front() >> 32) {
        lend(static_cast<std::uint32_t>(c->parts.front()));
        c->parts.erase(c->parts.begin());
        c->from = 0;
      }
      if (!c->parts.empty()) {
        send_first(*c);
      } else if (c->ended) {
        end(c);
      }
      return;
    }
    if (result > 0) {
      c->parts.push_back(std::uint64_t{completion.flags >> IORING_CQE_BUFFER_SHIFT} |
                         static_cast<std::uint64_t>(result) << 32);
      if (c->parts.size() == 1) send_first(*c);
      if (!(completion.flags & IORING_CQE_F_MORE)) receive(*c);
    } else if (result == -ENOBUFS) {
      receive(*c);
    } else {
      c->ended = true;
      if (c->parts.empty()) end(c);
    }
  }

  limit::ring ring_;
  std::unique_ptr<char[]> memory_;
  io_uring_buf_ring* lent_ = nullptr;
};

// ---- epoll

class epoll_server : server {
 public:
  epoll_server(int listener, bool busy, std::size_t room)
      : server(listener, busy, room), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  void run() {
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
    epoll_event events[256];
    std::vector<connection*> round;
    for (;;) {
      if (busy_) bench::compute();
      const int n = epoll_wait(epoll_, events, 256, busy_ || !runnable_.empty() ? 0 : -1);
      for (int i = 0; i < n; ++i) {
        auto* c = static_cast<connection*>(events[i].data.ptr);
        if (!c) {
          accept_all();
        } else if (!c->runnable) {
          c->runnable = true;
          runnable_.push_back(c);
        }
      }
      round.swap(runnable_);
      for (connection* c : round) {
        c->runnable = false;
        serve(c);
      }
      round.clear();
    }
  }

 private:
  void watch(int how, int descriptor, std::uint32_t events, connection* c) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = c;
    if (epoll_ctl(epoll_, how, descriptor, &event)) limit::fail("epoll_ctl", errno);
  }
  void accept_all() {
    int descriptor;
    while ((descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
      watch(EPOLL_CTL_ADD, descriptor, EPOLLIN | EPOLLRDHUP | EPOLLET, make(descriptor));
    }
  }
  void serve(connection* c) {
    if (c->from != c->to && !send_now(*c)) return;  // an event will come
    const long n = ::recv(c->descriptor, c->buffer(), c->room, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return end(c);
    c->from = 0;
    c->to = static_cast<std::size_t>(n);
    const bool all = send_now(*c);
    if (!all && !c->waits_to_write) {
      c->waits_to_write = true;
      watch(EPOLL_CTL_MOD, c->descriptor, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c);
    } else if (all && c->to == c->room) {
      c->runnable = true;  // perhaps there is more, and no event will tell
      runnable_.push_back(c);
    } else if (all && c->waits_to_write) {
      c->runnable = true;
      runnable_.push_back(c);
    }
  }

  int epoll_;
  std::vector<connection*> runnable_;
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments, {"ring", "attempts", "multishot", "epoll"});
  const bool busy = bench::is_busy(count, arguments);
  const std::size_t room =
      bench::is_to_hold(count, arguments) ? bench::small_buffer : bench::echo_buffer;
  const int listener = bench::listen_at_any_port();
  if (rows.variant() == "epoll") epoll_server(listener, busy, room).run();
  if (rows.variant() == "multishot") multishot_server(listener, busy).run();
  ring_server(listener, busy, room, rows.variant() == "attempts").run();
}
