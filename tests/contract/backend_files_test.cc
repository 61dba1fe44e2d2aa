// What every backend makes of files, folders and devices.
#include "tests/contract/backend_under_test.h"

#include <cerrno>
#include <set>
#include <string>

#include <dirent.h>

namespace eddy::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Contract, every_backend, all_backends(), backend_name);
INSTANTIATE_TEST_SUITE_P(Contract, real_backend, real_backends(), backend_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(real_backend);

// ---- Files

TEST_P(every_backend, AFileIsOpenedWrittenReadAndClosed) {
  const std::string name = b().path("file");
  int file = b().finish(b().open_file(name, O_RDWR | O_CREAT | O_EXCL));
  ASSERT_GE(file, 0);
  EXPECT_EQ(b().finish(b().open_file(name, O_RDWR | O_CREAT | O_EXCL)), -EEXIST);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, file, "hello world", 11), 0)), 11);
  char text[32] = {};
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, 5), 6)), 5);
  EXPECT_STREQ(text, "world");
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, sizeof text), 0)),
            11);  // short: the end
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, sizeof text), 11)), 0);
  request r = ask_for(verb::truncate, file);
  r.offset = 4;
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, sizeof text), 2)), 2);
  EXPECT_EQ(b().finish(ask_for(verb::sync, file)), 0);
  r = ask_for(verb::sync, file);
  r.options = 1;
  EXPECT_EQ(b().finish(r), 0);
  struct statx s{};
  r = ask_for(verb::status, file);
  r.offset = number(&s);
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(s.stx_size, 4u);
  EXPECT_TRUE(S_ISREG(s.stx_mode));
  EXPECT_EQ(b().finish(ask_for(verb::close, file)), 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, 1), 0)), -EBADF);
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
}

TEST_P(every_backend, AFileHasAPositionOfItsOwn) {
  const std::string name = b().path("file");
  int file = b().finish(b().open_file(name, O_RDWR | O_CREAT));
  ASSERT_GE(file, 0);
  char text[8] = {};
  for (const char* part : {"abc", "def"}) {
    EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, file, part, 3), current_position)), 3);
  }
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, 8), current_position)), 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, 8), 2)), 4);
  EXPECT_STREQ(text, "cdef");
  EXPECT_EQ(b().finish(ask_for(verb::close, file)), 0);
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
}

TEST_P(every_backend, AppendedIsWhateverTheOffset) {
  const std::string name = b().path("file");
  int file = b().finish(b().open_file(name, O_RDWR | O_CREAT | O_APPEND));
  ASSERT_GE(file, 0);
  char text[8] = {};
  for (const char* part : {"abc", "def"})
    EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, file, part, 3), 0)), 3);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, text, 8), 0)), 6);
  EXPECT_STREQ(text, "abcdef");
  EXPECT_EQ(b().finish(ask_for(verb::close, file)), 0);
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
}

TEST_P(every_backend, NamesAreMadeMovedAndRemoved) {
  const std::string folder = b().path("folder"), from = folder + "/from", to = folder + "/to";
  EXPECT_EQ(b().finish(ask_for(verb::make_directory, -1, folder.c_str(), 0700)), 0);
  EXPECT_EQ(b().finish(ask_for(verb::make_directory, -1, folder.c_str(), 0700)), -EEXIST);
  int file = b().finish(b().open_file(from, O_WRONLY | O_CREAT));
  ASSERT_GE(file, 0);
  EXPECT_EQ(b().finish(ask_for(verb::close, file)), 0);
  request r = ask_for(verb::rename, -1, from.c_str());
  r.offset = number(to.c_str());
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(b().finish(r), -ENOENT);
  struct statx s{};
  r = ask_for(verb::status, -1, to.c_str());
  r.offset = number(&s);
  EXPECT_EQ(b().finish(r), 0);
  EXPECT_EQ(s.stx_size, 0u);
  r.address = number(from.c_str());
  EXPECT_EQ(b().finish(r), -ENOENT);
  EXPECT_EQ(b().finish(b().remove_path(folder, AT_REMOVEDIR)), -ENOTEMPTY);
  EXPECT_EQ(b().finish(b().remove_path(folder)), -EISDIR);
  EXPECT_EQ(b().finish(b().remove_path(to)), 0);
  EXPECT_EQ(b().finish(b().remove_path(folder, AT_REMOVEDIR)), 0);
}

