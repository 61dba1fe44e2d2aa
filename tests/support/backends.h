// The backends on which tests run, from one list for all of them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace eddy::test {

/// The backends of this run: all of `all`, or those of them that EDDY_TEST_BACKENDS (a comma list)
/// names on purpose. One that cannot be had makes its tests fail, and so does a name that none has.
inline std::vector<std::string> backends(const std::vector<std::string>& all) {
  const char* chosen = std::getenv("EDDY_TEST_BACKENDS");
  if (!chosen || !*chosen) return all;
  std::vector<std::string> some;
  std::stringstream list(chosen);
  for (std::string name; std::getline(list, name, ',');) {
    const bool another = name == "io_uring" || name == "epoll" || name == "simulation";
    if (!another || std::find(all.begin(), all.end(), name) != all.end()) some.push_back(name);
  }
  return some;
}

/// The library has epoll alone.
inline bool built_without_liburing() {
#ifdef EDDY_WITHOUT_LIBURING
  return true;
#else
  return false;
#endif
}

inline std::string backend_name(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}
inline auto all_backends() {
  return ::testing::ValuesIn(backends({"io_uring", "epoll", "simulation"}));
}
inline auto real_backends() {
  return ::testing::ValuesIn(backends({"io_uring", "epoll"}));
}

}  // namespace eddy::test
