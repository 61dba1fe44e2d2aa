// Files (file.h).
#include <eddy/io/file.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind read_at_kind =
    make_io_kind("file::read_at", io_slot::shared, false, &in_parts<shared_io_wait>::reported);
constexpr io_kind write_at_kind =
    make_io_kind("file::write_at", io_slot::shared, false, &in_parts<shared_io_wait>::reported);
constexpr io_kind status_kind = make_io_kind("file::status", io_slot::shared, false);
constexpr io_kind size_kind = make_io_kind("file::size", io_slot::shared, false);
constexpr io_kind truncate_kind = make_io_kind("file::truncate", io_slot::shared, false);
constexpr io_kind sync_kind = make_io_kind("file::sync", io_slot::shared, false);
constexpr io_kind sync_data_kind = make_io_kind("file::sync_data", io_slot::shared, false);

static_assert(sizeof(status_block) == sizeof(struct statx) &&
              alignof(status_block) >= alignof(struct statx));

request plain(verb what) noexcept {
  request r;
  r.what = what;
  return r;
}

request at_offset(verb what, const void* address, std::uint64_t offset) noexcept {
  request r = plain(what);
  r.through = nature::file;
  r.address = address_of(address);
  r.offset = offset;
  return r;
}

/// The kernel counts offsets with a sign, and one of -1 means something else to it.
constexpr std::uint64_t most_offset = std::numeric_limits<std::int64_t>::max();

/// 0 where the combination means nothing. (Unlike O_RDONLY, no flag is zero here: O_CLOEXEC is
/// always set.)
std::uint32_t open_flags(open_mode mode) noexcept {
  const bool reads = has(mode, open_mode::read);
  const bool writes = has(mode, open_mode::write) || has(mode, open_mode::append);
  if (!reads && !writes) return 0;
  if (has(mode, open_mode::truncate) && !writes) return 0;
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
              (reads && writes ? O_RDWR
               : reads         ? O_RDONLY
                               : O_WRONLY);
  if (has(mode, open_mode::append)) flags |= O_APPEND;
  if (has(mode, open_mode::create)) flags |= O_CREAT;
  if (has(mode, open_mode::truncate)) flags |= O_TRUNC;
  if (has(mode, open_mode::exclusive)) flags |= O_EXCL;
  if (has(mode, open_mode::direct)) flags |= O_DIRECT;
  return static_cast<std::uint32_t>(flags);
}

}  // namespace

// ---- Opening -----------------------------------------------------------------------------------

detail::awaited_once<file::open_wait> file::open(std::string path, open_mode mode,
                                                 unsigned permissions) noexcept {
  static constexpr io_kind kind = make_io_kind("file::open", io_slot::shared, false,
                                               &open_wait::reported, &open_wait::interrupt);
  request r = plain(verb::open);
  r.options = open_flags(mode);
  r.length = permissions;
  return awaited_once<open_wait>(kind, r, r.options ? 0 : -EINVAL, std::move(path));
}

file::open_wait::open_wait(const io_kind& kind, const request& r, int refusal,
                           std::string path) noexcept
    : path_wait(kind, r, refusal, std::move(path)), flags_(r.options) {}

result<file> file::open_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  const nature through = nature_of(examined_);
  return file(descriptor(result, descriptor::kind::file, through),
              flags_ & O_APPEND ? position::appended : position::own,
              through == nature::file || (examined_ & examined::offsets));
}

void file::open_wait::reported(work* w) noexcept {
  auto& self = static_cast<open_wait&>(of(w));
  if (self.settled || !self.goes_on()) finish(w);
}

/// False: it has ended.
bool file::open_wait::goes_on() noexcept {
  const bool looked = std::exchange(ask.options, flags_) != flags_;
  if (result >= 0) return looked ? found(result) : opened(result);
  if (looked || (result != -ENXIO && result != -EAGAIN)) return false;
  if (result == -EAGAIN) return pause();  // a lease that its holder is asked to give up
  ask.options = O_PATH | O_CLOEXEC;       // what is it that cannot be opened to write?
  return begin_again();
}

