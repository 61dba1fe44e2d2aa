// Row 17 in libuv: uv_udp_try_send for each datagram, and receiving by 20 (UV_UDP_RECVMMSG), or one by
// one. It knows no segments: what others send as one buffer is 54 datagrams here.
#include <uv.h>

#include <algorithm>
#include <memory>

#include "bench/datagrams.h"

namespace {

constexpr std::size_t slot_size = 65536;  // of each datagram in a batch, as libuv cuts the buffer
constexpr std::size_t most_received = 20;

struct ends {
  uv_loop_t loop;
  uv_udp_t a;
  uv_udp_t b;
  sockaddr_in at{};
  long at_once = 1;
  long missing = 0;  // of those that were sent together
  long left = 0;     // rounds
  std::unique_ptr<char[]> in = std::make_unique<char[]>(most_received * slot_size);

  explicit ends(bool by_batches) {
    uv_loop_init(&loop);
    uv_udp_init(&loop, &a);
    uv_udp_init_ex(&loop, &b, AF_INET | (by_batches ? UV_UDP_RECVMMSG : 0));
    b.data = this;
    uv_ip4_addr("127.0.0.1", 0, &at);
    int size = sizeof at;
    int queue = bench::queue_bytes;
    bench::check(uv_udp_bind(&a, reinterpret_cast<sockaddr*>(&at), 0) == 0 &&
                     uv_udp_bind(&b, reinterpret_cast<sockaddr*>(&at), 0) == 0 &&
                     uv_udp_getsockname(&b, reinterpret_cast<sockaddr*>(&at), &size) == 0 &&
                     uv_recv_buffer_size(reinterpret_cast<uv_handle_t*>(&b), &queue) == 0,
                 "two sockets");
  }
  ends(const ends&) = delete;
  ends& operator=(const ends&) = delete;
  ~ends() {
    uv_close(reinterpret_cast<uv_handle_t*>(&a), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&b), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }

  void send_round() {
    static char out[bench::datagram_size];
    uv_buf_t part = uv_buf_init(out, sizeof out);
    missing = at_once;
    for (long i = 0; i < at_once; ++i) {
      bench::check(uv_udp_try_send(&a, &part, 1, reinterpret_cast<sockaddr*>(&at)) ==
                       static_cast<int>(bench::datagram_size),
                   "a datagram was not sent");
    }
  }
  void run(long rounds, std::size_t together) {
    at_once = static_cast<long>(together);
    left = rounds;
    const auto allocate = [](uv_handle_t* handle, std::size_t, uv_buf_t* part) {
      ends& e = *static_cast<ends*>(handle->data);
      const std::size_t size = e.at_once == 1 ? slot_size : most_received * slot_size;
      *part = uv_buf_init(e.in.get(), static_cast<unsigned>(size));
    };
    const auto received = [](uv_udp_t* socket, ssize_t n, const uv_buf_t*, const sockaddr* from,
                             unsigned) {
      if (!from) return;  // nothing more, or the end of a batch
      ends& e = *static_cast<ends*>(socket->data);
      bench::check(n == static_cast<ssize_t>(bench::datagram_size), "a datagram was lost");
      if (--e.missing > 0) return;
      if (--e.left > 0) {
        e.send_round();
      } else {
        uv_udp_recv_stop(socket);
      }
    };
    uv_udp_recv_start(&b, allocate, received);
    send_round();
    uv_run(&loop, UV_RUN_DEFAULT);
  }
};

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  ends single(false);
  ends batches(true);
  rows.measure(bench::one_by_one_row, bench::one_by_one_operations / 2,
               [&](long n) { single.run(n, 1); });
  rows.measure(bench::batch_row, bench::batch_operations / 2, [&](long n) {
    batches.run(bench::rounds_of(n, bench::batch_size), bench::batch_size);
  });
  rows.measure(bench::joined_row, bench::joined_operations / 12,
               [&](long n) { batches.run(bench::rounds_of(n, bench::segments), bench::segments); });
}
