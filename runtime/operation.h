// What can be asked of the kernel, as plain data. No system header: every backend interprets it in
// its own way (the ring copies a request, execute() calls it, a simulation plays it).
#pragma once

#include <eddy/runtime/detail/language.h>

#include <cstdint>

#include <eddy/runtime/detail/work.h>

namespace eddy {

/// What a request asks for. The fields that each verb uses stand beside it; `descriptor` always is
/// the file descriptor where there is one. Verbs of the third group are answered at once and only
/// ever asked (backend::ask).
// clang-format off: a table
enum class verb : std::uint8_t {
  nothing,  // ends with 0 in the next poll

  // May wait in the kernel.
  read,             // address, length, offset (current_position: the descriptor's own, or a stream's)
  write,            // address, length, offset; O_APPEND files append whatever the offset
  read_scattered,   // address: iovec*, length: their number, offset
  write_gathered,   // address: iovec*, length: their number, offset
  receive,          // address, length, options: MSG_ flags          (sockets)
  send,             // address, length, options: MSG_ flags          (sockets; never raises SIGPIPE)
  receive_message,  // address: msghdr*, options: MSG_ flags
  send_message,     // address: msghdr*, options: MSG_ flags
  receive_messages,  // address: mmsghdr*, length: their number, options: MSG_ flags  -> how many were there
  send_messages,     // address: mmsghdr*, length: their number, options: MSG_ flags  -> how many went
  receive_chunk,    // options: MSG_ flags; the result's bytes are at `address`, which is lent as number `second`
  accept,           // options: SOCK_ flags (O_NONBLOCK descriptors only)  -> the new descriptor
  connect,          // address: sockaddr*, length                     (O_NONBLOCK descriptors only)
  ready,  // options: POLLIN | POLLOUT …; beside anything else on it  -> the events that are there (where it is
          // nothing to wait for, all that were asked for). Closed meanwhile it may wait until it is cancelled

  // May block: the ring or the pool.
  open,            // address: path, options: open flags, length: permissions  -> the new descriptor
  close,           // descriptor
  status,          // address: path, or null: of `descriptor`; offset: address of a struct statx; options: AT_ flags
  sync,            // options: 1: data only
  truncate,        // offset: the new size
  list,            // descriptor: a directory; address, length  -> bytes of struct dirent64; 0: no more
  rename,          // address: from, offset: address of to
  remove,          // address: path, options: AT_REMOVEDIR or 0
  send_file,       // descriptor: an O_NONBLOCK socket; second: a file; offset, length  -> bytes; 0: its end
  make_directory,  // address: path, length: permissions

  look_up,  // address: a detail::name_query, which has the answer, too -> 0

  call,  // address: int (*)(void*), offset: its argument. A function on the pool; the result is what it returns