/// It came without waiting, whatever it is.
bool file::open_wait::opened(int number) noexcept {
  examined_ = examine_here(number, flags_);
  if (examined_ < 0) {
    close_here(number);
    result = examined_;
    return false;
  }
  if (!(examined_ & examined::pipe) || (flags_ & O_ACCMODE) != O_RDONLY) return false;
  half_ = number;
  return !is_written() && pause();
}

/// A pipe that nobody reads has to be waited for; a socket or device says no.
bool file::open_wait::found(int number) noexcept {
  const int what = examine_here(number);
  close_here(number);
  result = -ENXIO;
  return what >= 0 && (what & examined::pipe) && pause();
}

/// Where the pipe has a writer now, the open is over.
bool file::open_wait::is_written() noexcept {
  request r = plain(verb::has_writer);
  r.descriptor = half_;
  if (ask_here(r) == 0) return false;
  result = std::exchange(half_, -1);
  return true;
}

/// False: it was asked to end meanwhile.
bool file::open_wait::pause() noexcept {
  if (cancel_asked || waiter_of(*this).of->stop_requested) {
    give_up();
    return false;
  }
  constexpr unsigned most_doublings = 6;
  const auto length = std::chrono::milliseconds(1u << pauses_);
  pauses_ = std::min(pauses_ + 1, most_doublings);
  paused = true;
  pause_.type = &pause_over;
  pause_.context = context;
  pause_.of = this;
  home().start_timer(pause_, later(home().now(), length), wait_in_background(this));
  return true;
}

constinit const work_type file::open_wait::pause_over{
    [](work* w) noexcept {
      open_wait& self = *static_cast<pause_timer*>(static_cast<linked_work*>(w))->of;
      self.paused = false;
      if (self.half_ < 0) {
        self.begin();
      } else if (self.is_written() || !self.pause()) {
        finish(&self);
      }
    },
    &wait_in_background};

/// Nothing has come of it.
void file::open_wait::give_up() noexcept {
  if (half_ >= 0) close_here(std::exchange(half_, -1));
  cancel_asked = true;
  result = -ECANCELED;
}

void file::open_wait::interrupt(io_wait& w) noexcept {
  auto& self = static_cast<open_wait&>(w);
  self.paused = false;
  self.home().cancel_timer(self.pause_, wait_in_background(&self));
  self.give_up();
  make_ready(self);
}

result<file> file::adopt(int number) noexcept {
  const int what = examine_here(number);
  if (what < 0) return from_errno(-what);
  const bool has_offsets = nature_of(what) == nature::file || (what & examined::offsets);
  return file(adopted(number, what), position::shared, has_offsets);
}

// ---- By offset ---------------------------------------------------------------------------------

detail::file_transfer file::at(const io_kind& kind, verb what, const void* address,
                               std::size_t size, std::uint64_t offset) noexcept {
  int refusal = 0;
  if (descriptor_.usable()) {
    const bool too_far = offset > most_offset || size > most_offset - offset;
    refusal = !has_offsets_ ? -ESPIPE : too_far ? -EINVAL : 0;
  }
  return file_transfer(descriptor_, kind, at_offset(what, address, offset), refusal, size);
}

detail::file_transfer file::read_at(mutable_buffer b, std::uint64_t offset) noexcept {
  return at(read_at_kind, verb::read, b.data(), b.size(), offset);
}
detail::file_transfer file::write_at(const_buffer b, std::uint64_t offset) noexcept {
  return at(write_at_kind, verb::write, b.data(), b.size(), offset);
}

// ---- At the position ---------------------------------------------------------------------------

detail::awaited_once<file::position_wait> file::read(mutable_buffer b) noexcept {
  static constexpr io_kind kind =
      make_io_kind("file::read", io_slot::positioned, true, &position_wait::reported);
  return awaited_once<position_wait>(*this, kind, at_offset(verb::read, b.data(), 0), b.size());
}
detail::awaited_once<file::position_wait> file::write(const_buffer b) noexcept {
  static constexpr io_kind kind =
      make_io_kind("file::write", io_slot::positioned, true, &position_wait::reported);
  return awaited_once<position_wait>(*this, kind, at_offset(verb::write, b.data(), 0), b.size());
}

