// Files (file.h).
#include <eddy/io/file.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind open_kind = make_io_kind("file::open", io_slot::shared, false);
constexpr io_kind read_at_kind = make_io_kind("file::read_at", io_slot::shared, false);
constexpr io_kind write_at_kind = make_io_kind("file::write_at", io_slot::shared, false);
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

request at_offset(verb what, const void* address, std::size_t size, std::uint64_t offset) noexcept {
  request r = plain(what);
  r.seekable = true;
  r.address = address_of(address);
  r.length = length_of(size);
  r.offset = offset;
  return r;
}

/// 0 where the combination means nothing. (Unlike O_RDONLY, no flag is zero here: O_CLOEXEC is
/// always set.)
std::uint32_t open_flags(open_mode mode) noexcept {
  const bool reads = has(mode, open_mode::read);
  const bool writes = has(mode, open_mode::write) || has(mode, open_mode::append);
  if (!reads && !writes) return 0;
  if (has(mode, open_mode::truncate) && !writes) return 0;
  int flags = O_CLOEXEC | O_NOCTTY | (reads && writes ? O_RDWR : reads ? O_RDONLY : O_WRONLY);
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
  request r = plain(verb::open);
  r.options = open_flags(mode);
  r.length = permissions;
  return awaited_once<open_wait>(open_kind, r, r.options ? 0 : -EINVAL, std::move(path));
}

result<file> file::open_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  return file(descriptor(result, descriptor::kind::file), ask.options & O_APPEND);
}

// ---- By offset ---------------------------------------------------------------------------------

detail::file_operation<std::size_t> file::read_at(mutable_buffer b, std::uint64_t offset) noexcept {
  return file_operation<std::size_t>(&descriptor_, read_at_kind,
                                     at_offset(verb::read, b.data(), b.size(), offset));
}
detail::file_operation<std::size_t> file::write_at(const_buffer b, std::uint64_t offset) noexcept {
  return file_operation<std::size_t>(&descriptor_, write_at_kind,
                                     at_offset(verb::write, b.data(), b.size(), offset));
}

// ---- At the position ---------------------------------------------------------------------------

namespace {
constexpr io_kind make_position_kind(const char* name, void (*run)(work*) noexcept) noexcept {
  return make_io_kind(name, io_slot::positioned, true, run);
}
}  // namespace

detail::awaited_once<file::position_wait> file::read(mutable_buffer b) noexcept {
  static constexpr io_kind kind = make_position_kind("file::read", &position_wait::reported);
  return awaited_once<position_wait>(*this, kind, at_offset(verb::read, b.data(), b.size(), 0));
}
detail::awaited_once<file::position_wait> file::write(const_buffer b) noexcept {
  static constexpr io_kind kind = make_position_kind("file::write", &position_wait::reported);
  return awaited_once<position_wait>(*this, kind, at_offset(verb::write, b.data(), b.size(), 0));
}

void file::position_wait::begin_at_position() noexcept {
  ask.seekable = !file_->is_stream_;
  ask.offset = file_->is_stream_ ? current_position : file_->position_;
  begin_io();
}

/// What has no offsets says so, having done nothing; from then on it is a stream.
void file::position_wait::reported(work* w) noexcept {
  auto& self = static_cast<position_wait&>(of(w));
  if (self.claimed && self.result == -ESPIPE && self.ask.seekable) {
    self.file_->is_stream_ = true;
    self.ask.seekable = false;
    self.ask.offset = current_position;
    if (self.begin_again()) return;
  }
  finish(w);
}

result<std::size_t> file::position_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  const auto moved = static_cast<std::size_t>(result);
  if (ask.what == verb::read || !file_->appends_) file_->position_ += moved;
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
  return file_operation<void>(&descriptor_, truncate_kind, r);
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
    const std::size_t wanted = length_of(content.size() - filled);
    const result<std::size_t> n = co_await f.read(mutable_buffer(content.data() + filled, wanted));
    if (!n) co_return n.error();
    filled += *n;
    if (*n == 0 || (*n < wanted && !f.is_stream_)) break;
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