  // Answered at once.
  socket,       // descriptor: domain, options: type, length: protocol -> the new descriptor
  bind,         // address: sockaddr*, length
  listen,       // length: backlog
  listen_at,    // a Unix socket; address: sockaddr*, length, offset: address of a listening_path
  leave_path,   // address: path, offset: address of the listening_path -> 0: its file is gone
  local_name,   // address: sockaddr*, offset: address of its std::uint32_t length
  peer_name,    // address: sockaddr*, offset: address of its std::uint32_t length
  set_option,   // options: level, second: name, address, length
  get_option,   // options: level, second: name, address, offset: address of its std::uint32_t length
  shutdown,     // options: SHUT_…
  pair,         // descriptor: domain, options: type, address: int[2]
  pipe,         // options: O_ flags, address: int[2]
  duplicate,    // -> another descriptor of the same open file
  forget,       // what is known here of the descriptor: it is given away, or has come from elsewhere -> 0
  wall_timer,   // offset: nanoseconds since 1970 -> a descriptor that is readable from then on, by the wall clock
  file_flags,   // options: 0: read O_ flags -> them; else set them (F_SETFL)
  examine,      // what it is -> a nature, and what `examined` adds. options: 0: others may share it; else the O_ flags
                // with which it was opened just now, O_NONBLOCK too, which is taken away from what is a file
  has_writer,   // a named pipe's end to read -> 1: somebody writes, or has written, to it since it was opened; 0
  interface_index,  // address: the name of a network interface -> its number
  give_back,        // second: the number of a chunk that was lent -> 0
  watch_signals,    // offset: a bit for each; descriptor: -1 or an earlier answer; options: below -> what can be read
  take_inherited,   // address, length: room for names ("a:b") -> how many a service manager has passed, from 3 on
  take_signal,      // descriptor: from watch_signals -> the lowest number of those that were raised
  start_child,   // address: a detail::child_order, which has the answer, too -> 0
  take_child,    // descriptor: its pidfd, or -1; second: its number; address: a detail::child_end -> 1: it has ended; 0
  signal_child,  // descriptor, second: the same; options: the signal; length: below
  leave_child,   // address: a detail::left_child, which is reaped by and by; a killed one before the answer, as a rule
  terminal_size,    // address: a struct winsize -> 1: it is the process's controlling terminal; 0
  begin_raw,        // descriptor: a terminal -> a number for end_raw; 0: it is raw already. -EAGAIN: in the background
  end_raw,          // descriptor: from begin_raw, not of the terminal
};
// clang-format on

/// Whether a verb works on a file's content or names: what has begun is then waited for, not
/// cancelled (rule 21).
constexpr bool is_file_verb(verb v) noexcept {
  return v >= verb::open && v <= verb::make_directory;
}

/// Options of watch_signals: from the second signal on they act by default; nothing is watched any
/// more, and the descriptor may be closed.
inline constexpr std::uint32_t watch_once = 1;
inline constexpr std::uint32_t watch_no_more = 2;

/// Flags of signal_child: to its process group; it has been reaped, and its number is another's.
inline constexpr std::uint32_t signal_group = 1;
inline constexpr std::uint32_t signal_reaped = 2;

/// For read and write: at the descriptor's own position, and for everything that has none (pipes,
/// terminals).
inline constexpr std::uint64_t current_position = ~std::uint64_t{0};

/// What a descriptor is read and written through. Asked once, where it is opened or comes from
/// elsewhere.
enum class nature : std::uint8_t {
  stream,         ///< O_NONBLOCK, and nobody else's: what is tried never waits
  shared_pipe,    ///< a pipe or socket whose flags others share: it may lack O_NONBLOCK
  shared_device,  ///< a terminal that others share, any other device: what is tried may wait
  file,           ///< a regular file, a block device, a directory: it has offsets, may block, and
                  ///< what has begun is not cancelled
  datagrams,      ///< (of a request that receives:) a socket that may have more of them already
};

/// What verb::examine tells beside the nature.
namespace examined {
inline constexpr int nature_bits = 3;
inline constexpr int offsets = 4;  ///< a device that can be read and written by offset as well
inline constexpr int pipe = 8;     ///< a pipe, named or not
}  // namespace examined

/// How a Unix socket listens at a path, and which file that has made.
struct listening_path {
  std::int32_t backlog = 0;
  std::uint32_t permissions = 0;  ///< of the file; 0: by the umask
  bool replace_stale = false;     ///< take over what nobody listens at
  std::int32_t process = 0;       // of whom the file is; 0: there is none
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

/// The threads of the pool on which work runs. A lane has threads of its own, so that slow name
/// look-ups cannot stop file reads. (`streams`: what can be read or written by waiting only.)
enum class pool_lane : std::uint8_t { compute, files, lookup, streams };

/// One question to the kernel. Field by field what a submission queue entry holds. Plain data.
struct request {
  verb what = verb::nothing;
  pool_lane lane = pool_lane::files;  ///< where it runs if it has to go to the pool
  nature through = nature::stream;    ///< read, write, receive: what the descriptor is
  std::int32_t descriptor = -1;
  std::uint64_t offset = 0;
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint32_t options = 0;
  std::int32_t second = -1;

  /// Has it to be waited for once it has begun? (rule 21: a file operation that has begun, running
  /// pool work)
  bool must_finish() const noexcept {
    return is_file() || is_file_verb(what) || what == verb::look_up || what == verb::call;
  }
  /// A read or write of a file.
  bool is_file() const noexcept { return through == nature::file; }
};

/// A request that was begun, and its result. Lives in the frame (or object) that waits; from the
/// hand-over until the report it and every buffer that it names belong to the backend.
struct operation : detail::linked_work {
  using linked_work::linked_work;

  enum class place : std::uint8_t {
    outside,   ///< not begun
    listed,    ///< begun, in turn::start; ends at once when cancelled
    inside,    ///< the backend's; asked to end, and no room for that: it stands in turn::cancel
    reported,  ///< in turn::done, or its report is being delivered
  };

  request ask;
  std::uint64_t handle = 0;  ///< the backend's own: slot and generation
  std::int32_t result = 0;   ///< valid once reported: >= 0, or -errno; -ECANCELED: it did nothing
  place where = place::outside;
  bool background : 1 = false;    ///< begun by a background task: does not hold the loop
  bool cancel_asked : 1 = false;  ///< the owner has asked for its end
  bool from_pool : 1 = false;     ///< the pool has it, or had it
  // (Two bytes are left for what derives from it: a frame holds one record for each await.)
};
static_assert(sizeof(operation) <= 128);

}  // namespace eddy
