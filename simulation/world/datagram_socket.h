// Datagram sockets: UDP, Unix, pairs. Private.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "simulation/world/fifo.h"
#include "simulation/world/passing.h"
#include "simulation/world/socket.h"

namespace eddy::detail::simulated {

/// One on its way, or in a queue.
struct packet {
  endpoint from, to;
  std::string from_path;
  std::string bytes;
  passed_objects passed;  // Unix alone
  machine* source = nullptr;
  machine* target = nullptr;
  std::weak_ptr<object> sender;

  void arrives(std::uint64_t);
};

class datagram_socket final : public socket {
 public:
  using socket::socket;
  ~datagram_socket() override;

  static void join(datagram_socket& a, datagram_socket& b);

  int read(const request&, msghdr&) override;
  int write(const request&, const msghdr&) override;
  std::uint32_t events() const override;
  void end() override;
  void vanish() override;

  int connect(const request&) override;
  int shut(int how) override;
  int hears(const endpoint&) const noexcept override;
  bool has_peer() const noexcept override { return is_connected_; }
  int take_error() override { return -std::exchange(error_, 0); }

  void take(packet&&);
  void refused(std::uint64_t);

 private:
  int send_unix(const std::string& path, packet&&);
  int send_udp(const endpoint& to, packet&&);
  void send_over(packet&&, instant way);
  datagram_socket* peer_of(const std::string& path, int& error);
  void give_control(const packet&, msghdr&) const;

  bool is_connected_ = false;
  bool no_more_in_ = false;
  bool no_more_out_ = false;
  int error_ = 0;
  std::weak_ptr<object> other_;  // of a pair, or of a connected Unix socket
  bool is_of_pair_ = false;
  fifo<packet> queue_;
  std::size_t queued_bytes_ = 0;
  fifo<std::weak_ptr<object>> crowd_;  // who found it full
};

}  // namespace eddy::detail::simulated
