// The files, folders and devices of the world in memory.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/fake_backend.h"

namespace eddy::test {
namespace {
template <class T = char>
T* at(std::uint64_t address) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}
}  // namespace

/// 0 where the folder in which `path` is to stand exists.
int fake_backend::parent_of(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return -ENOENT;
  auto parent = files_.find(slash ? path.substr(0, slash) : "/");
  if (parent == files_.end()) return -ENOENT;
  return parent->second->kind == node::directory ? 0 : -ENOTDIR;
}

int fake_backend::open(const request& r) {
  const std::string path = at(r.address);
  auto found = files_.find(path);
  if (found != files_.end() && (r.options & O_CREAT) && (r.options & O_EXCL)) return -EEXIST;
  if (found == files_.end()) {
    if (int error = parent_of(path)) return error;
    if (!(r.options & O_CREAT)) return -ENOENT;
    found = files_.emplace(path, std::make_shared<node>()).first;
    found->second->permissions = r.length;
  }
  node& content = *found->second;
  if (content.kind == node::directory && (r.options & O_ACCMODE) != O_RDONLY) return -EISDIR;
  if (content.kind != node::directory && (r.options & O_DIRECTORY)) return -ENOTDIR;
  if (r.options & O_TRUNC) content.bytes.clear();
  auto made = std::make_shared<object>();
  made->content = found->second;
  made->mode = S_IFREG;
  made->flags = r.options & ~std::uint32_t{O_CREAT | O_EXCL | O_TRUNC};
  return add(std::move(made));
}

int fake_backend::examine(const request& r, object& o) {
  const auto of = [&r](nature shared) {
    return static_cast<int>(r.options ? nature::stream : shared);
  };
  if (!o.content) return of(nature::shared_pipe) | (o.mode == S_IFSOCK ? 0 : examined::pipe);
  if (o.content->kind != node::file && o.content->kind != node::directory)
    return static_cast<int>(nature::shared_device) | examined::offsets;
  if (r.options) o.flags &= ~std::uint32_t{O_NONBLOCK};
  return static_cast<int>(nature::file);
}

int fake_backend::transfer_file(const request& r, object& o) {
  node& content = *o.content;
  const bool reads = r.what == verb::read;
  if ((o.flags & O_ACCMODE) == (reads ? O_WRONLY : O_RDONLY)) return -EBADF;
  if (content.kind == node::directory) return -EISDIR;
  if (content.kind == node::full && !reads) return -ENOSPC;
  if (content.kind == node::null) return reads ? 0 : static_cast<int>(r.length);
  std::uint64_t offset = r.offset == current_position ? o.position : r.offset;
  if (!reads && (o.flags & O_APPEND)) offset = content.bytes.size();
  std::size_t n = r.length;
  if (content.kind == node::full) {
    std::memset(at(r.address), 0, n);
  } else if (reads) {
    n = offset < content.bytes.size() ? std::min<std::size_t>(n, content.bytes.size() - offset) : 0;
    if (n) std::memcpy(at(r.address), content.bytes.data() + offset, n);
  } else {
    content.bytes.resize(std::max<std::size_t>(content.bytes.size(), offset + n));
    std::memcpy(content.bytes.data() + offset, at(r.address), n);
  }
  if (r.offset == current_position) o.position = offset + n;
  return static_cast<int>(n);
}

int fake_backend::status(const request& r) {
  object* o = r.address ? nullptr : find(r.descriptor);
  if (!r.address && !o) return -EBADF;
  auto found = r.address ? files_.find(at(r.address)) : files_.end();
  if (r.address && found == files_.end()) return -ENOENT;
  node_pointer content = r.address ? found->second : o->content;
  struct statx& s = *at<struct statx>(r.offset);
  s = {};
  s.stx_mask = STATX_BASIC_STATS;
  s.stx_nlink = 1;
  s.stx_blksize = 4096;
  s.stx_mode = static_cast<std::uint16_t>(content ? content->permissions : o->mode | 0600u);
  if (!content) return 0;
  if (!content->inode) content->inode = next_inode_++;
  s.stx_ino = content->inode;
  s.stx_size = content->bytes.size();
  s.stx_mode |= content->kind == node::directory ? S_IFDIR
                : content->kind == node::file    ? S_IFREG
                                                 : S_IFCHR;
  return 0;
}

/// As getdents64 does: what fits into the buffer, and goes on there the next time.
int fake_backend::list(const request& r, object& o) {
  if (!o.content || o.content->kind != node::directory) return -ENOTDIR;
  std::string folder;
  for (const auto& [path, content] : files_) {
    if (content == o.content) folder = path == "/" ? path : path + "/";
  }
  std::vector<std::pair<std::string, unsigned char>> entries{{".", DT_DIR}, {"..", DT_DIR}};
  for (auto i = files_.lower_bound(folder); i != files_.end() && i->first.rfind(folder, 0) == 0;
       ++i) {
    std::string name = i->first.substr(folder.size());
    if (name.empty() || name.find('/') != name.npos) continue;
    entries.emplace_back(std::move(name), i->second->kind == node::directory ? DT_DIR
                                          : i->second->kind == node::file    ? DT_REG
                                                                             : DT_CHR);
  }
  std::size_t used = 0;
  for (; o.position < entries.size(); ++o.position) {
    const auto& [name, kind] = entries[o.position];
    const std::size_t length = (offsetof(dirent64, d_name) + name.size() + 1 + 7) / 8 * 8;
    if (used + length > r.length) return used ? static_cast<int>(used) : -EINVAL;
    dirent64 entry{};
    entry.d_ino = 1;
    entry.d_reclen = static_cast<unsigned short>(length);
    entry.d_type = kind;
    std::memcpy(entry.d_name, name.c_str(), name.size() + 1);
    std::memcpy(at(r.address) + used, &entry, length);
    used += length;
  }
  return static_cast<int>(used);
}

int fake_backend::rename(const std::string& from, const std::string& to) {
  auto found = files_.find(from);
  if (found == files_.end()) return -ENOENT;
  if (int error = parent_of(to)) return error;
  if (from == to) return 0;
  std::map<std::string, node_pointer> moved;  // with what is in it, if it is a folder
  for (auto i = files_.begin(); i != files_.end();) {
    const bool inside = i->first == from || i->first.rfind(from + "/", 0) == 0;
    if (inside) moved[to + i->first.substr(from.size())] = i->second;
    i = inside ? files_.erase(i) : std::next(i);
  }
  for (auto& [path, content] : moved) files_[path] = std::move(content);
  return 0;
}

int fake_backend::remove(const std::string& path, bool directory) {
  auto found = files_.find(path);
  if (found == files_.end()) return -ENOENT;
  const bool is_directory = found->second->kind == node::directory;
  if (is_directory != directory) return directory ? -ENOTDIR : -EISDIR;
  if (directory && files_.lower_bound(path + "/") != files_.end() &&
      files_.lower_bound(path + "/")->first.rfind(path + "/", 0) == 0) {
    return -ENOTEMPTY;
  }
  files_.erase(found);
  bound_.erase("unix " + path);
  return 0;
}

int fake_backend::make_directory(const std::string& path) {
  if (files_.count(path)) return -EEXIST;
  if (int error = parent_of(path)) return error;
  files_[path] = std::make_shared<node>();
  files_[path]->kind = node::directory;
  return 0;
}

}  // namespace eddy::test
