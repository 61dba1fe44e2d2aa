// One direction of a stream: every byte in order, from one end to the other. Private.
//
// Its bytes stand in one queue: what has arrived, what is under way, what waits for room over there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/socket.h>

#include "simulation/world/fifo.h"
#include "simulation/world/world.h"

namespace eddy::detail::simulated {

class object;

/// Who stands at an end of a flow.
class flow_end {
 public:
  /// There is something to read: bytes, or their end.
  virtual void has_arrived() = 0;
  /// There is room again.
  virtual void has_room() = 0;
  /// The connection is no more: what is told of it once.
  virtual void is_cut(int error) = 0;
  /// The handshake is over on this side, too.
  virtual void is_established() {}

 protected:
  ~flow_end() = default;
};

class flow : public std::enable_shared_from_this<flow> {
 public:
  /// Inside a machine nothing of a Unix socket is ever under way: `at_once`.
  flow(machine& from, machine& to, bool at_once) : from_(from), to_(to), at_once_(at_once) {}

  flow_end* writer = nullptr;  // null: it is gone
  flow_end* reader = nullptr;

  // ---- The writer's

  std::size_t room() const noexcept;
  /// So many of those bytes, for which there is room.
  void put(const msghdr&, std::size_t n);
  /// Objects that go with the next `n` bytes that are put.
  void attach(std::vector<std::shared_ptr<object>> passed, std::size_t n);
  /// The end comes behind all bytes.
  void end();
  /// What waits is dropped, and behind what is under way comes a reset.
  void reset();
  /// A message without bytes that tells the other side that the handshake is over.
  void establish();
  bool has_ended() const noexcept { return ended_; }
  /// Nobody will send again what gets lost.
  void abandon();

  // ---- The reader's

  std::size_t readable() const noexcept { return arrived_; }
  bool is_at_end() const noexcept { return end_arrived_; }
  std::size_t get(msghdr&, std::size_t most, bool peek);
  /// The most that one read takes: it stops behind what came with passed objects.
  std::size_t readable_together() const noexcept;
  /// What came with the bytes that were read.
  std::vector<std::shared_ptr<object>> passed();

  /// Nobody reads what is there, nor what comes.
  void stop_reading();

  // ---- What the world calls

  void look(std::uint64_t);
  void refused(std::uint64_t);
  void break_down(std::uint64_t told);

 private:
  enum class kind : std::uint8_t { bytes, end, reset, establish };
  struct segment {
    instant at;
    instant first;  // when it was to arrive at first
    std::uint32_t size;
    kind what;
    bool is_there = false;
    std::uint8_t tries = 0;
  };
  struct attachment {
    std::uint64_t from, behind;  // which bytes of the whole stream
    std::vector<std::shared_ptr<object>> passed;
  };

  void send_on();
  void send(kind, std::size_t);
  instant travel_time(kind, std::size_t);
  void deliver(const segment&);
  bool try_again(segment&);
  void watch();

  machine& from_;
  machine& to_;
  bool at_once_;
  bool ended_ = false;
  bool end_sent_ = false;
  bool end_arrived_ = false;
  bool looked_for_ = false;
  instant last_arrival_ = 0;
  fifo<char> bytes_;
  std::size_t arrived_ = 0;
  std::size_t flying_ = 0;
  std::uint64_t read_ = 0;  // of the whole stream
  fifo<segment> segments_;
  fifo<attachment> attachments_;
};

}  // namespace eddy::detail::simulated
