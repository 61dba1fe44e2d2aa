// Files and their names on every backend.
#include "tests/support/io_test.h"

#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include <eddy/coro/when.h>
#include <eddy/io/file.h>
#include <eddy/io/filesystem.h>

namespace eddy::test {
namespace {

class FileTest : public io_test {
 protected:
  /// A file with this content.
  std::string file_with(const std::string& content, const std::string& name = "file") {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }
};
EDDY_ON_EVERY_BACKEND(FileTest);

using FileDeathTest = FileTest;
EDDY_ON_EVERY_BACKEND(FileDeathTest);

constexpr open_mode read_write = open_mode::read | open_mode::write;

std::string content_of(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// ---- Opening ----

TEST_P(FileTest, OpeningSaysWhyItCannot) {
  run(
      [](std::string there, std::string folder) -> task<void> {
        const result<file> missing = co_await file::open(folder + "/none", open_mode::read);
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
        const result<file> beyond = co_await file::open(there + "/x", open_mode::read);
        EXPECT_EQ(beyond.error(), std::errc::not_a_directory);
        const result<file> directory = co_await file::open(folder, open_mode::write);
        EXPECT_EQ(directory.error(), std::errc::is_a_directory);
        const result<file> exists =
            co_await file::open(there, open_mode::write | open_mode::create | open_mode::exclusive);
        EXPECT_EQ(exists.error(), std::errc::file_exists);
        const result<file> no_mode = co_await file::open(there, open_mode::create);
        EXPECT_EQ(no_mode.error(), std::errc::invalid_argument);
        const result<file> cut = co_await file::open(there, open_mode::read | open_mode::truncate);
        EXPECT_EQ(cut.error(), std::errc::invalid_argument);
        const result<file> zero =
            co_await file::open(there + std::string(1, '\0') + "x", open_mode::read);
        EXPECT_EQ(zero.error(), std::errc::invalid_argument);
      },
      file_with("content"), path(""));
  EXPECT_EQ(content_of(path("file")), "content");
}

TEST_P(FileTest, OpeningMakesWhatIsAskedFor) {
  run(
      [](std::string name) -> task<void> {
        const result<file> made = co_await file::open(
            name, open_mode::write | open_mode::create | open_mode::exclusive, 0640);
        EXPECT_TRUE(made) << made.error();
        EXPECT_EQ(::fcntl(made->native_handle(), F_GETFD), FD_CLOEXEC);
        const result<file_information> status = co_await file_status(name);
        EXPECT_EQ(status->permissions & 0700, 0600u);
        EXPECT_EQ(status->permissions & 0007, 0u);
      },
      path("new"));
}

TEST_P(FileTest, ADirectoryReadAsAFileIsAnError) {
  run(
      [](std::string folder) -> task<void> {
        result<file> f = co_await file::open(folder, open_mode::read);
        EXPECT_TRUE(f);
        std::array<char, 10> buffer;
        const result<std::size_t> at = co_await f->read_at(buffer, 0);
        EXPECT_EQ(at.error(), std::errc::is_a_directory);
        const result<std::size_t> in_order = co_await f->read(buffer);
        EXPECT_EQ(in_order.error(), std::errc::is_a_directory);
        const result<std::string> whole = co_await read_file(folder);
        EXPECT_EQ(whole.error(), std::errc::is_a_directory);
      },
      path(""));
}

TEST_P(FileTest, WritingWhatWasOpenedToReadIsAnError) {
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, open_mode::read);
        const result<std::size_t> n = co_await f->write_at("x", 0);
        EXPECT_EQ(n.error(), std::errc::bad_file_descriptor);
        const result<void> cut = co_await f->truncate(0);
        EXPECT_EQ(cut.error(), std::errc::invalid_argument);
      },
      file_with("content"));
}

// ---- Reading and writing ----

