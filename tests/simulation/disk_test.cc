// What is left of a disk when the power fails, with nothing kept by chance.
#include <cerrno>
#include <string>

#include <fcntl.h>

#include "tests/simulation/programs.h"

namespace eddy::test {
namespace {

class disk : public ::testing::Test {
 protected:
  void lose_power() {
    m.cut_power();
    m.turn_on();
    was = std::move(now);
    was->turn();
    was = nullptr;
    now = std::make_unique<program>(m);
  }
  program& p() { return *now; }
  int sync(int file) { return p().finish(asking(verb::sync, file)); }
  int sync_folder(const char* path) {
    const int folder = p().open(path, O_RDONLY | O_DIRECTORY);
    return sync(folder);
  }
  std::string content(const char* path) {
    const int file = p().open(path, O_RDONLY);
    if (file < 0) return std::to_string(file);
    std::string text(100, '\0');
    request r = asking(verb::read, file, text.data(), text.size());
    r.through = nature::file;
    const int n = p().finish(r);
    return text.substr(0, static_cast<std::size_t>(n));
  }
  std::string gone = std::to_string(-ENOENT);

  world in{a_millisecond()};
  machine& m = in.add_machine("m");
  std::unique_ptr<program> now = std::make_unique<program>(m), was;
};

TEST_F(disk, AKillLosesNothing) {
  p().write(p().open("/f", O_RDWR | O_CREAT), "text");
  m.kill();
  was = std::move(now);
  was = nullptr;
  now = std::make_unique<program>(m);
  EXPECT_EQ(content("/f"), "text");
}

TEST_F(disk, WithoutASyncNothingLasts) {
  p().write(p().open("/f", O_RDWR | O_CREAT), "text");
  lose_power();
  EXPECT_EQ(content("/f"), gone);
}

TEST_F(disk, ASyncOfTheFileIsNotOneOfItsName) {
  const int f = p().open("/f", O_RDWR | O_CREAT);
  p().write(f, "text");
  EXPECT_EQ(sync(f), 0);
  lose_power();
  EXPECT_EQ(content("/f"), gone);
}

TEST_F(disk, ASyncOfTheNameIsNotOneOfTheFile) {
  p().write(p().open("/f", O_RDWR | O_CREAT), "text");
  EXPECT_EQ(sync_folder("/"), 0);
  lose_power();
  EXPECT_EQ(content("/f"), "");
}

TEST_F(disk, BothLast) {
  const int f = p().open("/f", O_RDWR | O_CREAT);
  p().write(f, "text");
  EXPECT_EQ(sync(f), 0);
  EXPECT_EQ(sync_folder("/"), 0);
  p().write(f, " and more");
  EXPECT_EQ(content("/f"), "text and more");
  lose_power();
  EXPECT_EQ(content("/f"), "text");
}

TEST_F(disk, ARenameIsOldOrNew) {
  const int f = p().open("/f", O_RDWR | O_CREAT);
  p().write(f, "old");
  sync(f);
  sync_folder("/");
  const int g = p().open("/g", O_RDWR | O_CREAT);
  p().write(g, "new");
  sync(g);
  request r = asking(verb::rename, -1, "/g");
  r.offset = reinterpret_cast<std::uintptr_t>("/f");
  EXPECT_EQ(p().finish(r), 0);
  EXPECT_EQ(content("/f"), "new");
  EXPECT_EQ(content("/g"), gone);
  lose_power();
  EXPECT_EQ(content("/f"), "old");
  EXPECT_EQ(content("/g"), gone);
}

TEST_F(disk, ASyncOfAFolderTakesAllNamesBeforeWithIt) {
  EXPECT_EQ(p().finish(asking(verb::make_directory, -1, "/d", 0700)), 0);
  const int f = p().open("/d/f", O_RDWR | O_CREAT);
  p().write(f, "text");
  sync(f);
  EXPECT_EQ(sync_folder("/d"), 0);
  const int late = p().open("/d/late", O_RDWR | O_CREAT);
  sync(late);
  lose_power();
  EXPECT_EQ(content("/d/f"), "text");
  EXPECT_EQ(content("/d/late"), gone);
}

}  // namespace
}  // namespace eddy::test
