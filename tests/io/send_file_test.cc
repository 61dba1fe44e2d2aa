// send_file, on every backend: what goes, where it ends, and what becomes of it when the peer, the
// file or the task goes.
#include "tests/support/runtime_test.h"

#include <csignal>
#include <string>
#include <utility>

#include <eddy/eddy.h>

#include "tests/support/temporary_directory.h"

namespace eddy::test {
namespace {

class sending_files : public every_runtime {
 protected:
  /// A file whose bytes tell where they stand. (In the simulated world the folder is /tmp.)
  task<file> make_file(std::size_t size) {
    const std::string at = is_virtual() ? "/tmp/sent" : folder_.file("sent");
    const auto mode = open_mode::read | open_mode::write | open_mode::create;
    file f = co_await ok(file::open(at, mode));
    const std::string all = bytes(0, size);
    co_await ok(f.write_at(all, 0));
    co_return f;
  }
  static std::string bytes(std::size_t from, std::size_t size) {
    std::string all(size, ' ');
    for (std::size_t i = 0; i < size; ++i)
      all[i] = static_cast<char>((from + i) * 7 + (from + i) / 251);
    return all;
  }

 private:
  temporary_directory folder_;
};
INSTANTIATE_TEST_SUITE_P(on, sending_files, all_backends(), backend_name);

/// More than a socket holds: it has to wait for the reader again and again.
TEST_P(sending_files, AllOfAFileThroughASmallSocket) {
  run([this]() -> task<> {
    constexpr std::size_t size = 3'000'000;
    file f = co_await make_file(size);
    auto [near, far] = unix_stream::pair().value();
    const auto sending = spawn([&]() -> task<> {
      const std::uint64_t sent = co_await ok(send_file(near, f, 0, size));
      EXPECT_EQ(sent, size);
      EXPECT_TRUE(near.shutdown_write());
    });
    const std::string heard = co_await ok(read_all(far, 2 * size));
    EXPECT_TRUE(heard == bytes(0, size));
    co_await sending;
  });
}

TEST_P(sending_files, APartAndWhatIsBeyondTheEnd) {
  run([this]() -> task<> {
    file f = co_await make_file(1000);
    auto [near, far] = unix_stream::pair().value();
    EXPECT_EQ(co_await ok(send_file(near, f, 100, 50)), 50u);
    EXPECT_EQ(co_await ok(send_file(near, f, 900, 500)), 100u) << "short at the end";
    EXPECT_EQ(co_await ok(send_file(near, f, 1000, 1)), 0u);
    EXPECT_EQ(co_await ok(send_file(near, f, 5000, 1)), 0u);
    EXPECT_EQ(co_await ok(send_file(near, f, 0, 0)), 0u);
    const auto beyond = co_await send_file(near, f, ~std::uint64_t{0}, 1);
    EXPECT_EQ(beyond.error(), std::errc::invalid_argument);
    EXPECT_TRUE(near.shutdown_write());
    EXPECT_TRUE(co_await ok(read_all(far, 1000)) == bytes(100, 50) + bytes(900, 100));
  });
}

TEST_P(sending_files, IntoAnyOtherStreamItIsCopied) {
  run([this]() -> task<> {
    file f = co_await make_file(200'000);
    auto [near, far] = duplex(100);
    const auto sending = spawn([&]() -> task<> {
      EXPECT_EQ(co_await ok(send_file(near, f, 1000, 1'000'000)), 199'000u);
      EXPECT_TRUE(near.shutdown_write());
    });
    EXPECT_TRUE(co_await ok(read_all(far, 1'000'000)) == bytes(1000, 199'000));
    co_await sending;
  });
}

TEST_P(sending_files, APeerThatHasGoneIsAnErrorAndNoSignal) {
  run([this]() -> task<> {
    file f = co_await make_file(1000);
    auto [near, far] = unix_stream::pair().value();
    co_await ok(far.close());
    const auto sent = co_await send_file(near, f, 0, 1000);
    EXPECT_EQ(sent.error(), std::errc::broken_pipe);
    co_await ok(near.close());
    const auto closed = co_await send_file(near, f, 0, 1000);
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(sending_files, AFileThatIsClosedMeanwhileIsSentToItsEnd) {
  run([this]() -> task<> {
    constexpr std::size_t size = 2'000'000;
    file f = co_await make_file(size);
    auto [near, far] = unix_stream::pair().value();
    const auto sending = spawn(send_file(near, f, 0, size));
    for (int i = 0; i < 5; ++i) co_await immediate();
    co_await ok(f.close());
    std::string heard(size, ' ');
    co_await ok(read_exactly(far, heard));
    EXPECT_TRUE(heard == bytes(0, size));
    const result<std::uint64_t> sent = co_await sending;
    EXPECT_EQ(sent.value(), size);
    const auto again = co_await send_file(near, f, 0, size);
    EXPECT_EQ(again.error(), std::errc::bad_file_descriptor);
  });
}

TEST_P(sending_files, StoppedOrClosedItLetsGo) {
  run([this]() -> task<> {
    constexpr std::size_t size = 2'000'000;
    file f = co_await make_file(size);
    for (int ticks = 0; ticks < 12; ++ticks) {
      auto [near, far] = unix_stream::pair().value();
      const auto stopped = spawn(send_file(near, f, 0, size));
      for (int i = 0; i < ticks; ++i) co_await immediate();
      stopped.cancel();
      EXPECT_TRUE((co_await stopped.join()).stopped());
      const auto closed = spawn(send_file(near, f, 0, size));
      for (int i = 0; i < ticks; ++i) co_await immediate();
      co_await ok(near.close());
      const result<std::uint64_t> sent = co_await closed;
      EXPECT_EQ(sent.error(),
                ticks ? std::errc::operation_canceled : std::errc::bad_file_descriptor)
          << ticks;
    }
  });
}

TEST_P(sending_files, WritingBesideItAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([this]() -> task<> {
                 file f = co_await make_file(2'000'000);
                 auto [near, far] = unix_stream::pair().value();
                 const auto sending = spawn(send_file(near, f, 0, 2'000'000));
                 for (int i = 0; i < 5; ++i) co_await immediate();
                 co_await ok(write_all(near, "x"));
                 static_cast<void>(co_await sending);
               }),
               "while one of its kind is in flight");
}

}  // namespace
}  // namespace eddy::test