TEST_P(FileTest, ReadAtIsShortOnlyAtTheEnd) {
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, open_mode::read);
        std::array<char, 8> buffer;
        const result<std::size_t> full = co_await f->read_at(buffer, 1);
        EXPECT_EQ(full.value_or(0u), 8u);
        EXPECT_EQ(std::string(buffer.data(), 8), "12345678");
        const result<std::size_t> rest = co_await f->read_at(buffer, 7);
        EXPECT_EQ(rest.value_or(0u), 3u);
        const result<std::size_t> end = co_await f->read_at(buffer, 10);
        EXPECT_EQ(end.value_or(1u), 0u);
        const result<std::size_t> beyond = co_await f->read_at(buffer, 1'000'000);
        EXPECT_EQ(beyond.value_or(1u), 0u);
        const result<std::size_t> empty = co_await f->read_at(mutable_buffer(), 0);
        EXPECT_EQ(empty.error(), std::errc::invalid_argument);
        const result<std::size_t> nothing = co_await f->write_at("", 0);
        EXPECT_EQ(nothing.value_or(1u), 0u);
      },
      file_with("0123456789"));
}

TEST_P(FileTest, OffsetsAreIndependent) {
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, read_write | open_mode::create);
        const result<std::size_t> late = co_await f->write_at("world", 6);
        const result<std::size_t> early = co_await f->write_at("hello ", 0);
        EXPECT_TRUE(late && early);
        const result<std::uint64_t> size = co_await f->size();
        EXPECT_EQ(size.value_or(0u), 11u);
        std::array<char, 11> buffer;
        const result<std::size_t> n = co_await f->read_at(buffer, 0);
        EXPECT_EQ(std::string(buffer.data(), n.value_or(0u)), "hello world");
        const result<void> synced = co_await f->sync();
        const result<void> data = co_await f->sync_data();
        const result<void> cut = co_await f->truncate(5);
        EXPECT_TRUE(synced && data && cut);
        const result<std::uint64_t> cut_size = co_await f->size();
        EXPECT_EQ(cut_size.value_or(0u), 5u);
        const result<void> closed = co_await f->close();
        EXPECT_TRUE(closed);
      },
      path("new"));
}

TEST_P(FileTest, ManyReadsAtOffsetsMayBeInFlightTogether) {
  std::string content(1 << 20, ' ');
  std::iota(content.begin(), content.end(), char{0});
  run(
      [&content](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, open_mode::read);
        std::vector<std::array<char, 4096>> blocks(content.size() / 4096);
        std::vector<join_handle<result<std::size_t>>> reading;
        for (std::size_t i = 0; i < blocks.size(); ++i)
          reading.push_back(spawn(f->read_at(blocks[i], i * 4096)));
        for (std::size_t i = 0; i < blocks.size(); ++i) {
          const result<std::size_t> n = co_await reading[i];
          EXPECT_EQ(n.value_or(0u), 4096u);
          EXPECT_EQ(std::memcmp(blocks[i].data(), content.data() + i * 4096, 4096), 0);
        }
      },
      file_with(content));
}

TEST_P(FileTest, ReadAndWriteMoveThePosition) {
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, read_write);
        std::array<char, 4> buffer;
        const result<std::size_t> first = co_await f->read(buffer);
        EXPECT_EQ(std::string(buffer.data(), first.value_or(0u)), "0123");
        const result<std::size_t> written = co_await f->write("xy");
        EXPECT_EQ(written.value_or(0u), 2u);
        const result<std::size_t> second = co_await f->read(buffer);
        EXPECT_EQ(std::string(buffer.data(), second.value_or(0u)), "6789");
        const result<std::size_t> end = co_await f->read(buffer);
        EXPECT_EQ(end.value_or(1u), 0u);
        const result<std::size_t> elsewhere = co_await f->read_at(buffer, 3);
        EXPECT_EQ(std::string(buffer.data(), elsewhere.value_or(0u)), "3xy6");
      },
      file_with("0123456789"));
}

TEST_P(FileTest, AppendedWritesGoToTheEnd) {
  run(
      [](std::string name) -> task<void> {
        result<file> one = co_await file::open(name, open_mode::append);
        result<file> two = co_await file::open(name, open_mode::append | open_mode::read);
        for (int i = 0; i < 2; ++i) {
          const result<std::size_t> a = co_await one->write("a");
          const result<std::size_t> b = co_await two->write_at("b", 0);
          EXPECT_TRUE(a && b);
        }
        std::array<char, 10> buffer;
        const result<std::size_t> n = co_await two->read(buffer);
        EXPECT_EQ(std::string(buffer.data(), n.value_or(0u)), "start abab");
      },
      file_with("start "));
}

