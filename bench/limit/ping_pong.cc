// The limits of row 7: what each end does next follows from its last completion or event. Each end
// has one thing in flight, as a task that awaits one thing at a time has.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "bench/limit/ring.h"
#include "bench/ping_pong.h"

namespace {

struct end {
  int descriptor = -1;
  bool pings = false;
  long round = 0;
  bench::message sent;
  bench::read_buffer got;
  /// What this end sends: its message, or what it got.
  const char* bytes() const noexcept { return pings ? sent.data() : got.bytes.data(); }
};

struct pairs {
  explicit pairs(int n) : ends(std::make_unique<end[]>(static_cast<std::size_t>(2 * n))), count(n) {
    for (int i = 0; i < n; ++i) {
      int both[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both)) {
        limit::fail("socketpair", errno);
      }
      ends[2 * i].descriptor = both[0];
      ends[2 * i].pings = true;
      ends[2 * i + 1].descriptor = both[1];
    }
  }
  ~pairs() {
    for (int i = 0; i < 2 * count; ++i) close(ends[i].descriptor);
  }
  std::unique_ptr<end[]> ends;
  int count;
};

void check_round(const end& e) noexcept {
  bench::check(e.got.holds(e.sent), "what came back is not what was sent");
}
void check_moved(long n) noexcept {
  bench::check(n == static_cast<long>(sizeof(bench::message)), "not all of a message was moved");
}

// ---- io_uring; sends through the ring, or attempted first

class through_ring {
 public:
  explicit through_ring(bool attempts) : attempts_(attempts) {}

  void run(pairs& all, long rounds) {
    left_ = all.count;
    for (int i = 0; i < 2 * all.count; ++i) {
      end& e = all.ends[i];
      e.round = 0;
      if (e.pings) {
        e.sent = bench::message_of(0);
        send(e);
      } else {
        receive(e);
      }
    }
    while (left_ || receiving_ > all.count) {
      ring_.enter(true);
      ring_.reap([&](void* data, std::uint64_t sent, const io_uring_cqe& c) {
        end& e = *static_cast<end*>(data);
        check_moved(c.res);
        if (sent) {
          receive(e);
        } else {
          received(e, rounds);
        }
      });
    }
    // The answering ends wait for one more message: they get it, so that nothing is in flight.
    for (int i = 0; i < 2 * all.count; ++i) {
      end& e = all.ends[i];
      if (e.pings) check_moved(::send(e.descriptor, e.bytes(), sizeof e.sent, 0));
    }
    while (receiving_) {
      ring_.enter(true);
      ring_.reap([&](void*, std::uint64_t, const io_uring_cqe&) { --receiving_; });
    }
  }

 private:
  void send(end& e) {
    if (attempts_) {
      const long n = ::send(e.descriptor, e.bytes(), sizeof e.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n >= 0) {
        check_moved(n);
        return receive(e);
      }
    }
    io_uring_prep_send(ring_.entry(&e, 1), e.descriptor, e.bytes(), sizeof e.sent, MSG_NOSIGNAL);
  }
  void receive(end& e) {
    ++receiving_;
    io_uring_prep_recv(ring_.entry(&e), e.descriptor, e.got.bytes.data(), e.got.bytes.size(), 0);
  }
  void received(end& e, long rounds) {
    --receiving_;
    if (e.pings) {
      check_round(e);
      if (++e.round == rounds) {
        --left_;
        return;
      }
      e.sent = bench::message_of(e.round);
    }
    send(e);
  }

  limit::ring ring_;
  bool attempts_;
  int left_ = 0;
  int receiving_ = 0;
};

// ---- epoll: registered once, edge-triggered; a short receive leaves nothing behind

class by_epoll {
 public:
  by_epoll() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~by_epoll() { close(epoll_); }

  void run(pairs& all, long rounds) {
    for (int i = 0; i < 2 * all.count; ++i) {
      end& e = all.ends[i];
      e.round = 0;
      epoll_event event{};
      event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
      event.data.ptr = &e;
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, e.descriptor, &event) && errno != EEXIST) {
        limit::fail("epoll_ctl", errno);
      }
    }
    int left = all.count;
    for (int i = 0; i < 2 * all.count; i += 2) {
      all.ends[i].sent = bench::message_of(0);
      send(all.ends[i]);
    }
    epoll_event events[256];
    while (left) {
      const int n = epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < n; ++i) {
        end& e = *static_cast<end*>(events[i].data.ptr);
        const long got = ::recv(e.descriptor, e.got.bytes.data(), e.got.bytes.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) continue;
        check_moved(got);
        if (e.pings) {
          check_round(e);
          if (++e.round == rounds) {
            --left;
            continue;
          }
          e.sent = bench::message_of(e.round);
        }
        send(e);
      }
    }
  }

 private:
  static void send(end& e) {
    check_moved(::send(e.descriptor, e.bytes(), sizeof e.sent, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  int epoll_;
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments, {"ring", "attempts", "epoll"});
  const bool epoll = rows.variant() == "epoll";
  for (const auto& row : bench::ping_pong_rows) {
    if (!rows.wants(row.name)) continue;
    pairs all(row.pairs);
    by_epoll by_events;
    through_ring by_completions(rows.variant() == "attempts");
    rows.measure(row.name, row.operations, [&](long n) {
      if (epoll) {
        by_events.run(all, bench::rounds_of(row, n));
      } else {
        by_completions.run(all, bench::rounds_of(row, n));
      }
    });
  }
}
