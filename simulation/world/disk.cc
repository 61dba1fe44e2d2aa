// Names and content of a disk.
#include "simulation/world/disk.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "simulation/world/machine.h"

namespace eddy::detail::simulated {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_path = 4095;

}  // namespace

bool disk::node::is_directory() const noexcept {
  return S_ISDIR(mode);
}
bool disk::node::is_file() const noexcept {
  return S_ISREG(mode);
}

disk::disk(machine& home) : home_(home) {
  wipe();
}

void disk::wipe() {
  unsynced_.clear();
  root_ = make_node(S_IFDIR | 0755);
  root_->parent = root_;
  const auto add = [this](const node_pointer& folder, const char* name, std::uint32_t mode) {
    const node_pointer made = make_node(mode);
    made->parent = folder;
    folder->names[name] = folder->durable_names[name] = made;
    return made;
  };
  add(root_, "tmp", S_IFDIR | 01777);
  const node_pointer devices = add(root_, "dev", S_IFDIR | 0755);
  add(devices, "full", S_IFCHR | 0666);
  add(devices, "null", S_IFCHR | 0666);
}

// ---- Names

disk::node_pointer disk::make_node(std::uint32_t mode) {
  auto made = std::make_shared<node>();
  made->number = ++nodes_;
  made->mode = mode;
  made->born = made->changed = home_.wall_now();
  return made;
}

/// To the folder in which the last name is to stand.
int disk::walk(std::string_view path, place& found) const {
  if (path.empty()) return -ENOENT;
  if (path.size() > longest_path) return -ENAMETOOLONG;
  found = {root_, {}, path.back() == '/'};
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, slash - at);
    at = slash + 1;
    if (name.empty()) continue;
    if (name.size() > longest_name) return -ENAMETOOLONG;
    if (!found.name.empty()) {
      node_pointer next = there(found);
      if (!next) return -ENOENT;
      if (!next->is_directory()) return -ENOTDIR;
      found.folder = std::move(next);
    }
    found.name = name;
  }
  return 0;
}

disk::node_pointer disk::there(const place& at) const {
  if (at.name.empty() || at.name == ".") return at.folder;
  if (at.name == "..") return at.folder->parent.lock();
  const auto found = at.folder->names.find(at.name);
  return found == at.folder->names.end() ? nullptr : found->second;
}

int disk::find(std::string_view path, node_pointer& found) const {
  place at;
  if (const int error = walk(path, at)) return error;
  found = there(at);
  if (!found) return -ENOENT;
  return at.is_folder && !found->is_directory() ? -ENOTDIR : 0;
}

disk::node_pointer disk::find(std::string_view path) const {
  node_pointer found;
  return find(path, found) ? nullptr : found;
}

int disk::make(std::string_view path, std::uint32_t mode, node_pointer& made) {
  place at;
  if (const int error = walk(path, at)) return error;
  made = there(at);
  if (made) return -EEXIST;
  if (at.is_folder && !S_ISDIR(mode)) return -EISDIR;
  if (at.folder->parent.expired()) return -ENOENT;  // it was removed
  made = make_node(mode);
  made->parent = at.folder;
  apply({{at.folder, at.name, made}});
  return 0;
}

int disk::remove(std::string_view path, bool directory) {
  place at;
  if (const int error = walk(path, at)) return error;
  if (at.name.empty()) return directory ? -EBUSY : -EISDIR;
  if (at.name == ".") return directory ? -EINVAL : -EISDIR;
  if (at.name == "..") return directory ? -ENOTEMPTY : -EISDIR;
  const node_pointer is = there(at);
  if (!is) return -ENOENT;
  if (is->is_directory() != directory || (at.is_folder && !is->is_directory()))
    return directory || at.is_folder ? -ENOTDIR : -EISDIR;
  if (directory && !is->names.empty()) return -ENOTEMPTY;
  if (directory) is->parent.reset();
  apply({{at.folder, at.name, nullptr}});
  return 0;
}

int disk::rename(std::string_view from, std::string_view to) {
  place source, target;
  if (const int error = walk(from, source)) return error;
  if (const int error = walk(to, target)) return error;
  for (const place* p : {&source, &target}) {
    if (p->name.empty() || p->name == "." || p->name == "..") return -EBUSY;
  }
  const node_pointer moved = there(source), before = there(target);
  if (!moved) return -ENOENT;
  if ((source.is_folder || target.is_folder) && !moved->is_directory()) return -ENOTDIR;
  for (node_pointer up = target.folder;;) {
    if (up == moved) return -EINVAL;
    const node_pointer next = up->parent.lock();
    if (!next || next == up) break;
    up = next;
  }
  if (before == moved) return 0;
  if (before) {
    if (moved->is_directory() != before->is_directory())
      return before->is_directory() ? -EISDIR : -ENOTDIR;
    if (!before->names.empty()) return -ENOTEMPTY;
    if (before->is_directory()) before->parent.reset();
  }
  if (target.folder->parent.expired()) return -ENOENT;
  moved->parent = target.folder;
  apply({{source.folder, source.name, nullptr}, {target.folder, target.name, moved}});
  return 0;
}

void disk::apply(std::vector<change> all) {
  for (const change& c : all) {
    c.folder->changed = home_.wall_now();
    if (c.is) {
      c.folder->names[c.name] = c.is;
    } else {
      c.folder->names.erase(c.name);
    }
  }
  unsynced_.push_back(std::move(all));
}

// ---- Content

std::size_t disk::read(const node& of, std::uint64_t offset, char* to, std::size_t n) const {
  if (offset >= of.size) return 0;
  n = static_cast<std::size_t>(std::min<std::uint64_t>(n, of.size - offset));
  for (std::size_t done = 0; done < n;) {
    const std::uint64_t number = (offset + done) / page_size;
    const std::size_t inside = (offset + done) % page_size;
    const std::size_t part = std::min(n - done, page_size - inside);
    const auto found = of.content.find(number);
    if (found == of.content.end()) {
      std::memset(to + done, 0, part);
    } else {
      std::memcpy(to + done, found->second->data() + inside, part);
    }
    done += part;
  }
  return n;
}

/// A page of its own: the durable image keeps the old one.
disk::page& disk::to_write(node& of, std::uint64_t number) {
  auto& now = of.content[number];
  if (!now) {
    now = std::make_shared<page>();
    now->fill(0);
  } else if (of.dirty.find(number) == of.dirty.end()) {
    now = std::make_shared<page>(*now);
  }
  of.dirty.insert(number);
  return *now;
}

void disk::write(node& of, std::uint64_t offset, const char* from, std::size_t n) {
  for (std::size_t done = 0; done < n;) {
    const std::size_t inside = (offset + done) % page_size;
    const std::size_t part = std::min(n - done, page_size - inside);
    std::memcpy(to_write(of, (offset + done) / page_size).data() + inside, from + done, part);
    done += part;
  }
  of.size = std::max(of.size, offset + n);
  of.changed = home_.wall_now();
}

void disk::truncate(node& of, std::uint64_t size) {
  if (size < of.size) {
    const auto first = of.content.lower_bound((size + page_size - 1) / page_size);
    for (auto i = first; i != of.content.end(); ++i) of.dirty.insert(i->first);
    of.content.erase(first, of.content.end());
    if (size % page_size && of.content.count(size / page_size)) {
      page& last = to_write(of, size / page_size);
      std::fill(last.begin() + static_cast<std::ptrdiff_t>(size % page_size), last.end(), '\0');
    }
  }
  of.size = size;
  of.changed = home_.wall_now();
}

}  // namespace eddy::detail::simulated
