// Stream sockets: TCP, Unix, pairs. Private.
#pragma once

#include <memory>
#include <utility>

#include "simulation/world/fifo.h"
#include "simulation/world/flow.h"
#include "simulation/world/socket.h"

namespace eddy::detail::simulated {

class stream_socket final : public socket, private flow_end {
 public:
  using socket::socket;
  ~stream_socket() override;

  /// Two ends of one connection.
  static void join(stream_socket& a, stream_socket& b, bool at_once);

  int read(const request&, msghdr&) override;
  int write(const request&, const msghdr&) override;
  std::uint32_t events() const override;
  void end() override;
  void vanish() override;

  int connect(const request&) override;
  int listen(std::uint32_t backlog) override;
  int accept(std::uint32_t flags) override;
  int shut(int how) override;
  bool is_listening() const noexcept override { return state_ == state::listening; }
  int hears(const endpoint&) const noexcept override { return is_listening(); }
  bool has_peer() const noexcept override { return state_ == state::connected; }
  int take_error() override { return -std::exchange(error_, 0); }

  // What the network calls (connecting.cc).
  void send_syn(std::uint64_t tries);
  void syn_arrives(std::uint64_t);
  void refused(std::uint64_t error);
  void answered(std::uint64_t);

 private:
  enum class state : std::uint8_t { fresh, connecting, connected, listening, failed, dead };

  bool is_tcp() const noexcept { return !is_unix(); }
  std::shared_ptr<stream_socket> self() {
    return std::static_pointer_cast<stream_socket>(shared_from_this());
  }
  int begin_tcp(const request&);
  bool begin_badly();
  int connect_unix(const request&);
  std::shared_ptr<stream_socket> make_peer(stream_socket& client);
  void queue(std::shared_ptr<stream_socket>);
  void let_somebody_in();
  void close_connection(bool resets);
  void abort();

  void has_arrived() override;
  void has_room() override { wake(side::writing); }
  void is_cut(int error) override;
  void is_established() override;

  state state_ = state::fresh;
  int error_ = 0;            // that is to be told, once
  bool no_more_in_ = false;  // shut
  bool no_more_out_ = false;
  bool is_news_ = false;  // that it is connected
  std::shared_ptr<flow> in_, out_;

  // of one that connects
  instant began_ = 0;
  std::shared_ptr<stream_socket> answer_;  // the other end, whose word is on its way

  // of a listener, and of what comes to one
  std::uint32_t backlog_ = 0;
  std::uint32_t half_open_ = 0;
  fifo<std::shared_ptr<stream_socket>> arrived_;
  fifo<std::weak_ptr<object>> crowd_;  // they found no room
  std::weak_ptr<object> came_to_;
  bool is_half_open_ = false;
  std::shared_ptr<object> held_;  // itself, while nobody has it
};

}  // namespace eddy::detail::simulated
