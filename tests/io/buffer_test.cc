// What the two views of memory are made of, and how many bytes each source counts.
#include <eddy/io/buffer.h>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace eddy {
namespace {

template <class T>
constexpr bool reads_into = std::is_convertible_v<T, mutable_buffer>;
template <class T>
constexpr bool writes_from = std::is_convertible_v<T, const_buffer>;

static_assert(reads_into<std::string&> && reads_into<std::vector<char>&> &&
              reads_into<std::vector<std::byte>&>);
static_assert(reads_into<std::array<unsigned char, 3>&> && reads_into<char (&)[3]> &&
              reads_into<std::byte (&)[3]>);
static_assert(reads_into<std::span<char>> && reads_into<std::span<std::byte, 4>> &&
              reads_into<mutable_buffer&>);
static_assert(!reads_into<const std::string&> && !reads_into<std::string_view> &&
              !reads_into<std::span<const char>>);
static_assert(!reads_into<const char (&)[3]> && !reads_into<const_buffer> && !reads_into<char*>);
static_assert(!reads_into<std::vector<int>&> && !reads_into<std::span<wchar_t>> &&
              !reads_into<int (&)[3]>);
// What is read into a temporary is lost.
static_assert(!reads_into<std::string> && !reads_into<std::vector<char>> &&
              !reads_into<std::array<char, 3>>);

static_assert(writes_from<std::string&> && writes_from<const std::string&> &&
              writes_from<std::string>);
static_assert(writes_from<std::vector<std::byte>> &&
              writes_from<const std::array<unsigned char, 3>&>);
static_assert(writes_from<std::string_view> && writes_from<std::span<const std::byte>> &&
              writes_from<std::span<char>>);
static_assert(writes_from<const char (&)[3]> && writes_from<std::byte (&)[3]> &&
              writes_from<mutable_buffer>);
static_assert(!writes_from<const char*> && !writes_from<std::vector<int>> &&
              !writes_from<std::u16string>);
static_assert(std::is_trivially_destructible_v<mutable_buffer> &&
              std::is_trivially_copyable_v<const_buffer>);

std::size_t size_of(const_buffer b) {
  return b.size();
}

TEST(BufferTest, ALiteralCountsWithoutItsTerminator) {
  EXPECT_EQ(size_of("hello"), 5u);
  EXPECT_EQ(size_of(""), 0u);
  EXPECT_EQ(size_of("a\0b"), 3u);
  static const char named[] = "hello";
  EXPECT_EQ(size_of(named), 5u);
}

TEST(BufferTest, EveryOtherArrayCountsAllOfIt) {
  char text[8] = "hello";
  EXPECT_EQ(const_buffer(text).size(), 8u);
  EXPECT_EQ(mutable_buffer(text).size(), 8u);
  const unsigned char bytes[4] = {1, 2, 3, 0};
  EXPECT_EQ(const_buffer(bytes).size(), 4u);
  const std::byte raw[4] = {};
  EXPECT_EQ(const_buffer(raw).size(), 4u);
  const std::array<char, 6> array{};
  EXPECT_EQ(const_buffer(array).size(), 6u);
}

TEST(BufferTest, ViewsTheMemoryOfWhatItIsMadeFrom) {
  std::string text = "hello";
  const mutable_buffer writable = text;
  EXPECT_EQ(static_cast<void*>(writable.data()), text.data());
  EXPECT_EQ(writable.size(), 5u);
  writable.data()[0] = std::byte{'j'};
  EXPECT_EQ(text, "jello");

  const const_buffer readable = writable;
  EXPECT_EQ(readable.data(), writable.data());
  EXPECT_EQ(readable.size(), 5u);

  std::vector<unsigned char> vector(3);
  EXPECT_EQ(static_cast<const void*>(const_buffer(vector).data()), vector.data());
  EXPECT_EQ(const_buffer(std::string_view(text).substr(1)).size(), 4u);
  EXPECT_EQ(mutable_buffer(std::span(vector).first(2)).size(), 2u);
  EXPECT_EQ(size_of(std::string("temporary")), 9u);
}

TEST(BufferTest, IsEmptyByDefault) {
  EXPECT_TRUE(mutable_buffer().empty());
  EXPECT_TRUE(const_buffer().empty());
  EXPECT_EQ(const_buffer().size(), 0u);
  EXPECT_TRUE(const_buffer(std::vector<char>()).empty());
}

TEST(BufferTest, IsCutFromBothEnds) {
  char text[] = "hello";
  const mutable_buffer b(text, 5);
  EXPECT_EQ(b.first(2).size(), 2u);
  EXPECT_EQ(b.first(2).data(), b.data());
  EXPECT_EQ(b.from(2).size(), 3u);
  EXPECT_EQ(b.from(2).data(), b.data() + 2);
  EXPECT_TRUE(b.from(5).empty());
  const const_buffer c = b;
  EXPECT_EQ(c.from(1).first(3).data(), c.data() + 1);
  EXPECT_EQ(c.from(1).first(3).size(), 3u);
}

TEST(BufferDeathTest, CuttingBehindItsEndAborts) {
  const const_buffer b = "hello";
  EXPECT_DEATH(std::ignore = b.first(6), "^eddy: a buffer was cut behind its end\n$");
  EXPECT_DEATH(std::ignore = b.from(6), "^eddy: a buffer was cut behind its end\n$");
  char text[2];
  EXPECT_DEATH(std::ignore = mutable_buffer(text).from(3), "^eddy: a buffer was cut");
}

}  // namespace
}  // namespace eddy
