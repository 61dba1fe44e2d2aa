// What is done with open files.
#include "simulation/world/open_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "simulation/world/machine.h"
#include "simulation/world/passing.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::uint64_t largest_file = std::uint64_t{1} << 44;

unsigned char kind_of(const disk::node& n) noexcept {
  return static_cast<unsigned char>((n.mode & S_IFMT) >> 12);  // DT_REG, DT_DIR, …
}

}  // namespace

open_file::open_file(machine& home, disk::node_pointer of, std::uint32_t options)
    : object(home), node_(std::move(of)) {
  mode = node_->mode;
  flags = options & ~static_cast<std::uint32_t>(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_NOCTTY);
}

bool open_file::is_device(const char* name) const {
  return S_ISCHR(node_->mode) && home().files.find(std::string("/dev/") + name) == node_;
}

/// 0: may be read (written), there.
int open_file::access(std::uint32_t refused, const request& r, std::uint64_t& offset) const {
  if ((flags & O_ACCMODE) == refused) return -EBADF;
  if (node_->is_directory()) return -EISDIR;
  offset = r.offset == current_position ? position_ : r.offset;
  return offset >> 63 ? -EINVAL : 0;
}

int open_file::read(const request& r, msghdr& m) {
  std::uint64_t offset = 0;
  if (const int error = access(O_WRONLY, r, offset)) return error;
  if (is_device("null")) return 0;
  const bool zeros = is_device("full");
  std::size_t most = 0;
  if (const int error = fail(size_of(m), most)) return error;
  std::size_t done = 0;
  for (std::size_t i = 0; i < m.msg_iovlen; ++i) {
    const iovec& part = m.msg_iov[i];
    auto* const to = static_cast<char*>(part.iov_base);
    std::size_t n = std::min(part.iov_len, most - done);
    if (zeros) {
      std::memset(to, 0, n);
    } else {
      n = home().files.read(*node_, offset + done, to, n);
    }
    done += n;
    if (n < part.iov_len) break;
  }
  if (done && home().in().chance(home(), label::disk_corrupt))
    *static_cast<char*>(m.msg_iov[0].iov_base) ^= 0x10;
  if (r.offset == current_position) position_ = offset + done;
  return static_cast<int>(done);
}

/// A disk that fails does so somewhere: what came before is done. 0 or -errno.
int open_file::fail(std::size_t size, std::size_t& most) {
  most = size;
  if (!home().in().chance(home(), label::disk_error)) return 0;
  most = home().in().draw(home(), label::disk_error_at, size);
  return most ? 0 : -EIO;
}

int open_file::write(const request& r, const msghdr& m) {
  std::uint64_t offset = 0;
  if (const int error = access(O_RDONLY, r, offset)) return error;
  if (is_device("full")) return -ENOSPC;
  const bool drops = is_device("null");
  if (!drops && home().in().chance(home(), label::disk_full)) return -ENOSPC;
  std::size_t most = 0;
  if (const int error = fail(size_of(m), most)) return error;
  if (flags & O_APPEND) offset = node_->size;
  std::size_t done = 0;
  for (std::size_t i = 0; i < m.msg_iovlen; ++i) {
    const iovec& part = m.msg_iov[i];
    const std::size_t n = std::min(part.iov_len, most - done);
    if (!drops && offset + done + n > largest_file) return done ? static_cast<int>(done) : -EFBIG;
    if (!drops)
      home().files.write(*node_, offset + done, static_cast<const char*>(part.iov_base), n);
    done += n;
  }
  if (r.offset == current_position) position_ = offset + done;
  return static_cast<int>(done);
}

std::uint32_t open_file::events() const {
  return POLLIN | POLLOUT | POLLPRI;  // nothing to wait for
}

int open_file::examine(const request& r) {
  if (!node_->is_file() && !node_->is_directory())
    return static_cast<int>(nature::shared_device) | examined::offsets;
  if (r.options) flags &= ~std::uint32_t{O_NONBLOCK};
  return static_cast<int>(nature::file);
}

int open_file::sync(bool /*data_only*/) {
  if (!node_->is_file() && !node_->is_directory()) return -EINVAL;
  if (home().in().chance(home(), label::sync_error)) {
    home().files.fail_sync(*node_);
    return -EIO;
  }
  home().files.sync(*node_);
  return 0;
}

int open_file::truncate(std::uint64_t size) {
  if (!node_->is_file() || (flags & O_ACCMODE) == O_RDONLY || size >> 63) return -EINVAL;
  if (size > largest_file) return -EFBIG;
  home().files.truncate(*node_, size);
  return 0;
}

/// As getdents64 does: what fits into the buffer, and goes on there the next time.
int open_file::list(char* to, std::size_t room) {
  if (!node_->is_directory()) return -ENOTDIR;
  if (!position_) {
    listed_.assign({{".", node_}, {"..", node_->parent.lock()}});
    listed_.insert(listed_.end(), node_->names.begin(), node_->names.end());
    for (std::size_t i = 2; i + 1 < listed_.size(); ++i) {
      const std::uint64_t other = home().in().draw(home(), label::list_order, listed_.size() - i);
      if (other) std::swap(listed_[i], listed_[i + other]);
    }
  }
  std::size_t used = 0;
  for (; position_ < listed_.size(); ++position_) {
    const auto& [name, is] = listed_[position_];
    const std::size_t length = (offsetof(dirent64, d_name) + name.size() + 1 + 7) / 8 * 8;
    if (used + length > room) return used ? static_cast<int>(used) : -EINVAL;
    dirent64 entry{};
    entry.d_ino = is ? is->number : 0;
    entry.d_off = static_cast<off64_t>(position_ + 1);
    entry.d_reclen = static_cast<unsigned short>(length);
    entry.d_type = is ? kind_of(*is) : static_cast<unsigned char>(DT_DIR);
    std::memcpy(entry.d_name, name.c_str(), name.size() + 1);
    std::memcpy(to + used, &entry, length);
    used += length;
  }
  return static_cast<int>(used);
}

}  // namespace eddy::detail::simulated
