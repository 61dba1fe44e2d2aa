// result<T>, errc and the line that a misuse leaves.
#include <eddy/runtime/result.h>

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <eddy/runtime/detail/abort.h>

namespace eddy {
namespace {

static_assert(sizeof(result<std::size_t>) == 16);
static_assert(sizeof(result<void>) == 16);
static_assert(std::is_trivially_copyable_v<result<std::size_t>>);
static_assert(std::is_trivially_destructible_v<result<int>>);
static_assert(!std::is_trivially_destructible_v<result<std::string>>);
static_assert(std::is_nothrow_move_constructible_v<result<std::string>>);
static_assert(std::is_nothrow_move_assignable_v<result<std::unique_ptr<int>>>);
static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
static_assert(!std::is_default_constructible_v<result<int>>);
static_assert(!std::is_convertible_v<result<int>, bool>);
static_assert(!std::is_convertible_v<result<std::string>, result<int>>);
static_assert(!std::is_convertible_v<result<int>, result<bool*>>);
static_assert(std::is_same_v<result<int&>::value_type, int>);
static_assert(std::is_same_v<result<void>::value_type, void>);

/// Counts what lives; throws where it is told to.
struct counted {
  explicit counted(int v) : value(v) { ++alive; }
  counted(const counted& other) : value(other.value) {
    if (value < 0) throw std::runtime_error("copy");
    ++alive;
  }
  counted& operator=(const counted&) = default;
  ~counted() { --alive; }
  int value;
  static inline int alive = 0;
};

TEST(ResultTest, HoldsAValue) {
  const result<int> r = 7;
  EXPECT_TRUE(r);
  EXPECT_TRUE(r.has_value());
  EXPECT_EQ(*r, 7);
  EXPECT_EQ(r.value(), 7);
  EXPECT_EQ(r.value_or(9), 7);
  EXPECT_FALSE(r.error());
  EXPECT_EQ(r.error(), std::error_code());
}

TEST(ResultTest, HoldsAnErrorOfEveryKind) {
  const result<int> code = std::error_code(ECONNRESET, std::system_category());
  EXPECT_FALSE(code);
  EXPECT_EQ(code.error(), std::errc::connection_reset);
  EXPECT_EQ(&code.error().category(), &std::system_category());
  EXPECT_EQ(code.value_or(9), 9);

  const result<int> condition = std::errc::operation_canceled;
  EXPECT_EQ(condition.error(), std::errc::operation_canceled);

  const result<std::string> own = errc::end_of_stream;
  EXPECT_EQ(own.error(), errc::end_of_stream);
  EXPECT_EQ(own.value_or("none"), "none");
}

TEST(ResultTest, OfVoidIsASuccessOrAnError) {
  const result<void> made;
  EXPECT_TRUE(made);
  EXPECT_NO_THROW(made.value());
  *made;
  const result<void> monostate = std::monostate{};
  EXPECT_TRUE(monostate.has_value());
  EXPECT_FALSE(monostate.error());
  const result<void> failed = errc::closed;
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.error(), errc::closed);
  EXPECT_THROW(failed.value(), std::system_error);
}

TEST(ResultTest, ValueThrowsTheErrorAsSystemError) {
  const result<int> r = detail::from_errno(ENOENT);
  try {
    std::ignore = r.value();
    FAIL() << "value() gave something";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(error.code(), std::error_code(ENOENT, std::system_category()));
  }
}

TEST(ResultTest, MovesAMoveOnlyValue) {
  result<std::unique_ptr<int>> a = std::make_unique<int>(3);
  result<std::unique_ptr<int>> b = std::move(a);
  EXPECT_EQ(**b, 3);
  EXPECT_EQ(*b->get(), 3);
  b = result<std::unique_ptr<int>>(errc::closed);
  EXPECT_EQ(b.error(), errc::closed);
  b = std::make_unique<int>(4);
  std::unique_ptr<int> out = *std::move(b);
  EXPECT_EQ(*out, 4);
  result<std::unique_ptr<int>> c = std::make_unique<int>(5);
  EXPECT_EQ(*std::move(c).value(), 5);
  EXPECT_EQ(*result<std::unique_ptr<int>>(errc::closed).value_or(std::make_unique<int>(6)), 6);
}

TEST(ResultTest, ConvertsFromAResultWhoseValueConverts) {
  result<const char*> text = "hello";
  const result<std::string> converted = text;
  EXPECT_EQ(*converted, "hello");
  const result<std::shared_ptr<const int>> shared =
      result<std::unique_ptr<int>>(std::make_unique<int>(1));
  EXPECT_EQ(**shared, 1);
  const result<long> failed = result<int>(std::errc::bad_address);
  EXPECT_EQ(failed.error(), std::errc::bad_address);
}

TEST(ResultTest, OfAReferenceHoldsACopy) {
  int variable = 1;
  const result<int&> r = variable;
  variable = 2;
  EXPECT_EQ(*r, 1);
}

TEST(ResultTest, MayHoldAResult) {
  const result<result<int>> inner_error = result<int>(errc::closed);
  ASSERT_TRUE(inner_error);
  EXPECT_EQ(inner_error->error(), errc::closed);
  const result<result<int>> outer_error = errc::closed;
  EXPECT_FALSE(outer_error);
}

TEST(ResultTest, DestroysAndCopiesItsValueExactlyOnce) {
  {
    result<counted> a(std::in_place, 1);
    result<counted> b = a;
    result<counted> error = errc::closed;
    EXPECT_EQ(counted::alive, 2);
    b = error;  // a value becomes an error
    EXPECT_EQ(counted::alive, 1);
    EXPECT_EQ(b.error(), errc::closed);
    b = a;  // an error becomes a value
    EXPECT_EQ(counted::alive, 2);
    a->value = 5;
    b = a;  // a value becomes another
    EXPECT_EQ(b->value, 5);
    b = *&b;
    EXPECT_EQ(b->value, 5);
    error = std::errc::bad_address;
    EXPECT_EQ(error.error(), std::errc::bad_address);
    EXPECT_EQ(counted::alive, 2);
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(ResultTest, KeepsItsErrorWhenTakingAValueThrows) {
  {
    result<counted> source(std::in_place, -1);
    result<counted> target = errc::message_too_long;
    EXPECT_THROW(target = source, std::runtime_error);
    EXPECT_EQ(target.error(), errc::message_too_long);
    EXPECT_THROW(result<counted> copy = source, std::runtime_error);
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(ResultTest, GivesATemporarysValueByValue) {
  const auto make = [] { return result<std::vector<int>>(std::vector<int>{1, 2, 3}); };
  int sum = 0;
  for (const int number : *make()) sum += number;
  for (const int number : make().value()) sum += number;
  EXPECT_EQ(sum, 12);
}

TEST(ErrcTest, TimedOutEqualsTheSystemsCondition) {
  const std::error_code timed_out = errc::timed_out;
  EXPECT_EQ(timed_out, std::errc::timed_out);
  EXPECT_EQ(timed_out, errc::timed_out);
  EXPECT_NE(std::error_code(errc::closed), std::errc::timed_out);
  EXPECT_NE(detail::from_errno(ETIMEDOUT), std::error_code(errc::timed_out));
}

TEST(ErrcTest, NamesItsCategoryAndEveryMessage) {
  EXPECT_STREQ(error_category().name(), "eddy");
  EXPECT_EQ(make_error_code(errc::end_of_stream).message(), "end of stream");
  EXPECT_EQ(make_error_code(errc::closed).message(), "closed");
  EXPECT_EQ(make_error_code(errc::timed_out).message(), "timed out");
  EXPECT_EQ(make_error_code(errc::message_too_long).message(), "message too long");
  EXPECT_EQ(make_error_code(errc::message_too_long), std::errc::message_size);
  EXPECT_EQ(std::error_code(99, error_category()).message(), "unknown error");
}

using ResultDeathTest = testing::Test;

TEST(ResultDeathTest, TakingTheValueOfAnErrorAborts) {
  result<std::string> r = std::errc::connection_refused;
  EXPECT_DEATH(std::ignore = *r, "^eddy: the value of a result was taken.*Connection refused");
  EXPECT_DEATH(std::ignore = r->size(), "^eddy: the value of a result was taken");
  EXPECT_DEATH(std::ignore = *std::move(r), "^eddy: the value of a result was taken");
  const result<void> failed = errc::closed;
  EXPECT_DEATH(*failed, "^eddy: .*closed \\(eddy 2\\)");
}

TEST(ResultDeathTest, AnErrorThatIsNoneAborts) {
  EXPECT_DEATH(std::ignore = result<int>(std::error_code()),
               "^eddy: a result was made from an error code that says there is no error");
  EXPECT_DEATH(std::ignore = result<void>(std::error_code()), "^eddy: a result was made");
}

TEST(MisuseDeathTest, WritesOneLineAndAborts) {
  EXPECT_EXIT(detail::misuse("two reads at once"), testing::KilledBySignal(SIGABRT),
              "^eddy: two reads at once\n$");
  EXPECT_DEATH(detail::misuse("no", "a\nb"), "^eddy: no: a b\n$");
  EXPECT_DEATH(detail::misuse("here", std::source_location::current()),
               "^eddy: here \\(.*result_test\\.cc:[0-9]+\\)\n$");
  EXPECT_DEATH(detail::misuse(std::string(5000, 'x').c_str()), "^eddy: x{990,993}\n$");
}

}  // namespace
}  // namespace eddy
