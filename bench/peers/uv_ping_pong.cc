// Row 7 in libuv: uv_try_write, and where that has to wait uv_write.
#include <sys/socket.h>
#include <uv.h>

#include <memory>

#include "bench/ping_pong.h"

namespace {

struct end {
  uv_pipe_t pipe;
  uv_write_t request;
  bool pings = false;
  long round = 0;
  long rounds = 0;
  end* other = nullptr;
  bench::message sent;
  bench::read_buffer got;
};

void send(end& e) {
  uv_buf_t part = uv_buf_init(e.pings ? e.sent.data() : e.got.bytes.data(), sizeof e.sent);
  const int n = uv_try_write(reinterpret_cast<uv_stream_t*>(&e.pipe), &part, 1);
  if (n == UV_EAGAIN) {
    uv_write(&e.request, reinterpret_cast<uv_stream_t*>(&e.pipe), &part, 1, nullptr);
  } else {
    bench::check(n == static_cast<int>(sizeof e.sent), "a short write");
  }
}
void allocate(uv_handle_t* handle, std::size_t, uv_buf_t* part) {
  end& e = *static_cast<end*>(handle->data);
  *part = uv_buf_init(e.got.bytes.data(), static_cast<unsigned>(e.got.bytes.size()));
}
void received(uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
  if (n == 0) return;
  end& e = *static_cast<end*>(stream->data);
  bench::check(n == static_cast<ssize_t>(sizeof e.sent), "a short read");
  if (e.pings) {
    bench::check(e.got.holds(e.sent), "what came back is not what was sent");
    if (++e.round == e.rounds) {
      uv_close(reinterpret_cast<uv_handle_t*>(&e.pipe), nullptr);
      uv_close(reinterpret_cast<uv_handle_t*>(&e.other->pipe), nullptr);
      return;
    }
    e.sent = bench::message_of(e.round);
  }
  send(e);
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  for (const auto& row : bench::ping_pong_rows) {
    rows.measure(row.name, row.operations / 2, [&](long n) {
      uv_loop_t loop;
      uv_loop_init(&loop);
      const auto ends = std::make_unique<end[]>(static_cast<std::size_t>(2 * row.pairs));
      for (int i = 0; i < 2 * row.pairs; i += 2) {
        int both[2];
        bench::check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both) == 0,
                     "socketpair");
        for (int side = 0; side < 2; ++side) {
          end& e = ends[static_cast<std::size_t>(i + side)];
          uv_pipe_init(&loop, &e.pipe, 0);
          uv_pipe_open(&e.pipe, both[side]);
          e.pipe.data = &e;
          e.pings = side == 0;
          e.rounds = bench::rounds_of(row, n);
          e.other = &ends[static_cast<std::size_t>(i + 1 - side)];
          uv_read_start(reinterpret_cast<uv_stream_t*>(&e.pipe), allocate, received);
        }
      }
      for (int i = 0; i < 2 * row.pairs; i += 2) {
        ends[static_cast<std::size_t>(i)].sent = bench::message_of(0);
        send(ends[static_cast<std::size_t>(i)]);
      }
      uv_run(&loop, UV_RUN_DEFAULT);
      uv_loop_close(&loop);
    });
  }
}
