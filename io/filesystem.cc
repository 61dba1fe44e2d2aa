// Names of files (filesystem.h).
#include <eddy/io/filesystem.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind status_kind = make_io_kind("file_status", io_slot::shared, false);
constexpr io_kind rename_kind = make_io_kind("rename_file", io_slot::shared, false);
constexpr io_kind remove_kind = make_io_kind("remove_file", io_slot::shared, false);
constexpr io_kind copy_kind = make_io_kind("copy_file", io_slot::shared, false);
constexpr io_kind sync_kind = make_io_kind("sync_directory", io_slot::shared, false);
constexpr io_kind list_kind = make_io_kind("list_directory", io_slot::shared, false);
constexpr io_kind make_directory_kind = make_io_kind("make_directory", io_slot::shared, false);
constexpr io_kind remove_directory_kind = make_io_kind("remove_directory", io_slot::shared, false);

request asking(verb what, std::uint32_t options = 0) noexcept {
  request r;
  r.what = what;
  r.options = options;
  return r;
}

file_kind kind_of(unsigned mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return file_kind::regular;
    case S_IFDIR:
      return file_kind::directory;
    case S_IFLNK:
      return file_kind::symbolic_link;
    case S_IFIFO:
      return file_kind::pipe;
    case S_IFSOCK:
      return file_kind::socket;
    case S_IFCHR:
      return file_kind::character_device;
    case S_IFBLK:
      return file_kind::block_device;
    default:
      return file_kind::other;
  }
}

}  // namespace

detail::path_wait::path_wait(const io_kind& kind, const request& r, int refusal, std::string path,
                             std::string to) noexcept
    : io_wait(nullptr, kind, r, refusal), path_(std::move(path)), to_(std::move(to)) {
  // The kernel's paths end at their first '\0': what comes after it would be ignored.
  if (path_.find('\0') != path_.npos || to_.find('\0') != to_.npos) {
    settled = true;
    result = -EINVAL;
  }
}

void detail::path_wait::begin_with_paths() noexcept {
  ask.address = address_of(path_.c_str());
  if (ask.what == verb::rename) ask.offset = address_of(to_.c_str());
  begin_io();
}

file_information detail::information_of(const status_block& block) noexcept {
  struct statx status{};
  static_assert(sizeof status == sizeof block);
  std::memcpy(&status, &block, sizeof status);
  file_information information;
  information.kind = kind_of(status.stx_mode);
  information.permissions = status.stx_mode & 07777u;
  information.size = status.stx_size;
  information.modified =
      decltype(information.modified)(std::chrono::seconds(status.stx_mtime.tv_sec) +
                                     std::chrono::nanoseconds(status.stx_mtime.tv_nsec));
  return information;
}

result<file_information> detail::status_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  return information_of(status_);
}

detail::awaited_once<detail::status_wait> file_status(std::string path) noexcept {
  return awaited_once<status_wait>(status_kind, asking(verb::status), 0, std::move(path));
}

detail::path_change rename_file(std::string from, std::string to) noexcept {
  return path_change(rename_kind, asking(verb::rename), 0, std::move(from), std::move(to));
}

detail::path_change remove_file(std::string path) noexcept {
  return path_change(remove_kind, asking(verb::remove), 0, std::move(path));
}

detail::path_change make_directory(std::string path, unsigned permissions) noexcept {
  request r = asking(verb::make_directory);
  r.length = permissions;
  return path_change(make_directory_kind, r, 0, std::move(path));
}

detail::path_change remove_directory(std::string path) noexcept {
  return path_change(remove_directory_kind, asking(verb::remove, AT_REMOVEDIR), 0, std::move(path));
}

// ---- Of several operations ---------------------------------------------------------------------

namespace {

/// The status of an open file.
class open_status_wait : public shared_io_wait {
 public:
  open_status_wait(descriptor& d, const io_kind& kind) noexcept
      : shared_io_wait(&d, kind, asking(verb::status)) {}
  open_status_wait(open_status_wait&& other) noexcept : shared_io_wait(std::move(other)) {}
  template <our_promise P>
  void await_suspend(std::coroutine_handle<P> h,
                     std::source_location at = std::source_location::current()) noexcept {
    ask.offset = address_of(&status_);
    shared_io_wait::await_suspend(h, at);
  }
  eddy::result<struct statx> await_resume() const noexcept {
    if (result < 0) return from_errno(-result);
    struct statx status{};
    std::memcpy(&status, &status_, sizeof status);
    return status;
  }

