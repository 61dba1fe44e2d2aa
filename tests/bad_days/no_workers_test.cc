// Where the system gives no thread more: neither the kernel's for the ring, nor ours.
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <system_error>

#include <eddy/coro/offload.h>
#include <eddy/coro/ok.h>
#include <eddy/io/file.h>
#include <eddy/io/filesystem.h>

#include "tests/support/counting.h"
#include "tests/support/io_test.h"

namespace eddy::test {
namespace {

/// (The limit does not bind root.)
void be_nobody() {
  if (::geteuid() != 0) return;
  ASSERT_EQ(::setgroups(0, nullptr), 0);
  ASSERT_EQ(::setgid(65534), 0);
  ASSERT_EQ(::setuid(65534), 0);
}
void allow_no_thread_more() {
  const rlimit none{0, 0};
  ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
}

/// Every verb that the ring may give to a thread of the kernel's.
task<> every_file_verb(std::string folder) {
  const std::string inner = folder + "/inner";
  EXPECT_EQ((co_await make_directory(inner)).error(), std::error_code());
  constexpr open_mode mode = open_mode::read | open_mode::write | open_mode::create;
  result<file> opened = co_await file::open(inner + "/a", mode);
  EXPECT_EQ(opened.error(), std::error_code());
  if (!opened) co_return;
  file f = std::move(opened).value();
  std::string data(300'000, 'x');
  EXPECT_EQ((co_await f.write_at(data, 0)).value_or(0), data.size());
  EXPECT_EQ((co_await f.sync()).error(), std::error_code());
  EXPECT_EQ((co_await f.sync_data()).error(), std::error_code());
  EXPECT_EQ(::posix_fadvise(f.native_handle(), 0, 0, POSIX_FADV_DONTNEED), 0);
  std::string back(data.size(), ' ');
  EXPECT_EQ((co_await f.read_at(back, 0)).value_or(0), data.size());
  EXPECT_EQ(back, data);
  EXPECT_EQ((co_await f.truncate(10)).error(), std::error_code());
  EXPECT_EQ((co_await f.size()).value_or(0), 10u);
  EXPECT_EQ((co_await f.close()).error(), std::error_code());
  EXPECT_EQ((co_await rename_file(inner + "/a", inner + "/b")).error(), std::error_code());
  const auto s = co_await file_status(inner + "/b");
  EXPECT_TRUE(s && s->size == 10);
  const auto all = co_await list_directory(inner);
  EXPECT_TRUE(all && all->size() == 1);
  EXPECT_EQ((co_await remove_file(inner + "/b")).error(), std::error_code());
  EXPECT_EQ((co_await remove_directory(inner)).error(), std::error_code());
}

class no_workers : public io_test {};
EDDY_ON_EVERY_BACKEND(no_workers);

TEST_P(no_workers, FilesGoToThePoolWhoseThreadIsThere) {
  const std::string folder = path("");
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  EXPECT_EQ(run_apart([&] {
              be_nobody();
              run([&]() -> task<> {
                EXPECT_TRUE(co_await list_directory(folder));  // (no ring can)
                allow_no_thread_more();
                for (int i = 0; i < 3; ++i) co_await every_file_verb(folder);
              });
            }),
            "");
}

/// Nothing can be done, and that is said as it is.
TEST_P(no_workers, WithoutAThreadOfThePoolTheErrorIsThatThereIsNone) {
  const std::string folder = path("");
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  EXPECT_EQ(run_apart([&] {
              be_nobody();
              allow_no_thread_more();
              run([&]() -> task<> {
                for (int i = 0; i < 3; ++i) {
                  const auto made = co_await make_directory(folder + "/a");
                  EXPECT_EQ(made.error(), std::errc::resource_unavailable_try_again);
                  const auto s = co_await file_status(folder);
                  EXPECT_EQ(s.error(), std::errc::resource_unavailable_try_again);
                }
              });
            }),
            "");
}

}  // namespace
}  // namespace eddy::test
