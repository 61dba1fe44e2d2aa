// Descriptors that go from program to program with the bytes of a Unix socket, and who is at its
// other end. Not an interface for users.
#pragma once

#include <eddy/runtime/detail/language.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <vector>

#include <eddy/io/buffer.h>
#include <eddy/io/detail/descriptor.h>
#include <eddy/io/detail/whole.h>
#include <eddy/io/owned_descriptor.h>
#include <eddy/runtime/result.h>

namespace eddy {

/// Who is at the other end of a Unix socket: the process that connected, listened or made the pair,
/// as it was then. A socket that was passed on still tells of the first one.
struct credentials {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
};

/// What receive_descriptors() gives.
struct received {
  std::size_t size = 0;  ///< bytes at the front of the buffer; 0: the end
  std::vector<owned_descriptor> descriptors;
};

namespace detail {

/// So many descriptors does a message carry.
inline constexpr std::size_t most_descriptors = 253;

/// The kernel's view of one message: header, part, control data.
template <std::size_t ControlSize>
using message_memory = std::array<std::byte, 72 + ControlSize>;

class pass_wait : public io_awaiter<std::size_t> {
 public:
  pass_wait(descriptor&, const io_kind&, const_buffer, std::span<const int>) noexcept;

 private:
  alignas(8) message_memory<1032> memory_;
};

/// What comes is ours from the report on: if nobody takes it, it is closed here.
class take_wait : public io_wait {
 public:
  take_wait(descriptor&, const io_kind&, mutable_buffer, std::size_t at_most) noexcept;
  ~take_wait() { close_all(); }
  eddy::result<received> await_resume();
  static void reported(work*) noexcept;

 private:
  template <class F>
  void for_each(int control, F&& f) const noexcept;
  void close_all() noexcept;

  std::size_t at_most_;
  bool came_ = false;
  alignas(8) message_memory<1288> memory_;
};

using pass_transfer = pooled_once<pass_wait>;
using take_transfer = pooled_once<take_wait>;

template <class S>
inline constexpr io_kind pass_kind = make_io_kind(S::names::send_descriptors, io_slot::writing);
template <class S>
inline constexpr io_kind take_kind =
    make_io_kind(S::names::receive_descriptors, io_slot::reading, true, &take_wait::reported);

result<credentials> peer_of(const descriptor&) noexcept;

/// What Unix sockets have beside what all have.
template <class S, class Base>
class passing : public Base {
 public:
  /// Who is at the other end.
  ///
  /// Errors    not_connected: nobody, or a socket of datagrams that is no pair's
  result<credentials> peer_credentials() const noexcept { return peer_of(this->of_); }

  /// Writes as write() does, and with the first byte the descriptors: the receiver has copies of
  /// them, whatever becomes of these. They may be closed when the await has ended.
  ///
  /// Result      bytes taken from the front of `data`; the descriptors went with them
  /// Errors      as write; invalid_argument: no data, no descriptor, or more than 253;
  ///             bad_file_descriptor: one of them; too_many_references (ETOOMANYREFS): too many are on
  ///             their way that nobody has received
  /// Cancel      stops the task, and nothing is sent; if some bytes were, their number is delivered
  /// Lifetime    socket and data must outlive the await, the data unchanged; the numbers are copied
  pass_transfer send_descriptors(const_buffer data, std::span<const int> descriptors) {
    return pass_transfer(this->of_, pass_kind<S>, data, descriptors);
  }

  /// Reads as read() does, and takes the descriptors that came with the bytes, close-on-exec. (Bytes
  /// that were sent before them may come with them; what was sent after them does not.) Whoever reads
  /// otherwise takes the bytes, and the descriptors are closed.
  ///
  /// Result      how many bytes, and the descriptors, in the order in which they were sent
  /// Errors      as read; invalid_argument: at_most is 0; message_too_long: there were more than
  ///             `at_most`; too_many_files_open: the table had no room for all. With these two all of
  ///             them are closed, and the bytes are gone
  /// Cancel      stops the task, and nothing is taken; what has come is delivered
  /// Lifetime    socket and buffer must outlive the await
  take_transfer receive_descriptors(mutable_buffer buffer, std::size_t at_most) {
    return take_transfer(this->of_, take_kind<S>, buffer, at_most);
  }

 protected:
  using Base::Base;
};

}  // namespace detail
}  // namespace eddy
