// Names of files (filesystem.h).
#include <eddy/io/filesystem.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace eddy {

namespace {

using namespace detail;

constexpr io_kind status_kind = make_io_kind("file_status", io_slot::shared, false);
constexpr io_kind rename_kind = make_io_kind("rename_file", io_slot::shared, false);
constexpr io_kind remove_kind = make_io_kind("remove_file", io_slot::shared, false);
constexpr io_kind make_directory_kind = make_io_kind("make_directory", io_slot::shared, false);
constexpr io_kind remove_directory_kind = make_io_kind("remove_directory", io_slot::shared, false);

request of(verb what, std::uint32_t options = 0) noexcept {
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

result<file_information> detail::status_wait::await_resume() const noexcept {
  if (result < 0) return from_errno(-result);
  struct statx status{};
  static_assert(sizeof status == sizeof status_);
  std::memcpy(&status, &status_, sizeof status);
  file_information information;
  information.kind = kind_of(status.stx_mode);
  information.permissions = status.stx_mode & 07777u;
  information.size = status.stx_size;
  information.modified =
      decltype(information.modified)(std::chrono::seconds(status.stx_mtime.tv_sec) +
                                     std::chrono::nanoseconds(status.stx_mtime.tv_nsec));
  return information;
}

detail::awaited_once<detail::status_wait> file_status(std::string path) noexcept {
  return awaited_once<status_wait>(status_kind, of(verb::status), 0, std::move(path));
}

detail::path_change rename_file(std::string from, std::string to) noexcept {
  return path_change(rename_kind, of(verb::rename), 0, std::move(from), std::move(to));
}

detail::path_change remove_file(std::string path) noexcept {
  return path_change(remove_kind, of(verb::remove), 0, std::move(path));
}

detail::path_change make_directory(std::string path, unsigned permissions) noexcept {
  request r = of(verb::make_directory);
  r.length = permissions;
  return path_change(make_directory_kind, r, 0, std::move(path));
}

detail::path_change remove_directory(std::string path) noexcept {
  return path_change(remove_directory_kind, of(verb::remove, AT_REMOVEDIR), 0, std::move(path));
}

}  // namespace eddy
