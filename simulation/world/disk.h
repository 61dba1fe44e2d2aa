// A machine's disk: what programs see, and what would be left of it if the power failed now.
// Private.
//
// Not durable are the pages (and the size) that a file was given since its last sync, and the changes
// of names, in one order for the whole disk, since the last sync of a directory that was changed
// behind them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::detail::simulated {

class machine;

class disk {
 public:
  static constexpr std::size_t page_size = 4096;
  using page = std::array<char, page_size>;
  /// What is not there is zeros. Both images share what they have in common.
  using pages = std::map<std::uint64_t, std::shared_ptr<page>>;

  struct node;
  using node_pointer = std::shared_ptr<node>;
  using entries = std::map<std::string, node_pointer, std::less<>>;
  struct node {
    std::uint64_t number = 0;
    std::uint32_t mode = 0;  // kind and permissions
    std::int64_t born = 0, changed = 0;
    std::uint64_t size = 0, durable_size = 0;
    pages content, durable_content;
    std::set<std::uint64_t> dirty;
    entries names, durable_names;  // of a directory
    std::weak_ptr<node> parent;

    bool is_directory() const noexcept;
    bool is_file() const noexcept;
  };

  explicit disk(machine& home);

  // ---- Names. 0 or -errno.

  int find(std::string_view path, node_pointer&) const;
  node_pointer find(std::string_view path) const;
  /// -EEXIST: `made` is what is there.
  int make(std::string_view path, std::uint32_t mode, node_pointer& made);
  int remove(std::string_view path, bool directory);
  int rename(std::string_view from, std::string_view to);

  // ---- Content

  std::size_t read(const node&, std::uint64_t offset, char* to, std::size_t n) const;
  void write(node&, std::uint64_t offset, const char* from, std::size_t n);
  void truncate(node&, std::uint64_t size);

  // ---- What lasts

  void sync(node&);
  /// Its pages count as written, can be read, and never last.
  static void fail_sync(node& of) noexcept { of.dirty.clear(); }
  void lose_power();
  /// As it was when it was new.
  void wipe();

  const node_pointer& root() const noexcept { return root_; }

 private:
  struct place {
    node_pointer folder;
    std::string name;        // empty: the root itself
    bool is_folder = false;  // a slash follows
  };
  struct change {
    node_pointer folder;
    std::string name;
    node_pointer is;  // null: gone
  };

  int walk(std::string_view path, place&) const;
  node_pointer there(const place&) const;
  node_pointer make_node(std::uint32_t mode);
  void apply(std::vector<change>);
  page& to_write(node&, std::uint64_t number);
  void lose_content(node&);
  void lose_names(const node_pointer&);
  void make_durable(std::size_t n);

  machine& home_;
  std::uint64_t nodes_ = 0;
  node_pointer root_;
  std::vector<std::vector<change>> unsynced_;  // what belongs together lasts together
};

}  // namespace eddy::detail::simulated
