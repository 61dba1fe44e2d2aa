// Memory that is lent in pieces of one size to whoever receives into it: chunks. Private.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <eddy/runtime/operation.h>

namespace eddy::detail {

/// The answer of receive_chunk where all are lent: it waits until one is given back.
inline constexpr int no_chunk = -5003;

/// Each chunk is free, lent, or with the kernel, to which the io_uring backend gives what is free.
/// Of the free ones some are kept, each for one of those that found none: who comes later gets none
/// of these.
class chunk_pool {
 public:
  chunk_pool(std::size_t size, unsigned count) noexcept : size_(size), count_(count) {}
  chunk_pool(const chunk_pool&) = delete;
  chunk_pool& operator=(const chunk_pool&) = delete;
  /// None may be lent.
  ~chunk_pool();

  bool is_made() const noexcept { return memory_ != nullptr; }
  /// Takes the memory, of which what is never received into is never used. False: there is none.
  bool make() noexcept;

  unsigned count() const noexcept { return count_; }
  std::size_t size() const noexcept { return size_; }
  std::byte* address(int chunk) const noexcept {
    return memory_ + static_cast<std::size_t>(chunk) * size_;
  }

  std::size_t free() const noexcept { return free_.size(); }
  std::size_t kept() const noexcept { return kept_; }
  void keep() noexcept { ++kept_; }
  void keep_no_more() noexcept { --kept_; }
  /// -1: none is free, or all that are, are kept.
  int take() noexcept {
    if (free_.size() <= kept_) return -1;
    const int chunk = free_.back();
    free_.pop_back();
    return chunk;
  }
  void put(int chunk) noexcept { free_.push_back(static_cast<std::uint16_t>(chunk)); }

  /// The kernel has chosen it for this operation, which takes it along with its report.
  void lend(operation& o, int chunk) noexcept {
    ++lent_;
    o.ask.second = chunk;
    o.ask.address = reinterpret_cast<std::uintptr_t>(address(chunk));
  }
  /// False: that one is not lent.
  bool give_back(int chunk) noexcept {
    if (!lent_ || chunk < 0 || static_cast<unsigned>(chunk) >= count_) return false;
    --lent_;
    put(chunk);
    return true;
  }

  /// `carry_out(request)` is to receive into a free chunk; where it does, that one is lent.
  template <class F>
  int receive(operation& o, F&& carry_out) noexcept {
    if (!is_made() && !make()) return -ENOMEM;
    const int chunk = take();
    if (chunk < 0) return no_chunk;
    request r = o.ask;
    r.what = verb::receive;
    r.address = reinterpret_cast<std::uintptr_t>(address(chunk));
    r.length = static_cast<std::uint32_t>(size_);
    const int result = carry_out(r);
    if (result > 0) {
      lend(o, chunk);
    } else {
      put(chunk);
    }
    return result;
  }

 private:
  std::size_t size_;
  unsigned count_;
  std::byte* memory_ = nullptr;
  std::size_t lent_ = 0;
  std::size_t kept_ = 0;
  std::vector<std::uint16_t> free_;  // has room for all; the last that came goes first
};

}  // namespace eddy::detail
