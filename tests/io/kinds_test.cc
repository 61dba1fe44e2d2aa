// What stands behind a descriptor, on every backend: each kind gives what it should.
#include "tests/support/kinds.h"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

namespace eddy::test {
namespace {

class KindsTest : public io_test {};
EDDY_ON_EVERY_BACKEND(KindsTest);

// ---- Opened as files ----

TEST_P(KindsTest, AReadOfANamedPipeCanBeCancelledWhateverItsSize) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        std::vector<char> buffer(1 << 20);
        for (const std::size_t size : {std::size_t{1}, std::size_t{65537}, buffer.size()}) {
          std::vector<file> files;
          for (int i = 0; i < 8; ++i)
            files.push_back((co_await file::open(name, read_write)).value());
          std::vector<join_handle<result<std::size_t>>> reading;
          for (file& f : files)
            reading.push_back(spawn(f.read(mutable_buffer(buffer.data(), size))));
          for (auto& h : reading) co_await waits_and_is_stopped(std::move(h));
        }
      },
      path("fifo"));
}

TEST_P(KindsTest, ANamedPipeGivesWhatIsThereAndTakesWhatItHolds) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  run(
      [](std::string name) -> task<void> {
        result<file> f = co_await file::open(name, read_write);
        std::vector<char> buffer(200'000, 'x');
        EXPECT_EQ(::write(f->native_handle(), "some", 4), 4);
        const result<std::size_t> some = co_await f->read(buffer);
        EXPECT_EQ(some.value_or(0u), 4u);
        const result<std::size_t> written = co_await f->write(buffer);
        EXPECT_EQ(written.value_or(0u), 65536u);
        co_await waits_and_is_stopped(spawn(f->write(buffer)));
        const result<std::size_t> read = co_await f->read(buffer);
        EXPECT_EQ(read.value_or(0u), 65536u);
        const result<std::size_t> at = co_await f->read_at(buffer, 0);
        EXPECT_EQ(at.error(), std::errc::invalid_seek);
      },
      path("fifo"));
}