TEST_P(FileTest, AFullDiskIsReported) {
  run([]() -> task<void> {
    result<file> f = co_await file::open("/dev/full", open_mode::write);
    const result<std::size_t> at = co_await f->write_at("x", 0);
    EXPECT_EQ(at.error(), std::errc::no_space_on_device);
    const result<std::size_t> in_order = co_await f->write("x");
    EXPECT_EQ(in_order.error(), std::errc::no_space_on_device);
    const result<void> whole = co_await write_file("/dev/full", "x");
    EXPECT_EQ(whole.error(), std::errc::no_space_on_device);
  });
}

TEST_P(FileTest, WhatHasNoOffsetsIsReadAsAStream) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, read_write);  // both ends: opening does not wait
        std::array<char, 10> buffer;
        const result<std::size_t> at = co_await f->read_at(buffer, 0);
        EXPECT_EQ(at.error(), std::errc::invalid_seek);
        EXPECT_EQ(::write(f->native_handle(), "first", 5), 5);
        const result<std::size_t> first = co_await f->read(buffer);
        EXPECT_EQ(first.value_or(0u), 5u);
        for (const moment when : moments) {
          const bool stopped = co_await stops_when_cancelled(spawn(f->read(buffer)), when);
          EXPECT_TRUE(stopped);
        }
        auto reading = spawn(f->read(buffer));
        for (int i = 0; i < 3; ++i) co_await after_a_poll();
        EXPECT_FALSE(reading.done());
        EXPECT_EQ(::write(f->native_handle(), "line", 4), 4);
        const result<std::size_t> n = co_await reading;
        EXPECT_EQ(n.value_or(0u), 4u);
        const result<std::size_t> written = co_await f->write("more");
        EXPECT_EQ(written.value_or(0u), 4u);
        const result<std::size_t> back = co_await f->read(buffer);
        EXPECT_EQ(back.value_or(0u), 4u);
      },
      path("fifo"));
}

// ---- Whole files ----

TEST_P(FileTest, AWholeFileIsWrittenAndReadBack) {
  for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 5'000'000u}) {
    std::string content(size, ' ');
    std::iota(content.begin(), content.end(), char{0});
    run(
        [&content](std::string name) -> task<void> {
          const result<void> written = co_await write_file(name, content);
          EXPECT_TRUE(written) << written.error();
          const result<std::string> back = co_await read_file(name);
          EXPECT_TRUE(back && *back == content);
        },
        path("whole"));
    EXPECT_TRUE(content_of(path("whole")) == content);
  }
}

