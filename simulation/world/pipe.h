// Pipes: pages that writes fill one after the other, as the kernel keeps them. Private.
#pragma once

#include <cstdint>
#include <memory>

#include "simulation/world/fifo.h"
#include "simulation/world/object.h"

namespace eddy::detail::simulated {

class pipe_end;

/// What both ends share.
struct pipe_pages {
  struct page {
    std::uint32_t begin = 0, end = 0;  // what is left of 4096 bytes
  };
  fifo<char> bytes;
  fifo<page> pages;
  pipe_end* reader = nullptr;  // null: it is closed
  pipe_end* writer = nullptr;
};

class pipe_end final : public object {
 public:
  pipe_end(machine& home, std::shared_ptr<pipe_pages>, bool writes);

  int read(const request&, msghdr&) override;
  int write(const request&, const msghdr&) override;
  std::uint32_t events() const override;
  int examine(const request&) override;
  void end() override;
  void vanish() override { end(); }

 private:
  std::shared_ptr<pipe_pages> pages_;
  bool writes_;
};

}  // namespace eddy::detail::simulated
