// Datagrams, one by one and in batches: what goes out and comes in through the kernel's messages.
// Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <utility>
#include <vector>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/owner.h>
#include <eddy/io/detail/whole.h>
#include <eddy/io/socket_address.h>

namespace eddy {

/// A datagram that was received.
struct datagram {
  std::size_t size = 0;    ///< bytes at the front of the buffer; 0 is a datagram, no end
  socket_address from;     ///< who has sent it
  bool truncated = false;  ///< it was longer than the buffer, and the rest is gone
  socket_address to;       ///< where it was sent to; no address without udp_options::destination
  /// With udp_options::coalesce: several came as one, each of this length, only the last may be
  /// shorter; 0: it is a single one.
  std::uint16_t segment = 0;
};

/// How a datagram is sent.
struct send_options {
  /// The data is cut into datagrams of this length, only the last may be shorter; 0: it is one.
  std::uint16_t segment = 0;
  /// The address of this machine that it is sent from (the port stays the socket's); null: the
  /// kernel chooses.
  const socket_address* from = nullptr;
};

/// One datagram of a batch.
struct outgoing {
  const_buffer data;
  const socket_address* to = nullptr;  ///< null: the address that the socket is connected to
};

namespace detail {

/// What is known of a socket of datagrams.
struct datagram_socket {
  std::uint16_t family = 0;
  std::uint16_t port = 0;         ///< its own: part of where a datagram was sent to
  std::uint16_t peer_family = 0;  ///< of the address that it is connected to; 0: to none
  bool cuts = false;              ///< the kernel has refused to cut: we do
  /// Of batches, the kernel's view: as much memory as the largest one took.
  std::vector<std::byte> incoming, outgoing;
};

/// An IPv4 address inside IPv6 (::ffff:1.2.3.4), as a socket of both families gives it, becomes an
/// IPv4 address.
socket_address unmapped(const socket_address&) noexcept;

result<std::size_t> try_send_datagram(const descriptor&, const datagram_socket&, const io_kind&,
                                      const_buffer) noexcept;

/// So many datagrams does one batch take.
inline constexpr std::size_t most_of_a_batch = 1024;
inline constexpr std::size_t most_segments = 128;

/// Receives one datagram, and whom it is from.
class datagram_receive_wait : public io_wait {
 public:
  datagram_receive_wait(descriptor&, datagram_socket&, const io_kind&, mutable_buffer) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_receive();
  }
  eddy::result<datagram> await_resume() const noexcept;

 private:
  void begin_receive() noexcept;
  const datagram_socket* socket_;
  mutable_buffer into_;
  alignas(8) std::array<std::byte, 248> memory_;  // the kernel's view
};

/// Sends one datagram, or what is to be cut into several.
class datagram_send_wait : public io_wait {
 public:
  /// `to` null: to the address that the socket is connected to. `refusal`: 0 or -errno.
  datagram_send_wait(descriptor&, datagram_socket&, const io_kind&, const_buffer,
                     const socket_address* to, const send_options&, int refusal) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_send();
  }
  eddy::result<std::size_t> await_resume() const noexcept;
  static void reported(work*) noexcept;

 private:
  void begin_send() noexcept;
  bool goes_on() noexcept;
  void send_whole() noexcept;
  bool send_cut() noexcept;

  datagram_socket* socket_;
  const_buffer data_;
  std::size_t sent_ = 0;       // of what is cut here
  std::uint16_t segment_;      // 0: one datagram
  std::uint8_t control_size_;  // without the segment's
  bool cutting_ = false;
  socket_address to_;
  alignas(8) std::array<std::byte, 64> control_;
  alignas(8) std::array<std::byte, 72> memory_;  // the kernel's view
};

/// Receives what is there, one datagram at least.
class batch_receive_wait : public io_wait {
 public:
  batch_receive_wait(descriptor&, datagram_socket&, const io_kind&, std::span<const mutable_buffer>,
                     std::span<datagram>) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_receive();
  }
  eddy::result<std::size_t> await_resume() const noexcept;

 private:
  void begin_receive() noexcept;
  datagram_socket* socket_;
  const mutable_buffer* into_;
  datagram* told_;
};