TEST_P(FileTest, AFileWithoutASizeIsReadToItsEnd) {
  run([]() -> task<void> {
    const result<std::string> status = co_await read_file("/proc/self/status");
    EXPECT_TRUE(status);
    EXPECT_NE(status->find("Name:"), std::string::npos);
    EXPECT_EQ(status->find('\0'), std::string::npos);
    // Longer than one page.
    const result<std::string> symbols = co_await read_file("/proc/kallsyms");
    EXPECT_GT(symbols->size(), 100'000u);
    EXPECT_EQ(symbols->back(), '\n');
  });
}

TEST_P(FileTest, AMissingFileIsReportedByReadFile) {
  run(
      [](std::string name) -> task<void> {
        const result<std::string> none = co_await read_file(name);
        EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
        const result<void> nowhere = co_await write_file(name + "/x", "x");
        EXPECT_EQ(nowhere.error(), std::errc::no_such_file_or_directory);
      },
      path("none"));
}

// ---- Cancelling and closing ----

TEST_P(FileTest, WhatHasNotBegunIsStoppedAndWhatHasBegunIsDelivered) {
  for (const moment at : moments) {
    run(
        [at](std::string name) -> task<void> {
          std::array<char, 10> buffer;
          result<file> f = co_await file::open(name, open_mode::read);
          const bool stopped = co_await stops_when_cancelled(spawn(f->read_at(buffer, 0)), at);
          EXPECT_EQ(stopped, at != moment::inside_the_kernel);
        },
        file_with("content"));
  }
}

TEST_P(FileTest, ACancelledOpenLeavesNothingOpen) {
  for (const moment at : moments) {
    run(
        [at](std::string name) -> task<void> {
          const auto open_and_read = [](std::string n, bool& opened) -> task<void> {
            result<file> f = co_await file::open(n, open_mode::read);
            opened = f.has_value();
            std::array<char, 10> buffer;
            const result<std::size_t> r = co_await f->read(buffer);
            EXPECT_TRUE(r);
          };
          bool opened = false;
          co_await stops_when_cancelled(spawn(open_and_read, name, std::ref(opened)), at);
          EXPECT_TRUE(!opened || at == moment::inside_the_kernel);
        },
        file_with("content"));
  }
}

TEST_P(FileTest, CloseEndsWhatHasNotBegunAndWaitsForTheRest) {
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, open_mode::read);
        std::array<char, 10> buffers[3];
        join_handle<result<std::size_t>> reading[] = {spawn(f->read_at(buffers[0], 0)),
                                                      spawn(f->read_at(buffers[1], 0)),
                                                      spawn(f->read(buffers[2]))};
        co_await next_tick();
        const result<void> closed = co_await f->close();
        EXPECT_TRUE(closed);
        for (auto& h : reading) {
          const result<std::size_t> n = co_await h;
          EXPECT_EQ(n.error(), std::errc::operation_canceled);
        }
        EXPECT_EQ(f->native_handle(), -1);
        const result<std::size_t> late = co_await f->read(buffers[0]);
        EXPECT_EQ(late.error(), std::errc::bad_file_descriptor);
        const result<std::uint64_t> size = co_await f->size();
        EXPECT_EQ(size.error(), std::errc::bad_file_descriptor);
        const result<void> twice = co_await f->close();
        EXPECT_EQ(twice.error(), std::errc::bad_file_descriptor);
      },
      file_with("content"));
}

TEST_P(FileTest, ItsStatusIsThatOfItsNameAlsoWhenThatIsGone) {
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, open_mode::read | open_mode::write);
        result<file_information> status = co_await f->status();
        const result<file_information> of_name = co_await file_status(name);
        EXPECT_EQ(status->kind, file_kind::regular);
        EXPECT_EQ(status->size, 7u);
        EXPECT_EQ(status->permissions, of_name->permissions);
        EXPECT_EQ(status->modified, of_name->modified);
        const result<void> removed = co_await remove_file(name);
        EXPECT_TRUE(removed);
        const result<void> cut = co_await f->truncate(3);
        EXPECT_TRUE(cut);
        const auto [one, other] =
            co_await when_all(f->status(), f->size());  // any number at a time
        EXPECT_EQ(one->size, 3u);
        EXPECT_EQ(other.value_or(0u), 3u);
        const result<void> closed = co_await f->close();
        EXPECT_TRUE(closed);
        status = co_await f->status();
        EXPECT_EQ(status.error(), std::errc::bad_file_descriptor);
        result<file> device = co_await file::open("/dev/null", open_mode::read);
        status = co_await device->status();
        EXPECT_EQ(status->kind, file_kind::character_device);
        result<file> folder = co_await file::open("/", open_mode::read);
        status = co_await folder->status();
        EXPECT_EQ(status->kind, file_kind::directory);
      },
      file_with("content"));
}

TEST_P(FileTest, CloseWaitsForAWriteThatHasBegun) {
  const std::string content(8 << 20, 'w');
  run(
      [&content](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, open_mode::write | open_mode::create);
        join_handle<result<std::size_t>> writing = spawn(f->write_at(content, 0));
        co_await after_a_poll();
        const result<void> closed = co_await f->close();
        EXPECT_TRUE(closed);
        EXPECT_TRUE(writing.done());
        // Still queued for the pool, it has not begun.
        const result<std::size_t> n = co_await writing;
        EXPECT_TRUE(n ? *n == content.size() : n.error() == std::errc::operation_canceled);
        const result<file_information> status = co_await file_status(name);
        EXPECT_EQ(status->size, n.value_or(0u));
      },
      path("new"));
  const std::string written = content_of(path("new"));
  EXPECT_TRUE(written.empty() || written == content);
}

