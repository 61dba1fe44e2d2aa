// The limits of row 20: epoll, with a read and a write for each piece, or with a splice into a pipe and
// one out of it.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <memory>

#include "bench/copy_both_ways.h"
#include "bench/limit/ring.h"

namespace {

/// One direction: what moves what is there. False: nothing is; the end is handed on.
class direction {
 public:
  direction(int from, int to, bool by_splice) : from_(from), to_(to) {
    if (!by_splice) {
      buffer_ = std::make_unique<char[]>(bench::block_size);
    } else if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK)) {
      limit::fail("pipe2", errno);
    }
  }
  ~direction() {
    if (buffer_) return;
    close(pipe_[0]);
    close(pipe_[1]);
  }
  direction(const direction&) = delete;
  direction& operator=(const direction&) = delete;

  void move() {
    while (!ended_) {
      const long n = buffer_ ? read(from_, buffer_.get(), bench::block_size)
                             : splice(from_, nullptr, pipe_[1], nullptr, bench::block_size,
                                      SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (n < 0 && errno == EAGAIN) return;
      bench::check(n >= 0, "a read");
      if (n == 0) {
        ended_ = true;
        shutdown(to_, SHUT_WR);
      } else {
        hand_on(static_cast<std::size_t>(n));
        // A short read has taken all there was, of a stream that is not at its end.
        if (static_cast<std::size_t>(n) < bench::block_size) return;
      }
    }
  }
  bool ended() const noexcept { return ended_; }

 private:
  void hand_on(std::size_t n) {
    for (std::size_t sent = 0; sent < n;) {
      const long now = buffer_ ? send(to_, buffer_.get() + sent, n - sent, MSG_NOSIGNAL)
                               : splice(pipe_[0], nullptr, to_, nullptr, n - sent, SPLICE_F_MOVE);
      if (now < 0 && errno == EAGAIN) {
        pollfd room{to_, POLLOUT, 0};
        poll(&room, 1, -1);
        continue;
      }
      bench::check(now > 0, "a write");
      sent += static_cast<std::size_t>(now);
    }
  }

  int from_;
  int to_;
  int pipe_[2]{-1, -1};
  std::unique_ptr<char[]> buffer_;
  bool ended_ = false;
};

void copy(int one, int other, bool by_splice) {
  const int waits = epoll_create1(EPOLL_CLOEXEC);
  direction there(one, other, by_splice);
  direction back(other, one, by_splice);
  for (int i = 0; i < 2; ++i) {
    const int from = i == 0 ? one : other;
    fcntl(from, F_SETFL, fcntl(from, F_GETFL) | O_NONBLOCK);
    epoll_event wanted{EPOLLIN | EPOLLRDHUP | EPOLLET, {.ptr = i == 0 ? &there : &back}};
    if (epoll_ctl(waits, EPOLL_CTL_ADD, from, &wanted)) limit::fail("epoll_ctl", errno);
  }
  while (!there.ended() || !back.ended()) {
    epoll_event found[2];
    const int n = epoll_wait(waits, found, 2, -1);
    for (int i = 0; i < n; ++i) {
      auto& which = *static_cast<direction*>(found[i].data.ptr);
      which.move();
      // The end may have come with the last bytes: its event was this one.
      if (found[i].events & EPOLLRDHUP) which.move();
    }
  }
  close(waits);
  close(one);
  close(other);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments, {"copy", "splice"});
  bench::measure_copy(
      rows, [&](int one, int other, long) { copy(one, other, rows.variant() == "splice"); });
}
