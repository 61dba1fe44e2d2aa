// Exhaustive cancel of what sockets have beside reads and writes: several buffers, descriptors that
// are passed.
#include <array>
#include <string>

#include <eddy/coro/when.h>
#include <eddy/io/algorithm.h>
#include <eddy/io/pipe.h>
#include <eddy/io/unix.h>

#include "tests/cancel/harness.h"

namespace eddy::test {
namespace {

/// Several buffers at once; what comes is a part from the beginning.
task<> several_buffers(world& w) {
  auto both = unix_stream::pair().value();
  const auto reads = [&]() -> task<> {
    const counted frame;
    std::array<char, 3> first{};
    std::array<char, 1> second{};
    const std::array<mutable_buffer, 2> in{mutable_buffer(first), mutable_buffer(second)};
    EXPECT_GT((co_await both.second.read(in)).value(), 0u);
    std::string rest(50'000, ' ');
    EXPECT_TRUE(co_await read_exactly(both.second, rest));
    both.second.abort();
  };
  const auto writes = [&]() -> task<> {
    const counted frame;
    const std::array<const_buffer, 2> out{const_buffer("ab"), const_buffer("cd")};
    co_await w.hopping(1);
    EXPECT_EQ((co_await both.first.write(out)).value(), 4u);
    const std::string large(100'000, 'x');
    static_cast<void>(co_await write_all(both.first, "head", large, "end"));
  };
  static_cast<void>(co_await when_all(writes(), reads()));
}

/// Descriptors on their way: the world sees whether one is left open.
task<> descriptors_passed(world& w) {
  auto both = unix_stream::pair().value();
  const auto sends = [&]() -> task<> {
    const counted frame;
    auto pipe = make_pipe().value();
    const std::array<int, 2> ends{pipe.first.native_handle(), pipe.second.native_handle()};
    co_await w.hopping(1);
    EXPECT_TRUE(co_await both.first.send_descriptors("xy", ends));
  };
  const auto receives = [&]() -> task<> {
    const counted frame;
    std::array<char, 2> bytes{};
    const auto got = co_await both.second.receive_descriptors(bytes, 2);
    EXPECT_EQ(got.value().descriptors.size(), 2u);
    co_await w.hopping(1);
  };
  static_cast<void>(co_await when_all(sends(), receives()));
}

constexpr scenario table[] = {
    {"SeveralBuffers", several_buffers},
    {"DescriptorsPassed", descriptors_passed, true},
};

class exhaustive_cancel : public ::testing::TestWithParam<case_of_table> {};
INSTANTIATE_TEST_SUITE_P(sockets, exhaustive_cancel, ::testing::ValuesIn(every_case(table)),
                         case_name);

TEST_P(exhaustive_cancel, NothingIsLeftLostOrDoneTwice) {
  RecordProperty("plays", static_cast<int>(play_all(*GetParam().what, GetParam().backend)));
}

}  // namespace
}  // namespace eddy::test