 private:
  status_block status_;
};
using open_status = awaited_once<open_status_wait>;

task<result<descriptor>> open_path(const io_kind& kind, std::string path, int flags,
                                   unsigned permissions) {
  request r = asking(verb::open, static_cast<std::uint32_t>(flags | O_CLOEXEC | O_NOCTTY));
  r.length = permissions;
  awaited_once<io_awaiter<int, path_wait>> opening(kind, r, 0, std::move(path));
  const result<int> number = co_await std::move(opening);
  if (!number) co_return number.error();
  if (flags & O_NONBLOCK) examine_here(*number, r.options);  // a file is not to keep it
  co_return descriptor(*number, descriptor::kind::file);
}

request part_of(verb what, const char* address, std::size_t size, std::uint64_t offset) noexcept {
  request r = asking(what);
  r.through = nature::file;
  r.address = address_of(address);
  r.length = length_of(size);
  r.offset = offset;
  return r;
}

bool same_file(const struct statx& a, const struct statx& b) noexcept {
  return a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
         a.stx_dev_minor == b.stx_dev_minor;
}

/// From one descriptor to the other, from the beginning to the end.
task<result<void>> copy_content(descriptor& source, descriptor& target) {
  constexpr std::size_t part = 256 << 10;
  const auto buffer = std::make_unique_for_overwrite<char[]>(part);
  for (std::uint64_t offset = 0;;) {
    const result<std::size_t> read = co_await file_operation<std::size_t>(
        &source, copy_kind, part_of(verb::read, buffer.get(), part, offset));
    if (!read) co_return read.error();
    if (*read == 0) co_return result<void>();
    for (std::size_t written = 0; written < *read;) {
      const result<std::size_t> n = co_await file_operation<std::size_t>(
          &target, copy_kind,
          part_of(verb::write, buffer.get() + written, *read - written, offset + written));
      if (!n) co_return n.error();
      written += *n;
    }
    offset += *read;
  }
}

}  // namespace

task<result<void>> copy_file(std::string from, std::string to) {
  // (O_NONBLOCK: opening a pipe would wait for whoever writes into it)
  result<descriptor> source =
      co_await open_path(copy_kind, std::move(from), O_RDONLY | O_NONBLOCK, 0);
  if (!source) co_return source.error();
  const result<struct statx> have = co_await open_status(*source, copy_kind);
  if (!have) co_return have.error();
  if (!S_ISREG(have->stx_mode)) co_return from_errno(S_ISDIR(have->stx_mode) ? EISDIR : EINVAL);
  result<descriptor> target = co_await open_path(
      copy_kind, std::move(to), O_WRONLY | O_CREAT | O_NONBLOCK, have->stx_mode & 0777u);
  if (!target) co_return target.error();
  const result<struct statx> there = co_await open_status(*target, copy_kind);
  if (!there) co_return there.error();
  if (same_file(*have, *there)) co_return from_errno(EINVAL);
  if (S_ISREG(there->stx_mode)) {
    const result<void> cut =
        co_await file_operation<void>(&*target, copy_kind, asking(verb::truncate));
    if (!cut) co_return cut.error();
  }
  const result<void> copied = co_await copy_content(*source, *target);
  if (!copied) co_return copied.error();
  co_return co_await close_awaitable(*target);
}

task<result<std::vector<directory_entry>>> list_directory(std::string path) {
  result<descriptor> folder =
      co_await open_path(list_kind, std::move(path), O_RDONLY | O_DIRECTORY, 0);
  if (!folder) co_return folder.error();
  std::vector<directory_entry> entries;
  constexpr std::size_t part = 32 << 10;
  const auto buffer = std::make_unique_for_overwrite<char[]>(part);
  for (;;) {
    request r = asking(verb::list);
    r.address = address_of(buffer.get());
    r.length = part;
    const result<std::size_t> bytes = co_await file_operation<std::size_t>(&*folder, list_kind, r);
    if (!bytes) co_return bytes.error();
    if (*bytes == 0) break;
    for (std::size_t at = 0; at < *bytes;) {
      const char* record = buffer.get() + at;
      unsigned short length = 0;
      std::memcpy(&length, record + offsetof(dirent64, d_reclen), sizeof length);
      const auto kind = static_cast<unsigned char>(record[offsetof(dirent64, d_type)]);
      std::string name = record + offsetof(dirent64, d_name);
      if (name != "." && name != "..") entries.emplace_back(std::move(name), kind_of(DTTOIF(kind)));
      at += length;
    }
  }
  co_return entries;
}

task<result<void>> sync_directory(std::string path) {
  result<descriptor> folder =
      co_await open_path(sync_kind, std::move(path), O_RDONLY | O_DIRECTORY, 0);
  if (!folder) co_return folder.error();
  co_return co_await file_operation<void>(&*folder, sync_kind, asking(verb::sync));
}

}  // namespace eddy
