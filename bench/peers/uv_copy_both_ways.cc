// Row 20 in libuv: reading goes on where uv_try_write has taken all, else after the uv_write.
#include <uv.h>

#include <memory>

#include "bench/copy_both_ways.h"

namespace {

struct side {
  uv_tcp_t stream;
  uv_write_t request;
  uv_shutdown_t end;
  side* other = nullptr;
  std::unique_ptr<char[]> buffer = std::make_unique<char[]>(bench::block_size);
  bool ended = false;
};

uv_stream_t* of(side& s) {
  return reinterpret_cast<uv_stream_t*>(&s.stream);
}
void allocate(uv_handle_t* handle, std::size_t, uv_buf_t* part) {
  *part = uv_buf_init(static_cast<side*>(handle->data)->buffer.get(), bench::block_size);
}
void close_both(side& s) {
  for (side* which : {&s, s.other})
    uv_close(reinterpret_cast<uv_handle_t*>(&which->stream), nullptr);
}
void received(uv_stream_t* stream, ssize_t n, const uv_buf_t* whole) {
  if (n == 0) return;
  side& s = *static_cast<side*>(stream->data);
  if (n < 0) {
    bench::check(n == UV_EOF, "a read");
    s.end.data = &s;
    uv_shutdown(&s.end, of(*s.other), [](uv_shutdown_t* r, int) {
      side& from = *static_cast<side*>(r->data);
      from.ended = true;
      if (from.other->ended) close_both(from);
    });
    return;
  }
  uv_buf_t part = uv_buf_init(whole->base, static_cast<unsigned>(n));
  const int sent = uv_try_write(of(*s.other), &part, 1);
  if (sent == n) return;
  uv_read_stop(stream);
  const int done = sent < 0 ? 0 : sent;
  part = uv_buf_init(whole->base + done, static_cast<unsigned>(n - done));
  s.request.data = &s;
  uv_write(&s.request, of(*s.other), &part, 1, [](uv_write_t* r, int error) {
    bench::check(error == 0, "a write");
    uv_read_start(of(*static_cast<side*>(r->data)), allocate, received);
  });
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  bench::measure_copy(rows, [](int one, int other, long) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    side a;
    side b;
    a.other = &b;
    b.other = &a;
    for (auto [s, number] : {std::pair{&a, one}, std::pair{&b, other}}) {
      uv_tcp_init(&loop, &s->stream);
      uv_tcp_open(&s->stream, number);
      s->stream.data = s;
      uv_read_start(of(*s), allocate, received);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  });
}
