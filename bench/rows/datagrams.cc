// Row 17: both ends in one task.
#include <memory>
#include <vector>

#include <eddy/coro/run.h>
#include <eddy/coro/task.h>
#include <eddy/io/udp.h>

#include "bench/datagrams.h"
#include "bench/rows/backend.h"

namespace {

using eddy::task;
using eddy::udp_socket;

udp_socket bound(bool joins = false) {
  eddy::udp_options options;
  options.coalesce = joins;
  udp_socket made = udp_socket::bind(eddy::socket_address::loopback(0), options).value();
  made.set_receive_buffer(bench::queue_bytes).value();
  return made;
}

task<> one_by_one(udp_socket& a, udp_socket& b, long n) {
  std::array<char, 2048> in;
  const std::array<char, bench::datagram_size> out{};
  const eddy::socket_address to = b.local_address();
  for (long i = 0; i < n; ++i) {
    const std::size_t sent = (co_await a.send_to(out, to)).value();
    const std::size_t received = (co_await b.receive(in)).value();
    bench::check(sent == received, "a datagram was lost");
  }
}

struct batch {
  std::array<char, bench::datagram_size> out{};
  std::array<std::array<char, 2048>, bench::batch_size> in;
  std::vector<eddy::outgoing> outgoing;
  std::vector<eddy::mutable_buffer> incoming;
  std::vector<eddy::datagram> told{bench::batch_size};
  eddy::socket_address to;

  explicit batch(const udp_socket& b) : incoming(in.begin(), in.end()), to(b.local_address()) {
    outgoing.assign(bench::batch_size, eddy::outgoing{out, &to});
  }
};

task<> by_batches(udp_socket& a, udp_socket& b, batch& all, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    const std::size_t sent = (co_await a.send_batch(all.outgoing)).value();
    const std::size_t received = (co_await b.receive_batch(all.incoming, all.told)).value();
    bench::check(sent == received && sent == bench::batch_size, "a datagram was lost");
  }
}

task<> joined(udp_socket& a, udp_socket& b, long rounds) {
  const std::vector<char> out(bench::joined_size);
  std::vector<char> in(65536);
  const eddy::socket_address to = b.local_address();
  eddy::send_options cut;
  cut.segment = bench::datagram_size;
  for (long i = 0; i < rounds; ++i) {
    const std::size_t sent = (co_await a.send_to(out, to, cut)).value();
    const eddy::datagram d = (co_await b.receive_from(in)).value();
    bench::check(sent == d.size && d.segment == cut.segment, "a datagram was lost");
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  eddy::runtime runtime;
  bench::print_backend(runtime);
  udp_socket a = bound(), b = bound(), joining = bound(true);
  const auto all = std::make_unique<batch>(b);
  rows.measure(bench::one_by_one_row, bench::one_by_one_operations,
               [&](long n) { eddy::run(runtime, one_by_one, std::ref(a), std::ref(b), n); });
  rows.measure(bench::batch_row, bench::batch_operations, [&](long n) {
    eddy::run(runtime, by_batches, std::ref(a), std::ref(b), std::ref(*all),
              bench::rounds_of(n, bench::batch_size));
  });
  rows.measure(bench::joined_row, bench::joined_operations, [&](long n) {
    eddy::run(runtime, joined, std::ref(a), std::ref(joining),
              bench::rounds_of(n, bench::segments));
  });
}
