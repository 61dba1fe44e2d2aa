// Guide, 27: GoogleTest tests whose bodies are tasks, each on both backends.
#include <eddy/eddy.h>
#include <eddy/testing/gtest.h>

#include <array>
#include <chrono>

using namespace std::chrono_literals;

static eddy::task<eddy::result<void>> echo(eddy::unix_stream stream) {
  std::array<char, 64> buffer;
  for (;;) {
    const auto n = co_await eddy::ok(stream.read(buffer));
    if (n == 0) co_return {};
    co_await eddy::ok(eddy::write_all(stream, eddy::const_buffer(buffer.data(), n)));
  }
}

EDDY_TEST(Echo, SendsBackWhatComes) {
  auto [near, far] = eddy::unix_stream::pair().value();
  eddy::spawn(echo, std::move(far));
  ASSERT_TRUE(co_await eddy::write_all(near, "hello"));
  std::array<char, 5> back;
  ASSERT_TRUE(co_await eddy::read_exactly(near, back));
  EXPECT_EQ(std::string_view(back.data(), back.size()), "hello");
}

EDDY_TEST(Echo, WaitsForWhatDoesNotCome, 1min) {  // (at most so long: without it 10 s)
  auto [near, far] = eddy::unix_stream::pair().value();
  eddy::spawn_background(echo, std::move(far));
  std::array<char, 1> back;
  const auto read = co_await eddy::with_timeout(10ms, near.read(back));
  EXPECT_EQ(read.error(), eddy::errc::timed_out);
}