// ---- Names ----

TEST_P(FileTest, StatusTellsKindSizeAndTime) {
  run(
      [](std::string name, std::string folder) -> task<void> {
        const result<file_information> status = co_await file_status(name);
        EXPECT_TRUE(status);
        EXPECT_EQ(status->kind, file_kind::regular);
        EXPECT_EQ(status->size, 7u);
        const auto age = std::chrono::system_clock::now() - status->modified;
        EXPECT_LT(std::chrono::abs(age), std::chrono::hours(1));
        const result<file_information> directory = co_await file_status(folder);
        EXPECT_EQ(directory->kind, file_kind::directory);
        const result<file_information> device = co_await file_status("/dev/null");
        EXPECT_EQ(device->kind, file_kind::character_device);
        const result<file_information> none = co_await file_status(name + "x");
        EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
        const result<file_information> zero = co_await file_status(std::string(1, '\0'));
        EXPECT_EQ(zero.error(), std::errc::invalid_argument);
      },
      file_with("content"), path(""));
}

TEST_P(FileTest, NamesAreMadeChangedAndRemoved) {
  run(
      [](std::string name, std::string folder) -> task<void> {
        const result<void> made = co_await make_directory(folder);
        EXPECT_TRUE(made);
        const result<void> again = co_await make_directory(folder);
        EXPECT_EQ(again.error(), std::errc::file_exists);
        const result<void> moved = co_await rename_file(name, folder + "/moved");
        EXPECT_TRUE(moved);
        const result<void> missing = co_await rename_file(name, folder + "/moved");
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
        const result<void> full = co_await remove_directory(folder);
        EXPECT_EQ(full.error(), std::errc::directory_not_empty);
        const result<void> is_directory = co_await remove_file(folder);
        EXPECT_EQ(is_directory.error(), std::errc::is_a_directory);
        const result<std::string> content = co_await read_file(folder + "/moved");
        EXPECT_TRUE(content && *content == "content");
        const result<void> removed = co_await remove_file(folder + "/moved");
        EXPECT_TRUE(removed);
        const result<void> empty = co_await remove_directory(folder);
        EXPECT_TRUE(empty);
        const result<file_information> gone = co_await file_status(folder);
        EXPECT_EQ(gone.error(), std::errc::no_such_file_or_directory);
      },
      file_with("content"), path("folder"));
}

TEST_P(FileTest, ADirectoryIsListed) {
  run(
      [](std::string folder) -> task<void> {
        EXPECT_TRUE(co_await make_directory(folder));
        const auto empty = co_await list_directory(folder);
        EXPECT_TRUE(empty && empty->empty());
        std::set<std::string> made;
        for (int i = 0; i < 2000; ++i) {  // more than one part
          const std::string name = "a file with a name of some length, number " + std::to_string(i);
          const result<void> written = co_await write_file(folder + "/" + name, "");
          EXPECT_TRUE(written);
          made.insert(name);
        }
        EXPECT_TRUE(co_await make_directory(folder + "/inner"));
        const auto entries = co_await list_directory(folder);
        EXPECT_TRUE(entries);
        std::set<std::string> found;
        for (const directory_entry& entry : *entries) {
          EXPECT_EQ(entry.kind, entry.name == "inner" ? file_kind::directory : file_kind::regular);
          EXPECT_TRUE(found.insert(entry.name).second) << entry.name << " twice";
        }
        made.insert("inner");
        EXPECT_EQ(found, made);
      },
      path("folder"));
}

TEST_P(FileTest, ListingSaysWhyItCannot) {
  run(
      [](std::string name, std::string folder) -> task<void> {
        const auto no_directory = co_await list_directory(name);
        EXPECT_EQ(no_directory.error(), std::errc::not_a_directory);
        const auto missing = co_await list_directory(folder + "/none");
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
        const auto zero = co_await list_directory(std::string(1, '\0'));
        EXPECT_EQ(zero.error(), std::errc::invalid_argument);
      },
      file_with("content"), path(""));
}

