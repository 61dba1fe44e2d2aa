// Random programs, again and again: streams, timeouts, files, the pool, channels, locks, groups
// that are cancelled at any moment. Each byte written is read, or found unread at the end; nothing
// is left open or pending. Some in CI, as many as the minutes of `./dev soak` have room for in the
// long run; EDDY_SEED=N runs the one program with that number.
#include "tests/support/io_test.h"
#include "tests/support/soak.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <eddy/eddy.h>

namespace eddy::test {
namespace {

using namespace std::chrono_literals;

class stress : public io_test {};
EDDY_ON_EVERY_BACKEND(stress);

class dice {
 public:
  explicit dice(std::uint64_t seed) : bits_(seed) {}
  /// 0 to below - 1.
  std::size_t operator()(std::size_t below) { return static_cast<std::size_t>(bits_() % below); }
  bool one_in(std::size_t n) { return (*this)(n) == 0; }

 private:
  std::mt19937_64 bits_;
};

char letter(std::uint64_t position) {
  return static_cast<char>(position * 31 + (position >> 8));
}

/// One direction of a connection.
struct line {
  unix_stream in;
  unix_stream out;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;

  void hear(const char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      if (bytes[i] != letter(received + i)) {
        ADD_FAILURE() << "byte " << received + i << " is another one";
        break;
      }
    }
    received += size;
  }
  /// What nobody has read yet.
  void drain() {
    std::array<char, 4096> buffer;
    for (ssize_t n;
         (n = ::recv(out.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
      hear(buffer.data(), static_cast<std::size_t>(n));
    }
  }
};

/// The shared state of one program.
struct world {
  explicit world(std::uint64_t seed) : random(seed) {}
  dice random;
  mutex locked;
  int inside = 0;
  channel<int> numbers{4};
  int put = 0;
  int taken = 0;
  std::string folder;
};

task<> write_on(line& l, world& w, std::size_t rounds) {
  std::vector<char> block(1 + w.random(40'000));
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::size_t size = 1 + w.random(block.size());
    for (std::size_t k = 0; k < size; ++k) block[k] = letter(l.sent + k);
    if (w.random.one_in(4)) {
      const auto limit = std::chrono::microseconds(w.random(500));
      const result<std::size_t> n =
          co_await with_timeout(limit, l.in.write(const_buffer(block.data(), size)));
      if (n) l.sent += *n;
    } else {
      l.sent += co_await ok(l.in.write(const_buffer(block.data(), size)));
    }
    if (w.random.one_in(8)) co_await yield();
  }
}

task<> read_on(line& l, world& w) {
  std::vector<char> block(1 + w.random(40'000));
  for (;;) {
    if (w.random.one_in(4)) {
      const auto limit = std::chrono::microseconds(w.random(500));
      const result<std::size_t> n =
          co_await with_timeout(limit, l.out.read(mutable_buffer(block.data(), block.size())));
      if (n) l.hear(block.data(), *n);
    } else {
      const std::size_t n = co_await ok(l.out.read(mutable_buffer(block.data(), block.size())));
      l.hear(block.data(), n);
    }
    if (w.random.one_in(16)) co_await immediate();
  }
}

task<> use_a_file(world& w, std::size_t number) {
  const std::string path = w.folder + "/" + std::to_string(number);
  file f = co_await ok(file::open(path, open_mode::read | open_mode::write | open_mode::create));
  std::vector<char> block(1 + w.random(100'000));
  for (std::size_t k = 0; k < block.size(); ++k) block[k] = letter(k);
  std::size_t written = 0;
  while (written < block.size()) {
    written += co_await ok(
        f.write_at(const_buffer(block.data() + written, block.size() - written), written));
  }
  std::vector<char> back(block.size());
  std::size_t have = 0;
  while (have < back.size()) {
    const std::size_t n =
        co_await ok(f.read_at(mutable_buffer(back.data() + have, back.size() - have), have));
    EXPECT_GT(n, 0u);
    if (n == 0) co_return;
    have += n;
  }
  EXPECT_EQ(block, back);
  co_await ok(f.close());
}

task<> use_the_pool(world& w) {
  for (std::size_t i = 0; i < 10; ++i) {
    const std::size_t n = w.random(1000);
    EXPECT_EQ(co_await offload([n] { return n + 1; }), n + 1);
  }
}

task<> use_the_lock(world& w) {
  for (std::size_t i = 0; i < 10; ++i) {
    const auto held = co_await w.locked.lock();
    EXPECT_EQ(++w.inside, 1);
    struct leave {
      int& inside;
      explicit leave(int& i) : inside(i) {}
      ~leave() { --inside; }
    } const at_end(w.inside);
    if (w.random.one_in(2)) co_await next_tick();
    if (w.random.one_in(8)) co_await sleep_for(std::chrono::microseconds(w.random(100)));
  }
}

task<> send_numbers(world& w) {
  for (int i = 0; i < 20; ++i) {
    const result<void> sent = co_await w.numbers.send(i);
    if (sent) ++w.put;
  }
}
task<> receive_numbers(world& w) {
  for (;;) {
    const auto n = co_await w.numbers.receive();
    if (!n) co_return;
    ++w.taken;
  }
}

task<> race(world& w) {
  for (std::size_t i = 0; i < 5; ++i) {
    co_await when_any(sleep_for(std::chrono::microseconds(w.random(300))), yield(), offload([] {}));
    co_await when_all(yield(), sleep_for(std::chrono::microseconds(w.random(100))));
  }
}

task<> a_program(world& w) {
  std::vector<std::unique_ptr<line>> lines;
  for (std::size_t i = 0; i < 1 + w.random(12); ++i) {
    auto [in, out] = unix_stream::pair().value();
    lines.push_back(std::make_unique<line>(line{std::move(in), std::move(out)}));
  }
  co_await with_task_group([&](task_group& group) -> task<> {
    for (auto& l : lines) {
      group.spawn(write_on, std::ref(*l), std::ref(w), 1 + w.random(30));
      group.spawn(read_on, std::ref(*l), std::ref(w));
    }
    for (std::size_t i = 0; i < w.random(4); ++i) group.spawn(use_a_file, std::ref(w), i);
    for (std::size_t i = 0; i < w.random(4); ++i) group.spawn(use_the_pool, std::ref(w));
    for (std::size_t i = 0; i < w.random(4); ++i) group.spawn(use_the_lock, std::ref(w));
    for (std::size_t i = 0; i < w.random(4); ++i) group.spawn(send_numbers, std::ref(w));
    for (std::size_t i = 0; i < w.random(4); ++i) group.spawn(race, std::ref(w));
    group.spawn(receive_numbers, std::ref(w));
    if (w.random.one_in(2)) co_await sleep_for(std::chrono::microseconds(w.random(3000)));
    for (std::size_t i = 0; i < w.random(20); ++i) co_await yield();
    group.cancel();
  });
  for (auto& l : lines) {
    l->drain();
    EXPECT_EQ(l->received, l->sent);
  }
  while (w.numbers.try_receive()) ++w.taken;
  EXPECT_EQ(w.put, w.taken);
  EXPECT_EQ(w.inside, 0);
}

TEST_P(stress, RandomProgramsLoseNothingAndLeaveNothing) {
  const char* one = std::getenv("EDDY_SEED");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(soak_minutes() * 60 / 2);
  std::uint64_t seed = one ? std::strtoull(one, nullptr, 10) : 1;
  const std::size_t descriptors = open_descriptors();
  std::uint64_t programs = 0;
  for (;; ++seed) {
    world w(seed);
    w.folder = path("").substr(0, path("").size() - 1);
    {
      runtime rt(options());
      // Several in a row in one runtime: what one leaves behind meets the next.
      for (int i = 0; i < 3; ++i) eddy::run(rt, a_program, std::ref(w));
      EXPECT_EQ(rt.pending().total(), 0u);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    ASSERT_FALSE(HasFailure()) << "EDDY_SEED=" << seed << " runs this one";
    ++programs;
    if (one || (soak_minutes() ? std::chrono::steady_clock::now() >= end : programs == 100)) break;
  }
  std::printf("%s: %llu programs\n", GetParam().c_str(), static_cast<unsigned long long>(programs));
}

}  // namespace
}  // namespace eddy::test