TEST_P(every_backend, AFolderIsListedInParts) {
  const std::string folder = b().path("folder");
  ASSERT_EQ(b().finish(ask_for(verb::make_directory, -1, folder.c_str(), 0700)), 0);
  const std::string inner = folder + "/inner";
  ASSERT_EQ(b().finish(ask_for(verb::make_directory, -1, inner.c_str(), 0700)), 0);
  const std::string name = folder + "/a name that fills a part of its own";
  const int file = b().finish(b().open_file(name, O_RDWR | O_CREAT));
  ASSERT_GE(file, 0);
  const int listed = b().finish(b().open_file(folder, O_RDONLY | O_DIRECTORY));
  ASSERT_GE(listed, 0);
  alignas(dirent64) char part[72];
  std::multiset<std::string> names;
  int n = 0;
  int parts = 0;
  for (; (n = b().finish(ask_for(verb::list, listed, part, sizeof part))) > 0; ++parts) {
    for (int at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(part + at);
      names.insert(std::string(entry->d_name) + (entry->d_type == DT_DIR ? "/" : ""));
      at += entry->d_reclen;
    }
  }
  EXPECT_EQ(n, 0);
  EXPECT_GT(parts, 1);
  EXPECT_EQ(names, (std::multiset<std::string>{"../", "./", "a name that fills a part of its own",
                                               "inner/"}));
  EXPECT_EQ(b().finish(ask_for(verb::list, file, part, sizeof part)), -ENOTDIR);
  EXPECT_EQ(b().finish(ask_for(verb::list, 999, part, sizeof part)), -EBADF);
  for (int d : {file, listed}) EXPECT_EQ(b().finish(ask_for(verb::close, d)), 0);
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
  EXPECT_EQ(b().finish(b().remove_path(inner, AT_REMOVEDIR)), 0);
  EXPECT_EQ(b().finish(b().remove_path(folder, AT_REMOVEDIR)), 0);
}

TEST_P(real_backend, AFileThatIsReadAsAStreamDoesNotWaitForAnEvent) {
  const std::string name = b().path("file");
  int file = b().finish(b().open_file(name, O_RDWR | O_CREAT));
  ASSERT_GE(file, 0);
  char text[8] = {};
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, file, "content", 7), 0)), 7);
  EXPECT_EQ(b().finish(ask_for(verb::sync, file)), 0);
  // Like a standard input that is a file: nothing of it is in the cache, and no poll tells when it
  // is.
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  EXPECT_EQ(b().finish(ask_for(verb::read, file, text, 8)), 7);
  EXPECT_STREQ(text, "content");
  EXPECT_EQ(b().finish(ask_for(verb::read, file, text, 8)), 0);
  EXPECT_EQ(b().finish(ask_for(verb::close, file)), 0);
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
}

TEST_P(real_backend, ALongReadIsNotShortInTheMiddleOfAFile) {
  const std::string name = b().path("file");
  int file = b().finish(b().open_file(name, O_RDWR | O_CREAT));
  ASSERT_GE(file, 0);
  std::vector<char> out(3 << 20, 'm'), in(4 << 20);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::write, file, out.data(), out.size()), 0)), 3 << 20);
  EXPECT_EQ(b().finish(ask_for(verb::sync, file)), 0);
  // Only the beginning is in the cache, so that what can be had without waiting ends there.
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
  ASSERT_EQ(::pread(file, in.data(), 100000, 0), 100000);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, file, in.data(), in.size()), 0)), 3 << 20);
  in.resize(out.size());
  EXPECT_EQ(in, out);
  EXPECT_EQ(b().finish(ask_for(verb::close, file)), 0);
  EXPECT_EQ(b().finish(b().remove_path(name)), 0);
}

TEST_P(every_backend, GivesTheErrorsOfFiles) {
  char byte;
  EXPECT_EQ(b().finish(b().open_file(b().path("none"), O_RDONLY)), -ENOENT);
  int folder = b().finish(b().open_file("/tmp", O_RDONLY | O_DIRECTORY));
  ASSERT_GE(folder, 0);
  EXPECT_EQ(b().finish(at_offset(ask_for(verb::read, folder, &byte, 1), 0)), -EISDIR);
  EXPECT_EQ(b().finish(ask_for(verb::close, folder)), 0);
  EXPECT_EQ(b().finish(ask_for(verb::close, 987)), -EBADF);
  EXPECT_EQ(b().finish(b().remove_path(b().path("none"))), -ENOENT);
}

TEST_P(every_backend, DevicesThatAreAlwaysReadyNeverWait) {
  char text[8] = "xxx";
  for (bool by_offset : {false, true}) {
    int null = b().finish(b().open_file("/dev/null", O_RDWR)),
        full = b().finish(b().open_file("/dev/full", O_RDWR));
    ASSERT_GE(null, 0);
    ASSERT_GE(full, 0);
    auto is = [&](request r) {
      if (by_offset) r = at_offset(r, 0);
      return b().finish(r);
    };
    EXPECT_EQ(is(ask_for(verb::read, null, text, sizeof text)), 0);
    EXPECT_EQ(is(ask_for(verb::write, null, "x", 1)), 1);
    EXPECT_EQ(is(ask_for(verb::write, full, "x", 1)), -ENOSPC);
    EXPECT_EQ(is(ask_for(verb::read, full, text, 3)), 3);
    EXPECT_EQ(text[0], '\0');
    EXPECT_EQ(b().finish(ask_for(verb::close, null)), 0);
    EXPECT_EQ(b().finish(ask_for(verb::close, full)), 0);
  }
}

}  // namespace
}  // namespace eddy::test
