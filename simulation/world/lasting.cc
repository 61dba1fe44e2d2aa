// What of a disk lasts, and what is left when the power has failed.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "simulation/world/disk.h"
#include "simulation/world/machine.h"

namespace eddy::detail::simulated {

/// Of a file: its pages and its size. Of a directory: all changes of names up to the last one in it.
void disk::sync(node& of) {
  for (const std::uint64_t number : of.dirty) {
    const auto now = of.content.find(number);
    if (now == of.content.end()) {
      of.durable_content.erase(number);
    } else {
      of.durable_content[number] = now->second;
    }
  }
  of.dirty.clear();
  of.durable_size = of.size;
  if (!of.is_directory()) return;
  const auto last = std::find_if(unsynced_.rbegin(), unsynced_.rend(), [&](const auto& together) {
    return std::any_of(together.begin(), together.end(),
                       [&](const change& c) { return c.folder.get() == &of; });
  });
  make_durable(static_cast<std::size_t>(unsynced_.rend() - last));
}

/// The first so many changes.
void disk::make_durable(std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    for (const change& c : unsynced_[i]) {
      if (c.is) {
        c.folder->durable_names[c.name] = c.is;
      } else {
        c.folder->durable_names.erase(c.name);
      }
    }
  }
  unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(n));
}

void disk::lose_power() {
  if (!unsynced_.empty())
    make_durable(home_.in().draw(home_, label::power_names, unsynced_.size() + 1));
  unsynced_.clear();
  lose_names(root_);
}

void disk::lose_names(const node_pointer& of) {
  lose_content(*of);
  of->names = of->durable_names;
  for (const auto& [name, is] : of->names) {
    is->parent = of;
    lose_names(is);
  }
}

/// Of each page the old one is left, or the new one, or a part of it. Without its page nothing has
/// grown.
void disk::lose_content(node& of) {
  constexpr std::uint64_t sectors = page_size / 512;
  const std::uint64_t size = of.size;
  for (const std::uint64_t number : of.dirty) {
    const std::uint64_t kept = home_.in().draw(home_, label::power_page, sectors + 1);
    const auto now = of.content.find(number);
    if (!kept || now == of.content.end()) continue;
    auto left = std::make_shared<page>();
    left->fill(0);
    const auto before = of.durable_content.find(number);
    if (before != of.durable_content.end()) *left = *before->second;
    std::copy_n(now->second->begin(), kept * 512, left->begin());
    of.durable_content[number] = std::move(left);
    of.durable_size = std::max(of.durable_size, std::min(size, number * page_size + kept * 512));
  }
  of.dirty.clear();
  of.content = of.durable_content;
  of.size = of.durable_size;
}

}  // namespace eddy::detail::simulated
