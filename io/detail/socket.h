// What TCP and Unix sockets have in common: making, binding, connecting, accepting. Not an
// interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <source_location>
#include <utility>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/socket_address.h>
#include <eddy/runtime/timers.h>

namespace eddy {

struct unix_listen_options;

/// How a TCP listener listens; a Unix listener takes its backlog.
struct listen_options {
  int backlog = 4096;  ///< connections that wait for accept(); the system may have a lower limit
  bool reuse_address = true;  ///< the port may be bound at once after a server's end
  /// Several listeners share the port, and the kernel spreads the connections
  bool reuse_port = false;
  bool v6_only = false;  ///< an IPv6 listener takes no IPv4

  /// (A template: what it gives is not complete here.)
  template <std::same_as<unix_listen_options> U>
  operator U() const noexcept {
    U options;
    options.backlog = backlog;
    return options;
  }
};

/// How to connect.
struct connect_options {
  const socket_address* local = nullptr;  ///< where from; null: the kernel chooses
  duration timeout = duration::zero();    ///< of the whole; zero: the kernel's own patience
};

namespace detail {

transfer receive(descriptor&, const io_kind&, mutable_buffer) noexcept;
transfer receive_datagram(descriptor&, const io_kind&, mutable_buffer) noexcept;
transfer send(descriptor&, const io_kind&, const_buffer) noexcept;
/// A pipe, a terminal.
transfer read_stream(descriptor&, const io_kind&, mutable_buffer) noexcept;
transfer write_stream(descriptor&, const io_kind&, const_buffer) noexcept;
/// The item of a read of our side of a pseudo-terminal: where the other side is closed, it has ended.
void terminal_reported(work*) noexcept;

result<void> shutdown_write(const descriptor&) noexcept;
/// Empty where the socket has none, or is closed.
socket_address local_address(const descriptor&) noexcept;
socket_address peer_address(const descriptor&) noexcept;
result<void> set_no_delay(const descriptor&, bool on) noexcept;
int set_linger(const descriptor&, bool on, int seconds) noexcept;
result<void> set_buffer_size(const descriptor&, bool to_send, std::size_t bytes) noexcept;
result<std::size_t> buffer_size(const descriptor&, bool to_send) noexcept;
/// What is possible now, of a stream; of a socket of datagrams, one of them, perhaps an empty one.
result<std::size_t> try_transfer(const descriptor&, const io_kind&, verb, const void* address,
                                 std::size_t size) noexcept;
result<std::size_t> try_datagram(const descriptor&, const io_kind&, verb, const void* address,
                                 std::size_t size) noexcept;

inline constexpr int stream_type = 1;    // SOCK_STREAM
inline constexpr int datagram_type = 2;  // SOCK_DGRAM
/// Of these, those that give an int give -errno where they fail.
int make_socket(int family, int type) noexcept;
int bind_socket(const descriptor&, const socket_address&) noexcept;
int set_option(const descriptor&, int level, int name, const void* value,
               std::size_t size) noexcept;
int set_number(const descriptor&, int level, int name, int value) noexcept;
int get_option(const descriptor&, int level, int name, void* value, std::size_t size) noexcept;
result<int> get_number(const descriptor&, int level, int name) noexcept;
/// What an option of the level SOL_SOCKET says.
int about_socket(int number, int name) noexcept;
/// What a socket is for.
struct socket_kind {
  bool local;  // Unix, else IPv4 or IPv6
  int type = stream_type;
  bool listens = false;
};
/// One of that kind from elsewhere; made O_NONBLOCK.
result<descriptor> adopt_socket(int number, const socket_kind&) noexcept;
/// Two connected Unix sockets.
result<std::pair<descriptor, descriptor>> make_pair(int type) noexcept;

/// What the last accept() of a listener said.
struct accept_state {
  bool exhausted = false;    ///< there was no descriptor, or no memory, for a connection
  std::uint64_t closes = 0;  ///< loop::closes then
  time_point ask_again{};    ///< and when to ask again in any case
};
/// A TCP socket that listens.
result<descriptor> make_listener(const socket_address&, const listen_options&) noexcept;
int listen_on(const descriptor&, int backlog) noexcept;

// ---- accept ----

/// Accepts one connection. What concerns only a connection that has gone is skipped here. After an
/// error of resources the next wait begins with a pause, which a close in its world ends.
class accept_wait : public io_wait {
 public:
  accept_wait(descriptor&, accept_state&, const io_kind&) noexcept;
  accept_wait(accept_wait&& other) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_accept();
  }
  static void reported(work*) noexcept;
  static void interrupt(io_wait&) noexcept;

 private:
  struct pause_timer : timer {
    accept_wait* of = nullptr;
  };
  void begin_accept() noexcept;
  void pause() noexcept;
  void end_pause() noexcept;
  static const work_type pause_over;
  static const work_type close_told;

  accept_state* from_;
  unsigned skipped_ = 0;
  pause_timer pause_;
  linked_work told_;
};

template <class S>
class accept_awaiter : public accept_wait {
 public:
  using accept_wait::accept_wait;
  eddy::result<S> await_resume() const noexcept {
    if (result < 0) return from_errno(-result);
    return S(descriptor(result, descriptor::kind::stream));
  }
};

template <class S>
using accept_awaitable = awaited_once<accept_awaiter<S>>;

constexpr io_kind make_accept_kind(const char* name) noexcept {
  return make_io_kind(name, io_slot::reading, true, &accept_wait::reported,
                      &accept_wait::interrupt);
}

// ---- connect ----

/// Makes a socket and connects it; where that fails, or is stopped, the socket goes with this wait.
class connect_wait : public io_wait {
 public:
  /// `refusal`: 0 or -errno. `from`: null, or an address that outlives the wait.
  connect_wait(const io_kind&, const socket_address& to, int refusal,
               const socket_address* from = nullptr) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_connect();
  }

  descriptor socket_;

 private:
  void begin_connect() noexcept;
  socket_address to_;
  const socket_address* from_;
};

template <class S>
class connect_awaiter : public connect_wait {
 public:
  using connect_wait::connect_wait;
  eddy::result<S> await_resume() noexcept {
    if (result < 0) return from_errno(-result);
    return S::connected(std::move(socket_));
  }
};

template <class S>
using connect_awaitable = awaited_once<connect_awaiter<S>>;

}  // namespace detail
}  // namespace eddy
