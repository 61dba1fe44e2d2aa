// The children of this process, as the kernel counts them; and small helpers for tests with them.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace eddy::test {

/// Those of all threads, zombies too.
inline std::size_t children() {
  std::size_t all = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(thread.path() / "children");
    all += static_cast<std::size_t>(std::distance(std::istream_iterator<std::string>(list),
                                                  std::istream_iterator<std::string>()));
  }
  return all;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace eddy::test
