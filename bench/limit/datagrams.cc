// The limits of row 17: the system calls alone.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "bench/datagrams.h"
#include "bench/limit/ring.h"

namespace {

class udp {
 public:
  explicit udp(bool joins = false)
      : number_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    at_.sin_family = AF_INET;
    at_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at_;
    if (::bind(number_, address(), size) || ::getsockname(number_, address(), &size))
      limit::fail("bind", errno);
    const int on = 1;
    ::setsockopt(number_, SOL_SOCKET, SO_RCVBUF, &bench::queue_bytes, sizeof(int));
    if (joins && ::setsockopt(number_, SOL_UDP, UDP_GRO, &on, sizeof on))
      limit::fail("UDP_GRO", errno);
  }
  ~udp() { ::close(number_); }
  udp(const udp&) = delete;
  udp& operator=(const udp&) = delete;

  int number() const noexcept { return number_; }
  sockaddr* address() noexcept { return reinterpret_cast<sockaddr*>(&at_); }

 private:
  int number_;
  sockaddr_in at_{};
};

void one_by_one(udp& a, udp& b, long n) {
  std::array<char, 2048> in;
  const std::array<char, bench::datagram_size> out{};
  for (long i = 0; i < n; ++i) {
    const long sent = ::sendto(a.number(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               b.address(), sizeof(sockaddr_in));
    const long received = ::recv(b.number(), in.data(), in.size(), MSG_DONTWAIT);
    bench::check(sent == received, "a datagram was lost");
  }
}

struct batch {
  std::array<char, bench::datagram_size> out{};
  std::array<std::array<char, 2048>, bench::batch_size> in;
  std::array<sockaddr_in, bench::batch_size> names;
  std::array<iovec, bench::batch_size> out_parts, in_parts;
  std::array<mmsghdr, bench::batch_size> outgoing{}, incoming{};

  explicit batch(udp& to) {
    for (std::size_t i = 0; i < bench::batch_size; ++i) {
      out_parts[i] = {out.data(), out.size()};
      in_parts[i] = {in[i].data(), in[i].size()};
      outgoing[i].msg_hdr.msg_name = to.address();
      outgoing[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
      outgoing[i].msg_hdr.msg_iov = &out_parts[i];
      incoming[i].msg_hdr.msg_name = &names[i];
      incoming[i].msg_hdr.msg_iov = &in_parts[i];
      outgoing[i].msg_hdr.msg_iovlen = incoming[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

void by_batches(udp& a, udp& b, batch& all, long rounds) {
  for (long i = 0; i < rounds; ++i) {
    const int sent =
        ::sendmmsg(a.number(), all.outgoing.data(), bench::batch_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    for (mmsghdr& m : all.incoming) m.msg_hdr.msg_namelen = sizeof(sockaddr_in);
    const int received =
        ::recvmmsg(b.number(), all.incoming.data(), bench::batch_size, MSG_DONTWAIT, nullptr);
    bench::check(sent == received && sent == bench::batch_size, "a datagram was lost");
  }
}

void joined(udp& a, udp& b, long rounds) {
  const auto out = std::make_unique<char[]>(bench::joined_size);
  const auto in = std::make_unique<char[]>(65536);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> cut{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> told;
  const cmsghdr head{CMSG_LEN(sizeof(std::uint16_t)), SOL_UDP, UDP_SEGMENT};
  const std::uint16_t size = bench::datagram_size;
  std::memcpy(cut.data(), &head, sizeof head);
  std::memcpy(cut.data() + CMSG_LEN(0), &size, sizeof size);
  sockaddr_in from;
  for (long i = 0; i < rounds; ++i) {
    iovec out_part{out.get(), bench::joined_size}, in_part{in.get(), 65536};
    msghdr m{};
    m.msg_name = b.address();
    m.msg_namelen = sizeof(sockaddr_in);
    m.msg_iov = &out_part;
    m.msg_iovlen = 1;
    m.msg_control = cut.data();
    m.msg_controllen = cut.size();
    const long sent = ::sendmsg(a.number(), &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    m.msg_name = &from;
    m.msg_iov = &in_part;
    m.msg_control = told.data();
    m.msg_controllen = told.size();
    const long received = ::recvmsg(b.number(), &m, MSG_DONTWAIT);
    bench::check(sent == received, "a datagram was lost");
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bench::program rows(count, arguments);
  udp a, b, joining(true);
  const auto all = std::make_unique<batch>(b);
  rows.measure(bench::one_by_one_row, bench::one_by_one_operations,
               [&](long n) { one_by_one(a, b, n); });
  rows.measure(bench::batch_row, bench::batch_operations,
               [&](long n) { by_batches(a, b, *all, bench::rounds_of(n, bench::batch_size)); });
  rows.measure(bench::joined_row, bench::joined_operations,
               [&](long n) { joined(a, joining, bench::rounds_of(n, bench::segments)); });
}
