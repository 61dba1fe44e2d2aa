// The one way for a test to have files: a directory that goes with it, with all that is in it.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>

namespace eddy::test {

/// As long as it lives, the directories of the processes that this one starts are made in it: one
/// that dies before it has cleaned up (a death test) leaves nothing behind. Whoever makes it is a
/// thread alone.
class temporary_directory {
 public:
  temporary_directory() {
    if (const char* outer = std::getenv(variable)) outer_ = outer;
    path_ = ::testing::TempDir() + "eddy_XXXXXX";          // tidy: here
    const bool made = ::mkdtemp(path_.data()) != nullptr;  // tidy: here
    if (!made) throw std::system_error(errno, std::system_category(), path_);
    ::setenv(variable, (path_ + "/").c_str(), 1);
  }
  ~temporary_directory() {
    if (::getpid() != process_) return;  // a fork of its maker's
    outer_.empty() ? ::unsetenv(variable) : ::setenv(variable, outer_.c_str(), 1);
    std::error_code failed;
    std::filesystem::remove_all(path_, failed);
    EXPECT_FALSE(failed) << path_ << ": " << failed.message();
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  static constexpr const char* variable = "TEST_TMPDIR";  // where gtest looks first

  pid_t process_ = ::getpid();
  std::string outer_;
  std::string path_;
};

}  // namespace eddy::test