TEST_P(KindsTest, ADeviceGivesWhatIsThere) {
  if (::access("/dev/kmsg", R_OK) != 0) GTEST_SKIP() << "the kernel's messages may not be read";
  run([]() -> task<void> {
    result<file> f = co_await file::open("/dev/kmsg", open_mode::read);
    std::vector<char> buffer(1 << 20);
    const result<std::size_t> record = co_await f->read(buffer);
    EXPECT_GT(record.value_or(0u), 0u);
    EXPECT_LT(record.value_or(0u), 10'000u);
    const result<std::size_t> at = co_await f->read_at(buffer, 0);
    EXPECT_EQ(at.error(), std::errc::invalid_seek);
    ::lseek(f->native_handle(), 0, SEEK_END);
    co_await waits_and_is_stopped(spawn(f->read(buffer)));
  });
}

TEST_P(KindsTest, OffsetsBeyondTheSystemsAreRefused) {
  run(
      [](std::string name) -> task<void> {
        const result<void> made = co_await write_file(name, "0123456789");
        EXPECT_TRUE(made);
        result<file> f = co_await file::open(name, read_write);
        char two[2] = {'X', 'X'};
        constexpr std::uint64_t most = 0x7fff'ffff'ffff'ffff;
        for (const std::uint64_t offset : {~std::uint64_t{0}, ~std::uint64_t{1}, most + 1, most,
                                           most - 1, std::uint64_t{0x8000'0000'0000'0000}}) {
          const result<std::size_t> read = co_await f->read_at(two, offset);
          EXPECT_EQ(read.error(), std::errc::invalid_argument) << offset;
          const result<std::size_t> written = co_await f->write_at(two, offset);
          EXPECT_EQ(written.error(), std::errc::invalid_argument) << offset;
        }
        const result<std::size_t> beyond = co_await f->read_at(two, most - 2);
        EXPECT_EQ(beyond.value_or(1u), 0u);
        for (const std::uint64_t size : {~std::uint64_t{0}, most + 1}) {
          const result<void> cut = co_await f->truncate(size);
          EXPECT_EQ(cut.error(), std::errc::invalid_argument) << size;
        }
        const result<std::string> kept = co_await read_file(name);
        EXPECT_EQ(kept.value_or(""), "0123456789");
      },
      path("file"));
}

// ---- More than one request moves ----

/// Memory of `size` bytes behind which one block stands again and again: costs no more than that.
class folded_memory {
 public:
  explicit folded_memory(std::size_t size) : size_((size + block - 1) / block * block) {
    const int d = ::memfd_create("eddy-folded", MFD_CLOEXEC);
    EXPECT_EQ(::ftruncate(d, block), 0);
    start_ = static_cast<char*>(
        ::mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (std::size_t at = 0; at < size_; at += block) {
      EXPECT_NE(::mmap(start_ + at, block, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, d, 0),
                MAP_FAILED);
    }
    ::close(d);
  }
  ~folded_memory() { ::munmap(start_, size_); }
  folded_memory(const folded_memory&) = delete;
  folded_memory& operator=(const folded_memory&) = delete;
  char* get() const { return start_; }

 private:
  static constexpr std::size_t block = 8 << 20;
  std::size_t size_;
  char* start_;
};

TEST_P(KindsTest, MoreThanTwoGibibytesMoveAsOneAndTheLoopGoesOn) {
  static constexpr std::size_t size = 0x8000'1000;
  const folded_memory memory(size);
  run(
      [](char* start) -> task<void> {
        result<file> zeros = co_await file::open("/dev/zero", open_mode::read);
        auto reading = spawn(zeros->read_at(mutable_buffer(start, size), 0));
        int ticks = 0;
        for (; !reading.done(); ++ticks) co_await sleep_for(1ms);
        EXPECT_GT(ticks, 1);
        const result<std::size_t> read = co_await reading;
        EXPECT_EQ(read.value_or(0u), size);
        result<file> nowhere = co_await file::open("/dev/null", open_mode::write);
        const result<std::size_t> written =
            co_await nowhere->write_at(const_buffer(start, size), 0);
        EXPECT_EQ(written.value_or(0u), size);
      },
      memory.get());
}

/// So much does a request of a file's move for as long as this lives.
class short_requests {
 public:
  explicit short_requests(std::uint32_t most)
      : kept_(std::exchange(detail::most_of_a_part, most)) {}
  ~short_requests() { detail::most_of_a_part = kept_; }
  short_requests(const short_requests&) = delete;
  short_requests& operator=(const short_requests&) = delete;

 private:
  std::uint32_t kept_;
};

TEST_P(KindsTest, EveryVerbGoesOnWhereARequestMovesNoMore) {
  for (const std::uint32_t most : {9u, 999u, 1000u}) {
    const short_requests limit(most);
    run(
        [](std::string name) -> task<void> {
          std::string content(10'000, ' ');
          for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i % 251);
          const result<void> made = co_await write_file(name, content);
          EXPECT_TRUE(made);
          const result<std::string> whole = co_await read_file(name);
          EXPECT_TRUE(whole && *whole == content);
          const result<void> copied = co_await copy_file(name, name + "2");
          EXPECT_TRUE(copied);
          result<file> f = co_await file::open(name + "2", read_write);
          std::string got(9'000, ' ');
          const result<std::size_t> at = co_await f->read_at(got, 500);
          EXPECT_EQ(at.value_or(0u), 9'000u);
          EXPECT_TRUE(got == content.substr(500, 9'000));
          const result<std::size_t> first = co_await f->read(got);
          EXPECT_EQ(first.value_or(0u), 9'000u);
          const result<std::size_t> rest = co_await f->read(got);
          EXPECT_EQ(rest.value_or(0u), 1'000u);
          const result<std::size_t> end = co_await f->read(got);
          EXPECT_EQ(end.value_or(1u), 0u);
          const result<std::size_t> appended = co_await f->write(got);
          EXPECT_EQ(appended.value_or(0u), 9'000u);
          const result<std::size_t> over = co_await f->write_at(got, 18'000);
          EXPECT_EQ(over.value_or(0u), 9'000u);
          const result<std::uint64_t> size = co_await f->size();
          EXPECT_EQ(size.value_or(0u), 27'000u);
          const result<std::size_t> short_at = co_await f->read_at(got, 20'000);
          EXPECT_EQ(short_at.value_or(0u), 7'000u);
          result<file> adopted = file::adopt(::open(name.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
          const result<std::size_t> once = co_await adopted->read(got);
          EXPECT_EQ(once.value_or(0u), 9'000u);
          const result<std::size_t> more = co_await adopted->write(got);
          EXPECT_EQ(more.value_or(0u), 9'000u);
          const result<std::uint64_t> grown = co_await adopted->size();
          EXPECT_EQ(grown.value_or(0u), 19'000u);
        },
        path("file"));
  }
}

TEST_P(KindsTest, WhatHasMovedBeforeAnErrorOrACancelIsDelivered) {
  const std::string name = path("file");
  std::ofstream(name) << std::string(8 << 20, 'x');
  run(
      [](std::string n) -> task<void> {
        std::vector<char> buffer(8 << 20);
        for (const moment when : moments) {
          const short_requests limit(1 << 20);
          result<file> f = co_await file::open(n, read_write);
          auto reading = spawn(f->read_at(buffer, 0));
          if (when == moment::before_the_hand_over) co_await next_tick();
          if (when == moment::inside_the_kernel) co_await after_a_poll();
          reading.cancel();
          auto r = co_await reading.join();
          const bool gave = r.has_value();
          if (gave) {
            EXPECT_GE(std::move(r).value().value_or(0u), std::size_t{1} << 20);
          } else {
            EXPECT_TRUE(r.stopped());
          }
          EXPECT_EQ(gave, when == moment::inside_the_kernel);
        }
      },
      name);
}

// ---- Every kind, given from elsewhere ----

constexpr int waits = 1'000'000;  // as a result: it waits, and can be called back
constexpr int unknown = 1'000'001;

/// What each operation on it gives: a number, or -errno. Eight bytes are written, up to 16 read.
struct expected {
  int read, write, read_at, write_at, size, truncate, sync;
};

struct kind_of_descriptor {
  const char* name;
  expected gives;
  /// The descriptor; others that must stay open meanwhile.
  std::function<int(const std::string& folder, std::vector<int>& others)> make;
};

int file_of_ten(const std::string& folder, int flags) {
  const std::string name = folder + "/ten";
  std::ofstream(name) << "0123456789";
  return ::open(name.c_str(), flags | O_CLOEXEC);
}

int one_end(int which, int (*make)(int*), std::vector<int>& others) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(make(ends), 0);
  others.push_back(ends[1 - which]);
  return ends[which];
}

int device(const char* name) {
  return ::open(name, O_RDWR | O_CLOEXEC);
}

const std::vector<kind_of_descriptor>& all_kinds() {
  constexpr expected of_a_file{10, 8, 10, 8, 10, 0, 0};
  constexpr expected of_a_stream{waits, 8, -ESPIPE, -ESPIPE, 0, -EINVAL, -EINVAL};
  constexpr expected to_read{waits, -EBADF, -ESPIPE, -ESPIPE, 0, -EINVAL, -EINVAL};
  constexpr expected to_write{-EBADF, 8, -ESPIPE, -ESPIPE, 0, -EINVAL, -EINVAL};
  constexpr auto plain_pipe = [](int* ends) { return ::pipe2(ends, O_CLOEXEC); };
  constexpr auto packets = [](int* ends) { return ::pipe2(ends, O_CLOEXEC | O_DIRECT); };
  constexpr auto sockets = [](int* ends) {
    return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
  };
  constexpr auto datagrams = [](int* ends) {
    return ::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);
  };
  using others = std::vector<int>;
  static const std::vector<kind_of_descriptor> kinds = {
      {"a regular file", of_a_file,
       [](const std::string& folder, others&) { return file_of_ten(folder, O_RDWR); }},
      {"a file to read",
       {10, -EBADF, 10, -EBADF, 10, -EINVAL, 0},
       [](const std::string& folder, others&) { return file_of_ten(folder, O_RDONLY); }},
      {"a file's place only",
       {-EBADF, -EBADF, -EBADF, -EBADF, 10, -EBADF, -EBADF},
       [](const std::string& folder, others&) { return file_of_ten(folder, O_PATH); }},
      {"a file in memory", of_a_file,
       [](const std::string&, others&) {
         const int d = ::memfd_create("eddy", MFD_CLOEXEC);
         EXPECT_EQ(::pwrite(d, "0123456789", 10, 0), 10);
         return d;
       }},
      {"a directory",
       {-EISDIR, -EBADF, -EISDIR, -EBADF, unknown, -EINVAL, 0},
       [](const std::string& folder, others&) {
         return ::open(folder.c_str(), O_RDONLY | O_CLOEXEC);
       }},
      {"a named pipe", of_a_stream,
       [](const std::string& folder, others&) {
         const std::string name = folder + "/fifo";
         ::mkfifo(name.c_str(), 0600);
         return ::open(name.c_str(), O_RDWR | O_CLOEXEC);
       }},
      {"a pipe to read", to_read,
       [=](const std::string&, others& o) { return one_end(0, plain_pipe, o); }},
      {"a pipe to write", to_write,
       [=](const std::string&, others& o) { return one_end(1, plain_pipe, o); }},
      {"packets to read", to_read,
       [=](const std::string&, others& o) { return one_end(0, packets, o); }},
      {"packets to write", to_write,
       [=](const std::string&, others& o) { return one_end(1, packets, o); }},
      {"a terminal", of_a_stream,
       [](const std::string&, others& o) {
         terminal t;
         o.push_back(std::exchange(t.user, -1));
         return std::exchange(t.line, -1);
       }},
      {"a terminal's other end", of_a_stream,
       [](const std::string&, others& o) {
         terminal t;
         o.push_back(std::exchange(t.line, -1));
         return std::exchange(t.user, -1);
       }},
      {"a socket", of_a_stream,
       [=](const std::string&, others& o) { return one_end(0, sockets, o); }},
      {"a socket of datagrams", of_a_stream,
       [=](const std::string&, others& o) { return one_end(0, datagrams, o); }},
      {"/dev/null",
       {0, 8, 0, 8, 0, -EINVAL, -EINVAL},
       [](const std::string&, others&) { return device("/dev/null"); }},
      {"/dev/zero",
       {16, 8, 16, 8, 0, -EINVAL, -EINVAL},
       [](const std::string&, others&) { return device("/dev/zero"); }},
      {"/dev/full",
       {16, -ENOSPC, 16, -ENOSPC, 0, -EINVAL, -EINVAL},
       [](const std::string&, others&) { return device("/dev/full"); }},
      {"/dev/random",
       {16, 8, 16, 8, 0, -EINVAL, -EINVAL},
       [](const std::string&, others&) { return device("/dev/random"); }},
      {"an eventfd", of_a_stream,
       [](const std::string&, others&) { return ::eventfd(0, EFD_CLOEXEC); }},
      {"a timerfd",
       {waits, -EINVAL, -ESPIPE, -ESPIPE, 0, -EINVAL, -EINVAL},
       [](const std::string&, others&) { return ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC); }},
      {"an inotify",
       {waits, -EBADF, -ESPIPE, -ESPIPE, 0, -EINVAL, -EINVAL},
       [](const std::string&, others&) { return ::inotify_init1(IN_CLOEXEC); }},
  };
  return kinds;
}

/// Its result as in the table, where it gives `right`.
template <class A>
task<int> outcome(A operation, int right) {
  auto h = spawn(std::move(operation));
  if (right == waits) {
    co_await a_while();
    if (!h.done()) {
      h.cancel();
      const auto ended = co_await h.join();
      co_return ended.stopped() ? waits : -waits;
    }
  }
  auto r = co_await h.join();
  const auto gave = std::move(r).value();
  if (!gave) co_return -gave.error().value();
  if constexpr (std::is_void_v<typename std::decay_t<decltype(gave)>::value_type>) {
    co_return 0;
  } else {
    co_return static_cast<int>(*gave);
  }
}

/// One of the kind as a file, for as long as it takes.
class given {
 public:
  given(const kind_of_descriptor& k, const std::string& folder)
      : number_(k.make(folder, others_)), flags_(::fcntl(number_, F_GETFL)) {
    EXPECT_GE(number_, 0) << k.name;
  }
  ~given() {
    for (const int d : others_) ::close(d);
  }
  given(const given&) = delete;
  given& operator=(const given&) = delete;
  int number() const { return number_; }
  bool is_as_it_was() const { return ::fcntl(number_, F_GETFL) == flags_; }

 private:
  std::vector<int> others_;
  int number_;
  int flags_;
};

TEST_P(KindsTest, EveryKindGivesWhatItShould) {
  run(
      [](std::string folder) -> task<void> {
        for (const kind_of_descriptor& k : all_kinds()) {
          char in[16];
          const const_buffer out("12345678", 8);
          for (int which = 0; which < 8; ++which) {
            const given g(k, folder);
            result<file> f = file::adopt(g.number());
            EXPECT_TRUE(f) << k.name;
            if (!f) continue;
            const expected& e = k.gives;
            const int all[] = {e.read, e.write,    e.read_at, e.write_at,
                               e.size, e.truncate, e.sync,    e.sync};
            int right = all[which];
            int got = 0;
            switch (which) {
              case 0:
                got = co_await outcome(f->read(in), right);
                break;
              case 1:
                got = co_await outcome(f->write(out), right);
                break;
              case 2:
                got = co_await outcome(f->read_at(in, 0), right);
                break;
              case 3:
                got = co_await outcome(f->write_at(out, 0), right);
                break;
              case 4:
                got = co_await outcome(f->size(), right);
                if (right == unknown) right = got;
                break;
              case 5:
                got = co_await outcome(f->truncate(0), right);
                break;
              case 6:
                got = co_await outcome(f->sync(), right);
                break;
              default:
                got = co_await outcome(f->sync_data(), right);
                break;
            }
            EXPECT_EQ(got, right) << k.name << ", operation " << which;
            EXPECT_TRUE(g.is_as_it_was()) << k.name << ": its flags were changed";
            const result<void> closed = co_await f->close();
            EXPECT_TRUE(closed) << k.name;
          }
        }
      },
      path("."));
}

/// As a standard stream each gives the same, in order.
TEST_P(KindsTest, EveryKindMayBeAStandardStream) {
  for (const kind_of_descriptor& k : all_kinds()) {
    for (const int number : {0, 1}) {
      const given g(k, path("."));
      const stands_at here(number, g.number());
      run(
          [](const kind_of_descriptor* of, int n) -> task<void> {
            char in[16];
            if (n == 0) {
              pipe_reader reader = standard_input();
              const int got = co_await outcome(reader.read(in), of->gives.read);
              EXPECT_EQ(got, of->gives.read) << of->name;
            } else {
              pipe_writer writer = standard_output();
              const int got =
                  co_await outcome(writer.write(const_buffer("12345678", 8)), of->gives.write);
              EXPECT_EQ(got, of->gives.write) << of->name;
            }
          },
          &k, number);
      EXPECT_GE(::fcntl(number, F_GETFD), 0);
    }
  }
}

/// What stands open under a name may be opened again by it.
TEST_P(KindsTest, EveryKindThatHasANameIsOpenedByIt) {
  run(
      [](std::string folder) -> task<void> {
        for (const kind_of_descriptor& k : all_kinds()) {
          const given g(k, folder);
          const owned_number d(g.number());
          const std::string name = "/proc/self/fd/" + std::to_string(g.number());
          const bool folders = k.gives.read == -EISDIR;
          result<file> f = co_await file::open(name, folders ? open_mode::read : read_write);
          if (!f) {  // what has none says so at once
            EXPECT_EQ(f.error(), std::errc::no_such_device_or_address) << k.name;
            continue;
          }
          char in[16];
          // (Opened again, it can do both; and the other end of a terminal is a new terminal.)
          if (k.gives.read >= 0 || k.gives.read == -EISDIR) {
            const int read = co_await outcome(f->read(in), k.gives.read);
            EXPECT_EQ(read, k.gives.read) << k.name;
          }
          if (k.gives.write != -EBADF) {
            const int written =
                co_await outcome(f->write(const_buffer("12345678", 8)), k.gives.write);
            EXPECT_EQ(written, k.gives.write) << k.name;
          }
        }
      },
      path("."));
}

TEST_P(KindsTest, WhatIsClosedIsNotAdopted) {
  run([]() -> task<void> {
    const int closed = ::dup(2);
    ::close(closed);
    EXPECT_EQ(file::adopt(closed).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(pipe_reader::adopt(closed).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(pipe_writer::adopt(closed).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(file::adopt(-1).error(), std::errc::bad_file_descriptor);
    co_return;
  });
}

TEST_P(KindsTest, WhatIsReleasedIsTheCallersAgain) {
  run([]() -> task<void> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pipe_reader reader = pipe_reader::adopt(ends[0]).value();
    pipe_writer writer = pipe_writer::adopt(ends[1]).value();
    const result<std::size_t> written = co_await writer.write("there");
    EXPECT_EQ(written.value_or(0u), 5u);
    char buffer[10];
    const result<std::size_t> read = co_await reader.read(buffer);
    EXPECT_EQ(read.value_or(0u), 5u);
    EXPECT_EQ(reader.release(), ends[0]);
    EXPECT_EQ(reader.release(), -1);
    const result<std::size_t> late = co_await reader.read(buffer);
    EXPECT_EQ(late.error(), std::errc::bad_file_descriptor);
    result<file> f = file::adopt(writer.release());
    EXPECT_EQ(f->release(), ends[1]);
    ::close(ends[0]);
    ::close(ends[1]);
  });
}

}  // namespace
}  // namespace eddy::test
