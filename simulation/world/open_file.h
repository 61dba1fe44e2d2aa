// Files, directories and devices that are open. Private.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "simulation/world/disk.h"
#include "simulation/world/object.h"

namespace eddy::detail::simulated {

class open_file final : public object {
 public:
  open_file(machine& home, disk::node_pointer of, std::uint32_t options);

  int read(const request&, msghdr&) override;
  int write(const request&, const msghdr&) override;
  std::uint32_t events() const override;
  int examine(const request&) override;

  int sync(bool data_only);
  int truncate(std::uint64_t size);
  int list(char* to, std::size_t room);
  const disk::node& node() const noexcept { return *node_; }

 private:
  bool is_device(const char* name) const;
  int fail(std::size_t size, std::size_t& most);
  int access(std::uint32_t wanted, const request&, std::uint64_t& offset) const;

  disk::node_pointer node_;
  std::uint64_t position_ = 0;
  std::vector<std::pair<std::string, disk::node_pointer>> listed_;  // of a directory, as it was
};

}  // namespace eddy::detail::simulated
