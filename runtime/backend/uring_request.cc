// Requests as submission entries: one line per verb, as in execute.cc.
#include "runtime/backend/uring_request.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/backend/pipe_signal.h"
#include "runtime/backend/uring_abi.h"

namespace eddy::detail {

std::uint8_t uring_opcode(verb v) noexcept {
  switch (v) {
    case verb::nothing:
      return IORING_OP_NOP;
    case verb::read:
      return IORING_OP_READ;
    case verb::write:
      return IORING_OP_WRITE;
    case verb::read_scattered:
      return IORING_OP_READV;
    case verb::write_gathered:
      return IORING_OP_WRITEV;
    case verb::receive:
    case verb::receive_chunk:
      return IORING_OP_RECV;
    case verb::send:
      return IORING_OP_SEND;
    case verb::receive_message:
      return IORING_OP_RECVMSG;
    case verb::send_message:
      return IORING_OP_SENDMSG;
    case verb::accept:
      return IORING_OP_ACCEPT;
    case verb::connect:
      return IORING_OP_CONNECT;
    case verb::ready:
    case verb::receive_messages:
    case verb::send_messages:
      return IORING_OP_POLL_ADD;
    case verb::open:
      return IORING_OP_OPENAT;
    case verb::close:
      return IORING_OP_CLOSE;
    case verb::status:
      return IORING_OP_STATX;
    case verb::sync:
      return IORING_OP_FSYNC;
    case verb::truncate:
      return uring_abi::op_ftruncate;
    case verb::rename:
      return IORING_OP_RENAMEAT;
    case verb::remove:
      return IORING_OP_UNLINKAT;
    case verb::make_directory:
      return IORING_OP_MKDIRAT;
    default:
      return uring_no_opcode;
  }
}

namespace {

/// A worker of the kernel takes it from the start: tried in the enter, a terminal or device may hold
/// up the loop for as long as others want, and a long copy for as long as it takes.
bool needs_worker(const request& r) noexcept {
  constexpr std::uint32_t long_copy = 4 << 20;
  const bool one = r.what == verb::read || r.what == verb::write;
  return r.through == nature::shared_device || (r.is_file() && (!one || r.length > long_copy));
}

}  // namespace

void uring_prepare_any(io_uring_sqe& entry, const request& r, std::uint16_t accept_flags) noexcept {
  io_uring_sqe* q = &entry;
  const int flags = static_cast<int>(r.options);
  const char* path = uring_pointer<const char>(r.address);
  switch (r.what) {
    case verb::read:
      io_uring_prep_read(q, r.descriptor, uring_pointer(r.address), r.length, r.offset);
      if (needs_worker(r)) q->flags |= IOSQE_ASYNC;
      break;
    case verb::write:
      io_uring_prep_write(q, r.descriptor, uring_pointer(r.address), r.length, r.offset);
      if (!r.is_file()) q->rw_flags = no_signal_flag();
      if (needs_worker(r)) q->flags |= IOSQE_ASYNC;
      break;
    case verb::read_scattered:
      io_uring_prep_readv(q, r.descriptor, uring_pointer<iovec>(r.address), r.length, r.offset);
      if (needs_worker(r)) q->flags |= IOSQE_ASYNC;
      break;
    case verb::write_gathered:
      io_uring_prep_writev(q, r.descriptor, uring_pointer<iovec>(r.address), r.length, r.offset);
      if (!r.is_file()) q->rw_flags = no_signal_flag();
      if (needs_worker(r)) q->flags |= IOSQE_ASYNC;
      break;
    case verb::receive:
    case verb::send:
      break;  // uring_prepare has them
    case verb::receive_chunk:
      io_uring_prep_recv(q, r.descriptor, nullptr, 0, flags);
      q->flags |= IOSQE_BUFFER_SELECT;
      q->buf_group = chunk_group;
      break;
    case verb::receive_message:
      io_uring_prep_recvmsg(q, r.descriptor, uring_pointer<msghdr>(r.address), r.options);
      break;
    case verb::send_message:
      io_uring_prep_sendmsg(q, r.descriptor, uring_pointer<msghdr>(r.address),
                            r.options | MSG_NOSIGNAL);
      break;
    case verb::accept:
      io_uring_prep_accept(q, r.descriptor, nullptr, nullptr, flags);
      q->ioprio = accept_flags;
      break;
    case verb::connect:
      io_uring_prep_connect(q, r.descriptor, uring_pointer<sockaddr>(r.address), r.length);
      break;
    case verb::ready:
      // (The ring is not woken for POLLPRI, but for what sockets name beside it, and never are.)
      io_uring_prep_poll_add(q, r.descriptor, r.options | (r.options & POLLPRI ? POLLRDBAND : 0));
      break;
    case verb::receive_messages:
      io_uring_prep_poll_add(q, r.descriptor, POLLIN);
      break;
    case verb::send_messages:
      io_uring_prep_poll_add(q, r.descriptor, POLLOUT);
      break;
    case verb::open:
      io_uring_prep_openat(q, AT_FDCWD, path, flags | O_CLOEXEC, r.length);
      break;
    case verb::close:
      io_uring_prep_close(q, r.descriptor);
      break;
    case verb::status:
      io_uring_prep_statx(q, path ? AT_FDCWD : r.descriptor, path ? path : "",
                          path ? flags : flags | AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
                          uring_pointer<struct statx>(r.offset));
      break;
    case verb::sync:
      io_uring_prep_fsync(q, r.descriptor, r.options & 1 ? IORING_FSYNC_DATASYNC : 0);
      break;
    case verb::truncate:
      io_uring_prep_rw(uring_abi::op_ftruncate, q, r.descriptor, nullptr, 0, r.offset);
      break;
    case verb::rename:
      io_uring_prep_renameat(q, AT_FDCWD, path, AT_FDCWD, uring_pointer<const char>(r.offset), 0);
      break;
    case verb::remove:
      io_uring_prep_unlinkat(q, AT_FDCWD, path, flags);
      break;
    case verb::make_directory:
      io_uring_prep_mkdirat(q, AT_FDCWD, path, r.length);
      break;
    default:
      io_uring_prep_nop(q);
      break;
  }
}

}  // namespace eddy::detail
