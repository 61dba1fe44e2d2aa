// What is asked of files and names.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "simulation/world/machine.h"
#include "simulation/world/open_file.h"

namespace eddy::detail::simulated {
namespace {

template <class T = char>
T* at(std::uint64_t address) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));  // NOLINT: as in a request
}

statx_timestamp time_of(std::int64_t t) noexcept {
  statx_timestamp stamp{};
  stamp.tv_sec = t / second;
  stamp.tv_nsec = static_cast<std::uint32_t>(t % second);
  return stamp;
}

void fill(struct statx& s, const disk::node& n) {
  s.stx_ino = n.number;
  s.stx_mode = static_cast<std::uint16_t>(n.mode);
  s.stx_size = n.size;
  s.stx_blocks = n.content.size() * (disk::page_size / 512);
  s.stx_nlink = n.is_directory() ? 2 : 1;
  s.stx_btime = time_of(n.born);
  s.stx_mtime = s.stx_ctime = s.stx_atime = time_of(n.changed);
  s.stx_dev_minor = 1;
}

}  // namespace

int machine::open(const request& r) {
  const char* const path = at(r.address);
  const auto options = r.options;
  disk::node_pointer found;
  if (world_.chance(*this, label::disk_error)) return -EIO;
  if (options & O_CREAT) {
    if (!files.find(path) && world_.chance(*this, label::disk_full)) return -ENOSPC;
    const int made = files.make(path, S_IFREG | (r.length & 07777), found);
    if (made < 0 && (made != -EEXIST || (options & O_EXCL))) return made;
    if (made == -EEXIST && found->is_directory()) return -EISDIR;
  } else if (const int error = files.find(path, found)) {
    return error;
  }
  if (found->is_directory() && (options & O_ACCMODE) != O_RDONLY) return -EISDIR;
  if (!found->is_directory() && (options & O_DIRECTORY)) return -ENOTDIR;
  if (S_ISSOCK(found->mode)) return -ENXIO;
  if (is_full()) return -EMFILE;
  if (const int error = refuse_more()) return error;
  if ((options & O_TRUNC) && found->is_file()) files.truncate(*found, 0);
  return add(std::make_shared<open_file>(*this, std::move(found), options));
}

int machine::status(const request& r) {
  struct statx& s = *at<struct statx>(r.offset);
  disk::node_pointer named;
  object* const of = r.address ? nullptr : find(r.descriptor);
  if (!r.address && !of) return -EBADF;
  if (r.address) {
    if (const int error = files.find(at(r.address), named)) return error;
  }
  s = {};
  s.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
  s.stx_nlink = 1;
  s.stx_blksize = disk::page_size;
  if (named) {
    fill(s, *named);
  } else if (const auto* file = dynamic_cast<const open_file*>(of)) {
    fill(s, file->node());
  } else if (of) {
    s.stx_mode = static_cast<std::uint16_t>(of->mode | 0600);
    s.stx_ino = of->number();
  }
  return 0;
}

int machine::answer_files(const request& r) {
  switch (r.what) {
    case verb::open:
      return open(r);
    case verb::close:
      return close(r.descriptor);
    case verb::status:
      return status(r);
    case verb::rename:
      return files.rename(at(r.address), at(r.offset));
    case verb::remove:
      return files.remove(at(r.address), r.options != 0);
    case verb::make_directory: {
      if (world_.chance(*this, label::disk_full)) return -ENOSPC;
      disk::node_pointer made;
      return files.make(at(r.address), S_IFDIR | (r.length & 07777), made);
    }
    default:
      break;
  }
  object* const of = find(r.descriptor);
  if (!of) return -EBADF;
  if (r.what == verb::send_file) return send_file(r, *of);
  auto* const file = dynamic_cast<open_file*>(of);
  if (!file) return r.what == verb::list ? -ENOTDIR : -EINVAL;
  if (r.what == verb::list) return file->list(at(r.address), r.length);
  if (r.what == verb::sync) return file->sync(r.options == 1);
  if (r.what == verb::truncate) return file->truncate(r.offset);
  return -ENOSYS;
}

int machine::send_file(const request& r, object& to) {
  object* const found = find(r.second);
  if (!found) return -EBADF;
  const auto* const file = dynamic_cast<const open_file*>(found);
  if (!file || !file->node().is_file()) return -EINVAL;
  std::vector<char> part(std::min<std::size_t>(r.length, 65536));
  part.resize(files.read(file->node(), r.offset, part.data(), part.size()));
  if (part.empty()) return 0;
  iovec all{part.data(), part.size()};
  msghdr m{};
  m.msg_iov = &all;
  m.msg_iovlen = 1;
  return to.write(r, m);
}

/// (What the page cache has costs as much here as what it has not.)
instant machine::duration_of(const request& r) {
  const world_options& o = world_.options();
  switch (r.what) {
    case verb::call:
      return micro(label::pool_time, 10'000);
    case verb::look_up:
      return o.latency_min * 2 + micro(label::name_late, 10'000'000);
    case verb::send_file:
    case verb::close:
      return 0;
    default:
      break;
  }
  instant takes = r.what == verb::sync ? o.sync_latency : o.disk_latency;
  takes += micro(label::disk_delay, 2'000);
  if (world_.chance(*this, label::disk_slow))
    takes += 100'000'000 + micro(label::disk_slow_by, 5'000'000);
  return takes;
}

/// So much longer than the least.
instant machine::micro(label what, std::uint64_t most) {
  return static_cast<instant>(world_.draw(*this, what, most + 1)) * 1'000;
}

}  // namespace eddy::detail::simulated
