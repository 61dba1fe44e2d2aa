// A world in memory behind the seam: streams, listeners, datagrams, pipes and files without a
// kernel, and time that only passes where nothing else can happen. For tests of what stands above
// the seam; deterministic, one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/backend/backend.h"
#include "runtime/backend/chunk_pool.h"
#include "runtime/name_query.h"

namespace eddy::test {

/// Rules of this world:
/// - An operation is taken over in one run() and reported in the next one at the earliest, in the
///   order in which they were taken over as far as each can end; calls behind all others.
/// - File verbs, reads and writes of files, and calls are carried out when they are taken over.
/// - Nothing is short but where the other end is: a stream holds 64 KiB.
/// - A datagram comes with nobody's address but the sender's; none is cut (EIO), joined, refused by
///   its receiver's machine, or sent to a group.
/// - A cancelled operation that waits reports -ECANCELED.
/// - look_up finds IPv4 addresses by their numbers, and no name of any.
/// - Signals are those of raise_signal(), and end nothing. There is one network interface, `lo`, and
///   no terminal.
/// - Where nothing is done, nothing has begun and the mailbox is empty, time jumps to turn.until;
///   where that is the end of time nothing can ever happen, and the program aborts with a sentence.
class fake_backend final : public detail::backend {
 public:
  /// `inbox` null: no other thread sends anything.
  explicit fake_backend(detail::mailbox* inbox = nullptr, std::size_t chunk_size = 65536,
                        unsigned chunk_count = 64);
  ~fake_backend() override;

  void run(detail::turn&) override;
  int ask(const request&) noexcept override;
  void wake() noexcept override { rung_ = true; }  // the loop's thread only
  time_point now() noexcept override { return now_; }
  int native_handle() noexcept override { return -1; }
  const char* name() const noexcept override { return "fake"; }

  /// For tests that need to be somewhere in time.
  void advance(duration d) noexcept { now_ += d; }
  /// Sets the wall clock (which goes with now(), and begins at the true one).
  void set_wall_clock(std::chrono::system_clock::time_point t) noexcept {
    wall_at_zero_ = t.time_since_epoch() - now_.time_since_epoch();
  }
  std::size_t open_descriptors() const noexcept;
  /// A signal of this world, to whoever watches it.
  void raise_signal(int number) noexcept;

 private:
  struct object;
  using object_pointer = std::shared_ptr<object>;

  struct channel {
    std::deque<char> bytes;
    bool ended = false;        // nobody writes any more
    bool reader_gone = false;  // nobody reads any more
    bool reset = false;        // … and the other end left bytes unread
  };

  struct node {
    enum { file, directory, null, full } kind = file;
    std::string bytes;
    std::uint64_t inode = 0;
    std::uint32_t permissions = 0644;
  };

  using node_pointer = std::shared_ptr<node>;

  struct object : std::enable_shared_from_this<object> {
    std::uint32_t mode = S_IFSOCK;
    int domain = 0;
    int type = 0;
    std::uint32_t flags = O_RDWR | O_NONBLOCK;
    std::shared_ptr<channel> in, out;  // of a connected stream, a pipe
    std::string local, peer;
    std::uint32_t backlog = 0;
    std::deque<object_pointer> arrived;                         // of a listener
    std::deque<std::pair<std::string, std::string>> datagrams;  // from, bytes
    node_pointer content;                                       // of a file
    std::uint64_t position = 0;
    std::map<std::pair<int, int>, std::string> options;
    std::int64_t wall_deadline = -1;  // of a wall timer
    bool is_bell = false;             // … of a watcher of signals:
    std::uint64_t wanted = 0;
    std::uint64_t noted = 0;
    bool once = false;
    bool rings = false;
  };

  int answer(const request&);  // result, -errno, or -EAGAIN: not yet
  static int examine(const request&, object&);
  int transfer_file(const request&, object&);
  int receive(object&, const request&, bool as_message);
  int send(object&, const request&, bool as_message);
  int each_message(object&, const request&);
  int send_datagram(object&, const std::string& to, std::string bytes);
  int accept(object&);
  int connect(object&, const request&);
  int ready(object&, std::uint32_t events);
  int open(const request&);
  int status(const request&);
  int list(const request&, object&);
  int rename(const std::string& from, const std::string& to);
  int remove(const std::string& path, bool directory);
  int make_directory(const std::string& path);
  int bind(object&, std::string address);
  int close(std::int32_t descriptor);
  int set_or_get_option(object&, const request&);
  int make_pair(const request&);
  static int look_up(detail::name_query&);
  int watch_signals(const request&);
  static int take_signal(object&);

  void end(object&);
  int add(object_pointer);
  object* find(std::int32_t descriptor) const;
  int parent_of(const std::string& path) const;
  static std::string key_of(const std::string& address);
  void name_itself(object&);
  static void link(object& a, object& b);

  detail::mailbox* inbox_;
  time_point now_{std::chrono::seconds(1000)};
  duration wall_at_zero_ =
      std::chrono::system_clock::now().time_since_epoch() - now_.time_since_epoch();
  bool rung_ = false;
  std::uint16_t next_port_ = 40000;
  std::uint64_t next_inode_ = 1;
  detail::chunk_pool chunks_;
  std::vector<operation*> waiting_;    // inside, in the order in which they were taken over
  std::vector<operation*> of_closed_;  // `ready` for what was closed: they wait to be cancelled
  std::vector<object_pointer> descriptors_;
  std::map<std::string, std::weak_ptr<object>> bound_;
  std::map<std::string, node_pointer> files_;
};

std::unique_ptr<detail::backend> make_fake_backend(const detail::backend_parts&);

}  // namespace eddy::test