TEST_P(FileTest, ADirectoryIsSyncedByItsPath) {
  run(
      [](std::string folder, std::string name) -> task<> {
        EXPECT_TRUE(co_await sync_directory(folder));
        EXPECT_EQ((co_await sync_directory(name)).error(), std::errc::not_a_directory);
        EXPECT_EQ((co_await sync_directory(folder + "/none")).error(),
                  std::errc::no_such_file_or_directory);
      },
      path(""), file_with("content"));
}

TEST_P(FileTest, AFileIsCopied) {
  std::string content(1'000'000, 'x');
  std::iota(content.begin(), content.end(), '\0');
  const std::string from = file_with(content, "from");
  ASSERT_EQ(::chmod(from.c_str(), 0640), 0);
  const std::string over = file_with(std::string(2'000'000, 'y'), "over");
  run(
      [](std::string source, std::string fresh, std::string longer) -> task<void> {
        EXPECT_TRUE(co_await copy_file(source, fresh));
        EXPECT_TRUE(co_await copy_file(source, longer));
        const auto made = co_await file_status(fresh);
        EXPECT_TRUE(made);
        EXPECT_EQ(made->permissions & 0770u, 0640u);
      },
      from, path("fresh"), over);
  EXPECT_EQ(content_of(path("fresh")), content);
  EXPECT_EQ(content_of(over), content);
}

TEST_P(FileTest, CopyingSaysWhyItCannot) {
  run(
      [](std::string name, std::string folder) -> task<void> {
        const auto missing = co_await copy_file(folder + "/none", folder + "/copy");
        EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
        const auto no_file = co_await copy_file(folder, folder + "/copy");
        EXPECT_EQ(no_file.error(), std::errc::is_a_directory);
        const auto onto_folder = co_await copy_file(name, folder);
        EXPECT_EQ(onto_folder.error(), std::errc::is_a_directory);
        const auto device = co_await copy_file("/dev/null", folder + "/copy");
        EXPECT_EQ(device.error(), std::errc::invalid_argument);
        const auto onto_itself = co_await copy_file(name, name);
        EXPECT_EQ(onto_itself.error(), std::errc::invalid_argument);
        const auto full = co_await copy_file(name, "/dev/full");
        EXPECT_EQ(full.error(), std::errc::no_space_on_device);
        const auto none = co_await file_status(folder + "/copy");
        EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
        const auto kept = co_await read_file(name);
        EXPECT_TRUE(kept && *kept == "content");
      },
      file_with("content"), path("."));
}

TEST_P(FileTest, APathMayBeATemporaryAndTheAwaitableMayBeMoved) {
  run(
      [](std::string name) -> task<void> {
        auto opening = file::open(name + "", open_mode::read);
        auto moved = std::move(opening);
        const result<file> f = co_await std::move(moved);
        EXPECT_TRUE(f);
      },
      file_with("content",
                "a name that is too long for a small string, so that it stands on the heap"));
}

// ---- The caller's bugs ----

TEST_P(FileDeathTest, ASecondOperationAtThePositionAborts) {
  const std::string name = file_with("content");
  EXPECT_DEATH(run(
                   [](std::string n) -> task<void> {
                     result<file> f = co_await file::open(n, read_write);
                     std::array<char, 10> buffer;
                     spawn(f->read(buffer));
                     co_await next_tick();
                     const result<std::size_t> second = co_await f->write("x");
                     EXPECT_TRUE(second);
                   },
                   name),
               "^eddy: a second operation .*file::write");
}

TEST_P(FileDeathTest, MovingAFileInFlightAborts) {
  const std::string name = file_with("content");
  EXPECT_DEATH(run(
                   [](std::string n) -> task<void> {
                     result<file> f = co_await file::open(n, open_mode::read);
                     std::array<char, 10> buffer;
                     spawn(f->read_at(buffer, 0));
                     co_await next_tick();
                     const file moved = *std::move(f);
                   },
                   name),
               "^eddy: .*moved while");
}

}  // namespace
}  // namespace eddy::test