/// Sends as many as go, one at least.
class batch_send_wait : public io_wait {
 public:
  batch_send_wait(descriptor&, datagram_socket&, const io_kind&,
                  std::span<const outgoing>) noexcept;
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    if (enter_io(h.promise(), at)) begin_send();
  }
  eddy::result<std::size_t> await_resume() const noexcept;

 private:
  void begin_send() noexcept;
  datagram_socket* socket_;
  const outgoing* all_;
};

using datagram_receive = pooled_once<datagram_receive_wait>;
using datagram_send = pooled_once<datagram_send_wait>;
using batch_receive = awaited_once<batch_receive_wait>;
using batch_send = awaited_once<batch_send_wait>;

constexpr io_kind make_datagram_send_kind(const char* name) noexcept {
  return make_io_kind(name, io_slot::writing, true, &datagram_send_wait::reported);
}

// A socket S of datagrams has the names of its operations: S::names::receive, …
template <class S>
inline constexpr io_kind receive_kind = make_io_kind(S::names::receive, io_slot::reading);
template <class S>
inline constexpr io_kind receive_from_kind = make_io_kind(S::names::receive_from, io_slot::reading);
template <class S>
inline constexpr io_kind send_kind = make_datagram_send_kind(S::names::send);
template <class S>
inline constexpr io_kind send_to_kind = make_datagram_send_kind(S::names::send_to);

/// What all sockets of datagrams have in common.
template <class S>
class datagrams : public socket_owner {
 public:
  /// Receives a datagram. What does not fit is gone, without a word: receive_from() tells.
  ///
  /// Result      bytes at the front of `buffer`; 0 is a datagram, too
  /// Errors      connection_refused, …: once (connected); operation_canceled: another task has
  ///             closed the socket; bad_file_descriptor: it was closed before; invalid_argument: an
  ///             empty buffer
  /// Cancel      stops the task, and no datagram is taken; one that has come is delivered
  /// Lifetime    socket and buffer must outlive the await; until then the buffer is the kernel's
  transfer receive(mutable_buffer buffer) noexcept {
    return receive_datagram(of_, receive_kind<S>, buffer);
  }
  template <becomes_mutable_buffer B>
  transfer receive(B&& buffer) noexcept {
    return receive(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// Receives a datagram that is there now; resource_unavailable_try_again: none is. What does not
  /// fit is gone. Beside something to receive in flight it aborts.
  result<std::size_t> try_receive(mutable_buffer buffer) noexcept {
    return try_datagram(of_, receive_kind<S>, verb::receive, buffer.data(), buffer.size());
  }
  /// Sends one datagram now, perhaps an empty one, to whom the socket is connected to;
  /// resource_unavailable_try_again: there is no room. Beside something to send in flight it aborts.
  result<std::size_t> try_send(const_buffer data) noexcept {
    return try_send_datagram(of_, more_, send_kind<S>, data);
  }

  /// Receives a datagram and what is known of it.
  ///
  /// Result      a datagram, whose bytes are at the front of `buffer`
  /// Errors      as for receive()
  /// Cancel      stops the task, and no datagram is taken; one that has come is delivered
  /// Lifetime    socket and buffer must outlive the await; until then the buffer is the kernel's
  datagram_receive receive_from(mutable_buffer buffer) {
    return datagram_receive(of_, more_, receive_from_kind<S>, buffer);
  }
  template <becomes_mutable_buffer B>
  datagram_receive receive_from(B&& buffer) {
    return receive_from(static_cast<mutable_buffer>(std::forward<B>(buffer)));
  }

  /// No address (family 0) where the socket is closed, or not connected.
  socket_address peer_address() const noexcept { return detail::peer_address(of_); }

 protected:
  explicit datagrams(descriptor socket) noexcept : socket_owner(std::move(socket)) {}

  /// From now on it sends to `to` by itself. 0 or -errno.
  int connect_to(const socket_address& to) noexcept {
    request r;
    r.what = verb::connect;
    r.address = address_of(to.data());
    r.length = to.size();
    const int answer = of_.ask(r);
    if (answer >= 0) more_.peer_family = static_cast<std::uint16_t>(unmapped(to).family());
    return answer;
  }

  datagram_socket more_;
};

}  // namespace detail
}  // namespace eddy
