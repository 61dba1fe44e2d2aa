// Rows 8, 10 and 16 in libuv: uv_try_write, and where not all is taken uv_write, until which
// reading stops.
#include <uv.h>

#include <new>

#include "bench/server.h"

namespace {

struct connection {
  uv_tcp_t stream;
  uv_write_t request;
  char* buffer() noexcept { return reinterpret_cast<char*>(this + 1); }
};
std::size_t room = bench::echo_buffer;

void end(uv_stream_t* stream) {
  uv_close(reinterpret_cast<uv_handle_t*>(stream),
           [](uv_handle_t* handle) { ::operator delete(handle->data); });
}
void allocate(uv_handle_t* handle, std::size_t, uv_buf_t* part) {
  *part =
      uv_buf_init(static_cast<connection*>(handle->data)->buffer(), static_cast<unsigned>(room));
}
void received(uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
  connection& c = *static_cast<connection*>(stream->data);
  if (n == 0) return;
  if (n < 0) return end(stream);
  uv_buf_t part = uv_buf_init(c.buffer(), static_cast<unsigned>(n));
  const int taken = uv_try_write(stream, &part, 1);
  if (taken == n) return;
  if (taken < 0 && taken != UV_EAGAIN) return end(stream);
  if (taken > 0) part = uv_buf_init(c.buffer() + taken, static_cast<unsigned>(n - taken));
  uv_read_stop(stream);
  uv_write(&c.request, stream, &part, 1, [](uv_write_t* request, int status) {
    if (status) {
      end(request->handle);
    } else {
      uv_read_start(request->handle, allocate, received);
    }
  });
}
void connected(uv_stream_t* listener, int status) {
  if (status) return;
  auto* c = new (::operator new(sizeof(connection) + room)) connection;
  uv_tcp_init(listener->loop, &c->stream);
  c->stream.data = c;
  auto* stream = reinterpret_cast<uv_stream_t*>(&c->stream);
  if (uv_accept(listener, stream)) return end(stream);
  uv_tcp_nodelay(&c->stream, 1);
  uv_read_start(stream, allocate, received);
}

}  // namespace

int main(int count, char** arguments) {
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  sockaddr_in address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_bind(&listener, reinterpret_cast<sockaddr*>(&address), 0);
  bench::check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, connected) == 0,
               "uv_listen");
  int size = sizeof address;
  uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &size);
  bench::print_port(ntohs(address.sin_port));
  if (bench::is_to_hold(count, arguments)) room = bench::small_buffer;
  uv_idle_t idle;
  uv_idle_init(loop, &idle);
  if (bench::is_busy(count, arguments)) uv_idle_start(&idle, [](uv_idle_t*) { bench::compute(); });
  uv_run(loop, UV_RUN_DEFAULT);
}
