// The shape of row 11, for all contenders: a file that is in the page cache, read at random places,
// so many reads on their way at a time. Each read is compared at its two ends; before the first,
// the whole file once.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "bench/measure.h"

namespace bench {

struct file_row {
  const char* name;
  std::size_t size;
  int depth;
  double operations;
};
inline constexpr std::array<file_row, 6> file_rows{{
    {"read_4k_1", 4096, 1, 1e6},
    {"read_4k_32", 4096, 32, 1e6},
    {"read_64k_1", 65536, 1, 1e5},
    {"read_64k_32", 65536, 32, 1e5},
    {"read_1m_1", 1048576, 1, 4000},
    {"read_1m_32", 1048576, 32, 4000},
}};

inline constexpr std::size_t file_size = std::size_t{64} << 20;

/// The file: each eight bytes are their own place in it, mixed.
inline std::uint64_t word_at(std::uint64_t offset) noexcept {
  return (offset + 1) * 0x9e3779b97f4a7c15u;
}

/// Makes the file, and reads it, so that it is cached. It has no name any more: read it through
/// /proc/self/fd.
class cached_file {
 public:
  cached_file() {
    std::string name = "/var/tmp/bench.XXXXXX";
    descriptor_ = mkostemp(name.data(), O_CLOEXEC);
    check(descriptor_ >= 0, "no file could be made in /var/tmp");
    unlink(name.c_str());
    std::vector<std::uint64_t> words(std::size_t{1} << 17);
    for (std::size_t at = 0; at < file_size; at += words.size() * 8) {
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = word_at(at + 8 * i);
      check(
          write(descriptor_, words.data(), words.size() * 8) == static_cast<long>(words.size() * 8),
          "a short write");
    }
    for (std::size_t at = 0; at < file_size; at += words.size() * 8) {
      check(pread(descriptor_, words.data(), words.size() * 8, static_cast<off_t>(at)) ==
                static_cast<long>(words.size() * 8),
            "a short read");
      for (std::size_t i = 0; i < words.size(); ++i)
        check(words[i] == word_at(at + 8 * i), "the file");
    }
  }
  ~cached_file() { close(descriptor_); }
  cached_file(const cached_file&) = delete;
  cached_file& operator=(const cached_file&) = delete;

  int descriptor() const noexcept { return descriptor_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Where reads go: at the beginning of a page, so that no contender's copies are slower by chance.
class page_buffers {
 public:
  page_buffers(int depth, std::size_t size)
      : size_(size),
        memory_(
            static_cast<char*>(std::aligned_alloc(4096, static_cast<std::size_t>(depth) * size))) {
    check(memory_ != nullptr, "no memory");
    std::memset(memory_, 0, static_cast<std::size_t>(depth) * size);
  }
  ~page_buffers() { std::free(memory_); }
  page_buffers(const page_buffers&) = delete;
  page_buffers& operator=(const page_buffers&) = delete;
  char* operator[](std::size_t i) const noexcept { return memory_ + i * size_; }

 private:
  std::size_t size_;
  char* memory_;
};

inline std::uint64_t some_offset(random_numbers& random, std::size_t size) noexcept {
  return random() % (file_size / size) * size;
}

inline void check_read(const char* bytes, long got, std::size_t size,
                       std::uint64_t offset) noexcept {
  check(got == static_cast<long>(size), "a read came short");
  std::uint64_t first;
  std::uint64_t last;
  std::memcpy(&first, bytes, sizeof first);
  std::memcpy(&last, bytes + size - sizeof last, sizeof last);
  check(first == word_at(offset) && last == word_at(offset + size - sizeof last),
        "what was read is not what is there");
}

}  // namespace bench