void file::position_wait::begin_at_position() noexcept {
  if (file_->is_stream()) {
    become_stream();
  } else {
    ask.offset = file_->kept_ == position::shared ? current_position : file_->position_;
  }
  begin_io();
}

void file::position_wait::become_stream() noexcept {
  ask.through = file_->descriptor_.through();
  ask.lane = pool_lane::streams;
  ask.offset = current_position;
  ask.length = stream_length(ask.through, ask.length);
}

/// Some of what looks like a file has no offsets (files of the kernel's that go on for ever): it
/// says so, having done nothing; from then on it is a stream.
void file::position_wait::reported(work* w) noexcept {
  auto& self = static_cast<position_wait&>(of(w));
  if (self.claimed && self.result == -ESPIPE && self.ask.is_file()) {
    self.file_->descriptor_.set_nature(nature::shared_device);
    self.file_->has_offsets_ = false;
    self.become_stream();
    if (self.begin_again()) return;
  }
  if (!self.goes_on()) finish(w);
}

result<std::size_t> file::position_wait::await_resume() const noexcept {
  const eddy::result<std::size_t> moved = in_parts::await_resume();
  if (moved && (ask.what == verb::read || file_->kept_ != position::appended))
    file_->position_ += *moved;
  return moved;
}

// ---- The rest ----------------------------------------------------------------------------------

file::status_wait::status_wait(file& f, const io_kind& kind) noexcept
    : shared_io_wait(&f.descriptor_, kind, plain(verb::status)) {}

detail::awaited_once<file::status_wait> file::status() noexcept {
  return awaited_once<status_wait>(*this, status_kind);
}

result<file_information> file::status_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  return information_of(status_);
}

detail::awaited_once<file::size_wait> file::size() noexcept {
  return awaited_once<size_wait>(*this, size_kind);
}

result<std::uint64_t> file::size_wait::await_resume() const noexcept {
  const eddy::result<file_information> all = status_wait::await_resume();
  if (!all) return all.error();
  return all->size;
}

detail::file_operation<void> file::truncate(std::uint64_t size) noexcept {
  request r = plain(verb::truncate);
  r.offset = size;
  const int refusal = descriptor_.usable() && size > most_offset ? -EINVAL : 0;
  return file_operation<void>(&descriptor_, truncate_kind, r, refusal);
}

detail::file_operation<void> file::sync() noexcept {
  return file_operation<void>(&descriptor_, sync_kind, plain(verb::sync));
}

detail::file_operation<void> file::sync_data() noexcept {
  request r = plain(verb::sync);
  r.options = 1;
  return file_operation<void>(&descriptor_, sync_data_kind, r);
}

// ---- Whole files -------------------------------------------------------------------------------

task<result<std::string>> read_file(std::string path) {
  result<file> opened = co_await file::open(std::move(path), open_mode::read);
  if (!opened) co_return opened.error();
  file& f = *opened;
  const result<std::uint64_t> size = co_await f.size();
  if (!size) co_return size.error();
  // One byte more than it has: then its end shows in the same read.
  constexpr std::size_t least = 4096;
  std::string content(std::max(static_cast<std::size_t>(*size) + 1, least), '\0');
  std::size_t filled = 0;
  for (;;) {
    if (filled == content.size()) content.resize(content.size() * 2);
    const std::size_t wanted = content.size() - filled;
    const result<std::size_t> n = co_await f.read(mutable_buffer(content.data() + filled, wanted));
    if (!n) co_return n.error();
    filled += *n;
    if (*n == 0 || (*n < wanted && !f.is_stream())) break;
  }
  content.resize(filled);
  co_return content;
}

task<result<void>> write_file(std::string path, const_buffer data) {
  result<file> opened = co_await file::open(
      std::move(path), open_mode::write | open_mode::create | open_mode::truncate);
  if (!opened) co_return opened.error();
  file& f = *opened;
  const_buffer rest = data;
  while (!rest.empty()) {
    const result<std::size_t> n = co_await f.write(rest);
    if (!n) co_return n.error();
    rest = rest.from(*n);
  }
  co_return co_await f.close();
}

}  // namespace eddy
